//! Streams that a client only listens to: `subscriptions/listen` of the modern era, GET of the legacy one. What the servers behind the
//! endpoint say by themselves comes together on them, each server listened to in its own era's way.
//!
//! A stream ends after [`Limits::listen`](toolgate_model::Limits::listen), when the key is not good any more, and when what it was opened
//! for has changed; its client opens the next one.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::{Either, join, join_all, select},
};
use http::{HeaderName, Response, StatusCode};
use serde::Deserialize;
use toolgate_catalogue::Located;
use toolgate_model::ServerId;
use toolgate_ports::{Body, Clock, Mailbox, Platform};
use toolgate_state::Server;
use toolgate_upstream::{Caller, EventStream, Item, Listening, SessionRef, UpstreamError, Verdict};
use toolgate_wire::{Era, Message, code as rpc, meta, reply, splice};

use crate::{
    answer,
    client_message::subscriptions_of,
    context::{Accepts, Context},
    core::Core,
    edge,
    forward::Target,
    greet::Behind,
    handle::{Asked, EventPlace},
    line::Outcome,
    mcp::no_stream,
    produce::produce,
    session::hex,
    stream::{Out, Talk, events},
    translate::{About, Frame, is_change, member_at},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How long the servers may take before the client is told what it listens to.
const OPENING: Duration = Duration::from_secs(4);
/// How often it is looked whether the client may still listen, and shown that the stream lives.
const TICK: Duration = Duration::from_secs(8);
/// How long to wait before a server that ended its stream is listened to again, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The most resources that one stream subscribes to.
const MAX_SUBSCRIPTIONS: usize = 256;

/// What a client wants to hear of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wants {
    tools: bool,
    prompts: bool,
    resources: bool,
    /// The upstream's URIs.
    uris: BTreeSet<String>,
    /// The upstream's tasks.
    tasks: BTreeSet<String>,
}

impl Wants {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The raw filter of `subscriptions/listen`.
    fn filter(&self) -> String {
        let mut members = Vec::new();
        for (name, wanted) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if wanted {
                members.push(format!("\"{name}\":true"));
            }
        }
        for (name, all) in [("resourceSubscriptions", &self.uris), ("taskIds", &self.tasks)] {
            if !all.is_empty() {
                let all: Vec<String> = all.iter().map(|one| splice::quote(one)).collect();
                members.push(format!("\"{name}\":[{}]", all.join(",")));
            }
        }
        format!("{{{}}}", members.join(","))
    }

    /// What a server's acknowledgement (its raw `notifications`) leaves of it.
    fn honoured(&self, said: &str) -> Self {
        let flag = |name: &str| splice::value(said, name) == Some("true");
        let among = |name: &str, wanted: &BTreeSet<String>| -> BTreeSet<String> {
            let array = splice::value(said, name).unwrap_or("[]");
            let said = splice::elements(array).filter_map(|span| splice::string(&array[span]).map(Cow::into_owned));
            said.filter(|one| wanted.contains(one)).collect()
        };
        Self {
            tools: self.tools && flag("toolsListChanged"),
            prompts: self.prompts && flag("promptsListChanged"),
            resources: self.resources && flag("resourcesListChanged"),
            uris: among("resourceSubscriptions", &self.uris),
            tasks: among("taskIds", &self.tasks),
        }
    }

    /// What `verdict` says that its server can tell of it.
    fn possible(mut self, verdict: &Verdict) -> Self {
        if verdict.capabilities.is_some() {
            self.tools &= verdict.has("tools", "listChanged");
            self.prompts &= verdict.has("prompts", "listChanged");
            self.resources &= verdict.has("resources", "listChanged");
            if !verdict.has("resources", "subscribe") {
                self.uris.clear();
            }
        }
        if verdict.era == Era::Legacy {
            self.tasks.clear();
        }
        self
    }
}

/// A server that is listened to.
struct Heard {
    server: Rc<Server>,
    verdict: Rc<Verdict>,
    wants: RefCell<Wants>,
    /// From where a legacy server's stream is taken up.
    last_event: RefCell<Option<String>>,
    changed: Changed,
}

/// Wakes whoever waits for a change.
#[derive(Default)]
struct Changed(RefCell<(u64, Vec<Waker>)>);

impl Changed {
    fn now(&self) -> u64 {
        self.0.borrow().0
    }

    fn change(&self) {
        let mut inner = self.0.borrow_mut();
        inner.0 += 1;
        inner.1.drain(..).for_each(Waker::wake);
    }

    async fn since(&self, seen: u64) {
        poll_fn(|context| {
            let mut inner = self.0.borrow_mut();
            if inner.0 != seen {
                return Poll::Ready(());
            }
            inner.1.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A stream that a client listens to.
struct Listener<P: Platform> {
    core: Rc<Core<P>>,
    context: Rc<Context<P>>,
    /// The raw id of a modern client's request.
    id: Option<String>,
    heard: Vec<Rc<Heard>>,
    uris: Rc<toolgate_catalogue::UriMap>,
    own: OwnSessions<P>,
}

/// The sessions with legacy servers that a modern client's stream has for itself: nobody else's subscriptions are heard in them. They end
/// with the stream, however it ends.
struct OwnSessions<P: Platform> {
    core: Rc<Core<P>>,
    context: Rc<Context<P>>,
    /// Tells this stream from others of the same key, whose clients may number their requests alike.
    name: String,
    begun: RefCell<Vec<(Rc<Server>, SessionRef)>>,
}

impl<P: Platform> OwnSessions<P> {
    fn new(core: &Rc<Core<P>>, context: &Rc<Context<P>>) -> Self {
        let name = format!("{}!{}", context.identity.key.id, hex(&core.random::<8>()));
        Self { core: Rc::clone(core), context: Rc::clone(context), name, begun: RefCell::default() }
    }

    fn note(&self, server: &Rc<Server>, session: &SessionRef) {
        let mut begun = self.begun.borrow_mut();
        let known = begun.iter().any(|(_, known)| known == session);
        if self.context.era == Era::Modern && session.id.is_some() && !known {
            begun.push((Rc::clone(server), session.clone()));
        }
    }
}

impl<P: Platform> Drop for OwnSessions<P> {
    fn drop(&mut self) {
        for (server, session) in self.begun.take() {
            self.core.end_later(&self.context, server, session);
        }
    }
}

impl<P: Platform> Core<P> {
    /// `subscriptions/listen`.
    pub(crate) async fn listen_modern(
        self: &Rc<Self>,
        context: Rc<Context<P>>,
        message: &Message<'_>,
    ) -> Response<Body> {
        let id = message.id().unwrap_or("null").to_owned();
        let filter = message.params().and_then(|params| splice::value(params, "notifications")).unwrap_or("{}");
        let invalid = |words: &str| answer::error(StatusCode::OK, Some(&id), rpc::INVALID_PARAMS, words, None);
        if !filter.starts_with('{') {
            return invalid("Invalid params: notifications must be an object");
        }
        if context.accepts == Accepts::Json {
            let words = "Listening needs text/event-stream among what is accepted.";
            return answer::error(StatusCode::NOT_ACCEPTABLE, Some(&id), rpc::INVALID_REQUEST, words, None);
        }
        let Behind { known, .. } = self.behind(&context).await;
        let (subscribed, tasks) = self.subscriptions(&context, filter).await;
        let flag = |name: &str| splice::value(filter, name) == Some("true");
        let heard = known.into_iter().filter_map(|(server, verdict)| {
            let wants = Wants {
                tools: flag("toolsListChanged"),
                prompts: flag("promptsListChanged"),
                resources: flag("resourcesListChanged"),
                uris: subscribed.get(&server.id).cloned().unwrap_or_default(),
                tasks: tasks.get(&server.id).cloned().unwrap_or_default(),
            };
            let wants = wants.possible(&verdict);
            (!wants.is_nothing()).then(|| Rc::new(Heard::new(server, verdict, wants)))
        });
        let heard = heard.collect();
        let uris = self.aggregate.uris(&context.identity.snapshot, context.place()).await;
        context.line.outcome(Outcome::Ok);
        let own = OwnSessions::new(self, &context);
        let listener = Listener { core: Rc::clone(self), context, id: Some(id), heard, uris, own };
        events(Body::Streaming(produce(|sink| listener.run(None, Out::Events(sink)))))
    }

    /// The resources and the tasks that a modern client's filter names, by their servers and in their words.
    async fn subscriptions(
        &self,
        context: &Context<P>,
        filter: &str,
    ) -> (BTreeMap<ServerId, BTreeSet<String>>, BTreeMap<ServerId, BTreeSet<String>>) {
        let (mut uris, mut tasks) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeMap::<_, BTreeSet<_>>::new());
        let Ok(principal) = context.principal(self.platform.clock()) else { return (uris, tasks) };
        let snapshot = &context.identity.snapshot;
        for uri in strings(filter, "resourceSubscriptions") {
            let located = self.aggregate.locate(principal, snapshot, context.place(), &uri, &context.scope).await;
            if let Located::At(resources) = located
                && let Some(first) = resources.into_iter().next()
            {
                uris.entry(first.server.id.clone()).or_default().insert(first.uri);
            }
        }
        for task in strings(filter, "taskIds") {
            let task = self.open_task(context, &task);
            if let Some(task) = task.filter(|task| toolgate_policy::touches(principal, &task.server)) {
                tasks.entry(task.server).or_default().insert(task.task);
            }
        }
        (uris, tasks)
    }

    /// GET: what belongs to no request, or the rest of a request's answer.
    pub(crate) async fn listen_legacy(self: &Rc<Self>, context: Rc<Context<P>>) -> Response<Body> {
        let resumed = edge::header_text(&context.head.headers, &LAST_EVENT_ID);
        let place = resumed.and_then(|sealed| self.open_event(&context, sealed));
        if let Some(EventPlace { server, event, request: Some(asked) }) = place {
            return self.take_up(context, &server, &event, asked).await;
        }
        if self.config.limits.session_stream.is_zero() {
            return no_stream();
        }
        let Behind { known, .. } = self.behind(&context).await;
        let heard: Vec<Rc<Heard>> = known
            .into_iter()
            .map(|(server, verdict)| {
                let all = Wants { tools: true, prompts: true, resources: true, ..Wants::default() };
                let heard = Heard::new(server, Rc::clone(&verdict), all.possible(&verdict));
                if let Some(place) = place.as_ref().filter(|place| place.server == heard.server.id) {
                    *heard.last_event.borrow_mut() = Some(place.event.clone());
                }
                Rc::new(heard)
            })
            .filter(|heard| {
                let subscribes = heard.verdict.has("resources", "subscribe");
                heard.verdict.era == Era::Legacy || subscribes || !heard.wants.borrow().is_nothing()
            })
            .collect();
        let uris = self.aggregate.uris(&context.identity.snapshot, context.place()).await;
        let own = OwnSessions::new(self, &context);
        let listener = Listener { core: Rc::clone(self), context, id: None, heard, uris, own };
        let opened = listener.open_all().await;
        let silent = opened.iter().all(Option::is_none) && listener.heard.iter().all(|heard| heard.is_legacy());
        if silent {
            return no_stream();
        }
        listener.context.line.outcome(Outcome::Ok);
        events(Body::Streaming(produce(|sink| listener.run(Some(opened), Out::Events(sink)))))
    }

    /// Takes up the answer to an earlier request.
    async fn take_up(
        self: &Rc<Self>,
        context: Rc<Context<P>>,
        server: &ServerId,
        event: &str,
        asked: Asked,
    ) -> Response<Body> {
        let gone = || {
            let words = "The stream can't be taken up again.";
            answer::error(StatusCode::NOT_FOUND, None, crate::code::NOT_FOUND, words, None)
        };
        let principal = match self.admitted(&context) {
            Ok(principal) => principal,
            Err(refused) => return *refused,
        };
        let server = context.identity.snapshot.servers.get(server).map(Rc::clone);
        let server = server.filter(|server| server.enabled && toolgate_policy::touches(principal, &server.id));
        let Some(server) = server else { return gone() };
        let Ok(endpoint) = &server.endpoint else { return gone() };
        let stream = match self.client.resume(endpoint, &asked.session, &asked.upstream, event).await {
            Ok(stream) => stream,
            Err(error) => {
                context.line.detail(error.to_string());
                return gone();
            }
        };
        let Ok(verdict) = self.aggregate.verdict(&server, OPENING).await else { return gone() };
        let target = Target {
            server: Rc::clone(&server),
            verdict,
            method: "",
            name: None,
            params: "{}".to_owned(),
            headers: http::HeaderMap::new(),
            about: About::Tool,
            effect: toolgate_upstream::Effect::Reads,
            uri: None,
            rule: "event".to_owned(),
            rules: Rc::clone(server.rules("")),
            approval: crate::approval::Approval::NotNeeded,
            own: None,
        };
        let frame = self.frame(&context, &asked.client, &target).await;
        let talk = Talk { core: Rc::clone(self), context, target, frame, charge: None };
        talk.answer(toolgate_upstream::Answer::Stream(stream)).await
    }
}

/// The string that a notification's params have under `name`.
fn named<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    splice::string(&text[member_at(text, 0..text.len(), &["params", name])?])
}

fn strings(object: &str, name: &str) -> Vec<String> {
    let array = splice::value(object, name).unwrap_or("[]");
    let texts = splice::elements(array).filter_map(|span| splice::string(&array[span]).map(Cow::into_owned));
    texts.take(MAX_SUBSCRIPTIONS).collect()
}

impl Heard {
    fn new(server: Rc<Server>, verdict: Rc<Verdict>, wants: Wants) -> Self {
        Self {
            server,
            verdict,
            wants: RefCell::new(wants),
            last_event: RefCell::default(),
            changed: Changed::default(),
        }
    }

    fn is_legacy(&self) -> bool {
        self.verdict.era == Era::Legacy
    }
}

/// How a stream that is listened to came to its end.
enum End {
    /// Its time is over, or what it was opened for has changed.
    Over,
    /// The client may not listen any more.
    Refused,
}

impl<P: Platform> Listener<P> {
    /// Opens each server's stream, as far as it goes in time.
    async fn open_all(&self) -> Vec<Option<Listening>> {
        let open = self.heard.iter().map(|heard| async move {
            let opening = std::pin::pin!(self.open(heard));
            match select(opening, self.core.platform.clock().sleep(OPENING)).await {
                Either::Left((Ok(opened), _)) => opened,
                Either::Left((Err(error), _)) => {
                    tracing::debug!(target: "toolgate::gateway", server = %heard.server.id, %error, "can't be listened to");
                    None
                }
                Either::Right(_) => None,
            }
        });
        // A Worker has six connections per request; those that listen stay open.
        join_all(open).await
    }

    async fn open(&self, heard: &Heard) -> Result<Option<Listening>, UpstreamError> {
        let (core, context) = (&self.core, &self.context);
        let Ok(endpoint) = &heard.server.endpoint else { return Ok(None) };
        let wants = heard.wants.borrow().clone();
        if !heard.is_legacy() {
            if wants.is_nothing() {
                return Ok(None);
            }
            return core.client.listen(endpoint, Some(&heard.verdict), &wants.filter()).await.map(Some);
        }
        let partition = match context.era {
            Era::Legacy => context.partition(),
            Era::Modern => Cow::Borrowed(self.own.name.as_str()),
        };
        let capabilities = context.session.as_ref().map(|session| session.capabilities.clone());
        let kept = context.session.as_ref().and_then(|session| session.servers.get(&heard.server.id));
        let caller =
            Caller { partition: &partition, capabilities: capabilities.as_deref(), client_info: None, session: kept };
        let last_event = heard.last_event.borrow().clone();
        let opened = core.client.stream(endpoint, Some(&heard.verdict), caller, last_event.as_deref()).await?;
        if let Some(session) = opened.as_ref().and_then(|opened| opened.session.as_ref()) {
            self.own.note(&heard.server, session);
            for uri in &wants.uris {
                let params = format!("{{\"uri\":{}}}", splice::quote(uri));
                core.client.ask_within(endpoint, session, "resources/subscribe", &params).await?;
            }
        }
        Ok(opened)
    }

    /// The whole stream.
    async fn run(self, opened: Option<Vec<Option<Listening>>>, out: Out) {
        let mut opened = match opened {
            Some(opened) => opened,
            None => self.open_all().await,
        };
        if let Some(id) = &self.id {
            let honoured = self.honoured(&mut opened).await;
            let acknowledged = format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{{\"_meta\":{{\"{}\":{id}}},\
                 \"notifications\":{honoured}}}}}",
                meta::SUBSCRIPTION_ID
            );
            out.message(None, None, acknowledged.as_bytes()).await;
        }
        let watch = self.heard.iter().zip(opened).map(|(heard, opened)| self.watch(heard, opened, &out));
        let servers = std::pin::pin!(join(join_all(watch), self.take_subscriptions()));
        let ends = std::pin::pin!(self.lasts(&out));
        let end = match select(ends, servers).await {
            Either::Left((end, _)) => end,
            // No server has anything to say; the stream lasts all the same.
            Either::Right((_, ends)) => ends.await,
        };
        if let (End::Over, Some(id)) = (end, &self.id) {
            let result = format!("{{\"resultType\":\"complete\",\"_meta\":{{\"{}\":{id}}}}}", meta::SUBSCRIPTION_ID);
            out.message(None, None, reply::result(id, &result).as_bytes()).await;
        }
    }

    /// What the servers together acknowledge, as the raw object that a modern client is told.
    async fn honoured(&self, opened: &mut [Option<Listening>]) -> String {
        let each = self.heard.iter().zip(opened).map(|(heard, opened)| self.honoured_by(heard, opened.as_mut()));
        let mut all = Wants::default();
        for (heard, honoured) in self.heard.iter().zip(join_all(each).await) {
            all.tools |= honoured.tools;
            all.prompts |= honoured.prompts;
            all.resources |= honoured.resources;
            let server = &heard.server.id;
            all.uris.extend(honoured.uris.iter().map(|uri| self.uris.exposed(server, uri).into_owned()));
            all.tasks.extend(honoured.tasks.iter().map(|task| self.core.seal_task(&self.context, server, task)));
        }
        all.filter()
    }

    /// What one server acknowledges: a modern one says it first of all.
    async fn honoured_by(&self, heard: &Heard, opened: Option<&mut Listening>) -> Wants {
        let Some(listening) = opened else { return Wants::default() };
        let wants = heard.wants.borrow().clone();
        if heard.is_legacy() {
            return wants;
        }
        let first = select(listening.events.next(), self.core.platform.clock().sleep(OPENING)).await;
        let Either::Left((Some(Ok(event)), _)) = first else { return Wants::default() };
        let Some(Item::Notification(message)) = event.item else { return Wants::default() };
        let text = std::str::from_utf8(&message).unwrap_or_default();
        let said = member_at(text, 0..text.len(), &["params", "notifications"]);
        wants.honoured(said.map_or("{}", |span| &text[span]))
    }

    /// Lasts as long as the client may listen; shows now and then that the stream lives.
    async fn lasts(&self, out: &Out) -> End {
        let (core, context) = (&self.core, &self.context);
        let clock = core.platform.clock();
        let began = clock.ticks();
        let limits = &core.config.limits;
        let total = if context.era == Era::Modern { limits.listen } else { limits.session_stream };
        let total = u64::try_from(total.as_micros()).unwrap_or(u64::MAX);
        loop {
            clock.sleep(TICK).await;
            if clock.ticks().saturating_sub(began) >= total {
                return End::Over;
            }
            let tenant = &context.identity.snapshot.tenant;
            let now = core.states.tenant(tenant, &context.scope).await;
            let key = core.states.key(tenant, &context.identity.key.id, &context.scope).await;
            let (Ok(Some(now)), Ok(Some(key))) = (now, key) else { return End::Refused };
            if !now.admits(&key, clock.now()) {
                return End::Refused;
            }
            let changed = now.revision != context.identity.snapshot.revision;
            if changed && (key != context.identity.key || !Rc::ptr_eq(&now, &context.identity.snapshot)) {
                return End::Over;
            }
            out.keep_alive().await;
        }
    }

    /// Listens to one server, again and again.
    async fn watch(&self, heard: &Rc<Heard>, mut opened: Option<Listening>, out: &Out) {
        let mut pause = AGAIN.0;
        loop {
            let seen = heard.changed.now();
            if let Some(listening) = opened.take() {
                pause = AGAIN.0;
                let Listening { session, events } = listening;
                let follow = std::pin::pin!(self.follow(heard, session, events, out));
                let changed = std::pin::pin!(heard.changed.since(seen));
                if let Either::Right(_) = select(follow, changed).await {
                    opened = self.open(heard).await.ok().flatten();
                    continue;
                }
            } else if heard.is_legacy() && self.context.era == Era::Legacy {
                // It has no such stream.
                return;
            }
            let sleep = self.core.platform.clock().sleep(pause);
            let changed = std::pin::pin!(heard.changed.since(seen));
            let _ = select(sleep, changed).await;
            pause = (pause * 2).min(AGAIN.1);
            opened = self.open(heard).await.ok().flatten();
        }
    }

    async fn follow(&self, heard: &Heard, session: Option<SessionRef>, mut events: EventStream, out: &Out) {
        while let Some(Ok(event)) = events.next().await {
            if event.id.is_some() {
                heard.last_event.borrow_mut().clone_from(&event.id);
            }
            let place = event.id.filter(|_| self.context.era == Era::Legacy).map(|event| {
                let place = EventPlace { server: heard.server.id.clone(), event, request: None };
                self.core.seal_event(&self.context, &place)
            });
            match event.item {
                Some(Item::Notification(message)) => {
                    let message = match &session {
                        Some(session) if self.context.era == Era::Legacy => {
                            self.core.as_known(&self.context, &heard.server.id, session, &message)
                        }
                        _ => message,
                    };
                    if let Some(message) = self.notification(heard, &message) {
                        out.message(place, None, &message).await;
                    }
                }
                Some(Item::Request(message)) => self.request(heard, session.as_ref(), &message, place, out).await,
                Some(Item::Reply(_)) => return,
                None if place.is_some() => out.message(place, event.retry, b"").await,
                None => {}
            }
        }
    }

    /// A server's request that belongs to no request of the client's.
    async fn request(
        &self,
        heard: &Heard,
        session: Option<&SessionRef>,
        message: &Bytes,
        place: Option<String>,
        out: &Out,
    ) {
        let Some(session) = session else { return };
        if self.context.era == Era::Modern {
            let text = std::str::from_utf8(message).unwrap_or_default();
            if let Some(id) = splice::value(text, "id") {
                let answer = match splice::value(text, "method") {
                    Some("\"ping\"") => reply::result(id, "{}"),
                    _ => reply::error(Some(id), rpc::METHOD_NOT_FOUND, "The client can't be asked for this", None),
                };
                self.core.post_later(&self.context, &heard.server, session.clone(), answer.into());
            }
            return;
        }
        if let Some(message) = self.core.readdressed(&self.context, &heard.server.id, session, message) {
            out.message(place, None, message.as_bytes()).await;
        }
    }

    /// A notification as this client is to get it; nothing if it did not ask for it.
    fn notification(&self, heard: &Heard, message: &Bytes) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(message).ok()?;
        let method = splice::value(text, "method").and_then(splice::string)?;
        let kinds = is_change(&method);
        self.core.changed(&self.context, &heard.server.id, kinds);
        if method == "notifications/subscriptions/acknowledged" {
            return None;
        }
        let wants = heard.wants.borrow();
        let wanted = match &*method {
            "notifications/tools/list_changed" => wants.tools,
            "notifications/prompts/list_changed" => wants.prompts,
            "notifications/resources/list_changed" => wants.resources,
            "notifications/resources/updated" => {
                named(text, "uri").is_some_and(|uri| wants.uris.iter().any(|wanted| uri.starts_with(wanted.as_str())))
            }
            "notifications/tasks" => named(text, "taskId").is_some_and(|task| wants.tasks.contains(&*task)),
            _ => false,
        };
        drop(wants);
        if !wanted && self.context.era == Era::Modern {
            return None;
        }
        let text = match kinds.is_empty() {
            true => String::from_utf8(self.frame(heard).updated(message, text).to_vec()).ok()?,
            false => text.to_owned(),
        };
        let text = match self.context.era {
            Era::Modern => self.core.with_sealed_tasks(&self.context, &heard.server.id, &text),
            Era::Legacy => Cow::Borrowed(&*text),
        };
        Some(self.subscribed(&text).into_bytes())
    }

    fn frame(&self, heard: &Heard) -> Frame {
        Frame {
            id: String::new(),
            client: self.context.era,
            upstream: heard.verdict.era,
            about: About::Other,
            server: heard.server.id.clone(),
            uris: Rc::clone(&self.uris),
            uri: None,
            progress: None,
            log_level: None,
            given: None,
        }
    }

    /// Marked with the client's own listen request; for a legacy client, with none.
    fn subscribed(&self, text: &str) -> String {
        let params = splice::member(text, "params");
        let found = member_at(text, 0..text.len(), &["params", "_meta", meta::SUBSCRIPTION_ID]);
        let edit = splice::Edit::new(text);
        match (&self.id, found, params) {
            (Some(id), Some(span), _) => edit.replace(span, id.as_str()).finish(),
            (Some(id), None, Some(params)) => {
                let mark = format!("{{\"{}\":{id}}}", meta::SUBSCRIPTION_ID);
                match member_at(text, 0..text.len(), &["params", "_meta"]) {
                    Some(meta_span) => edit.insert_first(meta_span, meta::SUBSCRIPTION_ID, id.as_str()).finish(),
                    None => edit.insert_first(params, "_meta", mark).finish(),
                }
            }
            (Some(id), None, None) => {
                let params = format!("{{\"_meta\":{{\"{}\":{id}}}}}", meta::SUBSCRIPTION_ID);
                edit.insert_first(0..text.len(), "params", params).finish()
            }
            (None, Some(_), _) => {
                let object = member_at(text, 0..text.len(), &["params", "_meta"]).unwrap_or(0..0);
                edit.remove_member(object, meta::SUBSCRIPTION_ID).finish()
            }
            (None, None, _) => text.to_owned(),
        }
    }

    /// What a legacy client subscribes to at modern servers while it listens.
    async fn take_subscriptions(&self) {
        #[derive(Deserialize)]
        struct Letter {
            server: ServerId,
            uri: String,
            on: bool,
        }
        let Some(session) = &self.context.session else { return };
        let subscribes = |heard: &&Rc<Heard>| !heard.is_legacy() && heard.verdict.has("resources", "subscribe");
        if !self.heard.iter().any(|heard| subscribes(&heard)) {
            return;
        }
        let tenant = &self.context.identity.snapshot.tenant;
        let name = subscriptions_of(&session.id);
        loop {
            let taken = self.core.platform.mailbox().take(tenant, &name, TICK).await;
            let letter = match taken {
                Ok(letter) => letter.and_then(|letter| serde_json::from_slice::<Letter>(&letter).ok()),
                Err(_) => {
                    self.core.platform.clock().sleep(TICK).await;
                    None
                }
            };
            let Some(letter) = letter else { continue };
            let Some(heard) = self.heard.iter().find(|heard| heard.server.id == letter.server) else { continue };
            {
                let mut wants = heard.wants.borrow_mut();
                match letter.on {
                    true if wants.uris.len() < MAX_SUBSCRIPTIONS => wants.uris.insert(letter.uri),
                    true => false,
                    false => wants.uris.remove(&letter.uri),
                };
            }
            heard.changed.change();
        }
    }
}
