//! The client itself: which requests an operation takes, in which order, and what is remembered in between.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    time::Duration,
};

use toolgate_model::{EraPolicy, ItemKind, Limits, ServerId, TenantId};
use toolgate_ports::{Clock, Platform, Random};
use toolgate_wire::{Era, LATEST_MODERN, Version, code};

use crate::{
    Allowed, Answer, Call, Caller, Effect, Endpoint, ItemList, Step, Transport, UpstreamError,
    UpstreamErrorKind as Kind, Verdict,
    answer::{Resume, Within},
    exchange::{Bounds, Exchange, Id},
    handshake::{Discovered, modern_of, server_info, session_head, verdict},
    header::Head,
    health::{Health, Healths, Moment},
    link::Link,
    memory::{Memory, ServerKey, Session},
    pages::{Pages, method_of},
    refusal::{Refusal, error_code, error_of, is_of_another_era, result_of},
    request,
    wait::Deadline,
};

/// The partition of the sessions in which the gateway asks for itself. No principal is named so.
pub(crate) const OWN: Caller<'_> =
    Caller { partition: "\0gateway", capabilities: None, client_info: None, session: None };

/// How long to wait before asking again where nothing was sent.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Speaks to upstream servers. One per instance; what it remembers of them lives in it.
pub struct Client<P: Platform> {
    pub(crate) platform: Rc<P>,
    limits: Limits,
    memory: RefCell<Memory>,
    healths: RefCell<Healths>,
    news: RefCell<Vec<News>>,
    last_id: Cell<u64>,
}

impl<P: Platform> fmt::Debug for Client<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A server's health has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Whose server it is.
    pub tenant: TenantId,
    /// Which.
    pub server: ServerId,
    /// How it is now.
    pub health: Health,
}

/// The most news that are kept until somebody takes them.
const MAX_NEWS: usize = 64;

/// One operation on one server.
pub(crate) struct Trip<'a> {
    pub(crate) endpoint: &'a Endpoint,
    key: ServerKey,
    known: Option<&'a Verdict>,
    caller: Caller<'a>,
    step: Step,
    deadline: Deadline,
    bounds: Bounds,
}

impl Trip<'_> {
    /// The same trip, with what is allowed it in particular.
    fn within(self, allowed: Allowed, clock: &impl Clock) -> Self {
        let deadline = allowed.time.map_or(self.deadline, |time| Deadline::after(clock, time));
        Self { deadline, bounds: self.bounds.within(allowed), ..self }
    }
}

/// How a server is spoken to.
pub(crate) enum Route {
    Modern(Version),
    Legacy(Rc<Session>),
    /// A legacy server of the first transport: each request makes its own link.
    Link,
}

/// What is asked of it.
enum Ask<'a> {
    List(ItemKind, Option<&'a str>),
    Call(&'a Call<'a>),
}

impl<P: Platform> Client<P> {
    /// A client on `platform` that remembers nothing yet.
    #[must_use]
    pub fn new(platform: Rc<P>, limits: Limits) -> Self {
        Self {
            platform,
            limits,
            memory: RefCell::default(),
            healths: RefCell::default(),
            news: RefCell::default(),
            last_id: Cell::new(0),
        }
    }

    /// All items of `kind` that a server has, page by page; none, without asking, if it says that it has no such things.
    /// `known` is what was stored of it earlier; it saves a probe.
    ///
    /// # Errors
    /// Says what went wrong at which step; a list that is not complete is an error.
    pub async fn list(
        &self,
        endpoint: &Endpoint,
        known: Option<&Verdict>,
        kind: ItemKind,
    ) -> Result<ItemList, UpstreamError> {
        let trip = self.trip(endpoint, known, OWN, Step::List);
        let listed = self.listed(&trip, kind).await;
        self.note(endpoint, listed.as_ref().err());
        listed
    }

    async fn listed(&self, trip: &Trip<'_>, kind: ItemKind) -> Result<ItemList, UpstreamError> {
        let (method, capability) = method_of(kind);
        // Tools are asked for in any case: that is what all of them are for.
        if kind != ItemKind::Tool {
            self.route(trip).await?;
            if let Some(verdict) = self.verdict(trip).filter(|verdict| !verdict.may_have(capability)) {
                return Ok(ItemList { items: Vec::new(), ttl_ms: None, verdict: (*verdict).clone() });
            }
        }
        let exchange = self.exchange(trip, Step::List);
        let mut pages = Pages::default();
        let mut cursor = None;
        let mut said = None;
        loop {
            let answer = self.operate(trip, &Ask::List(kind, cursor.as_deref())).await?;
            let reply = exchange.reply(answer).await?;
            let Some(result) = result_of(&reply) else {
                let unknown = error_of(&reply).and_then(error_code) == Some(code::METHOD_NOT_FOUND);
                if unknown && kind != ItemKind::Tool && cursor.is_none() {
                    break;
                }
                return Err(exchange.rejected(method, &reply));
            };
            said = said.or_else(|| server_info(result));
            let next = pages.take(kind, &reply, &self.limits).map_err(|(kind, text)| exchange.error(kind, text))?;
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        let mut verdict = self.verdict(trip).map_or_else(|| verdict(LATEST_MODERN), |known| (*known).clone());
        verdict.server_info = verdict.server_info.or(said);
        Ok(ItemList { items: pages.items, ttl_ms: pages.ttl_ms, verdict })
    }

    /// Asks on a client's behalf. What may have been executed is never asked again.
    ///
    /// # Errors
    /// Says what went wrong at which step. A JSON-RPC error of the upstream's is not an error but an [`Answer`].
    pub async fn call(
        &self,
        endpoint: &Endpoint,
        known: Option<&Verdict>,
        call: Call<'_>,
    ) -> Result<Answer, UpstreamError> {
        let step = if call.effect == Effect::Reads { Step::Read } else { Step::Call };
        let trip = self.trip(endpoint, known, call.caller, step).within(call.allowed, self.platform.clock());
        self.admit(endpoint, step)?;
        let answer = self.operate(&trip, &Ask::Call(&call)).await;
        self.note(endpoint, answer.as_ref().err());
        answer
    }

    /// Refuses at once what is for a server that is left alone.
    fn admit(&self, endpoint: &Endpoint, step: Step) -> Result<(), UpstreamError> {
        let key = ServerKey::of(endpoint);
        let admitted = self.healths.borrow_mut().admit(&key, || self.now());
        admitted.map_err(|retry_after| {
            let health = self.health(endpoint);
            let last = health.last_failure.map(|failure| format!(", last at {}: {}", failure.step, failure.message));
            let message = format!(
                "it failed {} times in a row{}; it is asked again in {} s",
                health.failures,
                last.unwrap_or_default(),
                retry_after.as_secs() + 1
            );
            UpstreamError { server: endpoint.server.clone(), step, kind: Kind::Resting { retry_after }, message }
        })
    }

    /// Takes note of how asking a server went.
    pub fn note(&self, endpoint: &Endpoint, error: Option<&UpstreamError>) {
        let key = ServerKey::of(endpoint);
        let is_news = match error {
            None => self.healths.borrow_mut().succeeded(&key, self.platform.clock().now()),
            Some(error) => {
                let mut jitter = [0];
                self.platform.random().fill(&mut jitter);
                self.healths.borrow_mut().failed(&key, error, self.moment(), jitter[0])
            }
        };
        if is_news {
            let mut news = self.news.borrow_mut();
            if news.len() < MAX_NEWS {
                let (tenant, server) = (endpoint.tenant.clone(), endpoint.server.clone());
                news.push(News { tenant, server, health: self.health(endpoint) });
            }
        }
    }

    /// How a server does, as far as this instance saw it.
    #[must_use]
    pub fn health(&self, endpoint: &Endpoint) -> Health {
        self.healths.borrow().of(&ServerKey::of(endpoint))
    }

    /// The changes of servers' health since they were last taken.
    #[must_use]
    pub fn take_news(&self) -> Vec<News> {
        self.news.take()
    }

    fn moment(&self) -> Moment {
        let clock = self.platform.clock();
        Moment { ticks: clock.ticks(), time: clock.now() }
    }

    /// Finds out which era and version a server speaks. A server pinned to the modern era is not asked.
    ///
    /// # Errors
    /// Says why there is no verdict.
    pub async fn probe(&self, endpoint: &Endpoint) -> Result<Verdict, UpstreamError> {
        let trip = self.trip(endpoint, None, OWN, Step::Probe);
        let probed = match endpoint.era {
            EraPolicy::Modern => return Ok(verdict(LATEST_MODERN)),
            EraPolicy::Auto => self.detect(&trip).await,
            EraPolicy::Legacy => self.greet(&trip).await,
        };
        self.note(endpoint, probed.as_ref().err());
        probed?;
        let learned = self.memory.borrow_mut().verdict(&trip.key, self.now());
        learned.map(|verdict| (*verdict).clone()).ok_or_else(|| {
            self.exchange(&trip, Step::Probe).error(Kind::Protocol, "its record was changed in the meantime")
        })
    }

    pub(crate) fn trip<'a>(
        &self,
        endpoint: &'a Endpoint,
        known: Option<&'a Verdict>,
        caller: Caller<'a>,
        step: Step,
    ) -> Trip<'a> {
        let (total, bounds) = match step {
            Step::Call | Step::Read => (self.limits.upstream_total, Bounds::of(&self.limits)),
            Step::Listen => (self.limits.listen, Bounds::listening(&self.limits)),
            Step::Connect | Step::Probe | Step::Initialize | Step::List => {
                (self.limits.catalogue_total, Bounds::of(&self.limits))
            }
        };
        let deadline = Deadline::after(self.platform.clock(), total);
        Trip { endpoint, key: ServerKey::of(endpoint), known, caller, step, deadline, bounds }
    }

    fn now(&self) -> u64 {
        self.platform.clock().ticks()
    }

    /// An id for a request of the gateway's own within a client's session, where the client's own ids are used, too: a server that
    /// is asked twice under one id may mistake one answer for the other.
    pub(crate) fn unlike_a_clients(&self) -> Id {
        let mut random = [0; 8];
        self.platform.random().fill(&mut random);
        Id::Given(format!("\"toolgate-{:016x}\"", u64::from_le_bytes(random)).into())
    }

    pub(crate) fn exchange(&self, trip: &Trip<'_>, step: Step) -> Exchange<P> {
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        let (deadline, bounds) = match step {
            Step::Probe | Step::Initialize => {
                let bounded = Deadline::after(self.platform.clock(), self.limits.catalogue_total);
                (trip.deadline.min(bounded), Bounds::of(&self.limits))
            }
            _ => (trip.deadline, trip.bounds),
        };
        let (platform, server) = (Rc::clone(&self.platform), trip.endpoint.server.clone());
        Exchange { platform, server, step, deadline, bounds, id: Id::Own(id) }
    }

    /// Asks, and asks once more in another way if the answer shows that the first was the wrong one and that nothing was
    /// executed; or in the same way, if nothing was sent or the request only reads.
    async fn operate(&self, trip: &Trip<'_>, ask: &Ask<'_>) -> Result<Answer, UpstreamError> {
        let route = self.route(trip).await?;
        let mut answer = self.ask(trip, &route, ask).await;
        if matches!(&answer, Err(error) if error.retryable() && error.kind != Kind::Timeout) {
            self.platform.clock().sleep(RETRY_AFTER).await;
            answer = self.ask(trip, &route, ask).await;
        }
        let Some(refusal) = Refusal::of(&answer) else { return answer };
        match Box::pin(self.other_route(trip, &route, &refusal)).await? {
            Some(other) => self.ask(trip, &other, ask).await,
            None => answer,
        }
    }

    // What is asked for once, or in a way of old, is boxed: the future of a usual call is small.
    async fn ask(&self, trip: &Trip<'_>, route: &Route, ask: &Ask<'_>) -> Result<Answer, UpstreamError> {
        let mut exchange = self.exchange(trip, trip.step);
        let session = match route {
            Route::Modern(version) => return self.ask_modern(trip, exchange, *version, ask).await,
            Route::Legacy(session) => session,
            Route::Link => return Box::pin(self.ask_linked(trip, exchange, ask)).await,
        };
        if let Ask::Call(call) = ask {
            if let Some(id) = call.id.filter(|_| session.id.is_some()) {
                exchange.id = Id::Given(id.into());
            }
            if call.log_level.is_some() && call.from == Era::Modern {
                Box::pin(self.log_everything(trip, session)).await;
            }
        }
        let body = body_of(&exchange.id, ask, session.version);
        if let Ask::Call(Call { sent: Some(sent), .. }) = ask {
            sent.replace(Some((session.kept(), exchange.id.to_string())));
        }
        let response = exchange.send(trip.endpoint, session_head(session), body.into()).await?;
        let resume = match exchange.id {
            Id::Given(_) => Resume::Handed,
            Id::Own(_) => Resume::Here(Box::new(trip.endpoint.clone()), Rc::clone(session)),
        };
        exchange.answer_within(response, Within { session: Some(session.kept()), resume }).await
    }

    async fn ask_modern(
        &self,
        trip: &Trip<'_>,
        exchange: Exchange<P>,
        version: Version,
        ask: &Ask<'_>,
    ) -> Result<Answer, UpstreamError> {
        let head = match ask {
            Ask::List(kind, _) => Head { method: Some(method_of(*kind).0), ..Head::default() },
            Ask::Call(call) => {
                Head { method: Some(call.method), name: call.name, params: Some(call.param_headers), ..Head::default() }
            }
        };
        let body = body_of(&exchange.id, ask, version);
        let head = Head { version: Some(version), ..head };
        let response = exchange.send(trip.endpoint, head, body.into()).await?;
        exchange.answer(response).await
    }

    async fn ask_linked(&self, trip: &Trip<'_>, exchange: Exchange<P>, ask: &Ask<'_>) -> Result<Answer, UpstreamError> {
        let mut link = Link::open(self.exchange(trip, trip.step), trip.endpoint).await?;
        let verdict = link.greet(trip.endpoint, trip.caller.capabilities.unwrap_or("{}")).await?;
        let body = body_of(&exchange.id, ask, verdict.version);
        link.ask(trip.endpoint, exchange.id, body, &verdict).await
    }

    /// Has a session log everything, once, so that each request can be given what it asked for. A server that can't is not asked
    /// again.
    async fn log_everything(&self, trip: &Trip<'_>, session: &Session) {
        let can =
            self.verdict(trip).is_some_and(|verdict| verdict.capabilities.is_some() && verdict.may_have("logging"));
        if session.logs.replace(true) || !can {
            return;
        }
        let exchange = self.exchange(trip, Step::Initialize);
        let body = request::bare(&exchange.id, "logging/setLevel", r#"{"level":"debug"}"#);
        if let Err(error) = exchange.request(trip.endpoint, session_head(session), body).await {
            tracing::debug!(%error, "could not set the log level");
        }
    }

    /// What is known of the server: from this instance's memory, or else from what was stored.
    fn verdict(&self, trip: &Trip<'_>) -> Option<Rc<Verdict>> {
        let mut memory = self.memory.borrow_mut();
        let fits = |known: &&Verdict| match trip.endpoint.era {
            EraPolicy::Auto => true,
            EraPolicy::Modern => known.era == Era::Modern,
            EraPolicy::Legacy => known.era == Era::Legacy,
        };
        memory
            .verdict(&trip.key, self.now())
            .or_else(|| trip.known.filter(fits).map(|known| memory.adopt(&trip.key, known, self.now())))
    }

    pub(crate) async fn route(&self, trip: &Trip<'_>) -> Result<Route, UpstreamError> {
        match (self.verdict(trip), trip.endpoint.era) {
            (Some(known), _) if known.era == Era::Modern => Ok(Route::Modern(known.version)),
            (_, EraPolicy::Modern) => Ok(Route::Modern(LATEST_MODERN)),
            (Some(known), _) if known.transport == Transport::HttpSse => Ok(Route::Link),
            (Some(_), _) => match self.session(trip) {
                Some(session) => Ok(Route::Legacy(session)),
                None => Box::pin(self.greet_again(trip)).await,
            },
            (None, EraPolicy::Legacy) => Box::pin(self.greet(trip)).await,
            (None, EraPolicy::Auto) => Box::pin(self.detect(trip)).await,
        }
    }

    /// The session that this instance keeps, or else the one that the client's own session remembers.
    fn session(&self, trip: &Trip<'_>) -> Option<Rc<Session>> {
        let (now, partition) = (self.now(), trip.caller.partition);
        let kept = self.memory.borrow_mut().session(&trip.key, partition, now);
        kept.or_else(|| {
            let session = Rc::new(Session::of(trip.caller.session?)?);
            self.memory.borrow_mut().keep_session(&trip.key, partition, &session, now);
            Some(session)
        })
    }

    /// Learns the server's era, and keeps what was learned.
    async fn detect(&self, trip: &Trip<'_>) -> Result<Route, UpstreamError> {
        let mut version = LATEST_MODERN;
        // Once more if it names another version; it has no third try.
        for _ in 0..2 {
            match self.exchange(trip, Step::Probe).discover(trip.endpoint, version).await? {
                Discovered::Modern(verdict) => {
                    let version = verdict.version;
                    self.learn(trip, verdict);
                    return Ok(Route::Modern(version));
                }
                Discovered::NotModern => return self.greet(trip).await,
                Discovered::Again(other) => version = other,
            }
        }
        let text = format!("it refuses version {version}, which it says it supports");
        Err(self.exchange(trip, Step::Probe).error(Kind::Protocol, text))
    }

    pub(crate) fn learn(&self, trip: &Trip<'_>, verdict: Verdict) {
        tracing::debug!(
            tenant = trip.endpoint.tenant.as_str(),
            server = trip.endpoint.server.as_str(),
            version = verdict.version.as_str(),
            "learned what a server speaks"
        );
        self.memory.borrow_mut().learn(&trip.key, Rc::new(verdict), self.now());
    }

    /// The legacy handshake; keeps its session.
    async fn initialize(&self, trip: &Trip<'_>) -> Result<Rc<Session>, UpstreamError> {
        let exchange = self.exchange(trip, Step::Initialize);
        let capabilities = trip.caller.capabilities.unwrap_or("{}");
        let (verdict, session) = exchange.initialize(trip.endpoint, capabilities).await?;
        exchange.initialized(trip.endpoint, &session).await?;
        let session = Rc::new(session);
        self.learn(trip, verdict);
        self.memory.borrow_mut().keep_session(&trip.key, trip.caller.partition, &session, self.now());
        Ok(session)
    }

    /// The legacy handshake, by the transport that the server has: one that refuses to be posted to may be of the first.
    async fn greet(&self, trip: &Trip<'_>) -> Result<Route, UpstreamError> {
        let refused = match self.initialize(trip).await {
            Ok(session) => return Ok(Route::Legacy(session)),
            Err(error) if !matches!(error.kind, Kind::Status(400 | 404 | 405)) => return Err(error),
            Err(error) => error,
        };
        let Ok(mut link) = Link::open(self.exchange(trip, Step::Initialize), trip.endpoint).await else {
            return Err(refused);
        };
        let verdict = link.greet(trip.endpoint, "{}").await?;
        self.learn(trip, verdict);
        Ok(Route::Link)
    }

    /// The handshake with a server that was legacy when it was last asked. If it does not know the handshake any more, it
    /// may have become modern.
    async fn greet_again(&self, trip: &Trip<'_>) -> Result<Route, UpstreamError> {
        match self.greet(trip).await {
            Err(error) if self.may_doubt(trip) && is_refused(&error) => {
                self.memory.borrow_mut().forget(&trip.key);
                self.detect(trip).await
            }
            done => done,
        }
    }

    /// A new session in place of one that the server does not know any more.
    pub(crate) async fn session_again(
        &self,
        trip: &Trip<'_>,
        lost: &Rc<Session>,
    ) -> Result<Option<Rc<Session>>, UpstreamError> {
        self.memory.borrow_mut().drop_session(&trip.key, trip.caller.partition, lost);
        match self.greet_again(trip).await? {
            Route::Legacy(session) => Ok(Some(session)),
            Route::Modern(_) | Route::Link => Ok(None),
        }
    }

    /// Whether what is known of the server's era can be wrong: not if an operator said so, nor if the server just did.
    fn may_doubt(&self, trip: &Trip<'_>) -> bool {
        trip.endpoint.era == EraPolicy::Auto && !self.memory.borrow().is_fresh(&trip.key, self.now())
    }

    /// Another way to ask, if a refusal shows that there is one.
    async fn other_route(
        &self,
        trip: &Trip<'_>,
        route: &Route,
        refusal: &Refusal,
    ) -> Result<Option<Route>, UpstreamError> {
        match route {
            Route::Modern(_) => Ok(self.instead_of_modern(trip, refusal).await),
            Route::Legacy(session) => self.instead_of_legacy(trip, session, refusal).await,
            Route::Link => Ok(None),
        }
    }

    async fn instead_of_modern(&self, trip: &Trip<'_>, refusal: &Refusal) -> Option<Route> {
        if refusal.is_of_version() {
            if let Some(version) = modern_of(&refusal.supported) {
                return Some(Route::Modern(version));
            }
            let legacy = trip.endpoint.era == EraPolicy::Auto && !refusal.supported.is_empty();
            return if legacy { self.greet(trip).await.ok() } else { None };
        }
        if !refusal.is_of_another_era() || !self.may_doubt(trip) {
            return None;
        }
        // What can't be found out leaves the answer as it is.
        self.detect(trip).await.ok().filter(|route| !matches!(route, Route::Modern(_)))
    }

    async fn instead_of_legacy(
        &self,
        trip: &Trip<'_>,
        session: &Rc<Session>,
        refusal: &Refusal,
    ) -> Result<Option<Route>, UpstreamError> {
        if refusal.is_modern() && trip.endpoint.era == EraPolicy::Auto {
            let route = self.detect(trip).await.ok();
            return Ok(route.filter(|route| matches!(route, Route::Modern(_))));
        }
        let lost = match refusal.status {
            404 => true,
            400 => refusal.about_session || session.id.is_none(),
            _ => false,
        };
        if !lost {
            return Ok(None);
        }
        if session.id.is_some() {
            self.memory.borrow_mut().drop_session(&trip.key, trip.caller.partition, session);
            return self.greet_again(trip).await.map(Some);
        }
        if self.memory.borrow().is_fresh(&trip.key, self.now()) {
            return Ok(None);
        }
        // A server that had no sessions may have got some.
        self.memory.borrow_mut().drop_session(&trip.key, trip.caller.partition, session);
        let route = self.greet_again(trip).await?;
        Ok(Some(route).filter(|route| !matches!(route, Route::Legacy(session) if session.id.is_none())))
    }
}

fn body_of(id: &Id, ask: &Ask<'_>, version: Version) -> String {
    match ask {
        Ask::List(kind, cursor) => request::list(id, method_of(*kind).0, *cursor, version),
        Ask::Call(call) => request::call(id, call, version),
    }
}

/// Whether a handshake was refused in the way of a server that does not know it.
fn is_refused(error: &UpstreamError) -> bool {
    match error.kind {
        Kind::Rejected { .. } => true,
        Kind::Status(status) => is_of_another_era(status),
        _ => false,
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
pub(crate) mod tests;
