//! An MCP server for the load bench: `upstream --tools N`. It speaks both eras, lists N tools of some 1.3 KB, and answers
//! every call with the same bytes, so that what is measured is in front of it.

use std::{convert::Infallible, rc::Rc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use serde_json::{Value, json};
use toolgate_benches::serve::{self, Failure};

/// What is answered, ready but for the id.
struct Answers {
    list: String,
}

impl Answers {
    fn new(tools: usize) -> Self {
        let tools: Vec<Value> = (0..tools).map(tool).collect();
        let list = json!({"resultType": "complete", "tools": tools, "ttlMs": 3_600_000, "cacheScope": "public"});
        Self { list: list.to_string() }
    }

    fn of(&self, message: &Value) -> Option<String> {
        let result = match message["method"].as_str()? {
            "server/discover" => json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                "ttlMs": 3_600_000, "cacheScope": "public",
            })
            .to_string(),
            "initialize" => json!({
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "bench", "version": "1"},
            })
            .to_string(),
            "tools/list" => self.list.clone(),
            "tools/call" => r#"{"resultType":"complete","content":[{"type":"text","text":"called"}]}"#.to_owned(),
            _ => return None,
        };
        Some(format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, message["id"]))
    }
}

/// Some 1.3 KB, as real ones are.
fn tool(index: usize) -> Value {
    let words = "Says what it does, when to use it and what comes back, at the length that such descriptions have. ";
    let field = |name: &str| json!({"type": "string", "description": format!("The {name}: {}", &words[..76])});
    json!({
        "name": if index == 0 { "echo".to_owned() } else { format!("tool_{index:04}") },
        "title": format!("Tool {index}"),
        "description": words.repeat(7),
        "inputSchema": {
            "type": "object",
            "properties": {"owner": field("owner"), "repository": field("repository"), "branch": field("branch")},
            "required": ["owner", "repository"],
            "additionalProperties": false,
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": false},
    })
}

async fn answer(answers: Rc<Answers>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.method() != Method::POST {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return Ok(response);
    }
    let Ok(body) = request.into_body().collect().await else { return Ok(response) };
    let message: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    match answers.of(&message) {
        Some(text) => {
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            *response.body_mut() = Full::from(text);
        }
        // A notification.
        None => *response.status_mut() = StatusCode::ACCEPTED,
    }
    Ok(response)
}

fn main() -> Result<(), Failure> {
    let mut args = lexopt::Parser::from_env();
    let mut tools = 3;
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Long("tools") => tools = args.value()?.to_string_lossy().parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    serve::on_all_cores(move || {
        let answers = Rc::new(Answers::new(tools));
        move |request| answer(answers.clone(), request)
    })
}
