//! What a function answers in streaming mode: a head in JSON, eight zero bytes, and the body as it arises.

use std::{collections::BTreeMap, io};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Response, StatusCode, header::SET_COOKIE};
use serde::Deserialize;
use tokio::sync::mpsc;

/// The longest head.
const HEAD: usize = 1 << 20;
const DELIMITER: [u8; 8] = [0; 8];

/// The body on its way; an error breaks the client's connection off.
pub(crate) type Chunks = mpsc::Receiver<Result<Bytes, io::Error>>;

/// A function's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Response<()>,
    pub(crate) body: Chunks,
}

/// Why a head is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the answer's head is not what Lambda takes: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the answer's head can't be sent: {0}")]
    Http(#[from] http::Error),
    #[error("the answer has no head")]
    Missing,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Prelude {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
}

/// Collects what comes before the body.
#[derive(Debug, Default)]
pub(crate) struct HeadReader(BytesMut);

impl HeadReader {
    /// Takes a chunk; gives the head, and the body's beginning, once it is whole.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<Option<(Response<()>, Bytes)>, HeadError> {
        self.0.extend_from_slice(chunk);
        let Some(end) = memchr::memmem::find(&self.0, &DELIMITER) else {
            return if self.0.len() > HEAD { Err(HeadError::Missing) } else { Ok(None) };
        };
        let head = parse(&self.0.split_to(end))?;
        Ok(Some((head, self.0.split().freeze().slice(DELIMITER.len()..))))
    }
}

fn parse(json: &[u8]) -> Result<Response<()>, HeadError> {
    let prelude: Prelude = serde_json::from_slice(json)?;
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(prelude.status_code).map_err(http::Error::from)?;
    for (name, value) in prelude.headers {
        let name = HeaderName::try_from(name).map_err(http::Error::from)?;
        head.headers_mut().append(name, HeaderValue::try_from(value).map_err(http::Error::from)?);
    }
    for cookie in prelude.cookies {
        head.headers_mut().append(SET_COOKIE, HeaderValue::try_from(cookie).map_err(http::Error::from)?);
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_may_come_in_any_pieces() {
        let sent = b"{\"statusCode\":401,\"headers\":{\"a\":\"1\"},\"cookies\":[\"c=1\"]}\0\0\0\0\0\0\0\0body\0";
        for size in 1..=sent.len() {
            let mut reader = HeadReader::default();
            let mut body = Vec::new();
            let mut head = None;
            for chunk in sent.chunks(size) {
                if head.is_some() {
                    body.extend_from_slice(chunk);
                } else if let Some((found, rest)) = reader.push(chunk).unwrap() {
                    head = Some(found);
                    body.extend_from_slice(&rest);
                }
            }
            let head = head.unwrap();
            assert_eq!(head.status(), 401);
            assert_eq!(
                (&head.headers()["a"], &head.headers()["set-cookie"]),
                (&"1".parse().unwrap(), &"c=1".parse().unwrap())
            );
            assert_eq!(body, b"body\0");
        }
    }

    #[test]
    fn what_lambda_would_not_take_is_refused() {
        for bad in [&b"x"[..], b"{}", b"{\"statusCode\":99}", b"{\"statusCode\":200,\"headers\":{\"a\":[\"1\"]}}"] {
            let mut reader = HeadReader::default();
            assert!(reader.push(&[bad, &DELIMITER].concat()).is_err());
        }
    }
}
