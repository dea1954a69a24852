//! A tenant's policy, from the outside: what is listed, what is called, and what is said where it is not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[allow(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Upstream, World};
use serde_json::{Value, json};
use toolgate_ports::{ClientAddr, RecordKey, RecordKind};

/// A server with a tool that reads and one that writes, and a policy.
fn world(rules: &Value) -> (World, String) {
    let world = World::new();
    let mut upstream = Upstream::legacy(&[]);
    upstream.tools = [("get", true), ("put", false)]
        .map(|(name, reads)| {
            json!({"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": reads}}).to_string()
        })
        .into();
    world.server("s", upstream);
    let key = world.key(1, &["*"]);
    policy(&world, "current", rules);
    (world, key)
}

fn policy(world: &World, id: &str, rules: &Value) {
    let record = json!({
        "document": {"rules": rules}, "saved_by": "test", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"
    });
    world.put("acme", RecordKey::new(RecordKind::Policy, id), &record);
    world.platform.clock.advance(std::time::Duration::from_secs(11));
}

fn call(world: &World, key: &str, tool: &str, arguments: &Value) -> common::Answer {
    world.legacy(key, "tools/call", &json!({"name": tool, "arguments": arguments}))
}

#[test]
fn what_a_policy_denies_is_not_listed_and_does_not_exist() {
    let (world, key) = world(&json!([{"name": "readers", "effect": "allow", "when": "tool.annotations.readOnlyHint"}]));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), ["s__get"]);
    assert!(call(&world, &key, "s__get", &json!({})).json()["result"].is_object());
    let (denied, absent) = (call(&world, &key, "s__put", &json!({})), call(&world, &key, "s__nope", &json!({})));
    assert_eq!(denied.text.replace("put", "x"), absent.text.replace("nope", "x"));
}

#[test]
fn what_depends_on_arguments_is_listed_and_decided_when_they_are_known() {
    let (world, key) = world(&json!([
        {"name": "all", "effect": "allow", "when": "true"},
        {"name": "small", "effect": "deny", "when": "tool.name == 'put' && int(arguments.size) > 10"},
    ]));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), ["s__get", "s__put"]);
    assert!(call(&world, &key, "s__put", &json!({"size": 10})).json()["result"].is_object());
    let denied = call(&world, &key, "s__put", &json!({"size": 11}));
    assert_eq!(denied.code(), -31403);
    assert_eq!(denied.json()["error"]["data"]["rule"], "small");
    // An error denies: here the argument that the rule looks at is missing.
    assert_eq!(call(&world, &key, "s__put", &json!({})).code(), -31403);
}

#[test]
fn a_list_that_depends_on_who_or_when_is_made_anew() {
    let (world, key) = world(&json!([
        {"name": "inside", "effect": "allow", "when": "has(network.ip) && inCidr(network.ip, '10.0.0.0/8')"},
        {"name": "first-minutes", "effect": "allow", "when": "tool.name == 'get' && time.epoch_ms < 1795305660000"},
    ]));
    let list = |address: [u8; 4]| {
        let mut request = common::legacy_request(&key, "/t/acme/mcp", "tools/list", &json!({}));
        request.extensions_mut().insert(ClientAddr(address.into()));
        world.send(request).tool_names()
    };
    assert_eq!(list([10, 1, 1, 1]), ["s__get", "s__put"]);
    assert_eq!(list([192, 0, 2, 1]), ["s__get"]);
    assert_eq!(list([10, 1, 1, 1]), ["s__get", "s__put"]);
    world.platform.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(list([192, 0, 2, 1]), [""; 0]);
    let modern = world.modern(&key, "tools/list", json!({}));
    assert!(modern.json()["result"]["ttlMs"].as_u64().unwrap() <= 60_000, "{}", modern.text);
}

#[test]
fn a_policy_that_is_changed_or_broken_holds_after_the_staleness_bound() {
    let (world, key) = world(&json!([{"name": "all", "effect": "allow", "when": "true"}]));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names().len(), 2);
    policy(&world, "current", &json!([{"name": "none", "effect": "deny", "when": "true"}]));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), [""; 0]);
    policy(&world, "current", &json!([{"name": "odd", "effect": "allow", "when": "no.such.thing"}]));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), [""; 0]);
}

#[test]
fn a_draft_decides_nothing() {
    let (world, key) = world(&json!([{"name": "all", "effect": "allow", "when": "true"}]));
    policy(&world, "draft", &json!([{"name": "none", "effect": "deny", "when": "true"}]));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names().len(), 2);
    assert!(call(&world, &key, "s__put", &json!({})).json()["result"].is_object());
}
