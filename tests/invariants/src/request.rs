//! A whole gateway and any request. Input: where to (`m`, `l`, `v` or nothing), how (`s` within a session, `j` without event streams,
//! `g` GET, `d` DELETE), the session or the header of the version, and the body.

use http::Method;
use serde_json::Value;
use toolgate_ports::FetchRequest;
use toolgate_wire::{header, sse::Decoder};

use crate::{
    json, parts,
    world::{Answer, World},
};

pub(crate) fn check(input: &[u8]) {
    let [place, how, said, body] = parts(input);
    let world = World::new(std::rc::Rc::new(|_, _| None));
    let part = match place.first() {
        Some(b'm') => "/m",
        Some(b'l') => "/l",
        Some(b'v') => "/v",
        _ => "",
    };
    let method = match how {
        _ if how.contains(&b'g') => Method::GET,
        _ if how.contains(&b'd') => Method::DELETE,
        _ => Method::POST,
    };
    let said = std::str::from_utf8(said).unwrap_or_default();
    let session = if how.contains(&b's') { world.session(part) } else { said.to_owned() };
    let mut headers = Vec::new();
    if how.contains(&b'j') {
        headers.push(("accept", "application/json"));
    }
    if !session.is_empty() {
        headers.push(("mcp-session-id", &*session));
    }
    let matching = Matching::of(body);
    headers.extend(matching.headers());
    if !said.is_empty() && how.contains(&b's') {
        headers.push(("mcp-protocol-version", said));
    }
    world.sent.borrow_mut().clear();
    let answer = world.send(method, part, &headers, body);
    is_well_formed(&answer);
    for request in world.sent.borrow().iter() {
        is_allowed(request, part);
    }
}

/// The headers that a body asks for, so that it is not refused for their sake.
#[derive(Default)]
struct Matching {
    version: String,
    method: String,
    name: String,
}

impl Matching {
    fn of(body: &[u8]) -> Self {
        let read = || {
            let members = json::members(std::str::from_utf8(body).ok()?)?;
            let text = |members: &[(String, &str)], name: &str| json::string(json::last(members, name)?);
            let params = json::last(&members, "params").and_then(json::members).unwrap_or_default();
            let meta = json::last(&params, "_meta").and_then(json::members).unwrap_or_default();
            let name = ["name", "uri", "taskId"].iter().find_map(|name| text(&params, name));
            Some(Self {
                version: text(&meta, "io.modelcontextprotocol/protocolVersion").unwrap_or_default(),
                method: text(&members, "method").unwrap_or_default(),
                name: name.map(|name| header::encode_value(&name).into_owned()).unwrap_or_default(),
            })
        };
        read().unwrap_or_default()
    }

    fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("mcp-protocol-version", &self.version), ("mcp-method", &self.method), ("mcp-name", &self.name)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, value.as_str()))
    }
}

/// Whatever was asked, the answer is of the protocol.
fn is_well_formed(answer: &Answer) {
    assert!(
        matches!(answer.status.as_u16(), 200 | 202 | 204 | 400 | 404 | 405 | 406 | 502),
        "the status is {}",
        answer.status
    );
    match answer.content_type() {
        "application/json" => drop(serde_json::from_slice::<Value>(&answer.body).unwrap()),
        "text/event-stream" => {
            let mut decoder = Decoder::new(usize::MAX);
            decoder.push(&answer.body).unwrap();
            for event in decoder.filter(|event| !event.data.is_empty()) {
                drop(serde_json::from_slice::<Value>(&event.data).unwrap());
            }
        }
        "" => assert!(answer.body.is_empty()),
        other => panic!("an answer of type {other}"),
    }
}

/// No server is asked for what was not granted, however it reads its request: here it keeps the last of two members of one name.
fn is_allowed(request: &FetchRequest, part: &str) {
    assert!(!request.headers.contains_key("authorization"), "the key stays in the gateway");
    let Ok(message) = serde_json::from_slice::<Value>(&request.body) else {
        return assert!(json::value(std::str::from_utf8(&request.body).unwrap()).is_some() || request.body.is_empty());
    };
    let params = &message["params"];
    match message["method"].as_str().unwrap_or_default() {
        "tools/call" => {
            assert_eq!(params["name"], "t");
            if part == "/v" {
                assert_eq!(params["arguments"]["owner"], "acme", "a pinned argument has its value");
                assert!(params["arguments"].get("debug").is_none(), "a hidden argument is not given");
            }
        }
        "prompts/get" => assert_eq!(params["name"], "p"),
        "resources/read" | "resources/subscribe" => is_granted(&params["uri"]),
        "completion/complete" => match params["ref"]["type"].as_str() {
            Some("ref/prompt") => assert_eq!(params["ref"]["name"], "p"),
            _ => is_granted(&params["ref"]["uri"]),
        },
        _ => {}
    }
    let named = request.headers.get("mcp-name").map(|value| header::decode_value(value.to_str().unwrap()).unwrap());
    if let Some(named) = named {
        let is = |name: &str| params[name].as_str() == Some(&*named);
        assert!(is("name") || is("uri") || is("taskId"), "Mcp-Name is what the body is about");
    }
}

fn is_granted(uri: &Value) {
    let uri = uri.as_str().unwrap();
    let of_template = uri.strip_prefix("x://r/").is_some_and(|id| !id.contains(['/', '?', '#']));
    assert!(uri == "x://a" || uri == "x://r/{id}" || of_template, "{uri} was not granted");
}
