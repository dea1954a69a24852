//! Messages, batches and the ladder that decides what a body is. Input: the version header and the body.

use toolgate_wire::{
    Bounds, Classified, Headers, Kind, Message, MessageError, Meta, ModernMethod, Refusal, classify, depth, header,
    is_batch, reply, splice::Edit, split_batch,
};

use crate::{json, parts};

const BOUNDS: Bounds = Bounds { depth: 64, batch: 8 };
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

pub(crate) fn check(input: &[u8]) {
    let [version, body] = parts(input);
    let text = std::str::from_utf8(body).ok();
    message(body, text);
    batch(body, text);
    let version = std::str::from_utf8(version).ok();
    let members = text.and_then(json::members);
    let params = members.as_deref().and_then(|members| json::last(members, "params")).and_then(json::members);
    let method = members.as_deref().and_then(|members| json::string(json::last(members, "method")?));
    let names: Vec<String> = ["name", "uri", "taskId"]
        .iter()
        .filter_map(|name| json::string(json::last(params.as_deref()?, name)?))
        .map(|name| header::encode_value(&name).into_owned())
        .collect();
    for version in [version, Some("2026-07-28"), Some("2025-03-26"), None] {
        for name in names.iter().map(|name| Some(name.as_str())).chain([None]) {
            let headers = Headers { protocol_version: version, method: method.as_deref(), name, session: None };
            match classify(&headers, body, BOUNDS) {
                Ok(classified) => accepted(&classified, body, params.as_deref()),
                Err(refusal) => refused(&refusal),
            }
        }
    }
}

/// A message is one to `serde_json`, too, and holds what that sees in it.
fn message(body: &[u8], text: Option<&str>) {
    let value = text.and_then(json::value);
    let message = match Message::parse(body, BOUNDS.depth) {
        Ok(message) => message,
        Err(MessageError::NotUtf8) => return assert!(text.is_none()),
        Err(MessageError::NotJson { .. }) => return assert!(value.is_none()),
        Err(MessageError::TooDeep { max }) => return assert!(depth::check(body, max).is_err()),
        Err(_) => return assert!(value.is_some()),
    };
    assert!(value.is_some(), "what is no JSON is no message");
    assert!(depth::check(body, BOUNDS.depth).is_ok());
    let Some(members) = text.and_then(json::members) else { return };
    for name in ENVELOPE {
        let found: Vec<&str> = members.iter().filter(|(known, _)| known == name).map(|(_, raw)| *raw).collect();
        assert!(found.len() <= 1, "{name} is there twice");
        let ours = match name {
            "id" => message.id().or(found.first().copied().filter(|raw| *raw == "null")),
            "params" => message.params(),
            "result" => message.result(),
            "error" => message.error(),
            _ => continue,
        };
        assert_eq!(ours, found.first().copied(), "{name}");
    }
    let method = json::last(&members, "method").and_then(json::string);
    assert_eq!(message.method(), method.as_deref());
    let kind = match (method.is_some(), message.id().is_some()) {
        (true, true) => Kind::Request,
        (true, false) => Kind::Notification,
        (false, _) => Kind::Response,
    };
    assert_eq!(message.kind(), kind);
    with_another_id(&message);
}

/// Another id changes the id and no other byte.
fn with_another_id(message: &Message<'_>) {
    let (Some(span), Some(id)) = (message.id_span(), message.id()) else { return };
    let text = message.text();
    let other = Edit::new(text).replace(span.clone(), "\"other\"").finish();
    assert_eq!(other, format!("{}\"other\"{}", &text[..span.start], &text[span.end..]));
    let other = Message::parse(other.as_bytes(), BOUNDS.depth).unwrap();
    assert_eq!((other.id(), other.kind(), other.params()), (Some("\"other\""), message.kind(), message.params()));
    let answer = reply::error(Some(id), -1, message.method().unwrap_or_default(), message.params());
    assert_eq!(Message::parse(answer.as_bytes(), BOUNDS.depth + 1).unwrap().id(), Some(id));
}

fn batch(body: &[u8], text: Option<&str>) {
    let elements = text.and_then(json::elements);
    match split_batch(body, BOUNDS.depth, BOUNDS.batch) {
        Ok(entries) => {
            assert!(is_batch(body) && (1..=BOUNDS.batch).contains(&entries.len()));
            let seen: Vec<&[u8]> = elements.unwrap().into_iter().map(str::as_bytes).collect();
            assert_eq!(entries, seen);
        }
        Err(MessageError::EmptyBatch) => assert_eq!(elements, Some(vec![])),
        Err(MessageError::BatchTooLong { max }) => assert!(elements.unwrap().len() > max),
        Err(MessageError::NotJson { .. }) => assert!(elements.is_none()),
        Err(MessageError::NotUtf8) => assert!(text.is_none()),
        Err(_) => {}
    }
}

fn refused(refusal: &Refusal) {
    let body = refusal.body();
    let message = Message::parse(body.as_bytes(), 8).unwrap();
    assert_eq!((message.kind(), message.id()), (Kind::Response, refusal.id.as_deref()));
    assert!(matches!(refusal.status.as_u16(), 400 | 404));
}

/// Whoever acts on an accepted body, and keeps the last of two members of one name, sees what was decided on.
fn accepted(classified: &Classified<'_>, body: &[u8], params: Option<&[(String, &str)]>) {
    let message = match classified {
        Classified::Modern(request) => &request.message,
        Classified::Legacy { message, .. } => message,
        Classified::Initialize(request) => &request.message,
        Classified::Batch(entries) => return assert!(!entries.is_empty() && is_batch(body)),
        Classified::Notification(message) | Classified::Response(message) => {
            return assert_ne!(message.kind(), Kind::Request);
        }
    };
    assert_eq!((message.kind(), message.text().as_bytes()), (Kind::Request, body));
    let Some(params) = params else { return };
    for name in ["name", "uri", "taskId", "_meta", "arguments", "ref", "requestState", "inputResponses"] {
        assert!(params.iter().filter(|(known, _)| known == name).count() <= 1, "params.{name} is there twice");
    }
    let Classified::Modern(request) = classified else { return };
    assert!(ModernMethod::parse(message.method().unwrap()) == Some(request.method));
    assert_eq!(request.meta.protocol_version.as_deref(), Some(request.version.as_str()));
    assert_eq!(Meta::read(message.params()).as_ref(), Ok(&request.meta));
    let Some(member) = request.method.names() else { return assert_eq!(request.target, None) };
    let target = request.target.as_ref().unwrap();
    assert_eq!(json::string(json::last(params, member).unwrap()).as_deref(), Some(&*target.name));
    assert_eq!(&message.text()[target.span.clone()], json::last(params, member).unwrap());
}
