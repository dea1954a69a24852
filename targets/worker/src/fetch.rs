//! The way out through the runtime's `fetch`.
//!
//! Where a name leads is the runtime's affair: Cloudflare's network connects Workers to public addresses only, so a
//! server that is marked private or loopback can be reached in development (workerd on one's own machine) and not when
//! deployed. What the core has checked of the URI before is all that this file can add to that.

use http::{HeaderMap, StatusCode, header};
use js_sys::Uint8Array;
use toolgate_ports::{Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestInit, RequestRedirect, Response};

use crate::{
    message::{body_of, headers_from_js, headers_to_js, said},
    platform::global,
};

/// The runtime's `fetch`.
pub(crate) struct WorkerFetch;

impl Fetch for WorkerFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        let unsent = |error: JsValue| FetchError::new(FetchErrorKind::Connect, said(&error));
        let abort = AbortOnDrop(Some(AbortController::new().map_err(unsent)?));
        let init = init(&request, &abort).map_err(unsent)?;
        let promise = global().fetch_with_str_and_init(&request.uri.to_string(), &init);
        let response = JsFuture::from(promise).await.map_err(|error| failure(&error))?;
        abort.disarm();
        answer(&response.unchecked_into())
    }
}

fn init(request: &FetchRequest, abort: &AbortOnDrop) -> Result<RequestInit, JsValue> {
    let init = RequestInit::new();
    init.set_method(request.method.as_str());
    init.set_headers_headers(&headers_to_js(&request.headers)?);
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(abort.0.as_ref().map(AbortController::signal).as_ref());
    if !request.body.is_empty() {
        init.set_body_opt_u8_array(Some(&Uint8Array::from(&request.body[..])));
    }
    Ok(init)
}

fn answer(response: &Response) -> Result<FetchResponse, FetchError> {
    let status = StatusCode::from_u16(response.status())
        .map_err(|_| FetchError::new(FetchErrorKind::Broken, "the answer's status is no HTTP status"))?;
    let mut headers = headers_from_js(&response.headers());
    if let Some(error) = edge_failure(status, &headers) {
        return Err(error);
    }
    // The runtime has undone these codings already, and so the length is another one too.
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip" || coding == "br") {
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
    }
    let body = body_of(response, &headers);
    Ok(FetchResponse { status, headers, body })
}

/// Cloudflare's network says with statuses of its own that it could not reach a server.
fn edge_failure(status: StatusCode, headers: &HeaderMap) -> Option<FetchError> {
    let (kind, what) = match status.as_u16() {
        521 => (FetchErrorKind::Connect, "the server refused the connection"),
        523 => (FetchErrorKind::Connect, "the server can't be reached"),
        525 => (FetchErrorKind::Tls, "no TLS connection could be made"),
        526 => (FetchErrorKind::Tls, "the server's certificate is not valid"),
        530 => (FetchErrorKind::Resolve, "the server's name does not resolve, or it is switched off"),
        _ => return None,
    };
    let from_edge = headers.get(header::SERVER).is_some_and(|server| server == "cloudflare");
    from_edge.then(|| FetchError::new(kind, format!("{what} (Cloudflare's status {})", status.as_u16())))
}

/// The runtime tells the kinds of failure apart in words only. What is not known to have happened before anything was
/// sent counts as broken.
fn failure(error: &JsValue) -> FetchError {
    let message = said(error);
    FetchError::new(kind_of(&message), message)
}

fn kind_of(message: &str) -> FetchErrorKind {
    let has = |word: &str| message.contains(word);
    if has("DNS") {
        FetchErrorKind::Resolve
    } else if has("certificate") || has("TLS") || has("SSL") {
        FetchErrorKind::Tls
    } else if has("refused") {
        FetchErrorKind::Connect
    } else {
        FetchErrorKind::Broken
    }
}

/// Ends an exchange that nobody waits for any more. Once the answer has begun, dropping its body does that.
struct AbortOnDrop(Option<AbortController>);

impl AbortOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cloudflares_own_answer_counts_as_its_failure() {
        let mut headers = HeaderMap::new();
        assert!(edge_failure(StatusCode::from_u16(521).unwrap(), &headers).is_none());
        headers.insert(header::SERVER, "cloudflare".parse().unwrap());
        assert_eq!(edge_failure(StatusCode::from_u16(521).unwrap(), &headers).unwrap().kind, FetchErrorKind::Connect);
        assert!(edge_failure(StatusCode::BAD_GATEWAY, &headers).is_none());
    }

    #[test]
    fn an_unknown_failure_may_have_been_acted_on() {
        assert_eq!(kind_of("Network connection lost."), FetchErrorKind::Broken);
        assert_eq!(kind_of("DNS lookup failed."), FetchErrorKind::Resolve);
        assert_eq!(kind_of("TLS peer's certificate is not trusted; reason = expired"), FetchErrorKind::Tls);
    }
}
