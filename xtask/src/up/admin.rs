//! The first tenant and key of a new gateway, through the admin API like any other.

use serde_json::{Value, json};

use crate::problem::{Problem, Result};

/// Makes `tenant` and a key for everything it has; gives the key's secret.
pub(super) fn provision(base: &str, token: &str, tenant: &str) -> Result<String> {
    let url = format!("{base}/admin/v1/tenants/{tenant}");
    send(minreq::put(&url), token, &json!({"display_name": "Demo"}))?;
    let key = send(minreq::post(format!("{url}/keys")), token, &json!({"name": "demo", "grants": ["*"]}))?;
    let secret = key["secret"].as_str().ok_or_else(|| Problem::new("the new key has no secret"))?;
    Ok(secret.to_owned())
}

/// Makes `server` an upstream of `tenant`, which is spoken to in `era`.
pub(super) fn register(base: &str, token: &str, tenant: &str, server: &str, url: &str, era: &str) -> Result<()> {
    let path = format!("{base}/admin/v1/tenants/{tenant}/servers/{server}");
    send(minreq::put(path), token, &json!({"url": url, "network": "loopback", "era": era})).map(|_| ())
}

/// Gives `tenant` a limit.
pub(super) fn limit(base: &str, token: &str, tenant: &str, limit: &Value) -> Result<()> {
    send(minreq::put(format!("{base}/admin/v1/tenants/{tenant}/limits/bench")), token, limit).map(|_| ())
}

fn send(request: minreq::Request, token: &str, body: &Value) -> Result<Value> {
    let answer = request
        .with_header("authorization", format!("Bearer {token}"))
        .with_header("content-type", "application/json")
        .with_body(body.to_string())
        .with_timeout(60)
        .send()?;
    let text = answer.as_str()?;
    if !(200..300).contains(&answer.status_code) {
        let message = format!("the admin API answered {} at {}: {text}", answer.status_code, answer.url);
        return Err(Problem::new(message));
    }
    Ok(serde_json::from_str(text)?)
}
