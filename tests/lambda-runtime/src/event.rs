//! An HTTP request as the event a function URL makes of it (payload format 2.0).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT},
    request::Parts,
};
use serde_json::{Map, Value, json};

/// The event that stands for a request.
pub(crate) fn of(head: &Parts, body: &[u8], request_id: &str) -> Bytes {
    let path = head.uri.path();
    let host = text(&head.headers, HOST.as_str());
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or(""),
        "headers": headers(&head.headers),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "toolgate",
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": text(&head.headers, USER_AGENT.as_str()),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": u64::try_from(millis).unwrap_or(u64::MAX),
        },
        "isBase64Encoded": false,
    });
    let cookies: Vec<&str> = head
        .headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split("; "))
        .collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !body.is_empty() {
        let plain = std::str::from_utf8(body).ok().filter(|_| is_text(text(&head.headers, CONTENT_TYPE.as_str())));
        event["isBase64Encoded"] = json!(plain.is_none());
        event["body"] = plain.map_or_else(|| json!(STANDARD.encode(body)), |plain| json!(plain));
    }
    event.to_string().into()
}

/// Names in lower case, several values of one name as a list; cookies stand elsewhere.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut map = Map::new();
    for name in headers.keys().filter(|name| **name != COOKIE) {
        let values: Vec<_> = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        map.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    map.insert("x-forwarded-for".to_owned(), json!("127.0.0.1"));
    map.insert("x-forwarded-proto".to_owned(), json!("https"));
    map.insert("x-forwarded-port".to_owned(), json!("443"));
    map
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// What Lambda hands over as it is; everything else goes as Base64.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn event(request: Request<()>, body: &[u8]) -> Value {
        serde_json::from_slice(&of(&request.into_parts().0, body, "id")).unwrap()
    }

    #[test]
    fn a_request_becomes_an_event() {
        let request = Request::post("/a%20b?x=1&x=2")
            .header("host", "acme.example.com:80")
            .header("X-Two", "1")
            .header("x-two", "2")
            .header("cookie", "a=1; b=2")
            .header("content-type", "application/json; charset=utf-8")
            .body(())
            .unwrap();
        let event = event(request, b"{}");
        assert_eq!(event["rawPath"], "/a%20b");
        assert_eq!(event["rawQueryString"], "x=1&x=2");
        assert_eq!(event["headers"]["host"], "acme.example.com:80");
        assert_eq!(event["headers"]["x-two"], "1,2");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
    }

    #[test]
    fn what_is_not_text_goes_as_base64() {
        for (kind, body) in [("application/octet-stream", &b"ab"[..]), ("application/json", &b"\xff"[..])] {
            let event = event(Request::post("/").header("content-type", kind).body(()).unwrap(), body);
            assert_eq!(event["body"], STANDARD.encode(body));
            assert_eq!(event["isBase64Encoded"], true);
        }
        assert_eq!(event(Request::get("/").body(()).unwrap(), b"").get("body"), None);
    }
}
