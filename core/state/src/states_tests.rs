//! The staleness bound, on a virtual clock.

use bytes::Bytes;
use toolgate_model::Grant;
use toolgate_ports::{Commit, Write};
use toolgate_seal::MasterKey;
use toolgate_testkit::MemoryPlatform;

use super::*;

const BOUND: Duration = Duration::from_secs(10);

struct World {
    platform: Rc<MemoryPlatform>,
    states: Rc<States<MemoryPlatform>>,
    tenant: TenantId,
    key: KeyId,
}

impl World {
    fn new() -> Self {
        let platform = MemoryPlatform::new();
        let sealer = Rc::new(Sealer::new(&MasterKey::from_bytes([1; 32])));
        let states = States::new(Rc::clone(&platform), sealer, BOUND);
        let world = Self {
            platform,
            states,
            tenant: TenantId::new("acme").unwrap(),
            key: KeyId::new("0123456789abcdef").unwrap(),
        };
        let tenant = serde_json::json!({"enabled": true, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
        world.write(RecordKey::tenant(), &tenant);
        world.write_key(true);
        world
    }

    fn write(&self, key: RecordKey, value: &serde_json::Value) {
        let write = Write::Put(key, Bytes::from(value.to_string()));
        self.platform
            .run(self.platform.store.commit(&self.tenant, Commit { expect: vec![], writes: vec![write] }))
            .unwrap();
    }

    fn write_key(&self, enabled: bool) {
        let record = KeyRecord {
            id: self.key.clone(),
            name: "k".into(),
            hash: "h".into(),
            previous: None,
            grants: vec![Grant::All],
            team: None,
            user: None,
            labels: Default::default(),
            expires_at: None,
            enabled,
            created_at: Default::default(),
            updated_at: Default::default(),
        };
        self.write(RecordKey::new(RecordKind::Key, self.key.as_str()), &serde_json::to_value(record).unwrap());
    }

    fn key_enabled(&self) -> Result<Option<bool>, StateError> {
        let key = self.platform.run(self.states.key(&self.tenant, &self.key, &self.platform.scope()))?;
        Ok(key.map(|key| key.enabled))
    }

    fn pass(&self, seconds: u64) {
        self.platform.clock.advance(Duration::from_secs(seconds));
    }
}

#[test]
fn a_warm_read_asks_the_store_nothing() {
    let world = World::new();
    assert_eq!(world.key_enabled(), Ok(Some(true)));
    let before = world.platform.store.operations();
    world.pass(4);
    assert_eq!(world.key_enabled(), Ok(Some(true)));
    assert_eq!(world.platform.store.operations(), before);
}

#[test]
fn a_revoked_key_stops_after_the_bound_at_the_latest() {
    let world = World::new();
    assert_eq!(world.key_enabled(), Ok(Some(true)));
    world.write_key(false);
    assert_eq!(world.key_enabled(), Ok(Some(true)), "within the bound the old record may be used");
    world.pass(10);
    assert_eq!(world.key_enabled(), Ok(Some(false)));
}

#[test]
fn traffic_within_the_bound_brings_the_news_in_the_background() {
    let world = World::new();
    assert_eq!(world.key_enabled(), Ok(Some(true)));
    world.write_key(false);
    world.pass(6);
    assert_eq!(world.key_enabled(), Ok(Some(true)), "served at once");
    world.platform.settle();
    assert_eq!(world.key_enabled(), Ok(Some(false)), "and known a moment later");
}

#[test]
fn a_store_that_is_lost_fails_closed_after_the_bound() {
    let world = World::new();
    assert_eq!(world.key_enabled(), Ok(Some(true)));
    world.platform.store.take_down();
    world.pass(6);
    assert_eq!(world.key_enabled(), Ok(Some(true)));
    world.platform.settle();
    world.pass(4);
    assert!(world.key_enabled().is_err());
    world.platform.store.bring_up();
    assert_eq!(world.key_enabled(), Ok(Some(true)));
}

#[test]
fn what_does_not_exist_is_remembered_too_and_appears_after_the_bound() {
    let world = World::new();
    let unknown = KeyId::new("ffffffffffffffff").unwrap();
    let ask =
        || world.platform.run(world.states.key(&world.tenant, &unknown, &world.platform.scope())).unwrap().is_some();
    assert!(!ask());
    let before = world.platform.store.operations();
    assert!(!ask());
    assert_eq!(world.platform.store.operations(), before);
}

#[test]
fn a_tenant_and_its_servers_are_read_once_and_again_when_one_changes() {
    let world = World::new();
    let server = serde_json::json!({"url": "http://127.0.0.1:1/mcp", "era": "auto", "network": "loopback", "enabled": true,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
    let servers = || {
        let snapshot =
            world.platform.run(world.states.tenant(&world.tenant, &world.platform.scope())).unwrap().unwrap();
        snapshot.servers.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(servers().is_empty());
    world.write(RecordKey::new(RecordKind::Server, "a"), &server);
    world.pass(10);
    assert_eq!(servers(), ["a"]);
    let mut broken = server;
    broken["headers"] = serde_json::json!({"authorization": "not sealed by this key"});
    world.write(RecordKey::new(RecordKind::Server, "b"), &broken);
    world.pass(10);
    assert_eq!(servers(), ["a", "b"]);
    let snapshot = world.platform.run(world.states.tenant(&world.tenant, &world.platform.scope())).unwrap().unwrap();
    assert!(snapshot.servers["a"].endpoint.is_ok());
    assert!(snapshot.servers["b"].endpoint.as_ref().unwrap_err().contains("TOOLGATE_MASTER_KEY"));
}
