//! The demo's tenant, server and key, asked for at the admin API.

use std::{net::SocketAddr, rc::Rc};

use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use toolgate_gateway::Gateway;
use toolgate_ports::{Body, Scope, collect};
use toolgate_seal::Presented;

use super::DemoError;
use crate::{
    platform::{LocalPlatform, LocalTasks},
    server::Shared,
};

pub(super) const TENANT: &str = "demo";
pub(super) const SERVER: &str = "demo";
/// The longest answer of the admin API that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Speaks to the admin API within the process.
pub(super) struct Seed {
    gateway: Gateway<LocalPlatform>,
    token: String,
}

impl Seed {
    pub(super) fn new(shared: &Shared, token: String) -> Self {
        Self { gateway: shared.clone().gateway(), token }
    }

    pub(super) async fn tenant(&self) -> Result<(), DemoError> {
        let path = format!("/admin/v1/tenants/{TENANT}");
        self.send(Method::PUT, &path, Some(&json!({"display_name": "Demo"}))).await.map(drop)
    }

    /// Its server's port is another at each start.
    pub(super) async fn server(&self, at: SocketAddr) -> Result<(), DemoError> {
        let path = format!("/admin/v1/tenants/{TENANT}/servers/{SERVER}");
        let server = json!({"url": format!("http://{at}/mcp"), "network": "loopback"});
        self.send(Method::PUT, &path, Some(&server)).await.map(drop)
    }

    /// The key that was made at an earlier start, unless it was deleted since; otherwise a new one.
    pub(super) async fn key(&self, kept: Option<&str>) -> Result<String, DemoError> {
        let keys = format!("/admin/v1/tenants/{TENANT}/keys");
        let kept = kept.and_then(|key| Some((key, Presented::parse(key)?.id()?)));
        if let Some((key, id)) = kept
            && self.send(Method::GET, &format!("{keys}/{id}"), None).await.is_ok()
        {
            return Ok(key.to_owned());
        }
        let made = self.send(Method::POST, &keys, Some(&json!({"name": "demo", "grants": ["*"]}))).await?;
        let secret = made["secret"].as_str().map(str::to_owned);
        secret.ok_or_else(|| DemoError::Refused { what: "a key".into(), answer: "no secret came".into() })
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, DemoError> {
        let refused = |answer: String| DemoError::Refused { what: format!("{method} {path}"), answer };
        let content = body.map_or(Body::Empty, |body| Body::Full(body.to_string().into()));
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(content)
            .map_err(|e| refused(e.to_string()))?;
        let scope = Scope { background: Rc::new(LocalTasks) };
        let (head, answer) = self.gateway.handle(request, &scope).await.into_parts();
        let answer = collect(answer, LONGEST).await.map_err(|e| refused(e.to_string()))?;
        if !head.status.is_success() {
            return Err(refused(said(head.status, &answer)));
        }
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }
}

fn said(status: StatusCode, answer: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(answer).unwrap_or_default();
    let detail = problem["detail"].as_str().or_else(|| problem["title"].as_str());
    detail.map_or_else(|| status.to_string(), |detail| format!("{status}: {detail}"))
}
