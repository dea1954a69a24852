//! A request's way through Toolgate: defence, tenant, key, era, decision, upstream, answer, log line.
//!
//! [`Gateway::handle`] is the one door; a target turns its platform's request into an [`http::Request`], and the answer back.
//! This crate must never know which platform it runs on.

mod config;

use std::rc::Rc;

pub use config::{Config, ConfigError, HostRules};
use http::{Request, Response, StatusCode};
use toolgate_ports::{Body, Platform, Scope};

/// One gateway: one instance of the product on one thread, with the caches that belong to it.
#[derive(Debug)]
pub struct Gateway<P: Platform> {
    _platform: Rc<P>,
    _config: Config,
}

impl<P: Platform> Gateway<P> {
    /// A gateway on `platform`. Costs nothing but memory: no I/O happens before the first request.
    #[must_use]
    pub fn new(platform: Rc<P>, config: Config) -> Self {
        Self { _platform: platform, _config: config }
    }

    /// Answers one request. Every path of the product goes through here: `/mcp`, `/t/<tenant>/mcp`, `/admin/v1`, `/healthz`.
    pub async fn handle(&self, _request: Request<Body>, _scope: &Scope) -> Response<Body> {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}
