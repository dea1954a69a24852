//! What happens when somebody else changes a record between reading it and committing.

use std::{cell::Cell, rc::Rc};

use bytes::Bytes;
use serde_json::{Value, json};
use toolgate_model::{Limits, Revision, TenantId};
use toolgate_ports::{
    Commit, Consistency, Page, Platform, Record, RecordKey, RecordKind, Store, StoreError, TenantSync, Write,
};
use toolgate_testkit::{MemoryMailbox, MemoryPlatform, MemoryStore, ScriptedFetch, SeededRandom, VirtualClock};

use super::{Reply, TOKEN, World};

/// The platform in memory, where somebody is often quicker.
struct Racing {
    memory: Rc<MemoryPlatform>,
    store: RacingStore,
}

struct RacingStore {
    memory: Rc<MemoryPlatform>,
    quicker: Cell<u32>,
    rival: Cell<Rival>,
}

#[derive(Clone, Copy)]
enum Rival {
    Writes,
    DeletesTheTenant,
}

impl Platform for Racing {
    type Mailbox = MemoryMailbox;
    type Store = RacingStore;
    type Fetch = ScriptedFetch;
    type Sandbox = toolgate_testkit::InterpretedSandbox;
    type Clock = VirtualClock;
    type Random = SeededRandom;

    fn mailbox(&self) -> &MemoryMailbox {
        &self.memory.mailbox
    }
    fn store(&self) -> &RacingStore {
        &self.store
    }
    fn fetch(&self) -> &ScriptedFetch {
        self.memory.fetch()
    }
    fn sandbox(&self) -> &toolgate_testkit::InterpretedSandbox {
        self.memory.sandbox()
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

impl RacingStore {
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

impl Store for RacingStore {
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
        self.inner().list(tenant, kind, after, limit, how).await
    }
    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError> {
        if self.quicker.get() > 0 {
            self.quicker.set(self.quicker.get() - 1);
            match self.rival.get() {
                Rival::Writes => self.rival_writes(tenant, &commit).await?,
                Rival::DeletesTheTenant => self.inner().delete_tenant(tenant).await.map(|_| ())?,
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

/// Makes a request with a rival that is quicker `times` times, on records that exist.
fn raced(rival: Rival, times: u32, method: &str, path: &str, condition: Option<&str>, body: Option<&Value>) -> Reply {
    let memory = MemoryPlatform::new();
    let store = RacingStore { memory: Rc::clone(&memory), quicker: Cell::new(0), rival: Cell::new(rival) };
    let racing = Rc::new(Racing { memory: Rc::clone(&memory), store });
    let world = World::on(memory, Rc::clone(&racing), Some(TOKEN), Limits::default());
    world.put("/tenants/acme", &json!({"display_name": "Acme"})).is(201);
    world.put("/tenants/acme/servers/s", &json!({"url": "https://example.com/"})).is(201);
    let etag = world.get(path).header("etag").to_owned();
    racing.store.quicker.set(times);
    let conditions: Vec<(&str, &str)> =
        condition.map(|name| (name, if name == "if-match" { etag.as_str() } else { "*" })).into_iter().collect();
    world.call(method, path, &conditions, body)
}

#[test]
fn one_race_is_run_again_and_two_are_told() {
    let off = json!({"enabled": false});
    let server = json!({"url": "https://example.com/new"});
    for (method, path, body, status) in [
        ("PATCH", "/tenants/acme", Some(&off), 200),
        ("PATCH", "/tenants/acme/servers/s", Some(&off), 200),
        ("PUT", "/tenants/acme", Some(&off), 200),
        ("PUT", "/tenants/acme/servers/s", Some(&server), 200),
        ("DELETE", "/tenants/acme/servers/s", None, 204),
    ] {
        raced(Rival::Writes, 1, method, path, None, body).is(status);
        raced(Rival::Writes, 2, method, path, None, body).fails(409, "conflict");
    }
}

#[test]
fn a_race_against_a_condition_fails_the_condition() {
    let off = json!({"enabled": false});
    let server = json!({"url": "https://example.com/new"});
    for (method, path, condition, body) in [
        ("PATCH", "/tenants/acme/servers/s", "if-match", Some(&off)),
        ("DELETE", "/tenants/acme/servers/s", "if-match", None),
        ("PUT", "/tenants/acme/servers/s", "if-match", Some(&server)),
        ("PUT", "/tenants/acme/servers/other", "if-none-match", Some(&server)),
    ] {
        raced(Rival::Writes, 1, method, path, Some(condition), body).fails(412, "precondition-failed");
    }
}

#[test]
fn a_tenant_that_goes_meanwhile_takes_the_request_with_it() {
    let server = json!({"url": "https://example.com/new"});
    let key = json!({"name": "n", "grants": []});
    for (method, path, body) in [
        ("PUT", "/tenants/acme/servers/s", Some(&server)),
        ("PUT", "/tenants/acme/servers/other", Some(&server)),
        ("DELETE", "/tenants/acme/servers/s", None),
        ("POST", "/tenants/acme/keys", Some(&key)),
    ] {
        raced(Rival::DeletesTheTenant, 1, method, path, None, body).fails(404, "tenant-not-found");
    }
}
