//! The body of a request: its type, its size, and that it is a JSON object.

use http::{HeaderMap, Method, header};
use toolgate_ports::{Body, BodyError, collect};

use crate::{
    json::{Members, object},
    problem::{Kind, Problem},
};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Reads the body of a request with `method`, of at most `limit` bytes.
pub(crate) async fn read(method: &Method, headers: &HeaderMap, body: Body, limit: usize) -> Result<Members, Problem> {
    check_type(method, headers)?;
    let body = collect(body, limit).await.map_err(|error| match error {
        BodyError::TooLong { .. } => Problem::new(Kind::BodyTooLarge, error.to_string()),
        BodyError::Broken(_) => Problem::new(Kind::BodyBroken, "it ended before it was complete: send it again"),
    })?;
    object(&body)
}

/// The same where everything may be left out: no body, said to be of no type, is an empty object.
pub(crate) async fn read_if_any(
    method: &Method,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Members, Problem> {
    if headers.contains_key(header::CONTENT_TYPE) {
        return read(method, headers, body, limit).await;
    }
    match collect(body, 0).await {
        Ok(_) => Ok(Members::new()),
        Err(_) => check_type(method, headers).map(|()| Members::new()),
    }
}

fn check_type(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let patch = method == Method::PATCH;
    if essence.eq_ignore_ascii_case(JSON) || (patch && essence.eq_ignore_ascii_case(MERGE_PATCH)) {
        return Ok(());
    }
    let taken = if patch { format!("{MERGE_PATCH} or {JSON}") } else { JSON.to_owned() };
    Err(Problem::new(Kind::WrongContentType, format!("send the body as JSON, with \"Content-Type: {taken}\"")))
}
