//! The cache itself: what is known of each tenant, and when it must be asked about again.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc, str::FromStr, time::Duration};

use serde::de::DeserializeOwned;
use toolgate_model::{
    IdError, KeyId, KeyRecord, Limit, LimitRecord, PolicyRecord, Revision, ServerRecord, TeamId, TeamRecord, TenantId,
    TenantRecord, ViewId,
};
use toolgate_policy::Rules;
use toolgate_ports::{Changed, Clock, Consistency, Platform, Record, RecordKey, RecordKind, Scope, Store, StoreError};
use toolgate_seal::Sealer;

use crate::{Server, Snapshot, View};

/// How many tenants one instance remembers, and how many keys of each. Beyond it all is forgotten and read again: an
/// instance that serves so many has to be rare, and forgetting is always right.
const MAX_TENANTS: usize = 1_000;
const MAX_KEYS: usize = 10_000;
const MAX_VIEWS: usize = 1_000;
const MAX_SERVERS: usize = 500;

/// Why a tenant's records can't be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The store failed, and what is known is older than the staleness bound. Retryable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What this instance knows of all tenants.
pub struct States<P> {
    platform: Rc<P>,
    sealer: Rc<Sealer>,
    staleness: Duration,
    tenants: RefCell<BTreeMap<TenantId, Known>>,
}

impl<P> fmt::Debug for States<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({} tenants)", self.tenants.borrow().len())
    }
}

/// What is known of one tenant. `None` within an `Option` means: known to be absent.
#[derive(Default)]
struct Known {
    revision: Revision,
    synced_at: u64,
    generation: Option<u64>,
    refreshing: Option<Refreshing>,
    snapshot: Option<Option<Rc<Snapshot>>>,
    keys: BTreeMap<KeyId, Option<Rc<KeyRecord>>>,
    views: BTreeMap<ViewId, Option<Rc<View>>>,
}

/// A refresh runs in the background since `.0` (ticks).
struct Refreshing(u64);

enum Freshness {
    /// Nothing need be asked.
    Fresh,
    /// Good for now; ask in the background.
    Aging,
    /// Ask before use.
    Stale,
}

impl<P: Platform> States<P> {
    /// Knows nothing yet. What it will know is never older than `staleness`.
    #[must_use]
    pub fn new(platform: Rc<P>, sealer: Rc<Sealer>, staleness: Duration) -> Rc<Self> {
        Rc::new(Self { platform, sealer, staleness, tenants: RefCell::default() })
    }

    /// A tenant with its servers; `None` if there is no such tenant.
    ///
    /// # Errors
    /// [`StateError`] if the store can't say.
    pub async fn tenant(self: &Rc<Self>, id: &TenantId, scope: &Scope) -> Result<Option<Rc<Snapshot>>, StateError> {
        self.refresh_if_due(id, scope).await?;
        let (revision, known) = self.read(id, |known| (known.revision, known.snapshot.clone()));
        if let Some(snapshot) = known {
            return Ok(snapshot);
        }
        let snapshot = self.load_snapshot(id, revision).await?;
        self.keep(id, revision, |known| known.snapshot = Some(snapshot.clone()));
        Ok(snapshot)
    }

    /// A key of a tenant; `None` if there is no such key.
    ///
    /// # Errors
    /// [`StateError`] if the store can't say.
    pub async fn key(
        self: &Rc<Self>,
        tenant: &TenantId,
        id: &KeyId,
        scope: &Scope,
    ) -> Result<Option<Rc<KeyRecord>>, StateError> {
        self.refresh_if_due(tenant, scope).await?;
        let (revision, known) = self.read(tenant, |known| (known.revision, known.keys.get(id).cloned()));
        if let Some(key) = known {
            return Ok(key);
        }
        let record_key = RecordKey::new(RecordKind::Key, id.as_str());
        let record = self.platform.store().get(tenant, &record_key, Consistency::AsOfSync).await?;
        let key = record.map(|record| parse::<KeyRecord>(&record)).transpose()?.map(Rc::new);
        self.keep(tenant, revision, |known| {
            if known.keys.len() >= MAX_KEYS {
                known.keys.clear();
            }
            known.keys.insert(id.clone(), key.clone());
        });
        Ok(key)
    }

    /// A view of a tenant; `None` if there is no such view.
    ///
    /// # Errors
    /// [`StateError`] if the store can't say.
    pub async fn view(
        self: &Rc<Self>,
        tenant: &TenantId,
        id: &ViewId,
        scope: &Scope,
    ) -> Result<Option<Rc<View>>, StateError> {
        self.refresh_if_due(tenant, scope).await?;
        let (revision, known) = self.read(tenant, |known| (known.revision, known.views.get(id).cloned()));
        if let Some(view) = known {
            return Ok(view);
        }
        let record_key = RecordKey::new(RecordKind::View, id.as_str());
        let found = self.platform.store().get(tenant, &record_key, Consistency::AsOfSync).await?;
        let read = |found: Record| -> Result<Rc<View>, StoreError> {
            Ok(Rc::new(View { id: id.clone(), revision: found.revision, record: parse(&found)? }))
        };
        let view = found.map(read).transpose()?;
        self.keep(tenant, revision, |known| {
            if known.views.len() >= MAX_VIEWS {
                known.views.clear();
            }
            known.views.insert(id.clone(), view.clone());
        });
        Ok(view)
    }

    /// Sees to it that what is known of a tenant is as the store has it now, for whoever has just changed it.
    ///
    /// # Errors
    /// [`StateError`] if the store can't say.
    pub async fn refreshed(&self, tenant: &TenantId) -> Result<(), StateError> {
        self.refresh(tenant).await
    }

    async fn refresh_if_due(self: &Rc<Self>, tenant: &TenantId, scope: &Scope) -> Result<(), StateError> {
        match self.freshness(tenant) {
            Freshness::Fresh => Ok(()),
            Freshness::Stale => self.refresh(tenant).await,
            Freshness::Aging => {
                self.read(tenant, |known| known.refreshing = Some(Refreshing(self.platform.clock().ticks())));
                let (states, tenant) = (Rc::clone(self), tenant.clone());
                scope.background.spawn(Box::pin(async move {
                    // A failure is no news: the next request after the bound asks again, and waits.
                    if let Err(error) = states.refresh(&tenant).await {
                        tracing::warn!(target: "toolgate::state", %tenant, %error, "could not refresh in the background");
                    }
                }));
                Ok(())
            }
        }
    }

    fn freshness(&self, tenant: &TenantId) -> Freshness {
        let tenants = self.tenants.borrow();
        let Some(known) = tenants.get(tenant) else { return Freshness::Stale };
        if let Some(generation) = self.platform.store().generation() {
            return if known.generation == Some(generation) { Freshness::Fresh } else { Freshness::Stale };
        }
        let now = self.platform.clock().ticks();
        let bound = u64::try_from(self.staleness.as_micros()).unwrap_or(u64::MAX);
        let age = now.saturating_sub(known.synced_at);
        let refreshing = known.refreshing.as_ref().is_some_and(|begun| now.saturating_sub(begun.0) < bound / 2);
        match age {
            age if age >= bound => Freshness::Stale,
            age if age >= bound / 2 && !refreshing => Freshness::Aging,
            _ => Freshness::Fresh,
        }
    }

    /// Asks the store what changed, and forgets that.
    async fn refresh(&self, tenant: &TenantId) -> Result<(), StateError> {
        let since = self.tenants.borrow().get(tenant).map(|known| known.revision);
        // Taken before asking: what happens while the store answers counts as not yet known.
        let synced_at = self.platform.clock().ticks();
        let generation = self.platform.store().generation();
        let sync = self.platform.store().sync(tenant, since).await?;
        let mut tenants = self.tenants.borrow_mut();
        if tenants.len() >= MAX_TENANTS && !tenants.contains_key(tenant) {
            tenants.clear();
        }
        let known = tenants.entry(tenant.clone()).or_default();
        if sync.revision < known.revision {
            // A slower answer than one that came in between.
            return Ok(());
        }
        match sync.changed {
            // What changed is counted from `since`; if another answer moved on meanwhile, forgetting too much is right.
            Changed::Records(keys) => keys.iter().for_each(|key| known.forget(key)),
            Changed::Everything => *known = Known::default(),
        }
        known.revision = sync.revision;
        known.synced_at = synced_at;
        known.generation = generation;
        known.refreshing = None;
        Ok(())
    }

    async fn load_snapshot(&self, tenant: &TenantId, revision: Revision) -> Result<Option<Rc<Snapshot>>, StateError> {
        let records = self.platform.store().setup(tenant, Consistency::AsOfSync).await?;
        let Some(own) = records.iter().find(|record| record.key == RecordKey::tenant()) else { return Ok(None) };
        let record = parse::<TenantRecord>(own)?;
        let of = |kind| records.iter().filter(move |record| record.key.kind == kind);
        let servers = of(RecordKind::Server).take(MAX_SERVERS).map(|found| self.server(tenant, found));
        let servers = servers.map(|server| server.map(|server| (server.id.clone(), Rc::new(server))));
        let servers = servers.collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        let teams = of(RecordKind::Team).map(|found| Ok((id::<TeamId>(found)?, parse::<TeamRecord>(found)?)));
        let teams = teams.collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        let limits =
            of(RecordKind::Limit).map(|found| Ok(Limit { id: id(found)?, record: parse::<LimitRecord>(found)? }));
        let limits = limits.collect::<Result<Vec<_>, StoreError>>()?;
        let policy =
            |key: &RecordKey| records.iter().find(|record| record.key == *key).map(|found| rules(tenant, found));
        let (policy, draft) = (policy(&RecordKey::policy()), policy(&RecordKey::policy_draft()));
        let (tenant, own) = (tenant.clone(), Rc::new(Server::own(&record)));
        Ok(Some(Rc::new(Snapshot { tenant, revision, record, servers, own, teams, limits, policy, draft })))
    }

    fn server(&self, tenant: &TenantId, record: &Record) -> Result<Server, StoreError> {
        Ok(Server::new(tenant, id(record)?, record.revision, parse::<ServerRecord>(record)?, &self.sealer))
    }

    fn read<T>(&self, tenant: &TenantId, look: impl FnOnce(&mut Known) -> T) -> T {
        look(self.tenants.borrow_mut().entry(tenant.clone()).or_default())
    }

    /// Remembers what was read at `revision`, unless the tenant has moved on since: then it may be old already.
    fn keep(&self, tenant: &TenantId, revision: Revision, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.tenants.borrow_mut().get_mut(tenant).filter(|known| known.revision == revision) {
            change(known);
        }
    }
}

impl Known {
    fn forget(&mut self, key: &RecordKey) {
        match key.kind {
            kind if kind.is_setup() => self.snapshot = None,
            RecordKind::Key => self.keys.retain(|id, _| id.as_str() != key.id),
            RecordKind::View => self.views.retain(|id, _| id.as_str() != key.id),
            _ => {}
        }
    }
}

fn id<T: FromStr<Err = IdError>>(record: &Record) -> Result<T, StoreError> {
    record.key.id.parse().map_err(|error: IdError| StoreError::Corrupt(error.to_string()))
}

/// A policy, ready to decide. One that can't be read is there too, and allows nothing.
fn rules(tenant: &TenantId, found: &Record) -> Rc<Rules> {
    Rc::new(match parse::<PolicyRecord>(found) {
        Ok(record) => Rules::of(found.revision, &record.document),
        Err(error) => {
            tracing::error!(target: "toolgate::state", %tenant, %error, "a policy can't be read, and allows nothing");
            Rules::unreadable(found.revision)
        }
    })
}

fn parse<T: DeserializeOwned>(record: &Record) -> Result<T, StoreError> {
    serde_json::from_slice(&record.value).map_err(|error| StoreError::Corrupt(format!("{}: {error}", record.key)))
}

#[cfg(test)]
#[path = "states_tests.rs"]
mod tests;
