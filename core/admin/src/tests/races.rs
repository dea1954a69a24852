//! What happens when somebody else changes a record between reading it and committing.

use std::rc::Rc;

use serde_json::{Value, json};
use toolgate_model::Limits;
use toolgate_testkit::MemoryPlatform;

use super::{
    Reply, TOKEN, World,
    watched::{Rival, Watched},
};

/// Makes a request with a rival that is quicker `times` times, on records that exist.
fn raced(rival: Rival, times: u32, method: &str, path: &str, condition: Option<&str>, body: Option<&Value>) -> Reply {
    let memory = MemoryPlatform::new();
    let watched = Watched::new(&memory, rival);
    let world = World::on(memory, Rc::clone(&watched), Some(TOKEN), Limits::default());
    world.put("/tenants/acme", &json!({"display_name": "Acme"})).is(201);
    world.put("/tenants/acme/servers/s", &json!({"url": "https://example.com/"})).is(201);
    world.put("/tenants/acme/policy", &json!({"rules": []})).is(201);
    world
        .put("/tenants/acme/policy/draft", &json!({"rules": [{"name": "a", "effect": "deny", "when": "true"}]}))
        .is(201);
    let etag = world.get(path).header("etag").to_owned();
    watched.store.quicker.set(times);
    let conditions: Vec<(&str, &str)> =
        condition.map(|name| (name, if name == "if-match" { etag.as_str() } else { "*" })).into_iter().collect();
    world.call(method, path, &conditions, body)
}

#[test]
fn one_race_is_run_again_and_two_are_told() {
    let off = json!({"enabled": false});
    let server = json!({"url": "https://example.com/new"});
    let policy = json!({"rules": [{"name": "a", "effect": "allow", "when": "true"}]});
    for (method, path, body, status) in [
        ("PATCH", "/tenants/acme", Some(&off), 200),
        ("PATCH", "/tenants/acme/servers/s", Some(&off), 200),
        ("PUT", "/tenants/acme", Some(&off), 200),
        ("PUT", "/tenants/acme/servers/s", Some(&server), 200),
        ("DELETE", "/tenants/acme/servers/s", None, 204),
        ("PUT", "/tenants/acme/policy", Some(&policy), 200),
        ("DELETE", "/tenants/acme/policy", None, 204),
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
