//! Reading an upstream's answer: one JSON-RPC response, alone or at the end of a stream of events. Everything is checked
//! to be what was asked for; nothing is looked into further.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use toolgate_ports::{ByteStream, FetchResponse, Platform};
use toolgate_wire::{Kind as MessageKind, Message, MessageError, sse};

use crate::{
    Answer, AnswerStream, Item, Reply, UpstreamError, UpstreamErrorKind as Kind,
    exchange::{Exchange, response_type},
    wait::within,
};

/// How long a stream may be silent before it is handed on as a stream.
const FIRST_EVENT: std::time::Duration = std::time::Duration::from_secs(5);

/// The longest refusal (an answer that is not 2xx) looked into, in bytes.
const MAX_REFUSAL: usize = 1 << 20;

impl<P: Platform> Exchange<P> {
    /// Reads the answer, until it is whole or known to be a stream.
    pub(crate) async fn answer(self, response: FetchResponse) -> Result<Answer, UpstreamError> {
        let content_type = response_type(&response);
        if !response.status.is_success() {
            return self.refusal(response, &content_type).await.map(Answer::Reply);
        }
        match content_type.as_str() {
            "text/event-stream" => self.events(response).await,
            "application/json" | "" => self.whole(response).await.map(Answer::Reply),
            other => {
                Err(self.error(Kind::NotJson, format!("its answer is {other}, neither JSON nor a stream of events")))
            }
        }
    }

    async fn whole(&self, response: FetchResponse) -> Result<Reply, UpstreamError> {
        let status = response.status;
        let body = self.collect(response, self.bounds.body).await?;
        if body.is_empty() {
            return Err(self.error(Kind::Protocol, format!("it answered HTTP {} and nothing else", status.as_u16())));
        }
        match self.item(status, body)? {
            Some(Item::Reply(reply)) => Ok(reply),
            _ => Err(self.error(Kind::Protocol, "its answer is a JSON-RPC message, but no response")),
        }
    }

    /// A refusal that is a JSON-RPC error goes its way like any other answer.
    async fn refusal(&self, response: FetchResponse, content_type: &str) -> Result<Reply, UpstreamError> {
        let status = response.status;
        let refused = || self.status(status, content_type);
        if !matches!(content_type, "application/json" | "") {
            return Err(refused());
        }
        let body = self.collect(response, MAX_REFUSAL).await.map_err(|_| refused())?;
        match self.item(status, body) {
            Ok(Some(Item::Reply(reply))) if reply.error.is_some() => Ok(reply),
            _ => Err(refused()),
        }
    }

    async fn events(self, response: FetchResponse) -> Result<Answer, UpstreamError> {
        let mut events = Events {
            status: response.status,
            body: response.body,
            decoder: sse::Decoder::new(self.bounds.event),
            spent: 0,
            broken: None,
            exchange: self,
        };
        let platform = std::rc::Rc::clone(&events.exchange.platform);
        let first = within(platform.clock(), FIRST_EVENT, events.next()).await.transpose()?;
        if let Some(Item::Reply(reply)) = first {
            events.linger().await;
            return Ok(Answer::Reply(reply));
        }
        Ok(Answer::Stream(events.into_stream(first)))
    }

    /// What `message` is: our response, a notification, or nothing for us.
    fn item(&self, status: StatusCode, message: Bytes) -> Result<Option<Item>, UpstreamError> {
        let parsed = Message::parse(&message, self.bounds.depth).map_err(|error| self.no_message(&error))?;
        match parsed.kind() {
            MessageKind::Notification => Ok(Some(Item::Notification(message))),
            // A request of the server's own: nothing was declared that would allow it any.
            MessageKind::Request => Ok(None),
            MessageKind::Response => {
                let (id, result, error) = (parsed.id_span(), parsed.result_span(), parsed.error_span());
                match (parsed.id(), id, parsed.error()) {
                    (Some(raw), Some(id), _) if raw.parse() == Ok(self.id) => {
                        Ok(Some(Item::Reply(Reply { status, message, id, result, error })))
                    }
                    (None, _, Some(error)) => Ok(Some(Item::Reply(without_id(status, error)))),
                    _ => Err(self.error(Kind::Protocol, "it answered with the id of another request")),
                }
            }
        }
    }

    fn no_message(&self, error: &MessageError) -> UpstreamError {
        let kind = match error {
            MessageError::NotUtf8 | MessageError::NotJson { .. } => Kind::NotJson,
            _ => Kind::Protocol,
        };
        self.error(kind, format!("its answer is no JSON-RPC message: {error}"))
    }
}

/// An error whose server could not tell which request it is about. There was only one, so it is about that; it is
/// written anew, for there may be no id in it to put another in place of.
fn without_id(status: StatusCode, error: &str) -> Reply {
    const HEAD: &str = r#"{"jsonrpc":"2.0","id":null,"error":"#;
    const ID: std::ops::Range<usize> = HEAD.len() - 13..HEAD.len() - 9;
    let message = Bytes::from(format!("{HEAD}{error}}}"));
    Reply { status, id: ID, result: None, error: Some(HEAD.len()..HEAD.len() + error.len()), message }
}

/// A stream of events that is being read.
struct Events<P: Platform> {
    exchange: Exchange<P>,
    status: StatusCode,
    body: ByteStream,
    decoder: sse::Decoder,
    spent: usize,
    /// What ends the stream once the events before it are read.
    broken: Option<UpstreamError>,
}

impl<P: Platform> Events<P> {
    /// The next message for us. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<Item, UpstreamError> {
        loop {
            for event in self.decoder.by_ref() {
                // An event without data only keeps the stream alive or names a point to resume from.
                if event.data.is_empty() || event.event.is_some_and(|kind| kind != "message") {
                    continue;
                }
                if let Some(item) = self.exchange.item(self.status, Bytes::from(event.data))? {
                    return Ok(item);
                }
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            match self.exchange.chunk(&mut self.body).await? {
                Some(bytes) => self.push(&bytes),
                None => return Err(self.exchange.error(Kind::Closed, "its stream ended without a response")),
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let Exchange { bounds, .. } = self.exchange;
        self.spent = self.spent.saturating_add(bytes.len());
        if self.spent > bounds.body {
            self.broken = Some(self.exchange.too_large(bounds.body));
        } else if let Err(error) = self.decoder.push(bytes) {
            self.broken = Some(self.exchange.too_large(error.max));
        }
    }

    async fn linger(&mut self) {
        self.exchange.linger(&mut self.body).await;
    }

    fn into_stream(self, first: Option<Item>) -> AnswerStream {
        stream::unfold(Some((self, first)), |state| async {
            let (mut events, first) = state?;
            let item = match first {
                Some(item) => Ok(item),
                None => events.next().await,
            };
            if matches!(item, Ok(Item::Reply(_))) {
                events.linger().await;
            }
            let more = matches!(item, Ok(Item::Notification(_)));
            Some((item, more.then_some((events, None))))
        })
        .boxed_local()
    }
}
