//! HTTP messages between the Workers API and the [`http`] crate's types.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::{StreamExt, TryFutureExt};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use js_sys::{Array, Promise, Uint8Array};
use toolgate_ports::{Body, BodyStream, ByteStream, ClientAddr, FetchError, FetchErrorKind};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::chunks::Chunks;
use web_sys::{Headers, ReadableStream, Request, Response, ResponseInit};

/// Up to how many bytes a body is taken in one piece.
const SHORT: usize = 64 << 10;

/// Where Cloudflare says which address a request came from.
const CLIENT: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// A client's request; its body is read as the gateway asks for it.
///
/// # Errors
/// Says what can't be read.
pub(crate) fn from_js(request: &Request) -> Result<http::Request<Body>, String> {
    let headers = headers_from_js(&request.headers());
    let body = match request.body() {
        None => Body::Empty,
        Some(_) if is_short(&headers) => Body::Incoming(whole(Clone::clone(request), Request::array_buffer)),
        Some(stream) => Body::Incoming(Chunks::of(&stream).boxed_local()),
    };
    let mut builder = http::Request::builder().method(request.method().as_str()).uri(request.url());
    // The platform sets this header itself, whatever the client sent.
    let client = headers.get(CLIENT).and_then(|address| address.to_str().ok()?.parse().ok());
    if let Some(client) = client {
        builder = builder.extension(ClientAddr(client));
    }
    if let Some(map) = builder.headers_mut() {
        *map = headers;
    }
    builder.body(body).map_err(|error| format!("The request can't be read: {error}."))
}

/// The gateway's answer.
///
/// # Errors
/// What the Workers API throws.
pub(crate) fn to_js(response: http::Response<Body>) -> Result<Response, JsValue> {
    let (parts, body) = response.into_parts();
    let init = ResponseInit::new();
    init.set_status(parts.status.as_u16());
    init.set_headers_headers(&headers_to_js(&parts.headers)?);
    match body {
        // Some statuses forbid even an empty body.
        body if body.known_len() == Some(0) => Response::new_with_opt_js_u8_array_and_init(None, &init),
        Body::Empty => Response::new_with_opt_js_u8_array_and_init(None, &init),
        Body::Full(bytes) => {
            Response::new_with_opt_js_u8_array_and_init(Some(&joined(&VecDeque::from([bytes]))), &init)
        }
        Body::Parts(parts) => Response::new_with_opt_js_u8_array_and_init(Some(&joined(&parts)), &init),
        Body::Streaming(stream) => streamed(stream, &init),
        Body::Incoming(stream) => {
            // An infallible stream is all a client can be given: what broke off just ends.
            let stream = stream.take_while(|chunk| std::future::ready(chunk.is_ok()));
            streamed(stream.filter_map(|chunk| std::future::ready(chunk.ok())).boxed_local(), &init)
        }
    }
}

/// The parts are copied out of this module's memory one by one: they are never together in it.
fn joined(parts: &VecDeque<Bytes>) -> Uint8Array {
    let len = parts.iter().map(Bytes::len).sum::<usize>();
    let all = Uint8Array::new_with_length(u32::try_from(len).unwrap_or(u32::MAX));
    let mut at = 0;
    for part in parts {
        let end = at + u32::try_from(part.len()).unwrap_or(u32::MAX);
        all.subarray(at, end).copy_from(part);
        at = end;
    }
    all
}

/// The runtime pulls the next chunk when the last was taken, and cancels (which drops `stream`) when the client is gone.
fn streamed(stream: BodyStream, init: &ResponseInit) -> Result<Response, JsValue> {
    let chunks = stream.map(|bytes| Ok(JsValue::from(Uint8Array::from(&bytes[..]))));
    let readable: ReadableStream = wasm_streams::ReadableStream::from_stream(chunks).into_raw().unchecked_into();
    Response::new_with_opt_readable_stream_and_init(Some(&readable), init)
}

/// The body of an upstream's answer, as it arrives. Dropping it ends the exchange.
pub(crate) fn body_of(response: &Response, headers: &HeaderMap) -> ByteStream {
    match response.body() {
        None => futures_util::stream::empty().boxed_local(),
        Some(_) if is_short(headers) => whole(Clone::clone(response), Response::array_buffer),
        Some(stream) => Chunks::of(&stream).boxed_local(),
    }
}

/// Whether a body's length is known, and so small that waiting for all of it costs less than taking it in pieces.
fn is_short(headers: &HeaderMap) -> bool {
    let len = headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<usize>().ok());
    len.is_some_and(|len| len <= SHORT)
}

/// A body in one piece, not read before it is asked for.
fn whole<T: 'static>(message: T, read: fn(&T) -> Result<Promise, JsValue>) -> ByteStream {
    let bytes = async move {
        let buffer = JsFuture::from(read(&message)?).await?;
        Ok(Bytes::from(Uint8Array::new(&buffer).to_vec()))
    };
    futures_util::stream::once(bytes.map_err(|error: JsValue| broken(&error))).boxed_local()
}

pub(crate) fn broken(error: &JsValue) -> FetchError {
    FetchError::new(FetchErrorKind::Broken, said(error))
}

/// Headers as the Workers API holds them. What HTTP does not allow is left out.
pub(crate) fn headers_from_js(headers: &Headers) -> HeaderMap {
    // One text instead of two calls for each header: the way out of this module's memory is what costs.
    let pairs = Array::from(headers).flat(1).join("\n");
    let pairs = String::from(pairs);
    let mut lines = pairs.split('\n');
    let mut map = HeaderMap::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else { continue };
        map.append(name, value);
    }
    map
}

/// Headers for the Workers API. A value that is not UTF-8 is left out.
///
/// # Errors
/// What the Workers API throws.
pub(crate) fn headers_to_js(headers: &HeaderMap) -> Result<Headers, JsValue> {
    let all = Headers::new()?;
    for (name, value) in headers {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            all.append(name.as_str(), value)?;
        }
    }
    Ok(all)
}

/// What a thrown value says.
pub(crate) fn said(error: &JsValue) -> String {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    message.or_else(|| error.as_string()).unwrap_or_else(|| "an unknown failure".to_owned())
}
