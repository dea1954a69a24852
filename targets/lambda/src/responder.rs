//! Sends answers to the Lambda Runtime API, as they arise.
//!
//! In the place of `lambda_runtime`'s own sending, for three reasons: its client leaves Nagle's algorithm on, which holds
//! the second small write of every answer until the first is acknowledged (40 ms on Linux); it wants `Send` bodies; and
//! it gives an error in the middle of a body to the client as text.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper_util::client::legacy::connect::HttpConnector;
use lambda_http::lambda_runtime::{LambdaInvocation, MetadataPrelude};
use lambda_runtime_api_client::{
    BoxError, PooledClient,
    body::{Body as ApiBody, sender::Sender},
    build_request,
};
use toolgate_ports::{Body, BodyStream};

/// What lies between the head of a streamed answer and its body.
const DELIMITER: [u8; 8] = [0; 8];

/// Runtimes that can take several events at a time are told apart by it; it is echoed.
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// The way back.
#[derive(Debug)]
pub(crate) struct Responder {
    client: PooledClient,
}

/// Which invocation an answer is for.
pub(crate) struct Invocation {
    request_id: String,
    invocation_id: Option<HeaderValue>,
}

impl Invocation {
    pub(crate) fn of(invocation: &LambdaInvocation) -> Self {
        Self {
            request_id: invocation.context.request_id.clone(),
            invocation_id: invocation.parts.headers.get(INVOCATION_ID).cloned(),
        }
    }
}

impl Responder {
    /// Finds the Runtime API in the environment.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: PooledClient::builder().with_connector(connector).build() }
    }

    /// Sends `response` to its end. Stops drawing its body when the Runtime API takes no more of it.
    pub(crate) async fn send(&self, invocation: &Invocation, response: Response<Body>) -> Result<(), BoxError> {
        let (head, body) = into_frames(response)?;
        let (sender, api_body) = ApiBody::channel();
        let sent = pin!(self.client.call(request(invocation, api_body)?));
        let pumped = pin!(pump(sender, head, body));
        let answer = match select(sent, pumped).await {
            Either::Left((answer, _)) => answer?,
            Either::Right(((), sent)) => sent.await?,
        };
        if !answer.status().is_success() {
            // The invocation is lost (it took too long, for example); the instance is not.
            tracing::error!(status = answer.status().as_u16(), "the Lambda Runtime API refused an answer");
        }
        Ok(())
    }
}

fn request(invocation: &Invocation, body: ApiBody) -> Result<Request<ApiBody>, http::Error> {
    let mut request = build_request()
        .method(Method::POST)
        .uri(format!("/2018-06-01/runtime/invocation/{}/response", invocation.request_id))
        .header("lambda-runtime-function-response-mode", "streaming")
        .header(CONTENT_TYPE, "application/vnd.awslambda.http-integration-response")
        .body(body)?;
    if let Some(id) = &invocation.invocation_id {
        request.headers_mut().insert(INVOCATION_ID, id.clone());
    }
    Ok(request)
}

async fn pump(mut to: Sender, head: Bytes, mut body: BodyStream) {
    if to.send_data(head).await.is_err() {
        return;
    }
    while let Some(chunk) = body.next().await {
        if to.send_data(chunk).await.is_err() {
            return;
        }
    }
}

/// The head of a streamed answer, with its delimiter, and what follows it.
fn into_frames(response: Response<Body>) -> Result<(Bytes, BodyStream), serde_json::Error> {
    let (parts, body) = response.into_parts();
    let head = head(parts.status, parts.headers)?;
    Ok((
        head,
        match body {
            Body::Empty => stream::empty().boxed_local(),
            Body::Full(bytes) => stream::once(async { bytes }).boxed_local(),
            Body::Parts(parts) => stream::iter(parts).boxed_local(),
            Body::Streaming(stream) => stream,
            // No answer has such a body; if one had, it would end where it broke.
            Body::Incoming(stream) => stream.take_while(|c| std::future::ready(c.is_ok())).filter_map(ok).boxed_local(),
        },
    ))
}

fn ok<E>(item: Result<Bytes, E>) -> std::future::Ready<Option<Bytes>> {
    std::future::ready(item.ok())
}

fn head(status: StatusCode, headers: HeaderMap) -> Result<Bytes, serde_json::Error> {
    let prelude = MetadataPrelude { status_code: status, headers: joined(headers), cookies: Vec::new() };
    let mut head = BytesMut::from(serde_json::to_vec(&prelude)?.as_slice());
    head.extend_from_slice(&DELIMITER);
    Ok(head.freeze())
}

/// Lambda takes one value per header name: several become one list, as HTTP allows.
fn joined(headers: HeaderMap) -> HeaderMap {
    if headers.len() == headers.keys_len() {
        return headers;
    }
    headers
        .keys()
        .filter_map(|name| {
            let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            Some((name.clone(), HeaderValue::from_bytes(&values.join(&b", "[..])).ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_head_is_json_and_eight_zero_bytes() {
        let mut headers = HeaderMap::new();
        headers.append("vary", HeaderValue::from_static("origin"));
        headers.append("vary", HeaderValue::from_static("accept"));
        headers.append("x-one", HeaderValue::from_static("1"));
        let head = head(StatusCode::UNAUTHORIZED, headers).unwrap();
        let (json, delimiter) = head.split_at(head.len() - 8);
        assert_eq!(delimiter, DELIMITER);
        let json: Value = serde_json::from_slice(json).unwrap();
        assert_eq!(
            json,
            json!({"statusCode": 401, "headers": {"vary": "origin, accept", "x-one": "1"}, "cookies": []})
        );
    }

    #[tokio::test]
    async fn every_kind_of_body_follows_the_head() {
        let parts = Body::Parts(["ab".into(), "c".into()].into());
        let stream = Body::Streaming(stream::iter(["ab".into(), "c".into()]).boxed_local());
        for (body, expected) in [(Body::Empty, ""), (Body::Full("abc".into()), "abc"), (parts, "abc"), (stream, "abc")]
        {
            let (_, body) = into_frames(Response::new(body)).unwrap();
            let chunks: Vec<Bytes> = body.collect().await;
            assert_eq!(chunks.concat(), expected.as_bytes());
        }
    }
}
