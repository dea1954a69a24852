//! The API's description, as OpenAPI 3.1. It holds no secret and is served to anybody.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use toolgate_ports::Body;

const DOCUMENT: &[u8] = include_bytes!("openapi.json");

/// The document.
pub(crate) fn response() -> Response<Body> {
    let mut response = Response::new(Body::Full(Bytes::from_static(DOCUMENT)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
