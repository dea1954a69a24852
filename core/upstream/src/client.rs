//! The client itself: which requests an operation takes, in which order, and what is remembered in between.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    time::Duration,
};

use toolgate_model::{EraPolicy, Limits};
use toolgate_ports::{Clock, Platform};
use toolgate_wire::{Era, LATEST_MODERN, Version};

use crate::{
    Answer, Call, Endpoint, Step, ToolList, UpstreamError, UpstreamErrorKind as Kind, Verdict,
    exchange::{Bounds, Exchange},
    handshake::{Discovered, modern_of, server_info, session_head, verdict},
    header::Head,
    memory::{Memory, ServerKey, Session},
    pages::Pages,
    refusal::{Refusal, is_of_another_era, result_of},
    request,
    wait::Deadline,
};

/// The partition of the sessions in which the gateway asks for itself. No principal is named so.
const OWN: &str = "\0gateway";

/// Speaks to upstream servers. One per instance; what it remembers of them lives in it.
pub struct Client<P: Platform> {
    platform: Rc<P>,
    limits: Limits,
    memory: RefCell<Memory>,
    last_id: Cell<u64>,
}

impl<P: Platform> fmt::Debug for Client<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// One operation on one server.
struct Trip<'a> {
    endpoint: &'a Endpoint,
    key: ServerKey,
    known: Option<&'a Verdict>,
    partition: &'a str,
    step: Step,
    deadline: Deadline,
}

/// How a server is spoken to.
enum Route {
    Modern(Version),
    Legacy(Rc<Session>),
}

/// What is asked of it.
enum Ask<'a> {
    List(Option<&'a str>),
    Call(&'a Call<'a>),
}

impl<P: Platform> Client<P> {
    /// A client on `platform` that remembers nothing yet.
    #[must_use]
    pub fn new(platform: Rc<P>, limits: Limits) -> Self {
        Self { platform, limits, memory: RefCell::default(), last_id: Cell::new(0) }
    }

    /// All tools of a server, page by page. `known` is what was stored of it earlier; it saves a probe.
    ///
    /// # Errors
    /// Says what went wrong at which step; a list that is not complete is an error.
    pub async fn list_tools(&self, endpoint: &Endpoint, known: Option<&Verdict>) -> Result<ToolList, UpstreamError> {
        let trip = self.trip(endpoint, known, OWN, Step::List, self.limits.catalogue_total);
        let exchange = self.exchange(&trip, Step::List);
        let mut pages = Pages::default();
        let mut cursor = None;
        let mut said = None;
        loop {
            let answer = self.operate(&trip, &Ask::List(cursor.as_deref())).await?;
            let reply = exchange.reply(answer).await?;
            let Some(result) = result_of(&reply) else { return Err(exchange.rejected("tools/list", &reply)) };
            said = said.or_else(|| server_info(result));
            let next = pages.take(&reply, &self.limits).map_err(|(kind, text)| exchange.error(kind, text))?;
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        let mut verdict = self.verdict(&trip).map_or_else(|| verdict(LATEST_MODERN), |known| (*known).clone());
        verdict.server_info = verdict.server_info.or(said);
        Ok(ToolList { tools: pages.tools, ttl_ms: pages.ttl_ms, verdict })
    }

    /// Calls a tool. A call that may have been executed is never made again.
    ///
    /// # Errors
    /// Says what went wrong at which step. A JSON-RPC error of the upstream's is not an error but an [`Answer`].
    pub async fn call(
        &self,
        endpoint: &Endpoint,
        known: Option<&Verdict>,
        call: Call<'_>,
    ) -> Result<Answer, UpstreamError> {
        let trip = self.trip(endpoint, known, call.caller.partition, Step::Call, self.limits.upstream_total);
        self.operate(&trip, &Ask::Call(&call)).await
    }

    /// Finds out which era and version a server speaks. A server pinned to the modern era is not asked.
    ///
    /// # Errors
    /// Says why there is no verdict.
    pub async fn probe(&self, endpoint: &Endpoint) -> Result<Verdict, UpstreamError> {
        let trip = self.trip(endpoint, None, OWN, Step::Probe, self.limits.catalogue_total);
        match endpoint.era {
            EraPolicy::Modern => return Ok(verdict(LATEST_MODERN)),
            EraPolicy::Auto => self.detect(&trip).await?,
            EraPolicy::Legacy => Route::Legacy(self.initialize(&trip).await?),
        };
        let learned = self.memory.borrow_mut().verdict(&trip.key, self.now());
        learned.map(|verdict| (*verdict).clone()).ok_or_else(|| {
            self.exchange(&trip, Step::Probe).error(Kind::Protocol, "its record was changed in the meantime")
        })
    }

    fn trip<'a>(
        &self,
        endpoint: &'a Endpoint,
        known: Option<&'a Verdict>,
        partition: &'a str,
        step: Step,
        total: Duration,
    ) -> Trip<'a> {
        let deadline = Deadline::after(self.platform.clock(), total);
        Trip { endpoint, key: ServerKey::of(endpoint), known, partition, step, deadline }
    }

    fn now(&self) -> u64 {
        self.platform.clock().ticks()
    }

    fn exchange(&self, trip: &Trip<'_>, step: Step) -> Exchange<P> {
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        let handshake = matches!(step, Step::Probe | Step::Initialize);
        let bounded = Deadline::after(self.platform.clock(), self.limits.catalogue_total);
        Exchange {
            platform: Rc::clone(&self.platform),
            server: trip.endpoint.server.clone(),
            step,
            deadline: if handshake { trip.deadline.min(bounded) } else { trip.deadline },
            bounds: Bounds::of(&self.limits),
            id,
        }
    }

    /// Asks, and asks once more in another way if the answer shows that the first was the wrong one and that nothing was
    /// executed.
    async fn operate(&self, trip: &Trip<'_>, ask: &Ask<'_>) -> Result<Answer, UpstreamError> {
        let route = self.route(trip).await?;
        let answer = self.ask(trip, &route, ask).await;
        let Some(refusal) = Refusal::of(&answer) else { return answer };
        match self.other_route(trip, &route, &refusal).await? {
            Some(other) => self.ask(trip, &other, ask).await,
            None => answer,
        }
    }

    async fn ask(&self, trip: &Trip<'_>, route: &Route, ask: &Ask<'_>) -> Result<Answer, UpstreamError> {
        let exchange = self.exchange(trip, trip.step);
        let (version, mut head) = match route {
            Route::Modern(version) => (*version, Head { version: Some(*version), ..Head::default() }),
            Route::Legacy(session) => (session.version, session_head(session)),
        };
        let body = match ask {
            Ask::List(cursor) => request::list(exchange.id, *cursor, version),
            Ask::Call(call) => request::call(exchange.id, call, version),
        };
        if version.era() == Era::Modern {
            head.method = Some(if matches!(ask, Ask::List(_)) { "tools/list" } else { "tools/call" });
            if let Ask::Call(call) = ask {
                (head.name, head.params) = (Some(call.name), Some(call.param_headers));
            }
        }
        let response = exchange.send(trip.endpoint, head, body.into()).await?;
        exchange.answer(response).await
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

    async fn route(&self, trip: &Trip<'_>) -> Result<Route, UpstreamError> {
        match (self.verdict(trip), trip.endpoint.era) {
            (Some(known), _) if known.era == Era::Modern => Ok(Route::Modern(known.version)),
            (_, EraPolicy::Modern) => Ok(Route::Modern(LATEST_MODERN)),
            (Some(_), _) => {
                let session = self.memory.borrow_mut().session(&trip.key, trip.partition, self.now());
                match session {
                    Some(session) => Ok(Route::Legacy(session)),
                    None => self.initialize_again(trip).await,
                }
            }
            (None, EraPolicy::Legacy) => self.initialize(trip).await.map(Route::Legacy),
            (None, EraPolicy::Auto) => self.detect(trip).await,
        }
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
                Discovered::NotModern => return self.initialize(trip).await.map(Route::Legacy),
                Discovered::Again(other) => version = other,
            }
        }
        let text = format!("it refuses version {version}, which it says it supports");
        Err(self.exchange(trip, Step::Probe).error(Kind::Protocol, text))
    }

    fn learn(&self, trip: &Trip<'_>, verdict: Verdict) {
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
        let (verdict, session) = exchange.initialize(trip.endpoint).await?;
        exchange.initialized(trip.endpoint, &session).await?;
        let session = Rc::new(session);
        self.learn(trip, verdict);
        self.memory.borrow_mut().keep_session(&trip.key, trip.partition, &session, self.now());
        Ok(session)
    }

    /// The handshake with a server that was legacy when it was last asked. If it does not know the handshake any more, it
    /// may have become modern.
    async fn initialize_again(&self, trip: &Trip<'_>) -> Result<Route, UpstreamError> {
        match self.initialize(trip).await {
            Err(error) if self.may_doubt(trip) && is_refused(&error) => {
                self.memory.borrow_mut().forget(&trip.key);
                self.detect(trip).await
            }
            done => done.map(Route::Legacy),
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
        }
    }

    async fn instead_of_modern(&self, trip: &Trip<'_>, refusal: &Refusal) -> Option<Route> {
        if refusal.is_of_version() {
            if let Some(version) = modern_of(&refusal.supported) {
                return Some(Route::Modern(version));
            }
            let legacy = trip.endpoint.era == EraPolicy::Auto && !refusal.supported.is_empty();
            return if legacy { self.initialize(trip).await.ok().map(Route::Legacy) } else { None };
        }
        if !refusal.is_of_another_era() || !self.may_doubt(trip) {
            return None;
        }
        // What can't be found out leaves the answer as it is.
        self.detect(trip).await.ok().filter(|route| matches!(route, Route::Legacy(_)))
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
            self.memory.borrow_mut().drop_session(&trip.key, trip.partition, session);
            return self.initialize_again(trip).await.map(Some);
        }
        if self.memory.borrow().is_fresh(&trip.key, self.now()) {
            return Ok(None);
        }
        // A server that had no sessions may have got some.
        self.memory.borrow_mut().drop_session(&trip.key, trip.partition, session);
        let route = self.initialize_again(trip).await?;
        Ok(Some(route).filter(|route| !matches!(route, Route::Legacy(session) if session.id.is_none())))
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
mod tests;
