//! The admin API under `/admin/v1`: operators create, read, change and delete what a tenant has, each as far as their role goes.
//!
//! [`Admin::handle`] answers one request; the OpenAPI document it serves at `/admin/v1/openapi.json` says the rest. This
//! crate must never know a protocol message, a catalogue or a platform; what a server's tools are it asks [`ServerTools`].

mod access;
mod answer;
mod approvals;
mod body;
mod call;
mod code;
mod condition;
mod explain;
mod fields;
mod json;
mod keys;
mod limits;
mod log;
mod openapi;
mod operators;
mod paging;
mod policies;
mod problem;
mod records;
mod routes;
mod servers;
mod teams;
mod tenants;
#[cfg(test)]
mod tests;
mod tool_rules;
mod usage;
mod views;

use std::rc::Rc;

pub use explain::{
    Asker, Explain, ExplainError, ExplainedLimit, ExplainedRule, ExplainedStep, Explanation, Question, RuleOutcome,
    StepOutcome, WhichPolicy,
};
use http::{HeaderValue, Request, Response, header, request::Parts};
use serde::Serialize;
use toolgate_model::{Limits, ServerId, TenantId, Timestamp};
use toolgate_ports::{Body, LocalFuture, Platform, Scope};
use toolgate_seal::{OperatorToken, Sealer};

use crate::{
    access::Permission,
    answer::Answer,
    call::Call,
    log::Line,
    problem::Problem,
    records::{Records, Run, path_tenant},
    routes::Resource,
};

/// The id of a request, as the caller of [`Admin::handle`] may put it into the request's extensions, so that its log and
/// this API's speak of the same request.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// How the API looks into a server's catalogue.
pub trait ServerTools {
    /// The tools of `server`, as they are known, or fetched if they aren't. `Err` says in words why there are none.
    fn tools(&self, tenant: TenantId, server: ServerId, scope: Scope) -> LocalFuture<Result<ToolsReport, String>>;

    /// How well `server` does: what is known, or what asking it now shows. `Err` says in words why that can't be said.
    fn health(
        &self,
        tenant: TenantId,
        server: ServerId,
        ask: AskHealth,
        scope: Scope,
    ) -> LocalFuture<Result<serde_json::Value, String>>;
}

/// Where what is said of a server's health comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskHealth {
    /// From what its use has shown.
    Known,
    /// From asking it now.
    Now,
}

/// A server's tools, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolsReport {
    /// When the server gave them.
    pub fetched_at: Timestamp,
    /// The era it speaks: `modern` or `legacy`.
    pub era: String,
    /// The protocol version it speaks.
    pub version: String,
    /// The tools, in the order clients see.
    pub tools: Vec<ReportedTool>,
    /// What went wrong when they were last asked for, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ReportedProblem>,
}

/// One tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedTool {
    /// As the upstream names it; grants name it so too.
    pub name: String,
    /// As clients see it in the aggregate.
    pub exposed: String,
}

/// Why the last fetch of a server's tools failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedProblem {
    /// In which step.
    pub step: String,
    /// In words.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// The admin API.
pub struct Admin<P: Platform> {
    platform: Rc<P>,
    sealer: Rc<Sealer>,
    token: Option<OperatorToken>,
    limits: Limits,
    extra: Rc<dyn ServerTools>,
    explain: Option<Rc<dyn Explain>>,
}

impl<P: Platform> std::fmt::Debug for Admin<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin")
    }
}

impl<P: Platform> Admin<P> {
    /// The API over `platform`'s store. Without a `token` it answers 503.
    #[must_use]
    pub fn new(
        platform: Rc<P>,
        sealer: Rc<Sealer>,
        token: Option<OperatorToken>,
        limits: Limits,
        extra: Rc<dyn ServerTools>,
    ) -> Self {
        Self { platform, sealer, token, limits, extra, explain: None }
    }

    /// The same, where `engine` says why something may be used.
    #[must_use]
    pub fn explaining(self, engine: Rc<dyn Explain>) -> Self {
        Self { explain: Some(engine), ..self }
    }

    /// Answers one request whose path begins with `/admin/v1`. Host and Origin were checked by the caller.
    pub async fn handle(&self, request: Request<Body>, scope: &Scope) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let mut line = Line::begin(&*self.platform, &parts.method, &parts.extensions);
        let mut changed = None;
        let (mut response, problem) = if is_public(&parts) {
            line.resource = Some(Resource::OpenApi);
            (openapi::response(), None)
        } else {
            match self.answer(&parts, body, scope, &mut line).await {
                Ok(mut answer) => {
                    changed = answer.changed.take();
                    (answer.response(), None)
                }
                Err(problem) => (problem.response(&line.request_id), Some(problem)),
            }
        };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        line.end(&response, changed.as_ref(), problem.as_ref());
        response
    }

    async fn answer(&self, parts: &Parts, body: Body, scope: &Scope, line: &mut Line) -> Result<Answer, Problem> {
        let caller = access::authenticate(&*self.platform, self.token.as_ref(), &parts.headers).await?;
        let caller = &*line.caller.insert(caller);
        let Some((resource, ids)) = routes::find(parts.uri.path()) else {
            let detail = "there is nothing at this path: GET /admin/v1/openapi.json lists what there is";
            return Err(Problem::new(problem::Kind::UnknownPath, detail));
        };
        line.resource = Some(resource);
        let permission = resource.permission(parts.method.as_str());
        let permission = permission.ok_or_else(|| Problem::wrong_method(&resource.allow()))?;
        let first = ids.first().copied();
        let tenant = first.filter(|_| resource.of_tenant()).map(path_tenant).transpose()?;
        line.tenant = tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
        access::authorize(caller, permission, tenant.as_ref())?;
        let run = match resource.can_be_tried(parts.method.as_str()) {
            true => paging::run(parts.uri.query())?,
            false => Run::Real,
        };
        let records = Records { platform: &*self.platform, fan_out: self.limits.fan_out, run };
        let call = Call { admin: self, resource, parts, records, caller };
        match tenant {
            None => call.of_gateway(first, body).await,
            Some(tenant) => call.of_tenant(tenant, ids.get(1).copied(), body, scope).await,
        }
    }
}

/// The description of the API is for everybody.
fn is_public(parts: &Parts) -> bool {
    let found = routes::find(parts.uri.path());
    found.and_then(|(resource, _)| resource.permission(parts.method.as_str())) == Some(Permission::Public)
}
