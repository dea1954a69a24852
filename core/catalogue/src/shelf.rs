//! The tools that a principal finds in Code Mode: those that it would see in the list, under their servers, with the names that calls go by.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    rc::Rc,
};

use bytes::Bytes;
use toolgate_codemode::{ToolSource, Toolset, Visible};
use toolgate_model::{Grant, ItemKind, KeyId, Revision, ServerId, TenantId};
use toolgate_policy::{Principal, decide};
use toolgate_ports::{Platform, Scope};
use toolgate_state::{Server, Snapshot};
use toolgate_wire::splice;

use crate::{
    Aggregate, ArgumentEdits, Place, Unavailable,
    aggregate::{Gathered, TIMED_TTL_MS},
    catalogue::{Catalogue, Listed},
    names::SEPARATOR,
    place::PlaceKey,
};

/// About how many bytes of shelves one instance keeps. Beyond it all are dropped and made again.
const MAX_BYTES: usize = 16 << 20;
/// How many principals' sights one instance keeps.
const MAX_SIGHTS: usize = 1_000;

/// What one principal finds.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// What it sees.
    pub visible: Rc<Visible>,
    /// The servers whose part is missing or old.
    pub unavailable: Rc<[Unavailable]>,
    /// For how many milliseconds this stays true; zero if a part is missing or old.
    pub ttl_ms: u64,
    /// How many microseconds were spent waiting for servers and the store.
    pub waited_us: u64,
    stock: Rc<Stock>,
}

impl Shelf {
    /// The name by which a call at the same place reaches the tool that a shelf has as `tool` of `server`.
    #[must_use]
    pub fn called(&self, server: &str, tool: &str) -> Option<&str> {
        self.stock.tools.get(server)?.get(tool).map(|known| known.called.as_str())
    }
}

/// All that is found at a place, whoever sees which of it.
struct Stock {
    catalogues: Vec<Rc<Catalogue>>,
    set: Rc<Toolset>,
    /// By server and by the name on the shelf.
    tools: BTreeMap<String, BTreeMap<String, Known>>,
}

impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stock({} tools)", self.set.len())
    }
}

struct Known {
    /// Its server's place among those that were found.
    server: usize,
    /// The upstream's name.
    name: String,
    /// The name that calls go by.
    called: String,
}

/// What a principal saw, and of what that was made.
struct Sight {
    revision: Revision,
    grants: Vec<Grant>,
    facet: String,
    stock: Rc<Stock>,
    visible: Rc<Visible>,
}

/// Shelves that were made, by what they are for. At the whole of a tenant they differ by the servers that a principal may touch.
#[derive(Default)]
pub(crate) struct Shelves {
    stocks: BTreeMap<(TenantId, PlaceKey, Vec<ServerId>), Rc<Stock>>,
    bytes: usize,
    sights: BTreeMap<(TenantId, KeyId, PlaceKey), Sight>,
}

impl<P: Platform> Aggregate<P> {
    /// What `principal` finds at `place`.
    pub async fn shelf(&self, principal: Principal<'_>, snapshot: &Snapshot, place: Place<'_>, scope: &Scope) -> Shelf {
        let Gathered { found, unavailable, mut ttl_ms, waited_us } =
            self.gather(principal, snapshot, place, ItemKind::Tool, scope).await;
        if principal.facet().is_none() {
            ttl_ms = ttl_ms.min(TIMED_TTL_MS);
        }
        let stock = self.stock(snapshot, place, &found);
        let visible = self.sight(principal, snapshot, place, &found, &stock);
        Shelf { visible, unavailable: unavailable.into(), ttl_ms, waited_us, stock }
    }

    fn stock(&self, snapshot: &Snapshot, place: Place<'_>, found: &[(Rc<Server>, Rc<Catalogue>)]) -> Rc<Stock> {
        let servers = found.iter().map(|(server, _)| server.id.clone()).collect();
        let key = (snapshot.tenant.clone(), place.key(), servers);
        let mut shelves = self.shelves.borrow_mut();
        if let Some(known) = shelves.stocks.get(&key)
            && known.catalogues.iter().zip(found).all(|(known, (_, now))| Rc::ptr_eq(known, now))
        {
            return Rc::clone(known);
        }
        let stock = Rc::new(Stock::new(place, found));
        shelves.keep(key, &stock);
        stock
    }

    fn sight(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        place: Place<'_>,
        found: &[(Rc<Server>, Rc<Catalogue>)],
        stock: &Rc<Stock>,
    ) -> Rc<Visible> {
        let key = (snapshot.tenant.clone(), principal.key().clone(), place.key());
        let facet = principal.facet();
        let shelves = self.shelves.borrow();
        if let Some(known) = shelves.sights.get(&key)
            && known.revision == snapshot.revision
            && known.grants == principal.grants()
            && Some(&known.facet) == facet.as_ref()
            && Rc::ptr_eq(&known.stock, stock)
        {
            return Rc::clone(&known.visible);
        }
        drop(shelves);
        let sees = |server: &str, tool: &str| {
            let known = stock.tools.get(server).and_then(|tools| tools.get(tool));
            known.is_some_and(|known| {
                let (server, catalogue) = &found[known.server];
                decide(principal, &catalogue.subject(server, &known.name)).allowed()
            })
        };
        let visible = Rc::new(stock.set.visible(sees));
        if let Some(facet) = facet {
            let mut shelves = self.shelves.borrow_mut();
            if shelves.sights.len() >= MAX_SIGHTS {
                shelves.sights.clear();
            }
            let (revision, grants) = (snapshot.revision, principal.grants().to_vec());
            let sight = Sight { revision, grants, facet, stock: Rc::clone(stock), visible: Rc::clone(&visible) };
            shelves.sights.insert(key, sight);
        }
        visible
    }
}

impl Shelves {
    fn keep(&mut self, key: (TenantId, PlaceKey, Vec<ServerId>), stock: &Rc<Stock>) {
        if let Some(old) = self.stocks.remove(&key) {
            self.bytes -= old.size();
        }
        if self.bytes + stock.size() > MAX_BYTES {
            self.stocks.clear();
            self.sights.clear();
            self.bytes = 0;
        }
        self.bytes += stock.size();
        self.stocks.insert(key, Rc::clone(stock));
    }
}

impl Stock {
    fn new(place: Place<'_>, found: &[(Rc<Server>, Rc<Catalogue>)]) -> Self {
        let mut sources = Vec::new();
        let mut tools: BTreeMap<String, BTreeMap<String, Known>> = BTreeMap::new();
        for (index, (server, catalogue)) in found.iter().enumerate() {
            let of_server = tools.entry(server.id.to_string()).or_default();
            for item in &catalogue.items {
                let Some((name, called, raw)) = on_shelf(place, server, item) else { continue };
                if let Entry::Vacant(free) = of_server.entry(name) {
                    sources.push(ToolSource { server: server.id.to_string(), name: free.key().clone(), raw });
                    free.insert(Known { server: index, name: item.name.clone(), called });
                }
            }
        }
        let catalogues = found.iter().map(|(_, catalogue)| Rc::clone(catalogue)).collect();
        Self { catalogues, set: Rc::new(Toolset::new(sources)), tools }
    }

    fn size(&self) -> usize {
        let named = self.tools.values().flat_map(BTreeMap::iter);
        let names: usize = named.map(|(name, known)| name.len() + known.name.len() + known.called.len() + 128).sum();
        self.set.size() + names
    }
}

/// The name that a shelf has for `item`, the one that calls go by, and its JSON; nothing, if it is not offered at `place`.
fn on_shelf(place: Place<'_>, server: &Server, item: &Listed) -> Option<(String, String, Bytes)> {
    match place {
        Place::Server(_) => Some((item.name.clone(), item.name.clone(), item.raw.clone())),
        Place::All => Some((item.name.clone(), item.exposed.clone(), item.raw.clone())),
        Place::View(view) => {
            let shown = view.record.servers.get(&server.id)?;
            if !shown.shows(ItemKind::Tool.item(&item.name)) {
                return None;
            }
            let (name, called) = match shown.rename.get(&item.name) {
                Some(renamed) => (renamed.clone(), format!("{}{SEPARATOR}{renamed}", server.id)),
                None => (item.name.clone(), item.exposed.clone()),
            };
            let edits = ArgumentEdits::of(shown.arguments.get(&item.name));
            let raw = match std::str::from_utf8(&item.raw) {
                Ok(text) if !edits.is_empty() => edits.edits_of_schema(text, splice::Edit::new(text)).finish().into(),
                _ => item.raw.clone(),
            };
            Some((name, called, raw))
        }
    }
}
