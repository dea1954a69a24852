//! A function URL's event (payload format 2.0) as an HTTP request.
//!
//! Not by `lambda_http`'s own conversion: it takes the path through a URL parser, which resolves dot segments before the
//! gateway has seen them and panics at a `Host` it can't parse.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header::COOKIE, uri::PathAndQuery};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use toolgate_ports::{Body, ClientAddr};

/// Why an event is not a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventError {
    /// Said without its text, which may quote what the client sent.
    #[error("the event is not one of a function URL (column {})", .0.column())]
    Shape(#[from] serde_json::Error),
    #[error("the event's path is not one: {0}")]
    Path(#[from] http::uri::InvalidUri),
    #[error("the event's body is not the Base64 it says it is")]
    Body(#[from] base64::DecodeError),
}

/// The request that `event` stands for: its path as the client spelled it, its headers, its body decoded.
pub(crate) fn into_request(event: &[u8]) -> Result<Request<Body>, EventError> {
    let event: ApiGatewayV2httpRequest = serde_json::from_slice(event)?;
    let mut request = Request::new(match event.body {
        None => Body::Empty,
        Some(text) if event.is_base64_encoded => Body::Full(STANDARD.decode(text)?.into()),
        Some(text) => Body::Full(Bytes::from(text)),
    });
    let client = event.request_context.http.source_ip.as_deref().and_then(|address| address.parse().ok());
    if let Some(client) = client {
        request.extensions_mut().insert(ClientAddr(client));
    }
    *request.method_mut() = event.request_context.http.method;
    *request.uri_mut() = uri(event.raw_path.as_deref(), event.raw_query_string.as_deref())?;
    *request.headers_mut() = event.headers;
    // Lambda takes cookies out of the headers.
    if let Some(cookies) = event.cookies.and_then(|cookies| HeaderValue::try_from(cookies.join("; ")).ok()) {
        request.headers_mut().insert(COOKIE, cookies);
    }
    Ok(request)
}

fn uri(path: Option<&str>, query: Option<&str>) -> Result<Uri, http::uri::InvalidUri> {
    let path = path.filter(|path| !path.is_empty()).unwrap_or("/");
    let path_and_query = match query.filter(|query| !query.is_empty()) {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}"))?,
        None => PathAndQuery::try_from(path)?,
    };
    Ok(Uri::from(path_and_query))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::{Value, json};
    use toolgate_ports::collect;

    use super::*;

    fn event(path: &str, query: &str) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "cookies": ["a=1", "b=2"],
            "headers": {"host": "id.lambda-url.eu-west-1.on.aws", "accept": "application/json,text/event-stream", "x-n": "1,2"},
            "requestContext": {
                "accountId": "anonymous", "apiId": "id", "domainName": "id.lambda-url.eu-west-1.on.aws", "domainPrefix": "id",
                "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "curl"},
                "requestId": "1", "routeKey": "$default", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1
            },
            "body": "eyJhIjoiw6QifQ==", "isBase64Encoded": true
        })
    }

    fn read(event: &Value) -> Result<Request<Body>, EventError> {
        into_request(event.to_string().as_bytes())
    }

    #[test]
    fn paths_and_queries_stay_as_the_client_spelled_them() {
        for (path, query) in [("/t/acme/mcp", ""), ("/a%20b/../%2e%2e/c", "x=1&x=2&y=%2F"), ("/", "a")] {
            let request = read(&event(path, query)).unwrap();
            assert_eq!(request.uri().path(), path);
            assert_eq!(request.uri().query().unwrap_or(""), query);
        }
    }

    #[tokio::test]
    async fn method_headers_cookies_and_body_are_kept() {
        let request = read(&event("/mcp", "")).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.extensions().get(), Some(&ClientAddr([192, 0, 2, 1].into())));
        assert_eq!(request.headers()["x-n"], "1,2");
        assert_eq!(request.headers()["host"], "id.lambda-url.eu-west-1.on.aws");
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        assert_eq!(collect(request.into_body(), 100).await.unwrap(), "{\"a\":\"ä\"}");
    }

    #[test]
    fn a_strange_host_is_the_gateways_to_judge() {
        let mut event = event("/mcp", "");
        event["headers"]["host"] = json!("a b[");
        assert_eq!(read(&event).unwrap().headers()["host"], "a b[");
    }

    #[test]
    fn what_is_not_an_event_of_a_function_url_is_refused() {
        let mut broken = event("/mcp", "");
        broken["body"] = json!("*");
        assert!(matches!(read(&broken), Err(EventError::Body(_))));
        assert!(matches!(read(&event("no path", "")), Err(EventError::Path(_))));
        assert!(matches!(read(&json!({"Records": []})), Err(EventError::Shape(_))));
    }
}
