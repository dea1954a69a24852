//! Tenants.

use std::time::Duration;

use serde_json::json;

use super::World;

#[test]
fn a_tenant_is_created_shown_replaced_changed_and_deleted() {
    let world = World::new();
    world.get("/tenants/acme").fails(404, "tenant-not-found");
    let created = world.put("/tenants/acme", &json!({"display_name": "Acme"})).is(201);
    assert_eq!(
        created.body,
        json!({"id": "acme", "display_name": "Acme", "enabled": true, "revision": 1,
            "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T00:00:00Z"})
    );
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(world.get("/tenants/acme").is(200).text, created.text);

    world.memory.clock.advance(Duration::from_secs(60));
    let replaced = world.put("/tenants/acme", &json!({"enabled": false})).is(200);
    assert_eq!(
        replaced.body,
        json!({"id": "acme", "enabled": false, "revision": 2,
            "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T00:01:00Z"})
    );
    let changed = world.patch("/tenants/acme", &json!({"display_name": "A"})).is(200);
    assert_eq!((&changed.body["display_name"], &changed.body["enabled"]), (&json!("A"), &json!(false)));
    let reset = world.patch("/tenants/acme", &json!({"display_name": null, "enabled": null})).is(200);
    assert_eq!((reset.body.get("display_name"), &reset.body["enabled"]), (None, &json!(true)));

    world.delete("/tenants/acme").is(204);
    world.get("/tenants/acme").fails(404, "tenant-not-found");
    world.delete("/tenants/acme").fails(404, "tenant-not-found");
    world.patch("/tenants/acme", &json!({})).fails(404, "tenant-not-found");
    let again = world.put("/tenants/acme", &json!({})).is(201);
    assert!(again.body["revision"].as_u64() > reset.body["revision"].as_u64());
}

#[test]
fn what_changes_nothing_is_not_written() {
    let world = World::with_tenant();
    let body = json!({"display_name": "Acme"});
    let before = world.put("/tenants/acme", &body).is(200);
    world.memory.clock.advance(Duration::from_secs(60));
    assert_eq!(world.put("/tenants/acme", &body).is(200).text, before.text);
    assert_eq!(world.patch("/tenants/acme", &json!({})).is(200).text, before.text);
}

#[test]
fn a_tenant_goes_with_all_it_has() {
    let world = World::with_tenant();
    world.put("/tenants/acme/servers/s", &json!({"url": "https://example.com/"})).is(201);
    world.post("/tenants/acme/keys", &json!({"name": "n", "grants": ["*"]})).is(201);
    world.delete("/tenants/acme").is(204);
    world.get("/tenants/acme/servers").fails(404, "tenant-not-found");
    world.put("/tenants/acme", &json!({})).is(201);
    for list in ["servers", "keys"] {
        assert_eq!(world.get(&format!("/tenants/acme/{list}")).body, json!({"items": []}));
    }
}

#[test]
fn nothing_is_there_without_its_tenant() {
    let world = World::new();
    let key = "/tenants/acme/keys/0123456789abcdef";
    let server = json!({"url": "https://example.com/"});
    for (method, path, body) in [
        ("GET", "/tenants/acme/servers", None),
        ("GET", "/tenants/acme/keys", None),
        ("GET", "/tenants/acme/servers/s", None),
        ("GET", "/tenants/acme/servers/s/tools", None),
        ("PUT", "/tenants/acme/servers/s", Some(server.clone())),
        ("PATCH", "/tenants/acme/servers/s", Some(server)),
        ("DELETE", "/tenants/acme/servers/s", None),
        ("POST", "/tenants/acme/keys", Some(json!({"name": "n", "grants": []}))),
        ("GET", key, None),
        ("PATCH", key, Some(json!({}))),
        ("DELETE", key, None),
    ] {
        world.call(method, path, &[], body.as_ref()).fails(404, "tenant-not-found");
    }
    assert_eq!(world.get("/tenants").body, json!({"items": []}));
}
