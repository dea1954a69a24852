//! One catalogue per server: from memory, else from the store, else from the upstream.
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
use toolgate_model::{Limits, Revision, ServerId, TenantId, Timestamp};
use toolgate_ports::{Clock, LocalFuture, Platform, Scope, Store};
use toolgate_state::Server;
use toolgate_upstream::{Client, Endpoint, UpstreamError};

use crate::{
    catalogue::{Catalogue, Fetched},
    stored,
};

/// How long a list waits for a new catalogue while it has an older one.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a server that failed is not asked for its catalogue.
const COOL_DOWN: Duration = Duration::from_secs(3);
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
}

/// The catalogues that one instance knows.
pub struct Catalogues<P: Platform> {
    platform: Rc<P>,
    client: Rc<Client<P>>,
    limits: Limits,
    entries: RefCell<BTreeMap<(TenantId, ServerId), Entry>>,
    changes: Cell<u64>,
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
        Rc::new(Self { platform, client, limits, entries: RefCell::default(), changes: Cell::new(0) })
    }

    /// The catalogue, if a fresh one is in memory. Costs a look-up.
    #[must_use]
    pub fn fresh(&self, endpoint: &Endpoint) -> Option<Rc<Catalogue>> {
        self.remembered(endpoint).catalogue.filter(|catalogue| self.remaining(catalogue) > 0)
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
        scope: &Scope,
    ) -> Result<Rc<Catalogue>, Rc<Failure>> {
        let known = self.known(server, endpoint).await;
        match (known.catalogue, known.failure) {
            (Some(catalogue), _) => Ok(catalogue),
            (None, Some(failure)) if self.cooling(&failure) => Err(failure),
            (None, _) => self.refresh(Rc::clone(server), scope.clone()).await,
        }
    }

    /// A newer catalogue than `than`, if the server has one: for a call that names a tool which `than` does not hold. Asks at
    /// most once every few seconds, whatever is called.
    pub async fn newer(self: &Rc<Self>, server: &Rc<Server>, than: &Catalogue, scope: &Scope) -> Option<Rc<Catalogue>> {
        let cooling = Duration::from_millis(self.age(than)) < COOL_DOWN;
        if cooling || self.entries.borrow().get(&key_of(server)?).is_some_and(|entry| self.busy(entry)) {
            return None;
        }
        self.refresh(Rc::clone(server), scope.clone()).await.ok()
    }

    /// What the server offers now, as fresh as can be had.
    pub async fn offer(self: &Rc<Self>, server: &Rc<Server>, endpoint: &Endpoint, scope: &Scope) -> Offer {
        let known = self.known(server, endpoint).await;
        let catalogue = known.catalogue.filter(|catalogue| self.age(catalogue) < self.showable(catalogue));
        if catalogue.as_ref().is_some_and(|catalogue| self.remaining(catalogue) > 0) {
            return Offer { catalogue, failure: None };
        }
        if let Some(failure) = known.failure.filter(|failure| self.cooling(failure)) {
            return Offer { catalogue, failure: Some(failure) };
        }
        let Some(old) = catalogue else {
            return match self.refresh(Rc::clone(server), scope.clone()).await {
                Ok(new) => Offer { catalogue: Some(new), failure: None },
                Err(failure) => Offer { catalogue: None, failure: Some(failure) },
            };
        };
        self.renew(old, server, endpoint, scope).await
    }

    /// Asks for a new catalogue, with an old one at hand.
    async fn renew(
        self: &Rc<Self>,
        old: Rc<Catalogue>,
        server: &Rc<Server>,
        endpoint: &Endpoint,
        scope: &Scope,
    ) -> Offer {
        let key = (endpoint.tenant.clone(), endpoint.server.clone());
        if self.entries.borrow().get(&key).is_some_and(|entry| self.busy(entry)) {
            return Offer { catalogue: Some(old), failure: None };
        }
        let refresh = self.refresh(Rc::clone(server), scope.clone());
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
    fn refresh(self: &Rc<Self>, server: Rc<Server>, scope: Scope) -> LocalFuture<Result<Rc<Catalogue>, Rc<Failure>>> {
        let this = Rc::clone(self);
        Box::pin(async move {
            let endpoint = match &server.endpoint {
                Ok(endpoint) => endpoint,
                Err(problem) => return Err(this.unusable(&server, problem)),
            };
            let known = this.remembered(endpoint).catalogue;
            let now = this.platform.clock().now();
            this.with(endpoint, |entry| entry.refreshing_since = Some(now));
            let fetched = this.client.list_tools(endpoint, known.as_ref().map(|known| &known.verdict)).await;
            let now = this.platform.clock().now();
            match fetched {
                Err(error) => {
                    tracing::warn!(target: "toolgate::catalogue", tenant = %endpoint.tenant, server = %server.id, %error, "could not fetch the catalogue");
                    let failure = Rc::new(Failure { at: now, error });
                    this.with(endpoint, |entry| {
                        entry.failure = Some(Rc::clone(&failure));
                        entry.refreshing_since = None;
                    });
                    Err(failure)
                }
                Ok(list) => {
                    let fetched =
                        Fetched { fetched_at: now, ttl_ms: list.ttl_ms, verdict: list.verdict, tools: list.tools };
                    Ok(this.keep(&server, endpoint, Rc::new(Catalogue::new(&server, fetched)), &scope))
                }
            }
        })
    }

    pub(crate) fn unusable(&self, server: &Server, problem: &str) -> Rc<Failure> {
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
        let (old, stored_at) = self.with(endpoint, |entry| {
            entry.failure = None;
            entry.refreshing_since = None;
            (entry.catalogue.replace(Rc::clone(&new)), entry.stored_at)
        });
        let same =
            old.is_some_and(|old| old.same_tools(&new) && old.ttl_ms == new.ttl_ms && old.verdict == new.verdict);
        if !same {
            self.changes.set(self.changes.get() + 1);
        }
        let recently = stored_at.is_some_and(|at| new.fetched_at.millis_since(at) < millis(REWRITE_AFTER));
        if same && recently {
            return new;
        }
        let Some(blob) = stored::encode(&new) else { return new };
        self.with(endpoint, |entry| entry.stored_at = Some(new.fetched_at));
        let (this, tenant, name) = (Rc::clone(self), endpoint.tenant.clone(), blob_name(&server.id));
        scope.background.spawn(Box::pin(async move {
            // Lost: the next instance fetches it itself.
            if let Err(error) = this.platform.store().put_blob(&tenant, &name, blob).await {
                tracing::warn!(target: "toolgate::catalogue", %tenant, %error, "could not store a catalogue");
            }
        }));
        new
    }

    /// What memory holds, else what the store holds.
    async fn known(&self, server: &Rc<Server>, endpoint: &Endpoint) -> Offer {
        let remembered = self.remembered(endpoint);
        if remembered.catalogue.is_some() || remembered.failure.is_some() {
            return remembered;
        }
        // A store that can't give a blob is as good as one that has none: the upstream is asked.
        let blob = self.platform.store().get_blob(&endpoint.tenant, &blob_name(&endpoint.server)).await.ok().flatten();
        let Some(fetched) = blob.and_then(|blob| stored::decode(&blob, endpoint.revision)) else { return remembered };
        let catalogue = Rc::new(Catalogue::new(server, fetched));
        self.with(endpoint, |entry| {
            entry.stored_at = Some(catalogue.fetched_at);
            Rc::clone(entry.catalogue.get_or_insert(Rc::clone(&catalogue)))
        });
        Offer { catalogue: Some(catalogue), failure: None }
    }

    fn remembered(&self, endpoint: &Endpoint) -> Offer {
        let key = (endpoint.tenant.clone(), endpoint.server.clone());
        let entries = self.entries.borrow();
        let entry = entries.get(&key).filter(|entry| entry.revision == endpoint.revision);
        entry
            .map(|entry| Offer { catalogue: entry.catalogue.clone(), failure: entry.failure.clone() })
            .unwrap_or_default()
    }

    /// The entry for this revision of the server's record; an older one is dropped.
    fn with<T>(&self, endpoint: &Endpoint, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.entries.borrow_mut();
        let key = (endpoint.tenant.clone(), endpoint.server.clone());
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

    fn cooling(&self, failure: &Failure) -> bool {
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

fn key_of(server: &Server) -> Option<(TenantId, ServerId)> {
    server.endpoint.as_ref().ok().map(|endpoint| (endpoint.tenant.clone(), endpoint.server.clone()))
}

fn blob_name(server: &ServerId) -> String {
    format!("catalogue/{server}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
