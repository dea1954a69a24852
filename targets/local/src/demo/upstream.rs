//! The demo's upstream: a small MCP server in this process, on its own loopback listener, reached like any other.
//!
//! It speaks both eras without sessions, and answers as JSON; `countdown` streams. It shares no code with the gateway, so
//! that what the demo shows is what a foreign server would see.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use toolgate_ports::{Body, collect};

use crate::server::Handler;

const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const MODERN: &str = "2026-07-28";
const VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";
/// The longest message taken, in bytes.
const LONGEST: usize = 1 << 20;
/// How long one step of the countdown takes.
const STEP: Duration = Duration::from_millis(300);

/// The server.
pub(crate) struct DemoServer;

impl Handler for DemoServer {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        if request.method() != Method::POST {
            return status(StatusCode::METHOD_NOT_ALLOWED);
        }
        let (head, body) = request.into_parts();
        let Ok(bytes) = collect(body, LONGEST).await else { return status(StatusCode::PAYLOAD_TOO_LARGE) };
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(message) => answer(&head.headers, &message),
            Err(_) => error(StatusCode::BAD_REQUEST, &Value::Null, -32700, "this is no JSON"),
        }
    }
}

/// Which era a message is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Legacy,
    Modern,
}

fn answer(headers: &HeaderMap, message: &Value) -> Response<Body> {
    let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) else {
        // A notification, or an answer: nothing is to be said.
        return status(StatusCode::ACCEPTED);
    };
    let params = &message["params"];
    let era = match (&params["_meta"][VERSION_META], headers.get("mcp-protocol-version")) {
        (Value::Null, _) => Era::Legacy,
        (Value::String(meta), Some(header)) if meta.as_bytes() != header.as_bytes() => {
            return error(StatusCode::BAD_REQUEST, id, -32020, "MCP-Protocol-Version and _meta disagree");
        }
        (Value::String(meta), _) if meta == MODERN => Era::Modern,
        (meta, _) => return unsupported(id, meta),
    };
    match (method, era) {
        ("initialize", Era::Legacy) => result(id, era, initialized(params)),
        ("ping", Era::Legacy) => result(id, era, json!({})),
        ("server/discover", Era::Modern) => result(id, era, discovered()),
        ("tools/list", _) => result(id, era, listed(era)),
        ("tools/call", _) => called(id, era, params),
        (_, Era::Legacy) => error(StatusCode::OK, id, -32601, "there is no such method"),
        (_, Era::Modern) => error(StatusCode::NOT_FOUND, id, -32601, "there is no such method"),
    }
}

fn server_info() -> Value {
    json!({"name": "toolgate-demo", "title": "Toolgate's demo server", "version": env!("CARGO_PKG_VERSION")})
}

fn initialized(params: &Value) -> Value {
    let asked = params["protocolVersion"].as_str().filter(|version| LEGACY.contains(version));
    let version = asked.unwrap_or(LEGACY[0]);
    json!({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server_info()})
}

fn discovered() -> Value {
    json!({
        "supportedVersions": [MODERN],
        "capabilities": {"tools": {}},
        "ttlMs": 3_600_000,
        "cacheScope": "public",
        "_meta": {"io.modelcontextprotocol/serverInfo": server_info()},
    })
}

fn listed(era: Era) -> Value {
    let tools = json!([
        {
            "name": "echo",
            "description": "Says what it was told.",
            "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            "annotations": {"readOnlyHint": true},
        },
        {
            "name": "add",
            "description": "Adds two numbers.",
            "inputSchema": {
                "type": "object",
                "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
                "required": ["a", "b"],
            },
            "outputSchema": {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]},
            "annotations": {"readOnlyHint": true},
        },
        {
            "name": "clock",
            "description": "Tells the time (UTC).",
            "inputSchema": {"type": "object", "properties": {}},
            "annotations": {"readOnlyHint": true},
        },
        {
            "name": "countdown",
            "description": "Counts down, and tells its progress as it goes.",
            "inputSchema": {
                "type": "object",
                "properties": {"from": {"type": "integer", "minimum": 1, "maximum": 20, "default": 3}},
            },
            "annotations": {"readOnlyHint": true},
        },
    ]);
    match era {
        Era::Legacy => json!({"tools": tools}),
        Era::Modern => json!({"tools": tools, "ttlMs": 300_000, "cacheScope": "public"}),
    }
}

fn called(id: &Value, era: Era, params: &Value) -> Response<Body> {
    let arguments = &params["arguments"];
    match params["name"].as_str() {
        Some("echo") => result(id, era, said(arguments["text"].as_str(), "write a text as \"text\"")),
        Some("add") => result(id, era, added(arguments)),
        Some("clock") => result(id, era, text(&now())),
        Some("countdown") => counted_down(id, era, params),
        _ => error(StatusCode::OK, id, -32602, "there is no such tool"),
    }
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn said(value: Option<&str>, otherwise: &str) -> Value {
    value.map_or_else(|| failed(otherwise), text)
}

fn failed(why: &str) -> Value {
    json!({"content": [{"type": "text", "text": why}], "isError": true})
}

fn added(arguments: &Value) -> Value {
    let (a, b) = (&arguments["a"], &arguments["b"]);
    let whole = a.as_i64().zip(b.as_i64()).and_then(|(a, b)| a.checked_add(b)).map(Value::from);
    let sum = whole.or_else(|| Some(Value::from(a.as_f64()? + b.as_f64()?)));
    match sum {
        Some(sum) => {
            let shown = sum.to_string();
            json!({"content": [{"type": "text", "text": shown}], "structuredContent": {"sum": sum}})
        }
        None => failed("write two numbers as \"a\" and \"b\""),
    }
}

fn now() -> String {
    use toolgate_model::Timestamp;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or_default()).to_string()
}

fn counted_down(id: &Value, era: Era, params: &Value) -> Response<Body> {
    let from = params["arguments"]["from"].as_u64().unwrap_or(3).clamp(1, 20);
    let token = params["_meta"].get("progressToken").cloned();
    let last = message(id, era, text(&format!("counted down from {from}")));
    let steps = stream::iter(0..from).then(move |done| {
        let event = token.as_ref().map(|token| progress(token, done, from)).unwrap_or_default();
        async move {
            tokio::time::sleep(STEP).await;
            event
        }
    });
    let events = steps.chain(stream::iter([event(&last)]));
    let mut response = Response::new(Body::Streaming(Box::pin(events)));
    set(&mut response, "text/event-stream");
    response
}

// Who gave no token is told nothing in between: an empty piece is not sent at all.
fn progress(token: &Value, done: u64, of: u64) -> Bytes {
    let left = format!("{} to go", of - done);
    let params = json!({"progressToken": token, "progress": done + 1, "total": of, "message": left});
    event(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}))
}

fn event(message: &Value) -> Bytes {
    format!("event: message\ndata: {message}\n\n").into()
}

fn message(id: &Value, era: Era, mut result: Value) -> Value {
    if era == Era::Modern {
        result["resultType"] = "complete".into();
    }
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn result(id: &Value, era: Era, result: Value) -> Response<Body> {
    send(StatusCode::OK, &message(id, era, result))
}

fn error(status: StatusCode, id: &Value, code: i32, why: &str) -> Response<Body> {
    send(status, &json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}}))
}

fn unsupported(id: &Value, asked: &Value) -> Response<Body> {
    let data = json!({"supported": [MODERN], "requested": asked});
    let error = json!({"code": -32022, "message": "this version is not supported", "data": data});
    send(StatusCode::BAD_REQUEST, &json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

fn send(code: StatusCode, message: &Value) -> Response<Body> {
    let mut response = Response::new(Body::Full(message.to_string().into()));
    *response.status_mut() = code;
    set(&mut response, "application/json");
    response
}

fn set(response: &mut Response<Body>, content_type: &'static str) {
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = code;
    response
}
