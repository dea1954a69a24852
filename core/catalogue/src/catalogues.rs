//! One catalogue per server and kind of item: from memory, else from the store, else from the upstream.
//!
//! A catalogue is fresh for its `ttlMs` (for [`Limits::catalogue_ttl`] if the upstream gives none). A list that needs an older one
//! asks the upstream and waits, but no longer than [`PATIENCE`] if there is an older one to show meanwhile. A server
//! that fails keeps its last catalogue for [`Limits::catalogue_grace`], marked, and is not asked again for [`COOL_DOWN`].

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::Duration,
};

use futures_util::future::{Either, select};
use toolgate_model::{ItemKind, Limits, Revision, ServerId, TenantId, Timestamp, catalogue_blob};
use toolgate_ports::{Clock, LocalFuture, Platform, Scope, Store};
use toolgate_state::Server;
use toolgate_upstream::{Client, Endpoint, UpstreamError, Verdict};

use crate::{
    catalogue::{Catalogue, Fetched},
    stored,
};

/// How long a list waits for a new catalogue while it has an older one.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a server that failed is not asked for its catalogue.
const COOL_DOWN: Duration = Duration::from_secs(3);
/// How often whoever waits for another's fetch looks whether it is over: after this, then after twice as long, up to
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// this.
const LOOK_AGAIN_AT_LAST: Duration = Duration::from_millis(100);
/// For how long another's fetch is waited for. In a Worker a request that is cut off stands still, and nobody is told.
const OTHERS: Duration = Duration::from_secs(2);
/// The longest `ttlMs` that is believed.
const MAX_TTL: Duration = Duration::from_secs(24 * 3600);
/// A stored catalogue that has not changed is written again after this, so that a restart finds it not too old.
const REWRITE_AFTER: Duration = Duration::from_secs(1800);
/// How many catalogues one instance remembers.
const MAX_ENTRIES: usize = 2_000;

/// The last attempt to fetch a catalogue failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// How.
    pub error: UpstreamError,
}

/// What a server has to offer right now.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// Its catalogue, if there is one that may be shown.
    pub catalogue: Option<Rc<Catalogue>>,
    /// Why there is none, or why it is old.
    pub failure: Option<Rc<Failure>>,
}

#[derive(Default)]
struct Entry {
    revision: Revision,
    catalogue: Option<Rc<Catalogue>>,
    failure: Option<Rc<Failure>>,
    stored_at: Option<Timestamp>,
    refreshing_since: Option<Timestamp>,
    /// The server said that its list changed since.
    outdated: bool,
    /// The store was asked, and had none.
    looked: bool,
}

type EntryKey = (TenantId, ServerId, ItemKind);

/// The catalogues that one instance knows.
pub struct Catalogues<P: Platform> {
    platform: Rc<P>,
    client: Rc<Client<P>>,
    limits: Limits,
    entries: RefCell<BTreeMap<EntryKey, Entry>>,
    /// How often what is known of resources changed.
    resource_changes: Cell<u64>,
}

impl<P: Platform> fmt::Debug for Catalogues<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalogues({})", self.entries.borrow().len())
    }
}

impl<P: Platform> Catalogues<P> {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(platform: Rc<P>, client: Rc<Client<P>>, limits: Limits) -> Rc<Self> {
        Rc::new(Self { platform, client, limits, entries: RefCell::default(), resource_changes: Cell::new(0) })
    }

    /// The catalogue, if a fresh one is in memory. Costs a look-up.
    #[must_use]
    pub fn fresh(&self, endpoint: &Endpoint, kind: ItemKind) -> Option<Rc<Catalogue>> {
        if self.outdated(endpoint, kind) {
            return None;
        }
        self.remembered(endpoint, kind).catalogue.filter(|catalogue| self.remaining(catalogue) > 0)
    }

    /// The catalogue of any age, if one is in memory. Costs a look-up.
    #[must_use]
    pub fn remembered_catalogue(&self, endpoint: &Endpoint, kind: ItemKind) -> Option<Rc<Catalogue>> {
        self.remembered(endpoint, kind).catalogue
    }

    /// A number that changes with what is known of resources.
    pub(crate) fn resource_changes(&self) -> u64 {
        self.resource_changes.get()
    }

    /// The server said that its list changed: the next that needs it asks again.
    pub fn changed(&self, tenant: &TenantId, server: &ServerId, kind: ItemKind) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(&(tenant.clone(), server.clone(), kind)) {
            entry.outdated = true;
        }
    }

    fn outdated(&self, endpoint: &Endpoint, kind: ItemKind) -> bool {
        let key = key(endpoint, kind);
        self.entries.borrow().get(&key).is_some_and(|entry| entry.outdated)
    }

    /// Whether somebody is at it.
    fn being_fetched(&self, endpoint: &Endpoint, kind: ItemKind) -> bool {
        let key = key(endpoint, kind);
        self.entries.borrow().get(&key).is_some_and(|entry| self.busy(entry))
    }

    /// What memory or the store knows, without asking the server; the store is asked once.
    pub async fn peek(self: &Rc<Self>, server: &Rc<Server>, endpoint: &Endpoint, kind: ItemKind) -> Offer {
        self.known(server, endpoint, kind).await
    }

    /// For how many more milliseconds `catalogue` is fresh.
    #[must_use]
    pub fn remaining(&self, catalogue: &Catalogue) -> u64 {
        let ttl = catalogue.ttl_ms.map_or(self.limits.catalogue_ttl, Duration::from_millis).min(MAX_TTL);
        millis(ttl).saturating_sub(self.age(catalogue))
    }

    /// The catalogue of any age, for routing a call; fetched only if there is none.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn any(
        self: &Rc<Self>,
        server: &Rc<Server>,
        endpoint: &Endpoint,
        kind: ItemKind,
        scope: &Scope,
    ) -> Result<Rc<Catalogue>, Rc<Failure>> {
        match self.settled(self.known(server, endpoint, kind).await) {
            Some(settled) => settled,
            None => self.first(server, endpoint, kind, scope).await,
        }
    }

    /// What an offer comes to without asking the server: its catalogue, or why there is none for now.
    fn settled(&self, offer: Offer) -> Option<Result<Rc<Catalogue>, Rc<Failure>>> {
        let failure = || offer.failure.filter(|failure| self.cooling(failure)).map(Err);
        offer.catalogue.map(Ok).or_else(failure)
    }

    /// The first catalogue: fetched, or had from whoever is fetching it already. Waiting is looking again, by a timer of one's own:
    /// in a Worker nothing of one request may wait for another's.
    async fn first(
        self: &Rc<Self>,
        server: &Rc<Server>,
        endpoint: &Endpoint,
        kind: ItemKind,
        scope: &Scope,
    ) -> Result<Rc<Catalogue>, Rc<Failure>> {
        let (mut wait, mut waited) = (LOOK_AGAIN, Duration::ZERO);
        while waited < OTHERS && self.with(endpoint, kind, |entry| self.busy(entry)) {
            self.platform.clock().sleep(wait).await;
            waited += wait;
            wait = (wait * 2).min(LOOK_AGAIN_AT_LAST);
            if let Some(settled) = self.settled(self.remembered(endpoint, kind)) {
                return settled;
            }
        }
        self.refresh(Rc::clone(server), kind, scope.clone()).await
    }

    /// A newer catalogue than `than`, if the server has one: for a call that names a tool which `than` does not hold. Asks at
    /// most once every few seconds, whatever is called.
    pub async fn newer(self: &Rc<Self>, server: &Rc<Server>, than: &Catalogue, scope: &Scope) -> Option<Rc<Catalogue>> {
        let endpoint = server.endpoint.as_ref().ok()?;
        let cooling = Duration::from_millis(self.age(than)) < COOL_DOWN && !self.outdated(endpoint, than.kind);
        if cooling || self.being_fetched(endpoint, than.kind) {
            return None;
        }
        self.refresh(Rc::clone(server), than.kind, scope.clone()).await.ok()
    }

    /// What the server offers now, as fresh as can be had.
    pub async fn offer(
        self: &Rc<Self>,
        server: &Rc<Server>,
        endpoint: &Endpoint,
        kind: ItemKind,
        scope: &Scope,
    ) -> Offer {
        let known = self.known(server, endpoint, kind).await;
        let outdated = self.outdated(endpoint, kind);
        let catalogue = known.catalogue.filter(|catalogue| self.age(catalogue) < self.showable(catalogue));
        if !outdated && catalogue.as_ref().is_some_and(|catalogue| self.remaining(catalogue) > 0) {
            return Offer { catalogue, failure: None };
        }
        if let Some(failure) = known.failure.filter(|failure| self.cooling(failure)) {
            return Offer { catalogue, failure: Some(failure) };
        }
        let fetched = match catalogue {
            // An old one may be shown while a new one is fetched, but not once the server said that it is wrong.
            Some(ref old) if !outdated => return self.renew(Rc::clone(old), server, endpoint, scope).await,
            Some(_) => self.refresh(Rc::clone(server), kind, scope.clone()).await,
            None => self.first(server, endpoint, kind, scope).await,
        };
        match fetched {
            Ok(new) => Offer { catalogue: Some(new), failure: None },
            Err(failure) => Offer { catalogue, failure: Some(failure) },
        }
    }

    /// Asks for a new catalogue, with an old one at hand.
    async fn renew(
        self: &Rc<Self>,
        old: Rc<Catalogue>,
        server: &Rc<Server>,
        endpoint: &Endpoint,
        scope: &Scope,
    ) -> Offer {
        if self.being_fetched(endpoint, old.kind) {
            return Offer { catalogue: Some(old), failure: None };
        }
        let refresh = self.refresh(Rc::clone(server), old.kind, scope.clone());
        match select(refresh, self.platform.clock().sleep(PATIENCE)).await {
            Either::Left((Ok(new), _)) => Offer { catalogue: Some(new), failure: None },
            Either::Left((Err(failure), _)) => Offer { catalogue: Some(old), failure: Some(failure) },
            Either::Right(((), refresh)) => {
                scope.background.spawn(Box::pin(async move {
                    // What it found is remembered; a failure too.
                    let _ = refresh.await;
                }));
                Offer { catalogue: Some(old), failure: None }
            }
        }
    }

    /// Fetches the catalogue and remembers it, or that it could not be had.
    fn refresh(
        self: &Rc<Self>,
        server: Rc<Server>,
        kind: ItemKind,
        scope: Scope,
    ) -> LocalFuture<Result<Rc<Catalogue>, Rc<Failure>>> {
        let this = Rc::clone(self);
        Box::pin(async move {
            let endpoint = match &server.endpoint {
                Ok(endpoint) => endpoint,
                Err(problem) => return Err(this.unusable(&server, problem)),
            };
            let known = this.verdict_of(endpoint, kind);
            let now = this.platform.clock().now();
            this.with(endpoint, kind, |entry| entry.outdated = false);
            let _busy = Busy::new(&this, endpoint, kind, now);
            let fetched = this.client.list(endpoint, known.as_deref(), kind).await;
            let now = this.platform.clock().now();
            match fetched {
                Err(error) => {
                    tracing::warn!(target: "toolgate::catalogue", tenant = %endpoint.tenant, server = %server.id, %error, "could not fetch the catalogue");
                    let failure = Rc::new(Failure { at: now, error });
                    this.with(endpoint, kind, |entry| entry.failure = Some(Rc::clone(&failure)));
                    Err(failure)
                }
                Ok(list) => {
                    let fetched =
                        Fetched { fetched_at: now, ttl_ms: list.ttl_ms, verdict: list.verdict, items: list.items };
                    Ok(this.keep(&server, endpoint, Rc::new(Catalogue::new(&server, kind, fetched)), &scope))
                }
            }
        })
    }

    /// What is known of the server's protocol, from its catalogue of this kind or of tools.
    fn verdict_of(&self, endpoint: &Endpoint, kind: ItemKind) -> Option<Rc<Verdict>> {
        let of = |kind| self.remembered(endpoint, kind).catalogue.map(|known| Rc::clone(&known.verdict));
        of(kind).or_else(|| of(ItemKind::Tool))
    }

    /// Asks a server what it speaks, without fetching anything.
    pub(crate) async fn probe(&self, endpoint: &Endpoint) -> Result<Verdict, Rc<Failure>> {
        let probed = self.client.probe(endpoint).await;
        probed.map_err(|error| Rc::new(Failure { at: self.platform.clock().now(), error }))
    }

    pub(crate) fn clock(&self) -> &P::Clock {
        self.platform.clock()
    }

    /// Why the server can't be asked anything.
    pub fn unusable(&self, server: &Server, problem: &str) -> Rc<Failure> {
        let error = UpstreamError {
            server: server.id.clone(),
            step: toolgate_upstream::Step::Connect,
            kind: toolgate_upstream::UpstreamErrorKind::Forbidden,
            message: problem.to_owned(),
        };
        Rc::new(Failure { at: self.platform.clock().now(), error })
    }

    /// Remembers a catalogue, and stores it if it says something new.
    fn keep(self: &Rc<Self>, server: &Server, endpoint: &Endpoint, new: Rc<Catalogue>, scope: &Scope) -> Rc<Catalogue> {
        let kind = new.kind;
        let (old, stored_at) = self.with(endpoint, kind, |entry| {
            entry.failure = None;
            (entry.catalogue.replace(Rc::clone(&new)), entry.stored_at)
        });
        let same =
            old.is_some_and(|old| old.same_items(&new) && old.ttl_ms == new.ttl_ms && old.verdict == new.verdict);
        if !same && kind != ItemKind::Tool && kind != ItemKind::Prompt {
            self.resource_changes.set(self.resource_changes.get() + 1);
        }
        let recently = stored_at.is_some_and(|at| new.fetched_at.millis_since(at) < millis(REWRITE_AFTER));
        if same && recently {
            return new;
        }
        let Some(blob) = stored::encode(&new) else { return new };
        self.with(endpoint, kind, |entry| entry.stored_at = Some(new.fetched_at));
        let (this, tenant, name) = (Rc::clone(self), endpoint.tenant.clone(), catalogue_blob(&server.id, kind));
        scope.background.spawn(Box::pin(async move {
            // Lost: the next instance fetches it itself.
            if let Err(error) = this.platform.store().put_blob(&tenant, &name, blob).await {
                tracing::warn!(target: "toolgate::catalogue", %tenant, %error, "could not store a catalogue");
            }
        }));
        new
    }

    /// What memory holds, else what the store holds.
    async fn known(self: &Rc<Self>, server: &Rc<Server>, endpoint: &Endpoint, kind: ItemKind) -> Offer {
        let remembered = self.remembered(endpoint, kind);
        if remembered.catalogue.is_some() || remembered.failure.is_some() {
            return remembered;
        }
        if self.with(endpoint, kind, |entry| std::mem::replace(&mut entry.looked, true)) {
            return remembered;
        }
        let _busy = Busy::new(self, endpoint, kind, self.platform.clock().now());
        // A store that can't give a blob is as good as one that has none: the upstream is asked.
        let blob = self
            .platform
            .store()
            .get_blob(&endpoint.tenant, &catalogue_blob(&endpoint.server, kind))
            .await
            .ok()
            .flatten();
        let Some(fetched) = blob.and_then(|blob| stored::decode(&blob, endpoint.revision)) else { return remembered };
        let catalogue = Rc::new(Catalogue::new(server, kind, fetched));
        self.resource_changes.set(self.resource_changes.get() + 1);
        self.with(endpoint, kind, |entry| {
            entry.stored_at = Some(catalogue.fetched_at);
            Rc::clone(entry.catalogue.get_or_insert(Rc::clone(&catalogue)))
        });
        Offer { catalogue: Some(catalogue), failure: None }
    }

    fn remembered(&self, endpoint: &Endpoint, kind: ItemKind) -> Offer {
        let key = key(endpoint, kind);
        let entries = self.entries.borrow();
        let entry = entries.get(&key).filter(|entry| entry.revision == endpoint.revision);
        entry
            .map(|entry| Offer { catalogue: entry.catalogue.clone(), failure: entry.failure.clone() })
            .unwrap_or_default()
    }

    /// The entry for this revision of the server's record; an older one is dropped.
    fn with<T>(&self, endpoint: &Endpoint, kind: ItemKind, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.entries.borrow_mut();
        let key = key(endpoint, kind);
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&key) {
            entries.clear();
        }
        let entry = entries.entry(key).or_default();
        if entry.revision != endpoint.revision {
            *entry = Entry { revision: endpoint.revision, ..Entry::default() };
        }
        change(entry)
    }

    fn busy(&self, entry: &Entry) -> bool {
        let bound = millis(self.limits.catalogue_total);
        entry.refreshing_since.is_some_and(|since| self.platform.clock().now().millis_since(since) < bound)
    }

    pub(crate) fn cooling(&self, failure: &Failure) -> bool {
        self.platform.clock().now().millis_since(failure.at) < millis(COOL_DOWN)
    }

    pub(crate) fn ticks(&self) -> u64 {
        self.platform.clock().ticks()
    }

    fn age(&self, catalogue: &Catalogue) -> u64 {
        self.platform.clock().now().millis_since(catalogue.fetched_at)
    }

    /// Up to which age a catalogue may be listed at all.
    fn showable(&self, catalogue: &Catalogue) -> u64 {
        let ttl = catalogue.ttl_ms.map_or(self.limits.catalogue_ttl, Duration::from_millis).min(MAX_TTL);
        millis(ttl).saturating_add(millis(self.limits.catalogue_grace))
    }
}

/// Marks a catalogue as being fetched, for as long as somebody is at it: until the end, or until the request is given up.
struct Busy<P: Platform> {
    catalogues: Rc<Catalogues<P>>,
    key: EntryKey,
    since: Timestamp,
}

impl<P: Platform> Busy<P> {
    fn new(catalogues: &Rc<Catalogues<P>>, endpoint: &Endpoint, kind: ItemKind, since: Timestamp) -> Self {
        catalogues.with(endpoint, kind, |entry| entry.refreshing_since = Some(since));
        let key = key(endpoint, kind);
        Self { catalogues: Rc::clone(catalogues), key, since }
    }
}

impl<P: Platform> Drop for Busy<P> {
    fn drop(&mut self) {
        if let Some(entry) = self.catalogues.entries.borrow_mut().get_mut(&self.key) {
            entry.refreshing_since.take_if(|since| *since == self.since);
        }
    }
}

fn key(endpoint: &Endpoint, kind: ItemKind) -> EntryKey {
    (endpoint.tenant.clone(), endpoint.server.clone(), kind)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
