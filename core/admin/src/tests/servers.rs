//! Servers, and that their header values are kept and never shown.

use serde_json::{Value, json};
use toolgate_model::{ServerRecord, TenantId};
use toolgate_ports::{Consistency, RecordKey, RecordKind, Store};
use toolgate_seal::Purpose;

use super::{World, sealer};

const PATH: &str = "/tenants/acme/servers/github";

fn stored(world: &World) -> ServerRecord {
    let (tenant, key) = (TenantId::new("acme").unwrap(), RecordKey::new(RecordKind::Server, "github"));
    let record = world.memory.run(world.memory.store.get(&tenant, &key, Consistency::Strong)).unwrap().unwrap();
    serde_json::from_slice(&record.value).unwrap()
}

/// The stored headers, opened as the gateway opens them.
fn headers(world: &World) -> Value {
    let open = |(name, sealed): (String, toolgate_model::SealedText)| {
        let owner = format!("acme/github/{name}");
        let value = sealer().open(Purpose::UpstreamHeader, &owner, &sealed.0).unwrap();
        (name, Value::from(String::from_utf8(value).unwrap()))
    };
    Value::Object(stored(world).headers.into_iter().map(open).collect())
}

#[test]
fn a_server_is_created_shown_replaced_changed_and_deleted() {
    let world = World::with_tenant();
    world.get(PATH).fails(404, "server-not-found");
    let created = world.put(PATH, &json!({"url": "https://example.com/mcp"})).is(201);
    assert_eq!(
        created.body,
        json!({"id": "github", "url": "https://example.com/mcp", "era": "auto", "network": "public", "headers": {},
            "aliases": {}, "enabled": true, "revision": 2,
            "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T00:00:00Z"})
    );
    assert_eq!(created.header("etag"), "\"2\"");
    let body = json!({"url": "http://127.0.0.1:9/mcp", "era": "legacy", "network": "loopback", "headers": {"X-A": "1"},
        "aliases": {"create issue": "new"}, "enabled": false});
    let replaced = world.put(PATH, &body).is(200);
    assert_eq!(replaced.body["headers"], json!({"x-a": "***"}));
    for field in ["url", "era", "network", "aliases", "enabled"] {
        assert_eq!(replaced.body[field], body[field], "{field}");
    }
    let changed = world.patch(PATH, &json!({"enabled": true, "aliases": {"list": "all"}, "era": null})).is(200);
    assert_eq!(changed.body["aliases"], json!({"create issue": "new", "list": "all"}));
    assert_eq!((&changed.body["enabled"], &changed.body["era"]), (&json!(true), &json!("auto")));
    assert_eq!(changed.body["url"], body["url"]);
    assert_eq!(world.get(PATH).is(200).text, changed.text);
    let fewer = world.patch(PATH, &json!({"aliases": {"list": null, "none": null}})).is(200);
    assert_eq!(fewer.body["aliases"], json!({"create issue": "new"}));
    world.patch(PATH, &json!({"url": null})).fails(400, "invalid-field");
    world.delete(PATH).is(204);
    world.delete(PATH).fails(404, "server-not-found");
    world.patch(PATH, &json!({"enabled": true})).fails(404, "server-not-found");
}

#[test]
fn header_values_are_sealed_kept_by_their_stand_in_and_removed_by_null() {
    let world = World::with_tenant();
    let body = |headers: Value| json!({"url": "https://example.com/mcp", "headers": headers});
    world.put(PATH, &body(json!({"Authorization": "Bearer one", "x-b": "two"}))).is(201);
    assert_eq!(headers(&world), json!({"authorization": "Bearer one", "x-b": "two"}));
    let first = stored(&world);
    assert!(!serde_json::to_string(&first).unwrap().contains("Bearer one"));

    world.put(PATH, &body(json!({"AUTHORIZATION": "***", "x-b": "***"}))).is(200);
    assert_eq!(stored(&world), first);
    world.put(PATH, &body(json!({"authorization": "Bearer one", "x-b": "two"}))).is(200);
    assert_eq!(stored(&world), first, "the same values change nothing");

    world.patch(PATH, &json!({"headers": {"Authorization": "Bearer three"}})).is(200);
    assert_eq!(headers(&world), json!({"authorization": "Bearer three", "x-b": "two"}));
    world.patch(PATH, &json!({"headers": {"X-B": null, "authorization": "***"}})).is(200);
    assert_eq!(headers(&world), json!({"authorization": "Bearer three"}));
    world.patch(PATH, &json!({"enabled": false})).is(200);
    assert_eq!(headers(&world), json!({"authorization": "Bearer three"}));
    let refused = world.patch(PATH, &json!({"headers": {"x-b": "***"}})).fails(400, "invalid-field");
    assert_eq!(refused.pointers(), ["/headers/x-b"]);
    world.patch(PATH, &json!({"headers": null})).is(200);
    assert_eq!(headers(&world), json!({}));
}

#[test]
fn a_stored_value_of_another_server_is_not_taken_over() {
    let world = World::with_tenant();
    let body = json!({"url": "https://example.com/mcp", "headers": {"x-a": "secret"}});
    world.put("/tenants/acme/servers/other", &body).is(201);
    let body = json!({"url": "https://example.com/mcp", "headers": {"x-a": "***"}});
    world.put(PATH, &body).fails(400, "invalid-field");
}

#[test]
fn the_largest_that_is_allowed_is_taken() {
    let world = World::with_tenant();
    let headers: Value =
        (0..32).map(|n| (format!("x-{n}"), json!("v".repeat(4_096)))).collect::<serde_json::Map<_, _>>().into();
    let body = json!({"url": "https://example.com/mcp", "headers": headers});
    world.put(PATH, &body).is(201);
    let aliases: Value =
        (0..1_000).map(|n| (format!("tool {n}"), json!(format!("t{n:055}")))).collect::<serde_json::Map<_, _>>().into();
    world.patch(PATH, &json!({"aliases": aliases})).is(200);
    // One more than `github__` leaves room for.
    world.patch(PATH, &json!({"aliases": {"t": "x".repeat(57)}})).fails(400, "invalid-field");
}

#[test]
fn a_tenant_has_at_most_500_servers_and_the_last_can_still_be_replaced() {
    let world = World::with_tenant();
    let body = json!({"url": "https://example.com/mcp"});
    for n in 0..500 {
        world.put(&format!("/tenants/acme/servers/s{n}"), &body).is(201);
    }
    world.put("/tenants/acme/servers/more", &body).fails(409, "too-many-servers");
    world.put("/tenants/acme/servers/s499", &json!({"url": "https://example.com/other"})).is(200);
    world.delete("/tenants/acme/servers/s0").is(204);
    world.put("/tenants/acme/servers/more", &body).is(201);
}

#[test]
fn a_deleted_server_leaves_no_catalogue() {
    let world = World::with_tenant();
    world.put(PATH, &json!({"url": "https://example.com/mcp"})).is(201);
    let (tenant, store) = (TenantId::new("acme").unwrap(), &world.memory.store);
    world.memory.run(store.put_blob(&tenant, "catalogue/github", "x".into())).unwrap();
    world.delete(PATH).is(204);
    let left = world.memory.run(store.get_blob(&tenant, "catalogue/github")).unwrap();
    assert!(left.is_none_or(|left| left.is_empty()));
}

#[test]
fn a_servers_tools_are_shown_or_why_they_are_not_known() {
    let world = World::with_tenant();
    let path = format!("{PATH}/tools");
    world.get(&path).fails(404, "server-not-found");
    world.put(PATH, &json!({"url": "https://example.com/mcp"})).is(201);
    let shown = world.get(&path).is(200);
    assert_eq!(shown.body["tools"], json!([{"name": "create issue", "exposed": "github__create_issue"}]));
    assert_eq!(shown.body["problem"]["step"], "list");
    *world.tools.0.borrow_mut() = Err("it could not be reached".into());
    let refused = world.get(&path).fails(502, "tools-unavailable");
    assert_eq!(refused.body["detail"], "it could not be reached");
}

#[test]
fn a_servers_health_is_shown_as_known_or_as_asked_now() {
    let world = World::with_tenant();
    world.get(&format!("{PATH}/health")).fails(404, "server-not-found");
    world.put(PATH, &json!({"url": "https://example.com/mcp"})).is(201);
    let known = world.get(&format!("{PATH}/health")).is(200).body;
    assert_eq!((&known["status"], &known["last_failure"]["message"]), (&json!("degraded"), &json!("why")));
    assert_eq!(world.call("POST", &format!("{PATH}/health"), &[], None).is(200).body["status"], "healthy");
    *world.tools.0.borrow_mut() = Err("down".into());
    world.get(&format!("{PATH}/health")).fails(502, "health-unavailable");
}

#[test]
fn prices_and_constraints_are_kept_shown_and_patched_in_their_depth() {
    let world = World::with_tenant();
    let body = json!({"url": "https://example.com/mcp", "price": {"micro_usd": 100, "tokens": {"sized": {"max": 4_000}}},
        "constraints": {"timeout_ms": 5_000, "access": "read-only",
            "quiet_hours": [{"from": "22:00", "to": "06:00", "days": ["fri"], "zone": "Europe/Berlin"}]},
        "tools": {"search": {"price": {"micro_usd": {"meta": "example.com/cost", "max": 900}}, "constraints": {"access": "all"}}}});
    let created = world.put(PATH, &body).is(201).body;
    for field in ["price", "constraints", "tools"] {
        assert_eq!(created[field], body[field], "{field}");
    }
    let patch =
        json!({"price": {"tokens": null}, "tools": {"search": {"constraints": {"timeout_ms": 9_000}}, "x": {}}});
    let changed = world.patch(PATH, &patch).is(200).body;
    assert_eq!(changed["price"], json!({"micro_usd": 100}));
    assert_eq!(changed["tools"]["search"]["constraints"], json!({"access": "all", "timeout_ms": 9_000}));
    assert_eq!(stored(&world).rules_of("search").constraints.timeout_ms, Some(9_000));
    let bare = world.patch(PATH, &json!({"price": null, "constraints": null, "tools": null})).is(200).body;
    for field in ["price", "constraints", "tools"] {
        assert_eq!(bare.get(field), None, "{field}");
    }
    for (body, pointer) in [
        (json!({"price": {"usd": 1}}), "/price/usd"),
        (json!({"price": {"tokens": {"base": 1, "per_kib": 1, "max": 9}}}), "/price/tokens/max"),
        (json!({"price": {"tokens": {"sized": {"max": 1, "min": 1}}}}), "/price/tokens/sized/min"),
        (json!({"constraints": {"timeout": 1}}), "/constraints/timeout"),
        (json!({"constraints": {"quiet_hours": [{"until": "06:00"}]}}), "/constraints/quiet_hours/0/until"),
        (json!({"tools": {"t": {"alias": "x"}}}), "/tools/t/alias"),
        (json!({"tools": {"t": {"constraints": {"x": 1}}}}), "/tools/t/constraints/x"),
    ] {
        assert_eq!(world.patch(PATH, &body).fails(400, "unknown-field").pointers(), [pointer]);
    }
}
