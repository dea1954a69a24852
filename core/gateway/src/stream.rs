//! A streamed answer on its way to the client: each event as it arrives, the response last.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use toolgate_ports::{Body, Clock, Platform};
use toolgate_upstream::{AnswerStream, Item, UpstreamError};
use toolgate_wire::{Era, sse};

use crate::{
    answer,
    call::{failure, for_client},
    line::{Line, Outcome},
};

/// After so much silence a comment is sent, so that nothing between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a stream needs to know of its request.
pub(crate) struct Streamed<P: Platform> {
    /// The client's raw id.
    pub(crate) id: String,
    pub(crate) era: Era,
    pub(crate) line: Rc<Line<P>>,
    pub(crate) platform: Rc<P>,
}

/// A stream between two events.
struct Running<P: Platform> {
    streamed: Streamed<P>,
    items: AnswerStream,
}

impl<P: Platform> Streamed<P> {
    /// The answer as a stream of events.
    pub(crate) fn events(self, items: AnswerStream) -> Response<Body> {
        // Until the response came, the end of this stream is the client's going away.
        self.line.outcome(Outcome::ClientGone);
        let events =
            stream::unfold(Some(Running { streamed: self, items }), |running| async move { running?.next().await });
        let mut response = answer::of(StatusCode::OK, answer::EVENT_STREAM, Body::Streaming(events.boxed_local()));
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        response
    }

    /// The response alone, for a client that takes no events.
    pub(crate) async fn last(self, mut items: AnswerStream) -> Response<Body> {
        let began = self.line.ticks();
        let mut last = None;
        while let Some(item) = items.next().await {
            last = Some(item);
        }
        self.line.upstream_since(began);
        let body = match last {
            Some(Ok(Item::Reply(reply))) => Body::Parts(for_client(&self.id, self.era, &reply, &self.line)),
            Some(Err(error)) => Body::Full(failure(&self.id, &error, &self.line).into()),
            Some(Ok(Item::Notification(_))) | None => {
                self.line.outcome(Outcome::UpstreamFailed);
                let words = "The server ended its answer without a response.";
                return answer::error(StatusCode::OK, Some(&self.id), crate::code::UPSTREAM_UNAVAILABLE, words, None);
            }
        };
        answer::of(StatusCode::OK, answer::JSON, body)
    }

    fn event(&self, item: Result<Item, UpstreamError>) -> Bytes {
        let data = match item {
            Ok(Item::Notification(message)) => message.to_vec(),
            Ok(Item::Reply(reply)) => for_client(&self.id, self.era, &reply, &self.line)
                .iter()
                .flat_map(|part| part.iter().copied())
                .collect(),
            Err(error) => failure(&self.id, &error, &self.line).into_bytes(),
        };
        sse::encode(&data).into()
    }
}

impl<P: Platform> Running<P> {
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        let began = self.streamed.line.ticks();
        let silence = self.streamed.platform.clock().sleep(KEEP_ALIVE);
        let item = match select(self.items.next(), silence).await {
            Either::Left((item, _)) => Some(item?),
            Either::Right(_) => None,
        };
        self.streamed.line.upstream_since(began);
        let Some(item) = item else { return Some((Bytes::from_static(sse::KEEP_ALIVE), Some(self))) };
        let over = !matches!(item, Ok(Item::Notification(_)));
        let event = self.streamed.event(item);
        Some((event, (!over).then_some(self)))
    }
}
