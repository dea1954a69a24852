//! The API from outside, on the platform in memory. Every answer of every test is held against the OpenAPI document.

mod access;
mod approvals;
mod bodies;
mod code;
mod document;
mod dry_runs;
mod explain;
mod keys;
mod limits;
mod lists;
mod logs;
mod many;
mod operators;
mod policies;
mod preconditions;
mod races;
mod servers;
mod teams;
mod tenants;
mod views;
mod watched;

use std::{cell::RefCell, rc::Rc};

use http::{HeaderMap, Request};
use serde_json::{Value, json};
use toolgate_model::{Limits, ServerId, TenantId, Timestamp};
use toolgate_ports::{Body, LocalFuture, Platform, Scope, collect};
use toolgate_seal::{MasterKey, OperatorToken, Sealer};
use toolgate_testkit::MemoryPlatform;

use crate::{Admin, AskHealth, ReportedProblem, ReportedTool, ServerTools, ToolsReport, routes};

pub(super) const TOKEN: &str = "an-operator-token-for-tests-only";

/// Says of every server's tools what it was told to.
struct ToldTools(RefCell<Result<ToolsReport, String>>);

impl ServerTools for ToldTools {
    fn tools(&self, _: TenantId, _: ServerId, _: Scope) -> LocalFuture<Result<ToolsReport, String>> {
        let told = self.0.borrow().clone();
        Box::pin(async move { told })
    }

    fn health(&self, _: TenantId, _: ServerId, ask: AskHealth, _: Scope) -> LocalFuture<Result<Value, String>> {
        let known = self.0.borrow().is_ok();
        Box::pin(async move {
            let failure = json!({"step": "call", "message": "why", "at": "2026-11-22T00:00:00Z"});
            let told = json!({"status": "degraded", "failures": 2, "last_failure": failure});
            let healthy = json!({"status": "healthy", "failures": 0, "last_success_at": "2026-11-22T00:00:00Z"});
            known.then(|| if ask == AskHealth::Now { healthy } else { told }).ok_or_else(|| "not known".to_owned())
        })
    }
}

fn report() -> ToolsReport {
    let at = Timestamp::from_millis(1_000);
    ToolsReport {
        fetched_at: at,
        era: "modern".into(),
        version: "2026-07-28".into(),
        tools: vec![ReportedTool { name: "create issue".into(), exposed: "github__create_issue".into() }],
        problem: Some(ReportedProblem { step: "list".into(), message: "it hung".into(), at }),
    }
}

/// The API on a platform.
pub(super) struct World<P: Platform = MemoryPlatform> {
    pub(super) memory: Rc<MemoryPlatform>,
    admin: Admin<P>,
    tools: Rc<ToldTools>,
}

/// An answer, read.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The problem's kind.
    pub(super) fn slug(&self) -> &str {
        self.body["type"].as_str().and_then(|uri| uri.strip_prefix("urn:toolgate:problem:")).unwrap_or_default()
    }

    /// The pointers of the field errors.
    pub(super) fn pointers(&self) -> Vec<&str> {
        self.body["errors"].as_array().into_iter().flatten().filter_map(|error| error["pointer"].as_str()).collect()
    }

    #[track_caller]
    pub(super) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(super) fn fails(self, status: u16, slug: &str) -> Self {
        assert_eq!((self.status, self.slug()), (status, slug), "{}", self.text);
        self
    }
}

pub(super) fn sealer() -> Rc<Sealer> {
    Rc::new(Sealer::new(&MasterKey::from_bytes([7; 32])))
}

impl World {
    pub(super) fn new() -> Self {
        let memory = MemoryPlatform::new();
        Self::on(Rc::clone(&memory), memory, Some(TOKEN), Limits::default())
    }

    pub(super) fn limited(limits: Limits) -> Self {
        let memory = MemoryPlatform::new();
        Self::on(Rc::clone(&memory), memory, Some(TOKEN), limits)
    }

    pub(super) fn without_token() -> Self {
        let memory = MemoryPlatform::new();
        Self::on(Rc::clone(&memory), memory, None, Limits::default())
    }

    /// With the tenant `acme`.
    pub(super) fn with_tenant() -> Self {
        let world = Self::new();
        world.put("/tenants/acme", &json!({})).is(201);
        world
    }
}

impl<P: Platform> World<P> {
    pub(super) fn on(memory: Rc<MemoryPlatform>, platform: Rc<P>, token: Option<&str>, limits: Limits) -> Self {
        let tools = Rc::new(ToldTools(RefCell::new(Ok(report()))));
        let token = token.map(|token| OperatorToken::new(token).unwrap());
        let admin = Admin::new(platform, sealer(), token, limits, Rc::clone(&tools) as Rc<dyn ServerTools>);
        Self { memory, admin, tools }
    }

    /// Sends a request as it is, and holds the answer against the document.
    pub(super) fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
        let scope = self.memory.scope();
        let (parts, body) = self.memory.run(self.admin.handle(request, &scope)).into_parts();
        let body = self.memory.run(collect(body, usize::MAX)).unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        let reply = Reply { status: parts.status.as_u16(), headers: parts.headers, text, body };
        assert_eq!(reply.header("cache-control"), "no-store");
        document::check(&method, routes::find(&path).map(|(resource, _)| resource), &reply);
        reply
    }

    /// Sends a request of the owner's.
    pub(super) fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Reply {
        self.call_as(TOKEN, method, path, headers, body)
    }

    /// Sends a request with `token`.
    pub(super) fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("/admin/v1{path}"));
        request = request.header("authorization", format!("Bearer {token}"));
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        request = headers
            .iter()
            .fold(request.header("content-type", kind), |request, (name, value)| request.header(*name, *value));
        let text = body.map_or(Body::Empty, |body| Body::Full(body.to_string().into()));
        let reply = self.send(request.body(text).unwrap());
        if let Some(body) = body.filter(|_| reply.status < 300) {
            document::check_body(method, path, body);
        }
        reply
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], None)
    }
    pub(super) fn put(&self, path: &str, body: &Value) -> Reply {
        self.call("PUT", path, &[], Some(body))
    }
    pub(super) fn patch(&self, path: &str, body: &Value) -> Reply {
        self.call("PATCH", path, &[], Some(body))
    }
    pub(super) fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, &[], Some(body))
    }
    pub(super) fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, &[], None)
    }
}
