//! A platform for tests that look at what is asked of the store, or that need somebody else to change it meanwhile.

use std::{cell::Cell, rc::Rc};

use bytes::Bytes;
use toolgate_model::{ApprovalRecord, Decided, Revision, TenantId};
use toolgate_ports::{
    Commit, Consistency, Page, Platform, Record, RecordKey, RecordKind, Store, StoreError, TenantSync, Write,
};
use toolgate_testkit::{
    InterpretedSandbox, MemoryLedger, MemoryMailbox, MemoryPlatform, MemoryStore, ScriptedFetch, SeededRandom,
    VirtualClock,
};

/// The platform in memory, where somebody may be quicker, and it is known what was asked of the store.
pub(super) struct Watched {
    pub(super) memory: Rc<MemoryPlatform>,
    pub(super) store: WatchedStore,
}

pub(super) struct WatchedStore {
    memory: Rc<MemoryPlatform>,
    /// How often a rival is quicker, from now on.
    pub(super) quicker: Cell<u32>,
    rival: Rival,
    /// The most records that were asked for at once, and how often some were.
    pub(super) longest: Cell<usize>,
    pub(super) lists: Cell<usize>,
}

impl Watched {
    pub(super) fn new(memory: &Rc<MemoryPlatform>, rival: Rival) -> Rc<Self> {
        let store = WatchedStore {
            memory: Rc::clone(memory),
            quicker: Cell::new(0),
            rival,
            longest: Cell::new(0),
            lists: Cell::new(0),
        };
        Rc::new(Self { memory: Rc::clone(memory), store })
    }
}

/// What somebody else does.
#[derive(Clone, Copy)]
pub(super) enum Rival {
    Writes,
    DeletesTheTenant,
    /// It denies the approval that is to be decided.
    Denies,
    /// It uses the record up that is to be changed.
    Uses,
}

impl Platform for Watched {
    type Mailbox = MemoryMailbox;
    type Ledger = MemoryLedger;
    type Sandbox = InterpretedSandbox;
    type Store = WatchedStore;
    type Fetch = ScriptedFetch;
    type Clock = VirtualClock;
    type Random = SeededRandom;

    fn mailbox(&self) -> &MemoryMailbox {
        &self.memory.mailbox
    }
    fn ledger(&self) -> &MemoryLedger {
        &self.memory.ledger
    }
    fn sandbox(&self) -> &InterpretedSandbox {
        self.memory.sandbox()
    }
    fn store(&self) -> &WatchedStore {
        &self.store
    }
    fn fetch(&self) -> &ScriptedFetch {
        self.memory.fetch()
    }
    fn clock(&self) -> &VirtualClock {
        self.memory.clock()
    }
    fn random(&self) -> &SeededRandom {
        self.memory.random()
    }

    fn operations(&self) -> u64 {
        self.memory.operations()
    }
}

impl WatchedStore {
    fn inner(&self) -> &MemoryStore {
        &self.memory.store
    }

    /// The rival writes the first record of the commit as it is there, or as the commit would.
    async fn rival_writes(&self, tenant: &TenantId, commit: &Commit) -> Result<(), StoreError> {
        let Some(Write::Put(key, _) | Write::Delete(key)) = commit.writes.first() else { return Ok(()) };
        let there = self.inner().get(tenant, key, Consistency::Strong).await?.map(|record| record.value);
        let value = match (there, &commit.writes[0]) {
            (Some(value), _) => value,
            (None, Write::Put(_, value)) => value.clone(),
            (None, Write::Delete(_)) => return Ok(()),
        };
        let rival = Commit { expect: vec![], writes: vec![Write::Put(key.clone(), value)] };
        self.inner().commit(tenant, rival).await.map(|_| ())
    }
}

impl WatchedStore {
    async fn rival_denies(&self, tenant: &TenantId, commit: &Commit) -> Result<(), StoreError> {
        let Some(Write::Put(key, _)) = commit.writes.first() else { return Ok(()) };
        let there = self.inner().get(tenant, key, Consistency::Strong).await?.unwrap();
        let mut record: ApprovalRecord = serde_json::from_slice(&there.value).unwrap();
        record.decided = Some(Decided { approved: false, by: "rival".into(), at: record.created_at, note: None });
        let write = Write::Put(key.clone(), serde_json::to_vec(&record).unwrap().into());
        self.inner().commit(tenant, Commit { expect: vec![], writes: vec![write] }).await.map(|_| ())
    }

    async fn rival_uses(&self, tenant: &TenantId, commit: &Commit) -> Result<(), StoreError> {
        let Some(Write::Put(key, _)) = commit.writes.first() else { return Ok(()) };
        let writes = vec![Write::Delete(key.clone())];
        self.inner().commit(tenant, Commit { expect: vec![], writes }).await.map(|_| ())
    }
}

impl Store for WatchedStore {
    async fn sync(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
        self.inner().sync(tenant, since).await
    }
    async fn get(&self, tenant: &TenantId, key: &RecordKey, how: Consistency) -> Result<Option<Record>, StoreError> {
        assert_eq!(how, Consistency::Strong, "an operator reads the truth");
        self.inner().get(tenant, key, how).await
    }
    async fn list(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
        how: Consistency,
    ) -> Result<Page, StoreError> {
        self.longest.set(self.longest.get().max(limit));
        self.lists.set(self.lists.get() + 1);
        self.inner().list(tenant, kind, after, limit, how).await
    }
    async fn setup(&self, tenant: &TenantId, consistency: Consistency) -> Result<Vec<Record>, StoreError> {
        self.inner().setup(tenant, consistency).await
    }
    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError> {
        if self.quicker.get() > 0 {
            self.quicker.set(self.quicker.get() - 1);
            match self.rival {
                Rival::Writes => self.rival_writes(tenant, &commit).await?,
                Rival::DeletesTheTenant => self.inner().delete_tenant(tenant).await.map(|_| ())?,
                Rival::Denies => self.rival_denies(tenant, &commit).await?,
                Rival::Uses => self.rival_uses(tenant, &commit).await?,
            }
        }
        self.inner().commit(tenant, commit).await
    }
    async fn delete_tenant(&self, tenant: &TenantId) -> Result<Revision, StoreError> {
        self.inner().delete_tenant(tenant).await
    }
    async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError> {
        self.inner().tenants(after, limit).await
    }
    async fn get_blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner().get_blob(tenant, name).await
    }
    async fn put_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError> {
        self.inner().put_blob(tenant, name, value).await
    }
}
