//! Dry runs: everything is checked and shown as it would be, and nothing is done.

use serde_json::{Value, json};

use super::World;

/// What each kind of record is made of, and what it is changed to.
fn made() -> Vec<(&'static str, Value, Value)> {
    let rule = json!({"name": "a", "effect": "allow", "when": "true"});
    vec![
        ("/tenants/acme", json!({}), json!({"display_name": "Acme"})),
        ("/tenants/acme/servers/s", json!({"url": "https://example.com/"}), json!({"url": "https://example.com/new"})),
        ("/tenants/acme/views/v", json!({"servers": {}}), json!({"servers": {"s": {}}})),
        ("/tenants/acme/policy", json!({"rules": []}), json!({"rules": [rule]})),
        ("/tenants/acme/policy/draft", json!({"rules": []}), json!({"rules": [rule]})),
    ]
}

#[test]
fn a_put_is_shown_as_it_would_be_and_not_made() {
    let world = World::new();
    for (path, body, change) in made() {
        let dry = format!("{path}?dry_run=true");
        // A record is tried before its tenant is there, too: both may be made together.
        let tried = world.put(&dry, &body).is(200);
        assert_eq!((tried.header("toolgate-dry-run"), tried.header("etag")), ("created", "\"0\""), "{path}");
        world.get(path).is(404);
        world.put("/tenants/acme", &json!({})).is(if path == "/tenants/acme" { 201 } else { 200 });
        let real = world.put(&format!("{path}?dry_run=false"), &body);
        assert_eq!(real.header("toolgate-dry-run"), "");
        assert_eq!(world.put(&dry, &body).header("toolgate-dry-run"), "same", "{path}");
        let before = world.get(path).is(200);
        let tried = world.put(&dry, &change).is(200);
        assert_eq!((tried.header("toolgate-dry-run"), tried.header("etag")), ("changed", before.header("etag")));
        assert_eq!(world.get(path).is(200).text, before.text, "{path}");
        let changed = world.put(path, &change).is(200);
        for field in change.as_object().unwrap().keys() {
            assert_eq!(tried.body[field], changed.body[field], "{path} {field}");
        }
    }
}

#[test]
fn keys_are_tried_without_a_secret_and_patches_without_effect() {
    let world = World::with_tenant();
    let key = json!({"name": "ci", "grants": ["*"]});
    let tried = world.post("/tenants/acme/keys?dry_run=true", &key).is(200);
    assert_eq!((tried.header("toolgate-dry-run"), tried.body.get("secret")), ("created", None));
    assert_eq!(world.get("/tenants/acme/keys").body, json!({"items": []}));
    let id = world.post("/tenants/acme/keys", &key).is(201).body["id"].as_str().unwrap().to_owned();
    let path = format!("/tenants/acme/keys/{id}");
    let tried = world.patch(&format!("{path}?dry_run=true"), &json!({"grants": []})).is(200);
    assert_eq!((tried.header("toolgate-dry-run"), &tried.body["grants"]), ("changed", &json!([])));
    assert_eq!(world.get(&path).body["grants"], json!(["*"]));
    world.patch("/tenants/acme/keys/0123456789abcdef?dry_run=true", &json!({})).fails(404, "key-not-found");
}

#[test]
fn a_dry_run_refuses_what_a_real_one_refuses() {
    let world = World::with_tenant();
    let dry = |path: &str, body: &Value| world.put(&format!("{path}?dry_run=true"), body);
    dry("/tenants/acme/servers/s", &json!({"url": "nonsense"})).fails(400, "invalid-field");
    dry("/tenants/acme/servers/s", &json!({"uri": "x"})).fails(400, "unknown-field");
    dry("/tenants/acme/policy", &json!({"rules": [{"name": "a", "effect": "allow", "when": "1"}]}))
        .fails(400, "invalid-field");
    let path = "/tenants/acme?dry_run=true";
    world.call("PUT", path, &[("if-match", "\"9\"")], Some(&json!({}))).fails(412, "precondition-failed");
    for query in ["dry_run=1", "dry_run", "dry_run=true&dry_run=true", "limit=1"] {
        world.put(&format!("/tenants/acme?{query}"), &json!({})).fails(400, "invalid-parameter");
    }
    world.call("DELETE", path, &[], None).fails(400, "invalid-parameter");
    assert_eq!(world.get("/tenants/acme").body["revision"], 1);
}
