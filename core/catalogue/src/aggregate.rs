//! Many servers as one: the list a principal sees, and the tool that a call names.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use futures_util::{StreamExt, stream};
use toolgate_model::{Grant, Item, KeyId, Limits, Revision, ServerId, TenantId};
use toolgate_policy::{Principal, decide, touches};
use toolgate_ports::{Platform, Scope};
use toolgate_state::{Server, Snapshot};
use toolgate_upstream::{Endpoint, UpstreamError};

use crate::{
    catalogue::{Catalogue, Tool},
    catalogues::{Catalogues, Failure, Offer},
    listing::{Listing, Naming},
    names::SEPARATOR,
};

/// How many bytes of finished lists one instance keeps. Beyond it all are dropped and made again.
const MAX_CACHED_BYTES: usize = 8 << 20;

/// A server that is missing from a list, or in it as it was when it last answered.
#[derive(Debug, Clone)]
pub struct Unavailable {
    /// Which.
    pub server: ServerId,
    /// What went wrong.
    pub error: UpstreamError,
    /// Whether its tools are listed as they last were.
    pub listed: bool,
}

/// What a principal sees.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The tools.
    pub listing: Rc<Listing>,
    /// The servers whose part is missing or old.
    pub unavailable: Rc<[Unavailable]>,
    /// For how many milliseconds this stays true; zero if a part is missing or old.
    pub ttl_ms: u64,
    /// How many microseconds were spent waiting for servers and the store.
    pub waited_us: u64,
}

/// Where a call goes.
#[derive(Debug, Clone)]
pub struct Routed {
    /// The server.
    pub server: Rc<Server>,
    /// The catalogue that holds the tool.
    pub catalogue: Rc<Catalogue>,
    /// The tool's upstream name.
    pub tool: String,
    /// The rule that allowed it.
    pub rule: String,
}

impl Routed {
    /// The server's endpoint.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.server.endpoint.as_ref().ok()
    }
}

/// What became of a name.
#[derive(Debug, Clone)]
pub enum Route {
    /// It may be called.
    To(Routed),
    /// The principal gets the same answer for both: there is no such tool, or it may not call it. `rule` is for the log.
    Unknown {
        /// The server the name points to, if there is one.
        server: Option<ServerId>,
        /// The rule that decided.
        rule: &'static str,
    },
    /// The principal might call it, but the server can't be asked whether there is such a tool.
    Unavailable(Rc<Failure>),
}

/// Makes lists and finds tools.
pub struct Aggregate<P: Platform> {
    catalogues: Rc<Catalogues<P>>,
    limits: Limits,
    lists: RefCell<Lists>,
}

impl<P: Platform> fmt::Debug for Aggregate<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aggregate({} lists)", self.lists.borrow().entries.len())
    }
}

/// Tenant, principal, and the one server that the endpoint is of.
type ListKey = (TenantId, KeyId, Option<ServerId>);

/// Finished lists. The key names tenant, principal and endpoint; the stamp says of which policy and which catalogues.
#[derive(Default)]
struct Lists {
    entries: BTreeMap<ListKey, (Stamp, Rc<Listing>)>,
    bytes: usize,
}

#[derive(Clone)]
struct Stamp {
    revision: Revision,
    grants: Vec<Grant>,
    catalogues: Vec<Rc<Catalogue>>,
}

impl Stamp {
    /// Whether both were made of the same. Catalogues are compared by identity: one that was fetched again is another.
    fn same(&self, other: &Self) -> bool {
        self.revision == other.revision
            && self.grants == other.grants
            && self.catalogues.len() == other.catalogues.len()
            && self.catalogues.iter().zip(&other.catalogues).all(|(a, b)| Rc::ptr_eq(a, b))
    }
}

impl<P: Platform> Aggregate<P> {
    /// Over `catalogues`.
    #[must_use]
    pub fn new(catalogues: Rc<Catalogues<P>>, limits: Limits) -> Self {
        Self { catalogues, limits, lists: RefCell::default() }
    }

    /// The catalogues themselves.
    #[must_use]
    pub const fn catalogues(&self) -> &Rc<Catalogues<P>> {
        &self.catalogues
    }

    /// What `principal` sees of the whole tenant, or `of` one server under its original names.
    pub async fn list(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        of: Option<&ServerId>,
        scope: &Scope,
    ) -> Listed {
        let servers: Vec<&Rc<Server>> = snapshot
            .servers
            .values()
            .filter(|server| server.enabled && touches(principal, &server.id) && of.is_none_or(|of| *of == server.id))
            .collect();
        let began = self.catalogues.ticks();
        let (offers, asked) = self.offers(&servers, scope).await;
        let waited_us = if asked { self.catalogues.ticks().saturating_sub(began) } else { 0 };
        let mut unavailable = Vec::new();
        let mut shown = Vec::new();
        let mut ttl_ms = u64::MAX;
        for (server, offer) in servers.into_iter().zip(offers) {
            if let Some(failure) = &offer.failure {
                let listed = offer.catalogue.is_some();
                unavailable.push(Unavailable { server: server.id.clone(), error: failure.error.clone(), listed });
                ttl_ms = 0;
            }
            if let Some(catalogue) = offer.catalogue {
                ttl_ms = ttl_ms.min(self.catalogues.remaining(&catalogue));
                shown.push((server, catalogue));
            }
        }
        if shown.is_empty() {
            ttl_ms = 0;
        }
        let listing = self.listing(principal, snapshot, of, &shown);
        Listed { listing, unavailable: unavailable.into(), ttl_ms, waited_us }
    }

    /// Each server's offer, in their order, and whether any had to be asked; a few servers at a time are.
    async fn offers(&self, servers: &[&Rc<Server>], scope: &Scope) -> (Vec<Offer>, bool) {
        let mut offers: Vec<Option<Offer>> = servers.iter().map(|server| self.at_once(server)).collect();
        let missing: Vec<usize> = (0..offers.len()).filter(|index| offers[*index].is_none()).collect();
        let asked = !missing.is_empty();
        let mut answers = stream::iter(missing)
            .map(|index| async move { (index, self.offer(servers[index], scope).await) })
            .buffer_unordered(self.limits.fan_out);
        while let Some((index, offer)) = answers.next().await {
            offers[index] = Some(offer);
        }
        drop(answers);
        (offers.into_iter().map(Option::unwrap_or_default).collect(), asked)
    }

    fn at_once(&self, server: &Server) -> Option<Offer> {
        let catalogue = self.catalogues.fresh(server.endpoint.as_ref().ok()?)?;
        Some(Offer { catalogue: Some(catalogue), failure: None })
    }

    async fn offer(&self, server: &Rc<Server>, scope: &Scope) -> Offer {
        match &server.endpoint {
            Ok(endpoint) => self.catalogues.offer(server, endpoint, scope).await,
            Err(problem) => Offer { catalogue: None, failure: Some(self.catalogues.unusable(server, problem)) },
        }
    }

    fn listing(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        of: Option<&ServerId>,
        shown: &[(&Rc<Server>, Rc<Catalogue>)],
    ) -> Rc<Listing> {
        let key = (snapshot.tenant.clone(), principal.key().clone(), of.cloned());
        let stamp = Stamp {
            revision: snapshot.revision,
            grants: principal.grants().to_vec(),
            catalogues: shown.iter().map(|(_, catalogue)| Rc::clone(catalogue)).collect(),
        };
        if let Some((known, listing)) = self.lists.borrow().entries.get(&key)
            && known.same(&stamp)
        {
            return Rc::clone(listing);
        }
        let tools: Vec<&Tool> = shown
            .iter()
            .flat_map(|(server, catalogue)| {
                catalogue.tools.iter().filter(|tool| decide(principal, &server.id, Item::Tool(&tool.name)).allowed())
            })
            .collect();
        let naming = if of.is_some() { Naming::Original } else { Naming::Exposed };
        let listing = Rc::new(Listing::new(tools, naming));
        self.lists.borrow_mut().keep(key, stamp, &listing);
        listing
    }

    /// Finds the tool that `principal` names: `server__tool` in the aggregate, its original name `of` one server.
    pub async fn route(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        of: Option<&ServerId>,
        name: &str,
        scope: &Scope,
    ) -> Route {
        let (server, bare) = match of {
            Some(of) => (snapshot.servers.get(of), name),
            None => match name.split_once(SEPARATOR) {
                Some((server, bare)) => (snapshot.servers.get(server), bare),
                None => (None, name),
            },
        };
        let Some(server) = server else { return Route::Unknown { server: None, rule: "no-such-server" } };
        let unknown = |rule| Route::Unknown { server: Some(server.id.clone()), rule };
        if !touches(principal, &server.id) {
            return unknown("no-grant");
        }
        if !server.enabled {
            return unknown("server-disabled");
        }
        let endpoint = match &server.endpoint {
            Ok(endpoint) => endpoint,
            Err(problem) => return Route::Unavailable(self.catalogues.unusable(server, problem)),
        };
        let find = |catalogue: &Rc<Catalogue>| match of {
            Some(_) => catalogue.named(name).map(|tool| tool.name.clone()),
            None => catalogue.exposed(name).map(|tool| tool.name.clone()),
        };
        let mut catalogue = match self.catalogues.any(server, endpoint, scope).await {
            Ok(catalogue) => catalogue,
            // Whoever may not call it isn't told that the server is down either.
            Err(_) if !decide(principal, &server.id, Item::Tool(bare)).allowed() => return unknown("no-grant"),
            Err(failure) => return Route::Unavailable(failure),
        };
        let mut found = find(&catalogue);
        if found.is_none()
            && decide(principal, &server.id, Item::Tool(bare)).allowed()
            && let Some(newer) = self.catalogues.newer(server, &catalogue, scope).await
        {
            found = find(&newer);
            catalogue = newer;
        }
        let Some(tool) = found else {
            let granted = decide(principal, &server.id, Item::Tool(bare)).allowed();
            return unknown(if granted { "no-such-tool" } else { "no-grant" });
        };
        let decision = decide(principal, &server.id, Item::Tool(&tool));
        if !decision.allowed() {
            return unknown("no-grant");
        }
        Route::To(Routed { server: Rc::clone(server), catalogue, rule: decision.to_string(), tool })
    }
}

impl Lists {
    fn keep(&mut self, key: ListKey, stamp: Stamp, listing: &Rc<Listing>) {
        if let Some((_, old)) = self.entries.remove(&key) {
            self.bytes -= old.size();
        }
        if self.bytes + listing.size() > MAX_CACHED_BYTES {
            self.entries.clear();
            self.bytes = 0;
        }
        self.bytes += listing.size();
        self.entries.insert(key, (stamp, Rc::clone(listing)));
    }
}
