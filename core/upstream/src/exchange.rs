//! One HTTP exchange with an upstream: sent once, within limits of time and size; every failure named. Knows neither what
//! is asked nor what the answer means.

use std::{fmt, pin::pin, rc::Rc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{
    HeaderValue, Method, StatusCode, Uri,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE},
};
use toolgate_model::{Limits, ServerId};
use toolgate_ports::{ByteStream, Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse, Platform};
use toolgate_wire::splice;

use crate::{
    Allowed, Endpoint, Step, UpstreamError, UpstreamErrorKind as Kind,
    address::check_uri,
    header::{Head, MediaType},
    redirect,
    wait::{Deadline, within},
};

/// The bounds an exchange keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
    pub(crate) body: usize,
    pub(crate) event: usize,
    pub(crate) depth: usize,
}

impl Bounds {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            first_byte: limits.upstream_first_byte,
            idle: limits.upstream_idle,
            body: limits.upstream_body,
            event: limits.upstream_event,
            depth: limits.json_depth,
        }
    }

    /// These, but for what is allowed a request in particular.
    pub(crate) fn within(self, allowed: Allowed) -> Self {
        Self {
            first_byte: allowed.time.unwrap_or(self.first_byte),
            idle: allowed.time.unwrap_or(self.idle),
            body: allowed.bytes.unwrap_or(self.body),
            event: allowed.bytes.unwrap_or(self.event),
            ..self
        }
    }

    /// For a stream that lasts as long as its listener: it may be silent, and its length is bounded event by event.
    pub(crate) fn listening(limits: &Limits) -> Self {
        Self { idle: limits.listen, body: usize::MAX, ..Self::of(limits) }
    }
}

/// One exchange: with whom, what for, and until when.
pub(crate) struct Exchange<P: Platform> {
    pub(crate) platform: Rc<P>,
    pub(crate) server: ServerId,
    pub(crate) step: Step,
    pub(crate) deadline: Deadline,
    pub(crate) bounds: Bounds,
    /// The id of the request that is sent.
    pub(crate) id: Id,
}

/// The id of a request towards a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Id {
    /// A number that this client gave it.
    Own(u64),
    /// What the client's own client called it: raw JSON.
    Given(Rc<str>),
}

impl Id {
    /// Whether `raw` is this id, perhaps spelt in another way.
    pub(crate) fn is(&self, raw: &str) -> bool {
        match self {
            Self::Own(id) => raw.parse() == Ok(*id),
            Self::Given(given) => **given == *raw || same(given, raw),
        }
    }
}

fn same(one: &str, other: &str) -> bool {
    match (splice::string(one), splice::string(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(one), Ok(other)) if one.total_cmp(&other).is_eq())
        }
        _ => false,
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(id) => id.fmt(f),
            Self::Given(raw) => f.write_str(raw),
        }
    }
}

impl<P: Platform> Exchange<P> {
    pub(crate) fn error(&self, kind: Kind, message: impl Into<String>) -> UpstreamError {
        UpstreamError { server: self.server.clone(), step: self.step, kind, message: message.into() }
    }

    /// The same exchange once more, to be handed to what reads its answer.
    pub(crate) fn again(&self) -> Self {
        Self { platform: Rc::clone(&self.platform), server: self.server.clone(), id: self.id.clone(), ..*self }
    }

    /// Sends a request and waits for the beginning of its answer; follows the redirects that may be followed.
    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        head: Head<'_>,
        body: Bytes,
    ) -> Result<FetchResponse, UpstreamError> {
        self.send_to(endpoint, endpoint.uri.clone(), Method::POST, head, body).await
    }

    /// The same with another method, or to another place of the same server.
    pub(crate) async fn send_to(
        &self,
        endpoint: &Endpoint,
        mut uri: Uri,
        method: Method,
        head: Head<'_>,
        body: Bytes,
    ) -> Result<FetchResponse, UpstreamError> {
        for _ in 0..=redirect::MAX_REDIRECTS {
            let response = self.fetch(endpoint, uri.clone(), method.clone(), head, body.clone()).await?;
            if !redirect::is_redirect(response.status) {
                return Ok(response);
            }
            uri = redirect::target(&uri, response.status, &response.headers, endpoint.network)
                .map_err(|message| self.error(Kind::Redirect, message))?;
        }
        Err(self.error(Kind::Redirect, "it redirects again and again"))
    }

    async fn fetch(
        &self,
        endpoint: &Endpoint,
        uri: Uri,
        method: Method,
        head: Head<'_>,
        body: Bytes,
    ) -> Result<FetchResponse, UpstreamError> {
        check_uri(&uri, endpoint.network)
            .map_err(|error| UpstreamError { step: Step::Connect, ..self.error(Kind::Forbidden, error.to_string()) })?;
        let mut headers = head.headers(&endpoint.headers);
        if method != Method::POST {
            headers.remove(CONTENT_TYPE);
            headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        }
        let request = FetchRequest { method, uri, headers, body, network: endpoint.network };
        let limit = || self.limit(self.bounds.first_byte);
        match within(self.platform.clock(), limit, pin!(self.platform.fetch().fetch(request))).await {
            Some(answer) => answer.map_err(|error| self.failed(error)),
            None => Err(self.late(self.bounds.first_byte, "did not begin its answer")),
        }
    }

    /// The next part of a body; nothing at its end.
    pub(crate) async fn chunk(&self, body: &mut ByteStream) -> Result<Option<Bytes>, UpstreamError> {
        match within(self.platform.clock(), || self.limit(self.bounds.idle), body.next()).await {
            Some(chunk) => chunk.transpose().map_err(|error| self.failed(error)),
            None => Err(self.late(self.bounds.idle, "was silent in the middle of its answer")),
        }
    }

    /// A body, whole. One that comes in one part is not copied.
    pub(crate) async fn collect(&self, response: FetchResponse, max: usize) -> Result<Bytes, UpstreamError> {
        let announced = response.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > max) {
            return Err(self.too_large(max));
        }
        let mut body = response.body;
        let Some(mut all) = self.chunk(&mut body).await? else { return Ok(Bytes::new()) };
        let mut joined = BytesMut::new();
        loop {
            if all.len().max(joined.len()) > max {
                return Err(self.too_large(max));
            }
            let Some(more) = self.chunk(&mut body).await? else { break };
            if joined.is_empty() {
                joined.reserve(announced.unwrap_or_default().max(all.len() + more.len()));
                joined.extend_from_slice(&all);
                all = Bytes::new();
            }
            joined.extend_from_slice(&more);
        }
        Ok(if joined.is_empty() { all } else { joined.freeze() })
    }

    /// Waits a moment for the end of a body that has said everything, so that its connection can be used again.
    pub(crate) async fn linger(&self, body: &mut ByteStream) {
        const MOMENT: Duration = Duration::from_millis(5);
        let end = async { while body.next().await.is_some_and(|chunk| chunk.is_ok_and(|bytes| bytes.is_empty())) {} };
        let _ = within(self.platform.clock(), || MOMENT, pin!(end)).await;
    }

    /// An answer that is no JSON-RPC message: told by its status alone. What it says is not repeated: it may be anything.
    pub(crate) fn status(&self, status: StatusCode, media_type: &MediaType) -> UpstreamError {
        let hint = match status.as_u16() {
            401 | 403 => ": it wants credentials; set them in the server's \"headers\"",
            404 => ": is the server's \"url\" its MCP endpoint?",
            _ => "",
        };
        let message = format!("it answered HTTP {} ({media_type}){hint}", status.as_u16());
        self.error(Kind::Status(status.as_u16()), message)
    }

    pub(crate) fn too_large(&self, max: usize) -> UpstreamError {
        self.error(Kind::TooLarge, format!("its answer is longer than {max} bytes, which is the limit"))
    }

    fn limit(&self, limit: Duration) -> Duration {
        limit.min(self.deadline.remaining(self.platform.clock()))
    }

    fn late(&self, limit: Duration, what: &str) -> UpstreamError {
        let message = if self.deadline.remaining(self.platform.clock()).is_zero() {
            "it did not end within the time there is for all of it".to_owned()
        } else {
            format!("it {what} for {} s", limit.as_secs())
        };
        self.error(Kind::Timeout, message)
    }

    fn failed(&self, error: FetchError) -> UpstreamError {
        let (kind, step) = match error.kind {
            FetchErrorKind::Resolve | FetchErrorKind::Connect | FetchErrorKind::Tls => {
                (Kind::Unreachable, Step::Connect)
            }
            FetchErrorKind::Forbidden => (Kind::Forbidden, Step::Connect),
            FetchErrorKind::Broken => (Kind::Closed, self.step),
        };
        UpstreamError { step, ..self.error(kind, error.message) }
    }
}
