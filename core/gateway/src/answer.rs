//! Answers in their forms: JSON-RPC, problem details, plain text.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use toolgate_ports::Body;
use toolgate_wire::{reply, splice};

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// How many headers an answer has room for.
const HEADERS: usize = 12;

/// An answer of this type.
pub(crate) fn of(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    // With room for what is added to it on its way, so that it need not grow.
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    of(status, JSON, Body::Full(body.into()))
}

/// Nothing but a status.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// A line of text.
pub(crate) fn text(text: &'static str) -> Response<Body> {
    of(StatusCode::OK, TEXT, Body::Full(Bytes::from_static(text.as_bytes())))
}

/// A JSON-RPC error, to the request with the raw id `id`.
pub(crate) fn error(
    status: StatusCode,
    id: Option<&str>,
    code: i64,
    message: &str,
    data: Option<&str>,
) -> Response<Body> {
    json(status, reply::error(id, code, message, data))
}

/// A problem (RFC 9457), for whoever is no MCP client.
pub(crate) fn problem(status: StatusCode, slug: &str, detail: &str) -> Response<Body> {
    let title = splice::quote(status.canonical_reason().unwrap_or("Error"));
    let body = format!(
        "{{\"type\":\"urn:toolgate:problem:{slug}\",\"title\":{title},\"status\":{},\"detail\":{}}}",
        status.as_u16(),
        splice::quote(detail)
    );
    of(status, PROBLEM, Body::Full(body.into()))
}
