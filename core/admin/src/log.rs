//! One event for each request, with what was done and to whom; no secret and nothing of a body.

use http::{Extensions, Method, Response};
use toolgate_ports::{Body, Platform, Random, RecordKey};

use crate::{RequestId, access::Caller, problem::Problem, routes::Resource};

/// What is known of a request so far.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) request_id: String,
    method: String,
    pub(crate) resource: Option<Resource>,
    pub(crate) tenant: Option<String>,
    /// Who asks, once they are let in.
    pub(crate) caller: Option<Caller>,
}

impl Line {
    /// Of a request that begins. Its id is the caller's, if it gave one.
    pub(crate) fn begin(platform: &impl Platform, method: &Method, extensions: &Extensions) -> Self {
        let given = extensions.get::<RequestId>().map(|id| id.0.clone());
        let request_id = given.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            platform.random().fill(&mut bytes);
            format!("{:016x}", u64::from_be_bytes(bytes))
        });
        // A method is any token a client likes: bounded.
        let method = method.as_str().chars().take(16).collect();
        Self { request_id, method, resource: None, tenant: None, caller: None }
    }

    /// Writes the event.
    pub(crate) fn end(&self, response: &Response<Body>, changed: Option<&RecordKey>, problem: Option<&Problem>) {
        let status = response.status().as_u16();
        let path = self.resource.map_or("-", Resource::template);
        let tenant = self.tenant.as_deref().unwrap_or("-");
        let changed = changed.map_or_else(|| "-".to_owned(), ToString::to_string);
        let outcome = problem.map_or("done", |problem| problem.kind.slug());
        let caller = self.caller.as_ref();
        let operator = caller.map_or("-", Caller::logged_id);
        let (name, role) = caller.map_or(("-", "-"), |caller| (caller.name.as_str(), caller.role.as_str()));
        let Self { request_id, method, .. } = self;
        if response.status().is_server_error() {
            let detail = problem.map_or("", |problem| problem.detail.as_str());
            tracing::warn!(target: "toolgate::admin", request_id, operator, name, role, method, path, tenant, status, outcome, changed, detail, "admin");
        } else {
            tracing::info!(target: "toolgate::admin", request_id, operator, name, role, method, path, tenant, status, outcome, changed, "admin");
        }
    }
}
