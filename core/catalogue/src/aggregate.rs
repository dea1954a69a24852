//! Many servers as one: the lists a principal sees.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc, time::Duration};

use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use toolgate_model::{Grant, ItemKind, KeyId, Limits, Revision, ServerId, TenantId};
use toolgate_policy::{Principal, decide, touches};
use toolgate_ports::{Clock, Platform, Scope};
use toolgate_state::{Server, Snapshot, View};
use toolgate_upstream::{Step, UpstreamError, UpstreamErrorKind, Verdict};
use toolgate_wire::splice;

use crate::{
    ArgumentEdits, Place, UriMap,
    catalogue::{Catalogue, Listed},
    catalogues::{Catalogues, Failure, Offer},
    listing::{Listing, Order, Shown},
    place::PlaceKey,
    shelf::Shelves,
    view_names::ViewNames,
};

/// For how long, at most, a list stays true that depends on the time of day, in milliseconds.
pub(crate) const TIMED_TTL_MS: u64 = 60_000;
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
pub struct Offered {
    /// The items.
    pub listing: Rc<Listing>,
    /// The servers whose part is missing or old.
    pub unavailable: Rc<[Unavailable]>,
    /// For how many milliseconds this stays true; zero if a part is missing or old.
    pub ttl_ms: u64,
    /// Names that are left out, because several servers have them.
    pub ambiguous: Vec<String>,
    /// How many microseconds were spent waiting for servers and the store.
    pub waited_us: u64,
}

/// What servers list, and those that could not be asked.
pub(crate) struct Gathered {
    pub(crate) found: Vec<(Rc<Server>, Rc<Catalogue>)>,
    /// Of those that the principal may see something of.
    pub(crate) unavailable: Vec<Unavailable>,
    /// For how many milliseconds this stays true; zero if a part is missing or old.
    pub(crate) ttl_ms: u64,
    pub(crate) waited_us: u64,
}

/// Makes lists and finds tools.
pub struct Aggregate<P: Platform> {
    catalogues: Rc<Catalogues<P>>,
    limits: Limits,
    lists: RefCell<Lists>,
    uris: RefCell<UriMaps>,
    names: RefCell<NameMaps>,
    pub(crate) shelves: RefCell<Shelves>,
}

/// Of each place, its map of URIs. It is the same for all who see any of it.
type UriMaps = BTreeMap<(TenantId, PlaceKey), (UriStamp, Rc<UriMap>)>;
/// Of each view, the names of its things, and the catalogues that they were made of.
type NameMaps = BTreeMap<(TenantId, PlaceKey, ItemKind), (Vec<Rc<Catalogue>>, Rc<ViewNames>)>;
/// Of which revision of the tenant, and of which knowledge of resources, a map of URIs is.
type UriStamp = (Revision, u64);

/// How many maps of URIs and of a view's names one instance keeps.
const MAX_MAPS: usize = 500;

impl<P: Platform> fmt::Debug for Aggregate<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aggregate({} lists)", self.lists.borrow().entries.len())
    }
}

/// What a client takes as a tool's structured result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outputs {
    /// Any JSON value.
    Any,
    /// Objects. A schema of anything else is left out of the list, for it would make all of the list unreadable.
    Objects,
}

/// Tenant, principal, endpoint and kind; and what clients take, where that makes a difference.
type ListKey = (TenantId, KeyId, PlaceKey, ItemKind, Outputs);

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
    /// What else decisions depended on.
    facet: String,
    catalogues: Vec<Rc<Catalogue>>,
    uris: Rc<UriMap>,
}

impl Stamp {
    /// Whether both were made of the same. Catalogues are compared by identity: one that was fetched again is another.
    fn same(&self, other: &Self) -> bool {
        self.revision == other.revision
            && self.grants == other.grants
            && self.facet == other.facet
            && Rc::ptr_eq(&self.uris, &other.uris)
            && self.catalogues.len() == other.catalogues.len()
            && self.catalogues.iter().zip(&other.catalogues).all(|(a, b)| Rc::ptr_eq(a, b))
    }
}

impl<P: Platform> Aggregate<P> {
    /// Over `catalogues`.
    #[must_use]
    pub fn new(catalogues: Rc<Catalogues<P>>, limits: Limits) -> Self {
        Self {
            catalogues,
            limits,
            lists: RefCell::default(),
            uris: RefCell::default(),
            names: RefCell::default(),
            shelves: RefCell::default(),
        }
    }

    /// The catalogues themselves.
    #[must_use]
    pub const fn catalogues(&self) -> &Rc<Catalogues<P>> {
        &self.catalogues
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What `principal` sees at `place`.
    pub async fn list(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        place: Place<'_>,
        kind: ItemKind,
        outputs: Outputs,
        scope: &Scope,
    ) -> Offered {
        let Gathered { found: shown, unavailable, mut ttl_ms, waited_us } =
            self.gather(principal, snapshot, place, kind, scope).await;
        let uris = self.uris(snapshot, place).await;
        if principal.facet().is_none() {
            ttl_ms = ttl_ms.min(TIMED_TTL_MS);
        }
        let names = match place {
            Place::View(view) => Some((view, self.view_names(snapshot, view, kind, &shown))),
            Place::All | Place::Server(_) => None,
        };
        let ambiguous = names.as_ref().map(|(view, names)| names.left_out(view.record.prefix)).unwrap_or_default();
        let names = names.map(|(_, names)| names);
        let loose = shown.iter().any(|(_, catalogue)| catalogue.loose_outputs);
        let outputs = if loose { outputs } else { Outputs::Any };
        let listing = self.listing(principal, snapshot, place, (kind, outputs), &shown, names.as_deref(), &uris);
        Offered { listing, unavailable: unavailable.into(), ttl_ms, ambiguous, waited_us }
    }

    /// What the servers of `place` list of `kind`, whoever may see which of it.
    pub(crate) async fn gather(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        place: Place<'_>,
        kind: ItemKind,
        scope: &Scope,
    ) -> Gathered {
        let seen = |server: &&Rc<Server>| touches(principal, &server.id);
        // A view's names come of all that it offers, whoever asks.
        let servers = snapshot.servers.values().filter(|server| server.enabled && place.holds(server));
        let servers: Vec<&Rc<Server>> = match place {
            Place::View(_) => servers.collect(),
            Place::All | Place::Server(_) => servers.filter(seen).collect(),
        };
        let began = self.catalogues.ticks();
        let (offers, asked) = self.offers(&servers, kind, scope).await;
        let waited_us = if asked { self.catalogues.ticks().saturating_sub(began) } else { 0 };
        let mut gathered = Gathered { found: Vec::new(), unavailable: Vec::new(), ttl_ms: u64::MAX, waited_us };
        for (server, offer) in servers.into_iter().zip(offers) {
            if let Some(failure) = offer.failure.filter(|_| seen(&server)) {
                let listed = offer.catalogue.is_some();
                let error = failure.error.clone();
                gathered.unavailable.push(Unavailable { server: server.id.clone(), error, listed });
                gathered.ttl_ms = 0;
            }
            if let Some(catalogue) = offer.catalogue {
                gathered.ttl_ms = gathered.ttl_ms.min(self.catalogues.remaining(&catalogue));
                gathered.found.push((Rc::clone(server), catalogue));
            }
        }
        if gathered.found.is_empty() {
            gathered.ttl_ms = 0;
        }
        gathered
    }

    /// Each server's offer, in their order, and whether any had to be asked; a few servers at a time are.
    async fn offers(&self, servers: &[&Rc<Server>], kind: ItemKind, scope: &Scope) -> (Vec<Offer>, bool) {
        let mut offers: Vec<Option<Offer>> = servers.iter().map(|server| self.at_once(server, kind)).collect();
        let missing: Vec<usize> = (0..offers.len()).filter(|index| offers[*index].is_none()).collect();
        let asked = !missing.is_empty();
        let mut answers = stream::iter(missing)
            .map(|index| async move { (index, self.offer(servers[index], kind, scope).await) })
            .buffer_unordered(self.limits.fan_out);
        while let Some((index, offer)) = answers.next().await {
            offers[index] = Some(offer);
        }
        drop(answers);
        (offers.into_iter().map(Option::unwrap_or_default).collect(), asked)
    }

    fn at_once(&self, server: &Server, kind: ItemKind) -> Option<Offer> {
        let catalogue = self.catalogues.fresh(server.endpoint.as_ref().ok()?, kind)?;
        Some(Offer { catalogue: Some(catalogue), failure: None })
    }

    async fn offer(&self, server: &Rc<Server>, kind: ItemKind, scope: &Scope) -> Offer {
        match &server.endpoint {
            Ok(endpoint) => self.catalogues.offer(server, endpoint, kind, scope).await,
            Err(problem) => Offer { catalogue: None, failure: Some(self.catalogues.unusable(server, problem)) },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is what a list is made of")]
    fn listing(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        place: Place<'_>,
        (kind, outputs): (ItemKind, Outputs),
        found: &[(Rc<Server>, Rc<Catalogue>)],
        names: Option<&ViewNames>,
        uris: &Rc<UriMap>,
    ) -> Rc<Listing> {
        let key = (snapshot.tenant.clone(), principal.key().clone(), place.key(), kind, outputs);
        let stamp = principal.facet().map(|facet| Stamp {
            revision: snapshot.revision,
            grants: principal.grants().to_vec(),
            facet,
            catalogues: found.iter().map(|(_, catalogue)| Rc::clone(catalogue)).collect(),
            uris: Rc::clone(uris),
        });
        if let Some(stamp) = &stamp
            && let Some((known, listing)) = self.lists.borrow().entries.get(&key)
            && known.same(stamp)
        {
            return Rc::clone(listing);
        }
        // What a name is borrowed from while the list is made.
        let mut kept: Vec<(&Server, &Listed, String)> = Vec::new();
        for (server, catalogue) in found.iter().filter(|(server, _)| touches(principal, &server.id)) {
            let visible = |item: &&Listed| decide(principal, &catalogue.subject(server, &item.name)).allowed();
            for item in catalogue.items.iter().filter(visible) {
                let name = match (place, kind, names) {
                    (Place::Server(_), ..) => item.name.clone(),
                    (_, ItemKind::Resource | ItemKind::Template, _) => {
                        uris.exposed(&server.id, &item.name).into_owned()
                    }
                    (_, _, Some(names)) => match names.listed(&server.id, &item.name) {
                        Some(name) => name.to_owned(),
                        None => continue,
                    },
                    (_, _, None) => item.exposed.clone(),
                };
                kept.push((server, item, name));
            }
        }
        let shown = kept.iter().map(|(server, item, name)| Shown {
            name,
            item,
            edited: edited(principal, server, (kind, outputs), item, name, uris),
        });
        let order = if matches!(place, Place::Server(_)) { Order::Upstream } else { Order::ByName };
        let listing = Rc::new(Listing::new(shown.collect(), order));
        if let Some(stamp) = stamp {
            self.lists.borrow_mut().keep(key, stamp, &listing);
        }
        listing
    }

    /// The names of a view's items of `kind`, of what its servers list.
    pub(crate) fn view_names(
        &self,
        snapshot: &Snapshot,
        view: &View,
        kind: ItemKind,
        found: &[(Rc<Server>, Rc<Catalogue>)],
    ) -> Rc<ViewNames> {
        let key = (snapshot.tenant.clone(), Place::View(view).key(), kind);
        let stamp: Vec<Rc<Catalogue>> = found.iter().map(|(_, catalogue)| Rc::clone(catalogue)).collect();
        if let Some((known, names)) = self.names.borrow().get(&key)
            && known.len() == stamp.len()
            && known.iter().zip(&stamp).all(|(a, b)| Rc::ptr_eq(a, b))
        {
            return Rc::clone(names);
        }
        let names = Rc::new(ViewNames::new(&view.record, kind, found));
        let mut all = self.names.borrow_mut();
        if all.len() >= MAX_MAPS {
            all.clear();
        }
        all.insert(key, (stamp, Rc::clone(&names)));
        names
    }

    /// How the URIs of resources read at `place`. It comes of what this instance or the store knows of resources; no server is asked.
    pub async fn uris(&self, snapshot: &Snapshot, place: Place<'_>) -> Rc<UriMap> {
        if matches!(place, Place::Server(_)) {
            return Rc::default();
        }
        let key = (snapshot.tenant.clone(), place.key());
        let stamp = (snapshot.revision, self.catalogues.resource_changes());
        if let Some((known, map)) = self.uris.borrow().get(&key)
            && *known == stamp
        {
            return Rc::clone(map);
        }
        let mut found = Vec::new();
        for server in snapshot.servers.values().filter(|server| server.enabled && place.holds(server)) {
            let Ok(endpoint) = &server.endpoint else { continue };
            for kind in [ItemKind::Resource, ItemKind::Template] {
                if let Some(catalogue) = self.catalogues.peek(server, endpoint, kind).await.catalogue {
                    found.push((Rc::clone(server), catalogue));
                }
            }
        }
        let shows = |server: &Server, item: &Listed| match place {
            Place::View(view) => {
                let shown = view.record.servers.get(&server.id);
                shown.is_some_and(|shown| shown.shows(ItemKind::Resource.item(&item.name)))
            }
            Place::All | Place::Server(_) => true,
        };
        let listed = found.iter().flat_map(|(server, catalogue)| {
            let items = catalogue.items.iter().filter(|item| shows(server, item));
            items.map(|item| (&server.id, item.name.as_str()))
        });
        let map = Rc::new(UriMap::of(listed));
        // What was looked up on the way may have changed what is known.
        let stamp = (snapshot.revision, self.catalogues.resource_changes());
        let mut all = self.uris.borrow_mut();
        if all.len() >= MAX_MAPS {
            all.clear();
        }
        match all.get(&key) {
            // The same again keeps its identity, so that lists made with it stay good.
            Some((_, known)) if **known == *map => {
                let known = Rc::clone(known);
                all.insert(key, (stamp, Rc::clone(&known)));
                known
            }
            _ => {
                all.insert(key, (stamp, Rc::clone(&map)));
                map
            }
        }
    }

    /// A server said that its list changed.
    pub fn changed(&self, tenant: &TenantId, server: &ServerId, kind: ItemKind) {
        self.catalogues.changed(tenant, server, kind);
    }

    /// What the servers of `place` speak and can do: from memory, the store, or else by asking, no longer than `patience`.
    pub async fn verdicts(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        place: Place<'_>,
        patience: Duration,
    ) -> Vec<(Rc<Server>, Result<Rc<Verdict>, Rc<Failure>>)> {
        let servers = snapshot
            .servers
            .values()
            .filter(|server| server.enabled && touches(principal, &server.id) && place.holds(server));
        let ask = |server: &Rc<Server>| {
            let server = Rc::clone(server);
            async move {
                let verdict = self.verdict(&server, patience).await;
                (server, verdict)
            }
        };
        stream::iter(servers.map(ask)).buffered(self.limits.fan_out).collect().await
    }

    /// What one server speaks and can do.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn verdict(&self, server: &Rc<Server>, patience: Duration) -> Result<Rc<Verdict>, Rc<Failure>> {
        let endpoint = server.endpoint.as_ref().map_err(|problem| self.catalogues.unusable(server, problem))?;
        let known = self.catalogues.peek(server, endpoint, ItemKind::Tool).await;
        if let Some(catalogue) = known.catalogue {
            return Ok(Rc::clone(&catalogue.verdict));
        }
        if let Some(failure) = known.failure.filter(|failure| self.catalogues.cooling(failure)) {
            return Err(failure);
        }
        let probe = self.catalogues.probe(endpoint);
        match select(std::pin::pin!(probe), self.catalogues.clock().sleep(patience)).await {
            Either::Left((verdict, _)) => verdict.map(Rc::new),
            Either::Right(_) => {
                let error = UpstreamError {
                    server: server.id.clone(),
                    step: Step::Probe,
                    kind: UpstreamErrorKind::Timeout,
                    message: format!("it did not say what it can do within {} s", patience.as_secs()),
                };
                Err(Rc::new(Failure { at: self.catalogues.clock().now(), error }))
            }
        }
    }
}

/// An item's JSON, if more than its name differs here.
fn edited(
    principal: Principal<'_>,
    server: &Server,
    (kind, outputs): (ItemKind, Outputs),
    item: &Listed,
    name: &str,
    uris: &UriMap,
) -> Option<String> {
    if kind != ItemKind::Tool {
        return None;
    }
    let shown = principal.view().and_then(|view| view.servers.get(&server.id));
    let arguments = ArgumentEdits::of(shown.and_then(|shown| shown.arguments.get(&item.name)));
    let text = std::str::from_utf8(&item.raw).ok()?;
    let pages = if uris.is_identity() { Vec::new() } else { page_uris(text) };
    let unreadable = item.loose_output && outputs == Outputs::Objects;
    if arguments.is_empty() && pages.is_empty() && !unreadable {
        return None;
    }
    let mut edit = splice::Edit::new(text);
    if unreadable {
        edit = edit.remove_member(0..text.len(), "outputSchema");
    }
    if name != item.name {
        edit = edit.replace(item.name_span.clone(), splice::quote(name));
    }
    for span in pages {
        if let Some(uri) = splice::string(&text[span.clone()]) {
            edit = edit.replace(span, splice::quote(&uris.exposed(&server.id, &uri)));
        }
    }
    Some(arguments.edits_of_schema(text, edit).finish())
}

/// Where a tool names the page that shows it (MCP Apps).
fn page_uris(tool: &str) -> Vec<toolgate_wire::Span> {
    let Some(meta) = splice::member(tool, "_meta") else { return Vec::new() };
    let at = |object: &toolgate_wire::Span, name: &str| {
        let span = splice::member(&tool[object.clone()], name)?;
        Some(object.start + span.start..object.start + span.end)
    };
    let nested = at(&meta, "ui").and_then(|ui| at(&ui, "resourceUri"));
    [nested, at(&meta, "ui/resourceUri")].into_iter().flatten().collect()
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
