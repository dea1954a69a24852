//! Conditional changes.

use serde_json::{Value, json};

use super::World;

#[test]
fn each_kind_of_record_is_changed_only_as_expected() {
    let world = World::with_tenant();
    world.put("/tenants/acme/servers/s", &json!({"url": "https://example.com/"})).is(201);
    let key = world.post("/tenants/acme/keys", &json!({"name": "n", "grants": []})).is(201);
    let key = format!("/tenants/acme/keys/{}", key.body["id"].as_str().unwrap());
    for path in ["/tenants/acme/servers/s", &key, "/tenants/acme"] {
        let etag = world.get(path).header("etag").to_owned();
        let change = |condition: (&str, &str), body: Value| world.call("PATCH", path, &[condition], Some(&body));
        change(("if-match", "\"999\""), json!({"enabled": false})).fails(412, "precondition-failed");
        change(("if-none-match", "*"), json!({"enabled": false})).fails(412, "precondition-failed");
        assert_eq!(world.get(path).body["enabled"], true);
        let changed = change(("if-match", &etag), json!({"enabled": false})).is(200);
        assert_ne!(changed.header("etag"), etag);
        change(("if-match", &etag), json!({"enabled": true})).fails(412, "precondition-failed");
        // What is wrong with the body is said before what is wrong with the record.
        change(("if-match", &etag), json!({"enabled": 1})).fails(400, "invalid-field");
        world.call("DELETE", path, &[("if-match", &etag)], None).fails(412, "precondition-failed");
        world.call("DELETE", path, &[("if-match", changed.header("etag"))], None).is(204);
        world.call("DELETE", path, &[("if-match", "*")], None).is(404);
    }
}

#[test]
fn a_put_can_insist_on_creating_or_on_replacing() {
    let world = World::with_tenant();
    for (path, body) in
        [("/tenants/new", json!({})), ("/tenants/acme/servers/s", json!({"url": "https://example.com/"}))]
    {
        let put = |condition: (&str, &str)| world.call("PUT", path, &[condition], Some(&body));
        put(("if-match", "*")).fails(412, "precondition-failed");
        put(("if-match", "\"1\"")).fails(412, "precondition-failed");
        put(("if-none-match", "*")).is(201);
        put(("if-none-match", "*")).fails(412, "precondition-failed");
        put(("if-match", "*")).is(200);
    }
}
