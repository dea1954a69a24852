//! Reading an upstream's answer: one JSON-RPC response, alone or at the end of a stream of events. Everything is checked
//! to be what was asked for; nothing is looked into further.

use std::{collections::VecDeque, pin::pin, rc::Rc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, StatusCode};
use toolgate_ports::{ByteStream, Clock, FetchResponse, Platform};
use toolgate_wire::{Kind as MessageKind, Message, MessageError, sse};

use crate::{
    Answer, AnswerStream, Endpoint, Event, EventStream, Item, Reply, SessionRef, UpstreamError,
    UpstreamErrorKind as Kind,
    exchange::Exchange,
    handshake::session_head,
    header::{Head, MediaType},
    memory::Session,
    wait::within,
};

/// How long a stream may be silent before it is handed on as a stream.
const FIRST_EVENT: Duration = Duration::from_secs(5);
/// How long to wait before a stream is resumed, where the server does not say.
const RESUME_AFTER: Duration = Duration::from_secs(1);
/// The longest wait that a server may ask for.
const MAX_RESUME_AFTER: Duration = Duration::from_secs(10);
/// How often a stream is resumed without anything new on it.
const MAX_RESUMES: u32 = 20;

/// The most events of one stream with nothing in them. They are short, and each costs as much as one that says something.
const MAX_EMPTY: u32 = 10_000;

/// The longest refusal (an answer that is not 2xx) looked into, in bytes.
const MAX_REFUSAL: usize = 1 << 20;

/// What happens when a stream ends before its response did, and said from where it can be resumed.
pub(crate) enum Resume {
    /// It has failed.
    Never,
    /// It ends; whoever it is handed to may resume it.
    Handed,
    /// It is resumed here.
    Here(Box<Endpoint>, Rc<Session>),
}

/// Within what an answer comes.
pub(crate) struct Within {
    pub(crate) session: Option<SessionRef>,
    pub(crate) resume: Resume,
}

impl Within {
    /// A request that stands alone.
    pub(crate) const NOTHING: Self = Self { session: None, resume: Resume::Never };
}

impl<P: Platform> Exchange<P> {
    /// Reads the answer to a request of the gateway's own, until it is whole or known to be a stream.
    pub(crate) async fn answer(self, response: FetchResponse) -> Result<Answer, UpstreamError> {
        self.answer_within(response, Within::NOTHING).await
    }

    /// Reads the answer, until it is whole or known to be a stream.
    pub(crate) async fn answer_within(self, response: FetchResponse, of: Within) -> Result<Answer, UpstreamError> {
        let media_type = MediaType::of(&response.headers);
        if !response.status.is_success() {
            return Box::pin(self.refusal(response, &media_type)).await.map(Answer::Reply);
        }
        match media_type {
            // Boxed, because it is large, and most answers come whole.
            MediaType::Events => Box::pin(Events::new(self, response.status, response.body).answer(of)).await,
            MediaType::Json | MediaType::Unsaid => self.whole(response).await.map(Answer::Reply),
            other @ MediaType::Other(_) => {
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

    /// A refusal that is a JSON-RPC error goes its way like any other answer; but not one for want of credentials, which are the
    /// operator's to give: a client would take it for a word about its own.
    async fn refusal(&self, response: FetchResponse, media_type: &MediaType) -> Result<Reply, UpstreamError> {
        let status = response.status;
        let refused = || self.status(status, media_type);
        let credentials = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if credentials || !matches!(media_type, MediaType::Json | MediaType::Unsaid) {
            return Err(refused());
        }
        let body = self.collect(response, MAX_REFUSAL).await.map_err(|_| refused())?;
        match self.item(status, body) {
            Ok(Some(Item::Reply(reply))) if reply.error.is_some() => Ok(reply),
            _ => Err(refused()),
        }
    }

    /// What `message` is: our response, a notification, or nothing for us.
    fn item(&self, status: StatusCode, message: Bytes) -> Result<Option<Item>, UpstreamError> {
        let parsed = Message::parse(&message, self.bounds.depth).map_err(|error| self.no_message(&error))?;
        match parsed.kind() {
            MessageKind::Notification => Ok(Some(Item::Notification(message))),
            MessageKind::Request => Ok(Some(Item::Request(message))),
            MessageKind::Response => {
                let (id, result, error) = (parsed.id_span(), parsed.result_span(), parsed.error_span());
                match (parsed.id(), id, parsed.error()) {
                    (Some(raw), Some(id), _) if self.id.is(raw) => {
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

/// Two events that only say where and when to resume, as one.
fn latest(before: Event, event: &Event) -> Event {
    Event { id: event.id.clone().or(before.id), retry: event.retry.or(before.retry), item: None }
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
pub(crate) struct Events<P: Platform> {
    pub(crate) exchange: Exchange<P>,
    status: StatusCode,
    body: ByteStream,
    decoder: sse::Decoder,
    spent: usize,
    /// What ends the stream once the events before it are read.
    broken: Option<UpstreamError>,
    resume: Resume,
    last_id: Option<String>,
    retry: Option<u64>,
    resumes: u32,
    empty: u32,
}

impl<P: Platform> Events<P> {
    pub(crate) fn new(exchange: Exchange<P>, status: StatusCode, body: ByteStream) -> Self {
        Self {
            status,
            body,
            decoder: sse::Decoder::new(exchange.bounds.event),
            spent: 0,
            broken: None,
            resume: Resume::Never,
            last_id: None,
            retry: None,
            resumes: 0,
            empty: 0,
            exchange,
        }
    }

    /// Whoever they are handed to may resume them.
    pub(crate) fn handed(mut self) -> Self {
        self.resume = Resume::Handed;
        self.last_id.get_or_insert_default();
        self
    }

    /// The answer that these events are.
    pub(crate) async fn answer(mut self, of: Within) -> Result<Answer, UpstreamError> {
        self.resume = of.resume;
        let platform = Rc::clone(&self.exchange.platform);
        let mut seen = VecDeque::new();
        let first = async {
            while let Some(event) = self.next().await? {
                if event.item.is_some() {
                    seen.push_back(event);
                    break;
                }
                // What only says where to resume from decides nothing, and of many such the last counts: they are not collected.
                let before = seen.pop_back();
                seen.push_back(before.map_or_else(|| event.clone(), |before| latest(before, &event)));
            }
            Ok(())
        };
        within(platform.clock(), || FIRST_EVENT, pin!(first)).await.transpose()?;
        if let Some(Event { item: Some(Item::Reply(reply)), .. }) = seen.back() {
            self.linger().await;
            return Ok(Answer::Reply(reply.clone()));
        }
        let (session, id) = (of.session, self.exchange.id.to_string());
        Ok(Answer::Stream(AnswerStream { session, id, events: self.into_stream(seen) }))
    }

    /// The next event for us; nothing where the stream ended and can be resumed. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, UpstreamError> {
        loop {
            while let Some(event) = self.decoder.next() {
                if let Some(event) = self.event(event)? {
                    self.resumes = 0;
                    return Ok(Some(event));
                }
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            match self.exchange.chunk(&mut self.body).await {
                Ok(Some(bytes)) => self.push(&bytes),
                Ok(None) => {
                    let closed = self.exchange.error(Kind::Closed, "its stream ended without a response");
                    if !self.resumed(closed).await? {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind == Kind::Closed => {
                    if !self.resumed(error).await? {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The next event that is called `name`, whatever else there is left out.
    pub(crate) async fn named(&mut self, name: &str) -> Result<String, UpstreamError> {
        loop {
            if let Some(event) = self.decoder.by_ref().find(|event| event.event.as_deref() == Some(name)) {
                return Ok(String::from_utf8_lossy(&event.data).into_owned());
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            match self.exchange.chunk(&mut self.body).await? {
                Some(bytes) => self.push(&bytes),
                None => return Err(self.exchange.error(Kind::Closed, format!("its stream ended without {name:?}"))),
            }
        }
    }

    fn event(&mut self, event: sse::Event) -> Result<Option<Event>, UpstreamError> {
        if event.event.is_some_and(|kind| kind != "message") {
            return Ok(None);
        }
        if event.id.is_some() {
            self.last_id.clone_from(&event.id);
        }
        self.retry = event.retry.or(self.retry);
        // An event without data only keeps the stream alive or names a point to resume from.
        let item = match event.data.is_empty() {
            true => self.empty()?,
            false => self.exchange.item(self.status, Bytes::from(event.data))?,
        };
        let says_something = item.is_some() || event.id.is_some() || event.retry.is_some();
        Ok(says_something.then_some(Event { id: event.id, retry: event.retry, item }))
    }

    fn empty(&mut self) -> Result<Option<Item>, UpstreamError> {
        self.empty += 1;
        if self.empty <= MAX_EMPTY {
            return Ok(None);
        }
        let words = format!("its stream has more than {MAX_EMPTY} events with nothing in them, which is the limit");
        Err(self.exchange.error(Kind::TooLarge, words))
    }

    /// After an end: whether the stream goes on here. If it does not and was not handed on, `closed` is what it was.
    async fn resumed(&mut self, closed: UpstreamError) -> Result<bool, UpstreamError> {
        let Some(last_id) = self.last_id.clone() else { return Err(closed) };
        let (endpoint, session) = match &self.resume {
            Resume::Never => return Err(closed),
            Resume::Handed => return Ok(false),
            Resume::Here(endpoint, session) => (endpoint, session),
        };
        self.resumes += 1;
        if self.resumes > MAX_RESUMES {
            return Err(closed);
        }
        let pause = self.retry.map_or(RESUME_AFTER, Duration::from_millis).min(MAX_RESUME_AFTER);
        self.exchange.platform.clock().sleep(pause).await;
        let head = Head { last_event_id: Some(&last_id), ..session_head(session) };
        let uri = endpoint.uri.clone();
        let response = self.exchange.send_to(endpoint, uri, Method::GET, head, Bytes::new()).await?;
        if !response.status.is_success() || MediaType::of(&response.headers) != MediaType::Events {
            return Err(closed);
        }
        self.body = response.body;
        self.decoder = sse::Decoder::new(self.exchange.bounds.event);
        Ok(true)
    }

    fn push(&mut self, bytes: &[u8]) {
        let bounds = self.exchange.bounds;
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

    /// All events from here on, those in `seen` first.
    pub(crate) fn into_stream(self, seen: VecDeque<Event>) -> EventStream {
        stream::unfold(Some((self, seen)), |state| async {
            let (mut events, mut seen) = state?;
            let event = match seen.pop_front() {
                Some(event) => Ok(event),
                None => events.next().await.transpose()?,
            };
            let over = match &event {
                Ok(event) => matches!(event.item, Some(Item::Reply(_))),
                Err(_) => true,
            };
            if over && event.is_ok() {
                events.linger().await;
            }
            Some((event, (!over).then_some((events, seen))))
        })
        .boxed_local()
    }
}
