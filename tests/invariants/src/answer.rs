//! A whole gateway and any answer of a server. Input: who asks whom (`m` or `l`, then `m` or `l`), how the answer comes (`s` as events,
//! `b` broken off at its end, `t` as text, digits: an HTTP status), its list of tools, and its answer to a call. `$id` in an answer is
//! the id that was asked under, U+001F a cut between two pieces.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use toolgate_ports::{FetchError, FetchErrorKind, FetchResponse};
use toolgate_testkit::json_response;
use toolgate_wire::{Kind, Message, sse::Decoder};

use crate::{
    parts,
    world::{Answer, Script, World},
};

pub(crate) fn check(input: &[u8]) {
    let [who, how, list, call] = parts(input);
    let (client, server) = (who.first() == Some(&b'l'), if who.get(1) == Some(&b'l') { "l" } else { "m" });
    let world = World::new(scripted(server, how, list, call));
    let tool = format!("{server}__t");
    if client {
        legacy(&world, server, &tool);
    } else {
        modern(&world, server, &tool);
    }
}

fn modern(world: &World, server: &str, tool: &str) {
    let capabilities = json!({"elicitation": {}});
    let listed = world.modern("", "tools/list", json!({}), &json!({}));
    lists_are_told_apart(&listed);
    let params = json!({"name": tool, "arguments": {}});
    let mut last = Value::Null;
    // With questions a call takes as many rounds as its client has patience.
    for _ in 0..3 {
        let mut params = params.clone();
        if last["result"]["resultType"] == "input_required" {
            params["requestState"] = last["result"]["requestState"].clone();
            params["inputResponses"] = json!({"answer": {"action": "decline"}});
        } else if !last.is_null() {
            break;
        }
        let answer = world.modern("", "tools/call", params, &capabilities);
        last = answered(&answer, "\"mine\"", |message| {
            assert_ne!(message.kind(), Kind::Request, "a modern client is sent no request");
            let method = message.method().unwrap_or_default();
            let known = matches!(method, "notifications/progress" | "notifications/message");
            assert!(known || server == "m", "{method} is nothing to a modern client");
        });
        let error = last["error"]["code"].as_i64();
        assert!(
            !matches!(error, Some(-32002 | -32042)) || server == "m",
            "codes of old are not given to modern clients"
        );
        assert!(last["error"].is_object() || last["result"]["resultType"].is_string() || !last["result"].is_object());
    }
}

fn legacy(world: &World, server: &str, tool: &str) {
    let session = world.session("");
    let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let send = |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
        world.send(Method::POST, "", &headers, body.as_bytes())
    };
    lists_are_told_apart(&send("tools/list", json!({})));
    let answer = send("tools/call", json!({"name": tool, "arguments": {}}));
    answered(&answer, "7", |message| {
        if message.kind() == Kind::Request {
            let id = message.id().unwrap_or_default();
            assert!(id.len() > 60, "what {server} asks has an id that says where its answer goes, not {id}");
        }
    });
}

/// The response, which is the last message, has the client's id, and comes once. What comes before it is seen by `before`.
fn answered(answer: &Answer, id: &str, before: impl Fn(&Message<'_>)) -> Value {
    let mut messages = Vec::new();
    match answer.content_type() {
        "application/json" => messages.push(answer.body.clone()),
        "text/event-stream" => {
            let mut decoder = Decoder::new(usize::MAX);
            decoder.push(&answer.body).unwrap();
            messages.extend(decoder.filter(|event| !event.data.is_empty()).map(|event| Bytes::from(event.data)));
        }
        other => panic!("an answer of type {other:?}, status {}", answer.status),
    }
    assert!(matches!(answer.status.as_u16(), 200 | 400 | 404), "the status is {}", answer.status);
    let parsed: Vec<Message<'_>> =
        messages.iter().map(|message| Message::parse(message, usize::MAX).expect("a JSON-RPC message")).collect();
    let responses = parsed.iter().filter(|message| message.kind() == Kind::Response).count();
    for message in parsed.iter().filter(|message| message.kind() != Kind::Response) {
        before(message);
    }
    let Some(last) = parsed.last() else { return Value::Null };
    if responses == 0 {
        // A stream that the server ended, to be taken up again.
        return Value::Null;
    }
    assert_eq!((responses, last.kind(), last.id()), (1, Kind::Response, Some(id)));
    serde_json::from_str(last.text()).unwrap_or_default()
}

/// Each tool bears its server's name, for whoever keeps the last of two members of one name, too.
fn lists_are_told_apart(listed: &Answer) {
    assert_eq!(listed.status, 200);
    let Ok(list) = serde_json::from_slice::<Value>(&listed.body) else {
        return assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&listed.body).is_ok());
    };
    for tool in list["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert!(name == "m__t" || name == "l__t", "{name} was not granted");
    }
}

fn scripted(server: &'static str, how: &[u8], list: &[u8], call: &[u8]) -> Script {
    let path = format!("/{server}");
    let (how, list, call) = (how.to_vec(), list.to_vec(), call.to_vec());
    Rc::new(move |request, message| {
        if request.uri.path() != path || request.method != Method::POST {
            return None;
        }
        match message["method"].as_str() {
            Some("tools/list") if !list.is_empty() => {
                let text = filled(&list, message);
                Some(Ok(json_response(200, text)))
            }
            Some("tools/call") => Some(Ok(made(&how, &filled(&call, message)))),
            _ => None,
        }
    })
}

fn filled(text: &[u8], message: &Value) -> Vec<u8> {
    let id = message["id"].to_string();
    let mut filled = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(3).position(|three| three == b"$id") {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(id.as_bytes());
        rest = &rest[at + 3..];
    }
    filled.extend_from_slice(rest);
    filled
}

fn made(how: &[u8], body: &[u8]) -> FetchResponse {
    let mut response = json_response(200, "");
    let digits: String = how.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
    if let Some(status) = digits.parse().ok().and_then(|status| http::StatusCode::from_u16(status).ok()) {
        response.status = status;
    }
    let content_type = match how {
        _ if how.contains(&b's') => "text/event-stream",
        _ if how.contains(&b't') => "text/plain",
        _ => "application/json",
    };
    response.headers.insert("content-type", HeaderValue::from_static(content_type));
    let mut pieces: Vec<Result<Bytes, FetchError>> =
        body.split(|byte| *byte == 0x1f).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    if how.contains(&b'b') {
        pieces.push(Err(FetchError::new(FetchErrorKind::Broken, "broken off")));
    }
    response.body = stream::iter(pieces).boxed_local();
    response
}
