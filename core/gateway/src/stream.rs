//! An answer that takes more than one message: what the upstream says on the way, what it asks of the client, and the response
//! last.

use std::{borrow::Cow, cell::RefCell, rc::Rc, time::Duration};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::{Either, select},
};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use toolgate_ports::{Body, Clock, Platform, collect};
use toolgate_upstream::{
    Answer, AnswerStream, Event, EventStream, Item, Reply, Sent, SessionRef, UpstreamError, UpstreamErrorKind,
};
use toolgate_wire::{Era, code as rpc, meta, reply, splice, sse};

use crate::{
    answer,
    approval::{Answered, Approval, Question, answered, declined, logged},
    charge::Charge,
    code,
    context::{Accepts, Context},
    core::Core,
    forward::{Target, digest},
    greet::SERVER_INFO,
    handle::{AnswerTo, Asked, EventPlace},
    line::Outcome,
    produce::{Sink, produce},
    refusal::failure,
    translate::{Frame, Notice, joined, member_at, needs, url_elicitations},
};

/// After so much silence a comment is sent, so that nothing between takes the connection for dead.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A request that is being answered.
pub(crate) struct Talk<P: Platform> {
    pub(crate) core: Rc<Core<P>>,
    pub(crate) context: Rc<Context<P>>,
    pub(crate) target: Target,
    pub(crate) frame: Frame,
    /// What was taken for it.
    pub(crate) charge: Option<Rc<Charge<P>>>,
}

/// Where the messages for the client go.
#[derive(Clone)]
pub(crate) enum Out {
    /// To a stream of events.
    Events(Sink),
    /// Only the last is kept.
    Last(Rc<RefCell<Option<Bytes>>>),
}

impl Out {
    /// A message on the way to the response.
    pub(crate) async fn message(&self, id: Option<String>, retry: Option<u64>, data: &[u8]) {
        let Self::Events(sink) = self else { return };
        if id.is_none() && retry.is_none() {
            return sink.send(sse::encode(data)).await;
        }
        let mut event = Vec::with_capacity(data.len() + 256);
        sse::Event { data: data.to_vec(), event: None, id, retry }.encode_into(&mut event);
        sink.send(event).await;
    }

    /// The response.
    pub(crate) async fn last(&self, id: Option<String>, data: Vec<u8>) {
        match self {
            Self::Events(_) => self.message(id, None, &data).await,
            Self::Last(kept) => *kept.borrow_mut() = Some(data.into()),
        }
    }

    pub(crate) async fn keep_alive(&self) {
        if let Self::Events(sink) = self {
            sink.send(Bytes::from_static(sse::KEEP_ALIVE)).await;
        }
    }

    fn sent(&self) -> u64 {
        match self {
            Self::Events(sink) => sink.sent(),
            Self::Last(_) => 0,
        }
    }
}

/// Since when a client has been sent nothing, whatever its server said meanwhile.
struct Silence {
    since: u64,
    sent: u64,
}

impl Silence {
    /// Shows the client that the stream lives, if it could not see that for a while.
    async fn end(&mut self, out: &Out, now: u64) {
        if out.sent() == self.sent {
            if u128::from(now.saturating_sub(self.since)) < KEEP_ALIVE.as_micros() {
                return;
            }
            out.keep_alive().await;
        }
        *self = Self { since: now, sent: out.sent() };
    }
}

/// The answer that `make` gives, as events or as the last of them.
pub(crate) async fn respond<F: Future<Output = ()> + 'static>(
    accepts: Accepts,
    make: impl FnOnce(Out) -> F,
) -> Response<Body> {
    match accepts {
        Accepts::Events => events(Body::Streaming(produce(|sink| make(Out::Events(sink))))),
        Accepts::Json => {
            let kept = Rc::new(RefCell::new(None));
            make(Out::Last(Rc::clone(&kept))).await;
            let last = kept.borrow_mut().take();
            answer::of(StatusCode::OK, answer::JSON, last.map_or(Body::Empty, Body::Full))
        }
    }
}

/// An answer of the gateway's own as the response on a stream.
async fn pass_on(response: Response<Body>, out: &Out) {
    // It was made here, of one piece.
    let body = collect(response.into_body(), usize::MAX).await.unwrap_or_default();
    out.last(None, body.to_vec()).await;
}

/// A stream of events.
pub(crate) fn events(body: Body) -> Response<Body> {
    let mut response = answer::of(StatusCode::OK, answer::EVENT_STREAM, body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// How following an upstream's stream ended.
enum Followed {
    /// With the response, and the id of its event.
    Reply(Reply, Option<String>),
    /// The client has all that it gets on this stream.
    Over,
}

/// An event, or the time to show that the stream lives.
pub(crate) enum Next {
    Event(Option<Result<Event, UpstreamError>>),
    Silence,
}

/// The next event of `events`, unless it takes too long.
pub(crate) async fn next<P: Platform>(core: &Core<P>, events: &mut EventStream, patience: Duration) -> Next {
    match select(events.next(), core.platform.clock().sleep(patience)).await {
        Either::Left((event, _)) => Next::Event(event),
        Either::Right(_) => Next::Silence,
    }
}

impl<P: Platform> Talk<P> {
    /// The answer to the client.
    pub(crate) async fn answer(self, first: Answer) -> Response<Body> {
        // Until the response came, the end of this stream is the client's going away.
        self.context.line.outcome(Outcome::ClientGone);
        let accepts = self.context.accepts;
        // Made now: what nobody reads is dropped without having been begun.
        let guard = CancelGuard::new(&self.core, &self.context, &self.target);
        if let Answer::Stream(AnswerStream { session: Some(session), id, .. }) = &first {
            guard.note(session, id);
        }
        respond(accepts, |out| self.run(first, guard, out)).await
    }

    /// The answer to a client whose person is asked for an approval first.
    pub(crate) async fn gated(self, question: Question) -> Response<Body> {
        self.context.line.outcome(Outcome::ClientGone);
        let accepts = self.context.accepts;
        let guard = CancelGuard::new(&self.core, &self.context, &self.target);
        respond(accepts, |out| self.run_gated(question, guard, out)).await
    }

    async fn run_gated(mut self, question: Question, guard: CancelGuard<P>, out: Out) {
        let params = match self.ask_client(question.needs(), &out).await {
            Ok(params) => params,
            Err(words) => return self.refuse(code::NOT_APPROVED, &words, &out).await,
        };
        let approval = self.context.approval_id(&["call", &digest(&self.target)]);
        if answered(&params) != Answered::Yes {
            return pass_on(declined(&self.context, &self.frame.id, &approval), &out).await;
        }
        logged(&self.context, &approval, "approved", &"the person at the client");
        self.target.approval = Approval::Given(None);
        match self.core.charged(&self.context, &self.frame.id, &self.target).await {
            Ok(charge) => self.charge = charge,
            Err(refused) => return pass_on(*refused, &out).await,
        }
        let began = self.context.line.ticks();
        let asked = self.core.ask(&self.context, &self.frame.id, &self.target).await;
        self.context.line.upstream_since(began);
        match asked {
            Ok(answer) => self.run(answer, guard, out).await,
            Err(error) => {
                if let Some(charge) = &self.charge {
                    charge.failed(&error.kind);
                }
                self.fail(&error, &out).await;
            }
        }
    }

    async fn run(mut self, mut answer: Answer, guard: CancelGuard<P>, out: Out) {
        for _ in 0..MAX_ROUNDS {
            let (reply, event) = match answer {
                Answer::Reply(reply) => (reply, None),
                Answer::Stream(stream) => match self.follow(stream, &guard, &out).await {
                    Followed::Reply(reply, event) => (reply, event),
                    Followed::Over => return,
                },
            };
            let needed = needs(&reply).filter(|_| self.context.era == Era::Legacy);
            let Some(needed) = needed else { return self.finish(&reply, event, &out).await };
            match self.ask_client(needed, &out).await {
                Ok(params) => self.target.params = params,
                Err(words) => return self.refuse(code::UPSTREAM_NEEDS_INPUT, &words, &out).await,
            }
            let began = self.context.line.ticks();
            let asked = self.core.ask(&self.context, &self.frame.id, &self.target).await;
            self.context.line.upstream_since(began);
            answer = match asked {
                Ok(answer) => answer,
                Err(error) => return self.fail(&error, &out).await,
            };
        }
        self.refuse(code::UPSTREAM_NEEDS_INPUT, "The tool asks for input again and again.", &out).await;
    }

    /// The response, as this client is to get it.
    pub(crate) async fn finish(&self, reply: &Reply, event: Option<String>, out: &Out) {
        if let Some(charge) = &self.charge {
            charge.answered(reply, &self.context.line);
        }
        if self.context.era == Era::Modern
            && self.frame.upstream == Era::Legacy
            && self.context.can_be_sent_to_urls()
            && let Some(questions) = url_elicitations(reply)
        {
            // The server forgets the call: once the person has been there, it is made again.
            let state = self.core.seal_waiting(&self.context, None, digest(&self.target));
            return self.ask_modern(&questions, &state, out).await;
        }
        self.context.line.outcome(if reply.error.is_some() { Outcome::ToolError } else { Outcome::Ok });
        let seal = |task: &str| self.core.seal_task(&self.context, &self.frame.server, task);
        let body = joined(&self.frame.reply(reply, &seal));
        out.last(event, body).await;
    }

    /// A modern result that asks the client for input.
    pub(crate) async fn ask_modern(&self, questions: &[(String, String)], state: &str, out: &Out) {
        self.context.line.outcome(Outcome::Ok);
        let questions: Vec<String> =
            questions.iter().map(|(name, raw)| format!("{}:{raw}", splice::quote(name))).collect();
        let result = format!(
            "{{\"resultType\":\"input_required\",\"inputRequests\":{{{}}},\"requestState\":{},\"_meta\":{{\"{}\":{SERVER_INFO}}}}}",
            questions.join(","),
            splice::quote(state),
            meta::SERVER_INFO
        );
        out.last(None, reply::result(&self.frame.id, &result).into_bytes()).await;
    }

    pub(crate) async fn refuse(&self, code: i64, words: &str, out: &Out) {
        self.context.line.outcome(Outcome::UpstreamFailed);
        out.last(None, reply::error(Some(&self.frame.id), code, words, None).into_bytes()).await;
    }

    pub(crate) async fn fail(&self, error: &UpstreamError, out: &Out) {
        out.last(None, failure(&self.frame.id, error, &self.context.line).into_bytes()).await;
    }

    /// Passes on what comes before the response.
    async fn follow(&mut self, stream: AnswerStream, guard: &CancelGuard<P>, out: &Out) -> Followed {
        let AnswerStream { session, id, mut events } = stream;
        let mut silence = Silence { since: self.context.line.ticks(), sent: out.sent() };
        loop {
            let began = self.context.line.ticks();
            silence.end(out, began).await;
            let event = next(&self.core, &mut events, KEEP_ALIVE).await;
            self.context.line.upstream_since(began);
            let event = match event {
                Next::Silence => {
                    out.keep_alive().await;
                    continue;
                }
                Next::Event(Some(Ok(event))) => event,
                Next::Event(Some(Err(error))) => {
                    guard.answered(Some(&error));
                    if let Some(endpoint) = self.target.endpoint() {
                        self.core.client.note(endpoint, Some(&error));
                    }
                    self.fail(&error, out).await;
                    return Followed::Over;
                }
                // The server ended the stream, to be taken up again by the client.
                Next::Event(None) => {
                    guard.answered(None);
                    self.context.line.outcome(Outcome::Ok);
                    return Followed::Over;
                }
            };
            let place = session.as_ref().and_then(|session| self.event_id(event.id, session, &id));
            match event.item {
                None if (place.is_some() || event.retry.is_some()) && self.context.era == Era::Legacy => {
                    out.message(place, event.retry, b"").await;
                }
                None => {}
                Some(Item::Notification(message)) => {
                    let message = match &session {
                        Some(session) if self.context.era == Era::Legacy => {
                            self.core.as_known(&self.context, &self.frame.server, session, &message)
                        }
                        _ => message,
                    };
                    self.notify(&message, place, event.retry, out).await;
                }
                Some(Item::Reply(reply)) => {
                    guard.answered(None);
                    return Followed::Reply(reply, place);
                }
                Some(Item::Request(message)) => {
                    let Some(session) = &session else { continue };
                    match self.context.era {
                        Era::Legacy => self.pass_request(&message, session, place, out).await,
                        Era::Modern if self.context.input_capabilities().is_none() => {
                            self.core.refuse_request(&self.context, &self.target, session, &message);
                        }
                        Era::Modern => {
                            let Some(rest) = self.hold(message, events, session.clone(), id.clone(), out).await else {
                                guard.answered(None);
                                return Followed::Over;
                            };
                            events = rest;
                        }
                    }
                }
            }
        }
    }

    /// Under which id a legacy client can take the stream up again.
    fn event_id(&self, event: Option<String>, session: &SessionRef, id: &str) -> Option<String> {
        if self.context.era != Era::Legacy || self.context.session.is_none() {
            return None;
        }
        let request = Asked { client: self.frame.id.clone(), upstream: id.to_owned(), session: session.clone() };
        let place = EventPlace { server: self.frame.server.clone(), event: event?, request: Some(request) };
        Some(self.core.seal_event(&self.context, &place))
    }

    async fn notify(&self, message: &Bytes, place: Option<String>, retry: Option<u64>, out: &Out) {
        match self.frame.notice(message) {
            Notice::Pass(message) => out.message(place, retry, &message).await,
            Notice::Changed(kinds) => {
                self.core.changed(&self.context, &self.frame.server, kinds);
                if self.context.era == Era::Legacy {
                    out.message(place, retry, message).await;
                }
            }
            Notice::Drop => {}
        }
    }

    /// A legacy server's request to a legacy client: under an id that says where the answer goes.
    async fn pass_request(&self, message: &Bytes, session: &SessionRef, place: Option<String>, out: &Out) {
        if self.context.session.is_none() || !matches!(out, Out::Events(_)) {
            return self.core.refuse_request(&self.context, &self.target, session, message);
        }
        if let Some(message) = self.core.readdressed(&self.context, &self.frame.server, session, message) {
            out.message(place, None, message.as_bytes()).await;
        }
    }
}

/// How often a call may ask for input.
const MAX_ROUNDS: usize = 16;

/// Tells a legacy server that nobody waits for its answer any more: when the time is over, and when this is dropped because a
/// modern client is gone, which is how such a client cancels, or a program ended. That a legacy client is gone means nothing.
pub(crate) struct CancelGuard<P: Platform> {
    core: Rc<Core<P>>,
    context: Rc<Context<P>>,
    server: Rc<toolgate_state::Server>,
    /// What the server was sent and has not answered.
    sent: Sent,
}

impl<P: Platform> CancelGuard<P> {
    pub(crate) fn new(core: &Rc<Core<P>>, context: &Rc<Context<P>>, target: &Target) -> Self {
        Self {
            core: Rc::clone(core),
            context: Rc::clone(context),
            server: Rc::clone(&target.server),
            sent: Sent::default(),
        }
    }

    /// Where what is sent is to be noted.
    pub(crate) const fn sent(&self) -> &Sent {
        &self.sent
    }

    fn note(&self, session: &SessionRef, id: &str) {
        self.sent.replace(Some((session.clone(), id.to_owned())));
    }

    /// The server has answered, or failed.
    pub(crate) fn answered(&self, error: Option<&UpstreamError>) {
        if error.is_some_and(|error| error.kind == UpstreamErrorKind::Timeout) {
            self.cancel("The time for an answer is over.");
        }
        self.sent.take();
    }

    fn cancel(&self, why: &str) {
        if let Some((session, id)) = self.sent.take() {
            self.core.cancel(&self.context, &self.server, session, &id, why);
        }
    }
}

impl<P: Platform> Drop for CancelGuard<P> {
    fn drop(&mut self) {
        if self.context.era == Era::Modern || self.context.nested.is_some() {
            self.cancel("The client is gone.");
        }
    }
}

impl<P: Platform> Core<P> {
    /// Tells a legacy server, in the background, that nobody waits for the request with the raw id `id` any more.
    pub(crate) fn cancel(
        self: &Rc<Self>,
        context: &Context<P>,
        server: &Rc<toolgate_state::Server>,
        session: SessionRef,
        id: &str,
        why: &str,
    ) {
        let message = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id},\"reason\":\"{why}\"}}}}"
        );
        self.post_later(context, server, session, message.into());
    }

    /// Posts a message within a session, in the background.
    pub(crate) fn post_later(
        self: &Rc<Self>,
        context: &Context<P>,
        server: &Rc<toolgate_state::Server>,
        session: SessionRef,
        message: Bytes,
    ) {
        let (core, server) = (Rc::clone(self), Rc::clone(server));
        context.scope.background.spawn(Box::pin(async move {
            let Ok(endpoint) = &server.endpoint else { return };
            if let Err(error) = core.client.post(endpoint, &session, message).await {
                tracing::debug!(target: "toolgate::gateway", server = %server.id, %error, "a message was not taken");
            }
        }));
    }

    /// Answers a server's request that no client can be asked: a ping truly, everything else with an error.
    pub(crate) fn refuse_request(
        self: &Rc<Self>,
        context: &Context<P>,
        target: &Target,
        session: &SessionRef,
        message: &Bytes,
    ) {
        let text = std::str::from_utf8(message).unwrap_or_default();
        let Some(id) = splice::value(text, "id") else { return };
        let method = splice::value(text, "method").and_then(splice::string).unwrap_or_default();
        let answer = match &*method {
            "ping" => reply::result(id, "{}"),
            _ => reply::error(Some(id), rpc::METHOD_NOT_FOUND, "The client can't be asked for this", None),
        };
        self.post_later(context, &target.server, session.clone(), answer.into());
    }

    /// A legacy server's request under an id that brings the answer back to it.
    pub(crate) fn readdressed(
        &self,
        context: &Context<P>,
        server: &toolgate_model::ServerId,
        session: &SessionRef,
        message: &Bytes,
    ) -> Option<String> {
        let text = self.with_sealed_tasks(context, server, std::str::from_utf8(message).ok()?);
        let span = splice::member(&text, "id")?;
        let to = AnswerTo::Server(server.clone(), session.clone(), text[span.clone()].to_owned());
        let id = splice::quote(&self.seal_answer_to(context, &to));
        Some(splice::Edit::new(&text).replace(span, id).finish())
    }

    /// What a legacy server says by itself to a legacy client: tasks, and a request that is taken back, under the ids that the client
    /// knows them by.
    pub(crate) fn as_known(
        &self,
        context: &Context<P>,
        server: &toolgate_model::ServerId,
        session: &SessionRef,
        message: &Bytes,
    ) -> Bytes {
        let Ok(text) = std::str::from_utf8(message) else { return message.clone() };
        if splice::value(text, "method") != Some("\"notifications/cancelled\"") {
            return match self.with_sealed_tasks(context, server, text) {
                Cow::Borrowed(_) => message.clone(),
                Cow::Owned(text) => text.into(),
            };
        }
        let Some(span) = member_at(text, 0..text.len(), &["params", "requestId"]) else { return message.clone() };
        let to = AnswerTo::Server(server.clone(), session.clone(), text[span.clone()].to_owned());
        let id = splice::quote(&self.seal_answer_to(context, &to));
        splice::Edit::new(text).replace(span, id).finish().into()
    }

    /// A server said that its lists of these kinds changed.
    pub(crate) fn changed(
        &self,
        context: &Context<P>,
        server: &toolgate_model::ServerId,
        kinds: &[toolgate_model::ItemKind],
    ) {
        for kind in kinds {
            self.aggregate.changed(&context.identity.snapshot.tenant, server, *kind);
        }
    }
}

/// Whether a reply says that the headers are not what the body says.
pub(crate) fn is_header_mismatch(reply: &Reply) -> bool {
    code_of(reply) == Some(rpc::HEADER_MISMATCH)
}

fn code_of(reply: &Reply) -> Option<i64> {
    let error = reply.error.clone().and_then(|span| std::str::from_utf8(&reply.message[span]).ok())?;
    splice::value(error, "code")?.parse().ok()
}

/// Whether a reply says that there is no such thing.
pub(crate) fn is_not_found(reply: &Reply) -> bool {
    matches!(code_of(reply), Some(rpc::INVALID_PARAMS | rpc::LEGACY_RESOURCE_NOT_FOUND | rpc::METHOD_NOT_FOUND))
}
