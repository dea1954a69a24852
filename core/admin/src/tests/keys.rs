//! Keys, and that a secret is given once.

use serde_json::json;
use toolgate_model::{KeyRecord, TenantId};
use toolgate_ports::{Consistency, RecordKey, RecordKind, Store};
use toolgate_seal::Presented;

use super::World;

#[test]
fn a_key_is_created_with_its_secret_which_is_never_shown_again() {
    let world = World::with_tenant();
    let body = json!({"name": "ci", "grants": ["github__*", "later__tool"], "expires_at": "2030-01-01T01:00:00+01:00"});
    let created = world.post("/tenants/acme/keys", &body).is(201);
    let (id, secret) = (created.body["id"].as_str().unwrap(), created.body["secret"].as_str().unwrap());
    let path = format!("/tenants/acme/keys/{id}");
    assert_eq!(created.header("location"), format!("/admin/v1{path}"));
    assert_eq!(created.header("etag"), "\"2\"");
    assert_eq!(created.body["expires_at"], "2030-01-01T00:00:00Z");

    let record = RecordKey::new(RecordKind::Key, id);
    let tenant = TenantId::new("acme").unwrap();
    let stored = world.memory.store.get(&tenant, &record, Consistency::Strong);
    let stored = world.memory.run(stored).unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&stored.value).contains(&secret[21..]));
    let record: KeyRecord = serde_json::from_slice(&stored.value).unwrap();
    let presented = Presented::parse(secret).unwrap();
    assert!(presented.matches(&record.hash));
    assert_eq!(presented.id().unwrap(), record.id);

    let changed =
        world.patch(&path, &json!({"name": "CI", "grants": [], "expires_at": null, "enabled": false})).is(200);
    assert_eq!(changed.body["grants"], json!([]));
    assert_eq!((changed.body.get("expires_at"), &changed.body["enabled"]), (None, &json!(false)));
    for answer in [changed, world.get(&path).is(200), world.get("/tenants/acme/keys").is(200)] {
        assert!(!answer.text.contains(&secret[21..]) && !answer.text.contains(&record.hash), "{}", answer.text);
    }
    world.patch(&path, &json!({"name": null})).fails(400, "invalid-field");
    world.patch(&path, &json!({"grants": null})).fails(400, "invalid-field");
    world.delete(&path).is(204);
    world.get(&path).fails(404, "key-not-found");
    world.patch(&path, &json!({})).fails(404, "key-not-found");
    world.delete(&path).fails(404, "key-not-found");
}

#[test]
fn each_key_is_its_own_and_belongs_to_its_tenant() {
    let world = World::with_tenant();
    world.put("/tenants/other", &json!({})).is(201);
    let body = json!({"name": "same", "grants": vec!["*"; 1_000]});
    let one = world.post("/tenants/acme/keys", &body).is(201);
    let two = world.post("/tenants/acme/keys", &body).is(201);
    assert_ne!(one.body["secret"], two.body["secret"]);
    assert_ne!(one.body["id"], two.body["id"]);
    world.get(&format!("/tenants/other/keys/{}", one.body["id"].as_str().unwrap())).fails(404, "key-not-found");
}
