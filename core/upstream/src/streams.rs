//! What has no answer of its own: messages posted within a session, streams that are listened to, and those resumed. Knows
//! nothing of who listens.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Uri};
use toolgate_ports::Platform;
use toolgate_wire::{SUPPORTED_MODERN, Version};

use crate::{
    Answer, AnswerStream, Caller, Client, Endpoint, EventStream, SessionRef, Step, UpstreamError,
    UpstreamErrorKind as Kind, Verdict,
    answer::{Events, Resume, Within},
    client::{OWN, Route, Trip},
    exchange::{Exchange, Id},
    handshake::session_head,
    header::{Head, MediaType},
    memory::Session,
    request,
};

/// What a server has to say by itself.
pub struct Listening {
    /// The session it is said within, if the server is a legacy one.
    pub session: Option<SessionRef>,
    /// The events. A modern server's first is its acknowledgement.
    pub events: EventStream,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

impl<P: Platform> Client<P> {
    /// The session that a server has with `caller`, opening one if need be; nothing for a server that has no sessions to open
    /// beforehand. What the server speaks is remembered on the way.
    ///
    /// # Errors
    /// Says why it could not be opened.
    pub async fn open(
        &self,
        endpoint: &Endpoint,
        known: Option<&Verdict>,
        caller: Caller<'_>,
    ) -> Result<Option<SessionRef>, UpstreamError> {
        let trip = self.trip(endpoint, known, caller, Step::Initialize);
        match self.route(&trip).await? {
            Route::Legacy(session) => Ok(Some(session.kept())),
            Route::Modern(_) | Route::Link => Ok(None),
        }
    }

    /// Posts a notification or a response within a session of a legacy server.
    ///
    /// # Errors
    /// Says why it was not taken.
    pub async fn post(&self, endpoint: &Endpoint, session: &SessionRef, message: Bytes) -> Result<(), UpstreamError> {
        let trip = self.trip(endpoint, None, OWN, Step::Read);
        let exchange = self.exchange(&trip, Step::Read);
        let Some(open) = Session::of(session) else {
            return Err(exchange.error(Kind::Protocol, "its session can't be spoken to"));
        };
        exchange.post(endpoint, address(&exchange, endpoint, session)?, session_head(&open), message).await
    }

    /// Sends a request of the gateway's own within a session, and gives the raw result.
    ///
    /// # Errors
    /// Says what went wrong; a JSON-RPC error is one.
    pub async fn ask_within(
        &self,
        endpoint: &Endpoint,
        session: &SessionRef,
        method: &str,
        params: &str,
    ) -> Result<(), UpstreamError> {
        let trip = self.trip(endpoint, None, OWN, Step::List);
        let mut exchange = self.exchange(&trip, Step::Read);
        let Some(open) = Session::of(session) else {
            return Err(exchange.error(Kind::Protocol, "its session can't be spoken to"));
        };
        exchange.id = self.unlike_a_clients();
        let body = request::bare(&exchange.id, method, params);
        let reply = exchange.request(endpoint, session_head(&open), body).await?;
        if reply.error.is_some() { Err(exchange.rejected(method, &reply)) } else { Ok(()) }
    }

    /// Ends a session of a legacy server.
    ///
    /// # Errors
    /// Says why it was not ended.
    pub async fn end(&self, endpoint: &Endpoint, session: &SessionRef) -> Result<(), UpstreamError> {
        let trip = self.trip(endpoint, None, OWN, Step::Probe);
        let exchange = self.exchange(&trip, Step::Probe);
        let Some(open) = Session::of(session).filter(|open| open.id.is_some()) else { return Ok(()) };
        let uri = endpoint.uri.clone();
        exchange.send_to(endpoint, uri, Method::DELETE, session_head(&open), Bytes::new()).await.map(drop)
    }

    /// The stream on which a legacy server says what belongs to no request, from `last_event_id` on if that is given. Nothing if
    /// the server has no such stream.
    ///
    /// # Errors
    /// Says why it could not be opened.
    pub async fn stream(
        &self,
        endpoint: &Endpoint,
        known: Option<&Verdict>,
        caller: Caller<'_>,
        last_event_id: Option<&str>,
    ) -> Result<Option<Listening>, UpstreamError> {
        let trip = self.trip(endpoint, known, caller, Step::Listen);
        let Route::Legacy(mut session) = self.route(&trip).await? else { return Ok(None) };
        let mut got = get(self.exchange(&trip, Step::Listen), &trip, &session, last_event_id).await?;
        if let Got::Lost = got {
            let Some(other) = self.session_again(&trip, &session).await? else { return Ok(None) };
            session = other;
            got = get(self.exchange(&trip, Step::Listen), &trip, &session, None).await?;
        }
        Ok(match got {
            Got::Stream(events) => {
                let events = events.handed().into_stream(Default::default());
                Some(Listening { session: Some(session.kept()), events })
            }
            Got::Nothing | Got::Lost => None,
        })
    }

    /// Takes up a legacy server's stream of answers to the request with the raw id `id`, after the event `last_event_id`.
    ///
    /// # Errors
    /// Says why it could not be taken up.
    pub async fn resume(
        &self,
        endpoint: &Endpoint,
        session: &SessionRef,
        id: &str,
        last_event_id: &str,
    ) -> Result<AnswerStream, UpstreamError> {
        let trip = self.trip(endpoint, None, OWN, Step::Call);
        let mut exchange = self.exchange(&trip, Step::Call);
        exchange.id = Id::Given(id.into());
        let gone = exchange.error(Kind::Closed, "its stream can't be resumed");
        let open = Session::of(session).ok_or_else(|| gone.clone())?;
        let Got::Stream(events) = get(exchange, &trip, &open, Some(last_event_id)).await? else { return Err(gone) };
        let events = events.handed().into_stream(Default::default());
        Ok(AnswerStream { session: Some(session.clone()), id: id.to_owned(), events })
    }

    /// Listens to a modern server for what `filter` (a raw object) names.
    ///
    /// # Errors
    /// Says why the server does not let itself be listened to.
    pub async fn listen(
        &self,
        endpoint: &Endpoint,
        known: Option<&Verdict>,
        filter: &str,
    ) -> Result<Listening, UpstreamError> {
        let trip = self.trip(endpoint, known, OWN, Step::Listen);
        let exchange = self.exchange(&trip, Step::Listen);
        let Route::Modern(version) = self.route(&trip).await? else {
            return Err(exchange.error(Kind::Protocol, format!("it does not speak {}", SUPPORTED_MODERN.join(", "))));
        };
        let response =
            exchange.send(endpoint, listen_head(version), request::listen(&exchange.id, filter, version).into());
        let response = response.await?;
        match exchange.again().answer_within(response, Within { session: None, resume: Resume::Never }).await? {
            Answer::Stream(stream) => Ok(Listening { session: None, events: stream.events }),
            Answer::Reply(reply) if reply.error.is_some() => Err(exchange.rejected("subscriptions/listen", &reply)),
            Answer::Reply(_) => Ok(Listening { session: None, events: futures_util::stream::empty().boxed_local() }),
        }
    }
}

const fn listen_head<'a>(version: Version) -> Head<'a> {
    Head {
        version: Some(version),
        method: Some("subscriptions/listen"),
        name: None,
        session: None,
        params: None,
        last_event_id: None,
    }
}

/// Where messages of a session are posted.
fn address<P: Platform>(
    exchange: &Exchange<P>,
    endpoint: &Endpoint,
    session: &SessionRef,
) -> Result<Uri, UpstreamError> {
    let Some(post) = &session.post else { return Ok(endpoint.uri.clone()) };
    crate::redirect::same_origin(&endpoint.uri, post, endpoint.network)
        .ok_or_else(|| exchange.error(Kind::Redirect, "where it wants to be posted to is not of its own origin"))
}

/// What a GET led to.
enum Got<P: Platform> {
    Stream(Box<Events<P>>),
    /// The server has no such stream.
    Nothing,
    /// The server does not know the session.
    Lost,
}

/// A stream by GET.
async fn get<P: Platform>(
    exchange: Exchange<P>,
    trip: &Trip<'_>,
    session: &Session,
    last_event_id: Option<&str>,
) -> Result<Got<P>, UpstreamError> {
    let head = Head { last_event_id, ..session_head(session) };
    let uri = trip.endpoint.uri.clone();
    let response = exchange.send_to(trip.endpoint, uri, Method::GET, head, Bytes::new()).await?;
    match (response.status.as_u16(), MediaType::of(&response.headers)) {
        (200..=299, MediaType::Events) => {
            Ok(Got::Stream(Box::new(Events::new(exchange, response.status, response.body))))
        }
        (404, _) if session.id.is_some() => Ok(Got::Lost),
        (400 | 404 | 405 | 406 | 501, _) => Ok(Got::Nothing),
        (_, other) => Err(exchange.status(response.status, &other)),
    }
}
