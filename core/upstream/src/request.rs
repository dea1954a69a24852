//! The bodies of requests, each composed in one piece. What a client sent stays as it came, but for `_meta`.

use std::fmt::Write;

use toolgate_wire::{Era, LATEST_LEGACY, Version, meta, splice};

use crate::{Call, exchange::Id};

/// What the gateway says of itself.
pub(crate) const CLIENT_INFO: &str = concat!(r#"{"name":"toolgate","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// The body of the notification that ends the legacy handshake.
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn begin(id: &Id, method: &str, capacity: usize) -> String {
    let mut out = String::with_capacity(capacity + 320);
    out.push_str(r#"{"jsonrpc":"2.0","id":"#);
    let _ = write!(out, "{id}");
    for part in [r#","method":""#, method, r#"","params":{"#] {
        out.push_str(part);
    }
    out
}

/// The legacy handshake, declaring `capabilities` (a raw object).
pub(crate) fn initialize(id: &Id, capabilities: &str) -> String {
    let mut out = begin(id, "initialize", capabilities.len());
    let _ = write!(
        out,
        r#""protocolVersion":"{LATEST_LEGACY}","capabilities":{capabilities},"clientInfo":{CLIENT_INFO}}}}}"#
    );
    out
}

/// A request without params of its own, to a legacy server.
pub(crate) fn bare(id: &Id, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

/// Listening for what `filter` (a raw object) names.
pub(crate) fn listen(id: &Id, filter: &str, version: Version) -> String {
    let mut out = begin(id, "subscriptions/listen", filter.len());
    push_member(&mut out, "notifications", filter);
    separate(&mut out);
    push_own_meta(&mut out, version);
    out.push_str("}}");
    out
}

pub(crate) fn discover(id: &Id, version: Version) -> String {
    let mut out = begin(id, "server/discover", 0);
    push_own_meta(&mut out, version);
    out.push_str("}}");
    out
}

pub(crate) fn list(id: &Id, method: &str, cursor: Option<&str>, version: Version) -> String {
    let mut out = begin(id, method, cursor.map_or(0, str::len));
    if let Some(cursor) = cursor {
        out.push_str(r#""cursor":"#);
        splice::quote_into(&mut out, cursor);
    }
    if version.era() == Era::Modern {
        separate(&mut out);
        push_own_meta(&mut out, version);
    }
    out.push_str("}}");
    out
}

/// The body of a call: the client's params, with the `_meta` that the server's era wants.
pub(crate) fn call(id: &Id, call: &Call<'_>, version: Version) -> String {
    let said = call.caller.capabilities.map_or(0, str::len) + call.caller.client_info.map_or(0, str::len);
    let mut out = begin(id, call.method, call.params.len() + said);
    let mut sent_meta = None;
    for member in splice::members(call.params) {
        if member.name == "_meta" {
            sent_meta = sent_meta.or(Some(&call.params[member.value_span]));
            continue;
        }
        separate(&mut out);
        out.push_str(&call.params[member.name_span.start..member.value_span.end]);
    }
    match version.era() {
        Era::Modern => push_modern_meta(&mut out, sent_meta, call, version),
        Era::Legacy => push_legacy_meta(&mut out, sent_meta),
    }
    out.push_str("}}");
    out
}

/// A comma, unless the object or the member list has just begun.
fn separate(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

fn push_member(out: &mut String, name: &str, raw: &str) {
    separate(out);
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    out.push_str(raw);
}

fn push_version(out: &mut String, version: Version) {
    for part in ["\"_meta\":{\"", meta::PROTOCOL_VERSION, "\":\"", version.as_str(), "\""] {
        out.push_str(part);
    }
}

/// The `_meta` of a request that is the gateway's own.
fn push_own_meta(out: &mut String, version: Version) {
    push_version(out, version);
    push_member(out, meta::CLIENT_CAPABILITIES, "{}");
    push_member(out, meta::CLIENT_INFO, CLIENT_INFO);
    out.push('}');
}

/// What a modern client declared is passed on; for a legacy client the gateway speaks, and declares what it can get answered.
fn push_modern_meta(out: &mut String, sent: Option<&str>, call: &Call<'_>, version: Version) {
    let modern = call.from == Era::Modern;
    let (mut capabilities, mut client_info) = (None, None);
    separate(out);
    push_version(out, version);
    for member in sent.into_iter().flat_map(splice::members) {
        let raw = &sent.unwrap_or_default()[member.value_span.clone()];
        match &*member.name {
            meta::PROTOCOL_VERSION => {}
            meta::CLIENT_CAPABILITIES => capabilities = capabilities.or(Some(raw)),
            meta::CLIENT_INFO => client_info = client_info.or(Some(raw)),
            meta::LOG_LEVEL if !modern => {}
            _ => {
                separate(out);
                out.push_str(&sent.unwrap_or_default()[member.name_span.start..member.value_span.end]);
            }
        }
    }
    let capabilities = capabilities.filter(|_| modern).or(call.caller.capabilities);
    let client_info = client_info.or(call.caller.client_info).filter(|_| modern);
    push_member(out, meta::CLIENT_CAPABILITIES, capabilities.unwrap_or("{}"));
    push_member(out, meta::CLIENT_INFO, client_info.unwrap_or(CLIENT_INFO));
    if let Some(level) = call.log_level.filter(|_| !modern) {
        push_member(out, meta::LOG_LEVEL, level);
    }
    out.push('}');
}

/// A legacy server must not see what only modern requests carry; everything else stays.
fn push_legacy_meta(out: &mut String, sent: Option<&str>) {
    const MODERN: [&str; 4] = [meta::PROTOCOL_VERSION, meta::CLIENT_CAPABILITIES, meta::CLIENT_INFO, meta::LOG_LEVEL];
    let Some(sent) = sent else { return };
    let before = out.len();
    separate(out);
    out.push_str("\"_meta\":");
    if !sent.starts_with('{') {
        out.push_str(sent);
        return;
    }
    out.push('{');
    for member in splice::members(sent).filter(|member| !MODERN.contains(&&*member.name)) {
        separate(out);
        out.push_str(&sent[member.name_span.start..member.value_span.end]);
    }
    if out.ends_with('{') {
        out.truncate(before);
    } else {
        out.push('}');
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
