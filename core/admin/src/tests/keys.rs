//! Keys, and that a secret is given once.

use serde_json::json;
use toolgate_model::{KeyRecord, TenantId};
use toolgate_ports::{Body, Consistency, RecordKey, RecordKind, Store};
use toolgate_seal::Presented;

use super::{TOKEN, World};

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

fn stored(world: &World, id: &str) -> KeyRecord {
    let key = RecordKey::new(RecordKind::Key, id);
    let tenant = TenantId::new("acme").unwrap();
    let record = world.memory.run(world.memory.store.get(&tenant, &key, Consistency::Strong)).unwrap().unwrap();
    serde_json::from_slice(&record.value).unwrap()
}

#[test]
fn a_rotated_key_has_a_new_secret_and_keeps_the_old_one_for_the_overlap() {
    let world = World::with_tenant();
    let body = json!({"name": "ci", "grants": ["github__*"], "expires_at": "2030-01-01T00:00:00Z", "enabled": false});
    let created = world.post("/tenants/acme/keys", &body).is(201).body;
    let id = created["id"].as_str().unwrap();
    let (path, first) = (format!("/tenants/acme/keys/{id}"), created["secret"].as_str().unwrap());
    let rotate = format!("{path}/rotate");

    let rotated = world.post(&rotate, &json!({"overlap": "24h"})).is(200);
    assert_eq!(rotated.body["previous_expires_at"], "2026-11-23T00:00:00Z");
    let second = rotated.body["secret"].as_str().unwrap();
    for field in ["id", "name", "grants", "expires_at", "enabled", "created_at"] {
        assert_eq!(rotated.body[field], created[field], "{field}");
    }
    assert_ne!(first, second);
    let record = stored(&world, id);
    assert!(Presented::parse(second).unwrap().matches(&record.hash));
    assert!(Presented::parse(first).unwrap().matches(&record.previous.unwrap().hash));
    let shown = world.get(&path).is(200);
    assert_eq!(shown.body["previous_expires_at"], "2026-11-23T00:00:00Z");
    assert!(!shown.text.contains(&second[21..]) && !shown.text.contains(&record.hash), "{}", shown.text);
    // What is changed otherwise leaves both secrets as they are.
    world.patch(&path, &json!({"name": "CI"})).is(200);
    assert_eq!(stored(&world, id).previous.unwrap().expires_at.to_string(), "2026-11-23T00:00:00Z");

    let third = world.post(&rotate, &json!({"overlap": "1h"})).is(200).body["secret"].as_str().unwrap().to_owned();
    let previous = stored(&world, id).previous.unwrap();
    assert!(Presented::parse(second).unwrap().matches(&previous.hash), "the earlier overlap has ended");
    // Without an overlap, which is also said by no body at all, it ends at once.
    world.post(&rotate, &json!({})).is(200);
    assert!(stored(&world, id).previous.is_none());
    let request = http::Request::post(format!("/admin/v1{rotate}")).header("authorization", format!("Bearer {TOKEN}"));
    world.send(request.body(Body::Empty).unwrap()).is(200);
    let record = stored(&world, id);
    assert!(record.previous.is_none() && !Presented::parse(&third).unwrap().matches(&record.hash));
    assert_eq!(world.get(&path).body.get("previous_expires_at"), None);
}

#[test]
fn what_can_not_be_rotated_is_not() {
    let world = World::with_tenant();
    let id = world.post("/tenants/acme/keys", &json!({"name": "n", "grants": []})).is(201).body["id"].clone();
    let path = format!("/tenants/acme/keys/{}", id.as_str().unwrap());
    let rotate = format!("{path}/rotate");
    for overlap in [json!("31d"), json!("-1h"), json!(3600), json!("")] {
        let refused = world.post(&rotate, &json!({"overlap": overlap})).fails(400, "invalid-field");
        assert_eq!(refused.pointers(), ["/overlap"]);
    }
    world.post(&rotate, &json!({"overlaps": "1h"})).fails(400, "unknown-field");
    world.call("POST", &rotate, &[("if-match", "\"99\"")], Some(&json!({}))).fails(412, "precondition-failed");
    assert_eq!(world.get(&path).body["revision"], 2, "nothing was changed");
    world.patch(&path, &json!({"previous_expires_at": null})).fails(400, "unknown-field");
    world.post("/tenants/acme/keys/0123456789abcdef/rotate", &json!({})).fails(404, "key-not-found");
    world.post("/tenants/none/keys/0123456789abcdef/rotate", &json!({})).fails(404, "tenant-not-found");
}
