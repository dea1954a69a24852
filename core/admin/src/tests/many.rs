//! So many keys that nobody may ever read them all at once.

use std::rc::Rc;

use bytes::Bytes;
use serde_json::json;
use toolgate_model::{Limits, TenantId};
use toolgate_ports::{Commit, RecordKey, RecordKind, Store, Write};
use toolgate_testkit::MemoryPlatform;

use super::{
    TOKEN, World,
    watched::{Rival, Watched},
};

const KEYS: usize = 20_000;
/// The most records of a tenant that are ever read at once: as many servers, views or operators as there may be.
const MOST: usize = 500;

fn id(n: usize) -> String {
    format!("{n:016x}")
}

fn record(n: usize) -> Bytes {
    let at = "2026-01-01T00:00:00Z";
    let record = json!({"id": id(n), "name": format!("key {n}"), "hash": "", "grants": ["*"], "enabled": true,
        "created_at": at, "updated_at": at});
    record.to_string().into()
}

#[test]
fn a_list_of_many_keys_is_read_a_page_at_a_time_and_nothing_reads_them_all() {
    let memory = MemoryPlatform::new();
    let watched = Watched::new(&memory, Rival::Writes);
    let world = World::on(Rc::clone(&memory), Rc::clone(&watched), Some(TOKEN), Limits::default());
    world.put("/tenants/acme", &json!({})).is(201);
    let tenant = TenantId::new("acme").unwrap();
    let writes = (0..KEYS).map(|n| Write::Put(RecordKey::new(RecordKind::Key, &id(n)), record(n))).collect();
    memory.run(memory.store.commit(&tenant, Commit { expect: Vec::new(), writes })).unwrap();

    let (mut seen, mut pages, mut query) = (0, 0, "?limit=200".to_owned());
    loop {
        let page = world.get(&format!("/tenants/acme/keys{query}")).is(200);
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= 200 && page.text.len() < 64 << 10, "{} items, {} bytes", items.len(), page.text.len());
        assert_eq!(items[0]["id"], id(seen), "each once, in order");
        (seen, pages) = (seen + items.len(), pages + 1);
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        query = format!("?limit=200&cursor={cursor}");
    }
    assert_eq!((seen, pages, watched.store.lists.get()), (KEYS, KEYS / 200, KEYS / 200), "one read for each page");

    let key = format!("/tenants/acme/keys/{}", id(7_000));
    world.get(&key).is(200);
    world.patch(&key, &json!({"enabled": false})).is(200);
    world.post(&format!("{key}/rotate"), &json!({})).is(200);
    world.post("/tenants/acme/keys", &json!({"name": "one more", "grants": []})).is(201);
    world.put("/tenants/acme/servers/s", &json!({"url": "https://example.com/"})).is(201);
    world.put("/tenants/acme/policy", &json!({"rules": []})).is(201);
    world.delete(&key).is(204);
    world.delete("/tenants/acme").is(204);
    assert!(watched.store.longest.get() <= MOST, "{} records at once", watched.store.longest.get());
}
