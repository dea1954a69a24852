//! The way out: HTTP/1.1 over TCP or TLS, with kept connections for each thread.
//!
//! Follows no redirect, keeps no cookie, reads no proxy from the environment, unpacks nothing. It knows nothing of what
//! it carries.

mod connect;
mod pool;

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use toolgate_ports::{Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};

use self::pool::{Place, Pool, Sender};

/// The way out of one thread.
#[derive(Debug, Default)]
pub struct HttpFetch {
    pool: Pool,
}

impl HttpFetch {
    /// Without connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    async fn connection(&self, place: &Place) -> Result<(Sender, Kept), FetchError> {
        match self.pool.take(place) {
            Some(sender) => Ok((sender, Kept::Yes)),
            // Boxed, because it is large, and most requests find a connection.
            None => Ok((Box::pin(connect::open(place)).await?, Kept::No)),
        }
    }
}

/// Whether a connection has carried a request before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

impl Fetch for HttpFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        let place = Place::of(&request)?;
        let mut message = message(request, &place)?;
        loop {
            let (mut sender, kept) = self.connection(&place).await?;
            let mut error = match sender.try_send_request(message).await {
                Ok(response) => return Ok(answer(response, sender, place, &self.pool)),
                Err(error) => error,
            };
            message = match (error.take_message(), kept) {
                // The server closed a kept connection while it was idle: nothing was sent, so it can be sent again.
                (Some(unsent), Kept::Yes) => unsent,
                (Some(_), Kept::No) => {
                    return Err(FetchError::new(FetchErrorKind::Connect, format!("{place} closed the new connection")));
                }
                (None, _) => return Err(broken(&place, error.error())),
            };
        }
    }
}

fn message(request: FetchRequest, place: &Place) -> Result<Request<Full<Bytes>>, FetchError> {
    let path = request.uri.into_parts().path_and_query;
    let mut message = Request::new(Full::new(request.body));
    *message.method_mut() = request.method;
    *message.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    *message.headers_mut() = request.headers;
    let host = HeaderValue::from_str(place.authority())
        .map_err(|_| FetchError::new(FetchErrorKind::Connect, "the URL's host can't stand in a header"))?;
    message.headers_mut().insert(header::HOST, host);
    Ok(message)
}

fn answer(response: http::Response<Incoming>, sender: Sender, place: Place, pool: &Pool) -> FetchResponse {
    let (head, body) = response.into_parts();
    let idle_for = idle_limit(&head.headers);
    let mut arriving = Arriving { body, back: Some(Back { sender, place, pool: pool.clone(), idle_for }) };
    arriving.give_back_at_end();
    FetchResponse { status: head.status, headers: head.headers, body: Box::pin(arriving) }
}

/// How long a connection is kept unless the server says less.
const IDLE: Duration = Duration::from_secs(55);

// `Keep-Alive: timeout=5`: what is sent in the last moment meets a closed connection, so it isn't.
fn idle_limit(headers: &HeaderMap) -> Duration {
    let said = headers.get("keep-alive").and_then(|value| value.to_str().ok());
    let seconds = said.and_then(|text| {
        text.split(',').find_map(|part| part.trim().strip_prefix("timeout=")?.trim().parse::<u64>().ok())
    });
    seconds.map_or(IDLE, |seconds| Duration::from_secs(seconds.saturating_sub(1)).min(IDLE))
}

fn broken(place: &Place, error: &hyper::Error) -> FetchError {
    let what = if error.is_parse() {
        "answered with something that is not HTTP"
    } else if error.is_incomplete_message() {
        "closed the connection in the middle of its answer"
    } else {
        "broke the connection"
    };
    FetchError::new(FetchErrorKind::Broken, format!("{place} {what}"))
}

/// An answer's body; its connection goes back into the pool when the body has ended, and is closed if it is dropped before.
struct Arriving {
    body: Incoming,
    back: Option<Back>,
}

struct Back {
    sender: Sender,
    place: Place,
    pool: Pool,
    idle_for: Duration,
}

impl Arriving {
    fn give_back_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(back) = self.back.take() {
            back.pool.put(back.place, back.sender, back.idle_for);
        }
    }

    fn fail(&mut self, error: &hyper::Error) -> Option<FetchError> {
        self.back.take().map(|back| broken(&back.place, error))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        loop {
            if self.back.is_none() && self.body.is_end_stream() {
                return Poll::Ready(None);
            }
            return match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => {
                    self.give_back();
                    Poll::Ready(None)
                }
                Some(Err(error)) => Poll::Ready(self.fail(&error).map(Err)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.give_back_at_end();
                        Poll::Ready(Some(Ok(data)))
                    }
                    Err(_trailers) => continue,
                },
            };
        }
    }
}

impl Stream for Arriving {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl Drop for Arriving {
    // Who stops after the last event may not have seen the end that came with it: then the connection can still be kept.
    fn drop(&mut self) {
        if self.back.is_some() {
            let _ = self.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

#[cfg(test)]
mod tests;
