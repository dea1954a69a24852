//! A request's way through Toolgate: defence, tenant, key, era, decision, upstream, answer, log line.
//!
//! [`Gateway::handle`] is the one door; a target turns its platform's request into an [`http::Request`], and the answer
//! back. This crate must never know which platform it runs on.

mod answer;
mod approval;
mod capabilities;
mod charge;
mod client_message;
mod code;
mod codemode;
mod config;
mod constraints;
mod context;
mod core;
mod edge;
mod explain;
mod find;
mod forward;
mod greet;
mod hand_over;
mod handle;
mod identity;
mod line;
mod list;
mod listen;
mod mcp;
mod meeting;
mod param_headers;
mod produce;
mod refusal;
mod session;
mod stream;
mod tasks;
mod tools_report;
mod translate;

use std::{borrow::Cow, fmt, rc::Rc};

pub use config::{Config, ConfigError, HostRules};
pub use hand_over::HandOver;
use http::{HeaderName, HeaderValue, Request, Response};
use toolgate_admin::{Admin, RequestId};
use toolgate_catalogue::{Aggregate, Catalogues};
use toolgate_ports::{Body, Platform, Scope};
use toolgate_seal::Sealer;
use toolgate_state::States;
use toolgate_upstream::Client;

use crate::{core::Core, edge::Place, explain::Explainer, line::Line, tools_report::Tools};

/// The header that names a request in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Says in an answer how often its request, until then, asked the store (with those served beside it).
const OPERATIONS: HeaderName = HeaderName::from_static("toolgate-store-operations");

/// One gateway: one instance of the product on one thread, with the caches that belong to it.
pub struct Gateway<P: Platform> {
    core: Rc<Core<P>>,
    admin: Admin<P>,
}

impl<P: Platform> fmt::Debug for Gateway<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway")
    }
}

impl<P: Platform> Gateway<P> {
    /// A gateway on `platform`. Costs nothing but memory: no I/O happens before the first request.
    #[must_use]
    pub fn new(platform: Rc<P>, config: Config) -> Self {
        let limits = config.limits.clone();
        let sealer = Rc::new(Sealer::new(&config.master_key));
        let states = States::new(Rc::clone(&platform), Rc::clone(&sealer), limits.staleness);
        let client = Rc::new(Client::new(Rc::clone(&platform), limits.clone()));
        let catalogues = Catalogues::new(Rc::clone(&platform), Rc::clone(&client), limits.clone());
        let aggregate = Rc::new(Aggregate::new(catalogues, limits.clone()));
        let tools = Tools {
            platform: Rc::clone(&platform),
            states: Rc::clone(&states),
            client: Rc::clone(&client),
            aggregate: Rc::clone(&aggregate),
        };
        let token = config.operator_token.clone();
        let admin = Admin::new(Rc::clone(&platform), Rc::clone(&sealer), token, limits, Rc::new(tools));
        let core = Core::new(platform, config, sealer, states, client, aggregate);
        let admin = admin.explaining(Rc::new(Explainer(Rc::clone(&core))));
        Self { core, admin }
    }

    /// Answers one request. Every path of the product goes through here: `/mcp`, `/t/<tenant>/mcp`, `/admin/v1`, `/healthz`.
    pub async fn handle(&self, request: Request<Body>, scope: &Scope) -> Response<Body> {
        let line = Line::begin(&self.core.platform, &self.core.request_ids);
        let operations = self.core.platform.operations();
        let mut response = self.answer(request, scope, &line).await;
        if let Ok(id) = HeaderValue::from_str(line.id()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if self.core.config.counters {
            let asked = self.core.platform.operations().saturating_sub(operations);
            response.headers_mut().insert(OPERATIONS, asked.into());
        }
        line.answered(response.status());
        self.core.publish_health(scope);
        response
    }

    async fn answer(&self, mut request: Request<Body>, scope: &Scope, line: &Rc<Line<P>>) -> Response<Body> {
        if let Err(refused) = edge::check_headers(request.headers(), &self.core.config) {
            line.rule(refused.slug);
            return answer::problem(refused.status, refused.slug, &refused.detail);
        }
        // Shared, where the path alone would be copied.
        let uri = request.uri().clone();
        match Place::of(uri.path()) {
            Place::Mcp { tenant, part } => {
                let tenant = tenant
                    .map(Cow::Borrowed)
                    .or_else(|| edge::tenant_of_host(&request, self.core.config.domain.as_deref()).map(Cow::Owned));
                self.core.mcp(request, tenant.as_deref(), part, scope, line).await
            }
            Place::Admin => {
                line.quiet();
                request.extensions_mut().insert(RequestId(line.id().to_owned()));
                match edge::check_host(&request, &self.core.config)
                    .and_then(|()| edge::check_origin(&request, &self.core.config))
                {
                    Ok(()) => self.admin.handle(request, scope).await,
                    Err(refusal) => answer::problem(refusal.status, refusal.slug, &refusal.detail),
                }
            }
            Place::Health => {
                line.quiet();
                answer::text("ok\n")
            }
            Place::Nowhere => answer::problem(
                http::StatusCode::NOT_FOUND,
                "no-such-path",
                "There is nothing at this path. MCP clients use /t/<tenant>/mcp, operators /admin/v1.",
            ),
        }
    }
}
