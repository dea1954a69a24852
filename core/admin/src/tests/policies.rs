//! Policies: checked when they are saved, versioned, and tried as drafts first.

use serde_json::{Value, json};

use super::World;

const PATH: &str = "/tenants/acme/policy";
const DRAFT: &str = "/tenants/acme/policy/draft";

fn rule(name: &str, when: &str) -> Value {
    json!({"name": name, "effect": "allow", "when": when})
}

fn policy(when: &str) -> Value {
    json!({"rules": [rule("one", when)]})
}

fn listed(world: &World) -> Vec<(u64, bool)> {
    let items = world.get("/tenants/acme/policy/versions").is(200).body["items"].clone();
    let one = |item: &Value| (item["revision"].as_u64().unwrap(), item["current"].as_bool().unwrap());
    items.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_policy_is_put_in_force_shown_replaced_and_ended() {
    let world = World::with_tenant();
    world.get(PATH).fails(404, "policy-not-found");
    world.delete(PATH).fails(404, "policy-not-found");
    let body = json!({"zone": "Europe/Berlin", "rules": [
        {"name": "readers", "effect": "allow", "when": "tool.annotations.readOnlyHint", "description": "who only reads"},
        {"name": "nights", "effect": "deny", "when": "time.hour < 6"},
        {"name": "writes", "effect": "approve", "when": "!tool.annotations.readOnlyHint"}]});
    let created = world.put(PATH, &body).is(201);
    assert_eq!((&created.body["rules"], &created.body["zone"]), (&body["rules"], &body["zone"]));
    assert_eq!((&created.body["saved_by"], created.header("etag")), (&json!("owner"), "\"2\""));
    assert_eq!(world.get(PATH).is(200).text, created.text);
    assert_eq!(world.put(PATH, &body).is(200).text, created.text, "what changes nothing is not written");
    world.call("PUT", PATH, &[("if-match", "\"9\"")], Some(&policy("true"))).fails(412, "precondition-failed");
    let replaced = world.put(PATH, &policy("true")).is(200);
    assert_eq!(replaced.body.get("zone"), None);
    world.call("DELETE", PATH, &[("if-match", created.header("etag"))], None).fails(412, "precondition-failed");
    world.delete(PATH).is(204);
    world.get(PATH).fails(404, "policy-not-found");
    assert_eq!(listed(&world), [(3, false), (2, false)], "what was in force is remembered");
    let back = world.get("/tenants/acme/policy/versions/2").is(200);
    assert_eq!((&back.body["rules"], &back.body["revision"]), (&body["rules"], &json!(2)));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_nothing_is_kept() {
    let world = World::with_tenant();
    let two = |second: Value| json!({"rules": [rule("one", "true"), second]});
    for (body, slug, pointer) in [
        (json!({}), "invalid-field", "/rules"),
        (json!({"rules": {}}), "invalid-field", "/rules"),
        (json!({"rules": ["x"]}), "invalid-field", "/rules/0"),
        (json!({"rules": [], "zone": "Mars"}), "invalid-field", "/zone"),
        (json!({"rules": [], "order": 1}), "unknown-field", "/order"),
        (two(json!({"name": "x", "effect": "allow", "when": "true", "if": "x"})), "unknown-field", "/rules/1/if"),
        (two(json!({"effect": "allow", "when": "true"})), "invalid-field", "/rules/1/name"),
        (two(json!({"name": "A b", "effect": "allow", "when": "true"})), "invalid-field", "/rules/1/name"),
        (two(json!({"name": "x", "effect": "permit", "when": "true"})), "invalid-field", "/rules/1/effect"),
        (two(json!({"name": "x", "effect": "allow", "when": true})), "invalid-field", "/rules/1/when"),
        (two(rule("one", "true")), "invalid-field", "/rules/1/name"),
        (two(rule("x", "tool.nme == 'a'")), "invalid-field", "/rules/1/when"),
        (two(rule("x", "1 + 1")), "invalid-field", "/rules/1/when"),
        (two(rule("x", "true &&")), "invalid-field", "/rules/1/when"),
        (json!({"rules": vec![rule("one", "true"); 65]}), "invalid-field", "/rules"),
    ] {
        for path in [PATH, DRAFT] {
            let reply = world.put(path, &body).fails(400, slug);
            assert_eq!(reply.body["errors"][0]["pointer"], pointer, "{}", reply.text);
        }
    }
    let body = json!({"rules": [rule("a", "true"), rule("b", "true &&\n  tool.nme == 'x'"), rule("c", "7")]});
    let reply = world.put(PATH, &body).fails(400, "invalid-field");
    assert_eq!(reply.pointers(), ["/rules/1/when", "/rules/2/when"], "all rules are looked at");
    assert_eq!(reply.body["errors"][0]["position"], json!({"line": 2, "column": 8}));
    assert!(reply.body["errors"][0]["detail"].as_str().unwrap().starts_with("line 2, column 8: "), "{}", reply.text);
    world.get(PATH).fails(404, "policy-not-found");
    assert_eq!(world.get("/tenants/acme").body["revision"], 1);
}

#[test]
fn a_draft_is_tried_and_then_put_in_force_as_it_was_reviewed() {
    let world = World::with_tenant();
    let promote = "/tenants/acme/policy/draft/promote";
    world.get(DRAFT).fails(404, "policy-not-found");
    world.call("POST", promote, &[], None).fails(404, "policy-not-found");
    world.put(PATH, &policy("true")).is(201);
    let draft = world.put(DRAFT, &policy("false")).is(201);
    assert_eq!(world.get(DRAFT).is(200).text, draft.text);
    assert_eq!(world.get(PATH).body["rules"], policy("true")["rules"], "a draft decides nothing");
    world.call("POST", promote, &[("if-match", "\"1\"")], None).fails(412, "precondition-failed");
    let promoted = world.call("POST", promote, &[("if-match", draft.header("etag"))], None).is(200);
    assert_eq!(promoted.body["rules"], policy("false")["rules"]);
    assert_eq!(world.get(PATH).is(200).text, promoted.text);
    world.get(DRAFT).fails(404, "policy-not-found");
    assert_eq!(listed(&world), [(4, true), (2, false)]);
    // A draft that says what is in force is done with.
    world.put(DRAFT, &policy("false")).is(201);
    assert_eq!(world.call("POST", promote, &[], None).is(200).text, promoted.text);
    world.get(DRAFT).fails(404, "policy-not-found");
    world.put(DRAFT, &policy("true")).is(201);
    world.delete(DRAFT).is(204);
    world.delete(DRAFT).fails(404, "policy-not-found");
    assert_eq!(listed(&world).len(), 2, "a draft is no version");
}

#[test]
fn the_last_versions_are_kept_and_shown_in_pages() {
    let world = World::with_tenant();
    for n in 0..60 {
        world.put(PATH, &policy(&format!("time.hour == {}", n % 24))).is(if n == 0 { 201 } else { 200 });
    }
    let page = world.get("/tenants/acme/policy/versions?limit=50").is(200);
    let rest = format!("/tenants/acme/policy/versions?limit=50&cursor={}", page.body["next_cursor"].as_str().unwrap());
    let rest = world.get(&rest).is(200);
    let all = [&page, &rest].into_iter().flat_map(|page| page.body["items"].as_array().unwrap().clone());
    let revisions: Vec<u64> = all.map(|item| item["revision"].as_u64().unwrap()).collect();
    assert_eq!(revisions, (11..=61).rev().collect::<Vec<_>>(), "the one in force, and fifty before it");
    let shown = |revision: u64| world.get(&format!("/tenants/acme/policy/versions/{revision}"));
    assert_eq!(shown(61).is(200).text, world.get(PATH).text);
    assert_eq!(shown(11).is(200).body["rules"], policy("time.hour == 9")["rules"]);
    assert_eq!(shown(11).header("etag"), "\"11\"");
    shown(10).fails(404, "policy-not-found");
    shown(99).fails(404, "policy-not-found");
    for bad in ["x", "-1", "+1", "1.0", "99999999999999999999999"] {
        world.get(&format!("/tenants/acme/policy/versions/{bad}")).fails(400, "invalid-id");
    }
}

#[test]
fn it_is_known_who_saved_a_policy() {
    let world = World::with_tenant();
    let made = world.post("/operators", &json!({"name": "eve", "role": "operator"})).is(201).body;
    let token = made["secret"].as_str().unwrap();
    assert_eq!(world.call_as(token, "PUT", PATH, &[], Some(&policy("true"))).is(201).body["saved_by"], "eve");
    world.put(PATH, &policy("false")).is(200);
    let versions = world.get("/tenants/acme/policy/versions").body["items"].clone();
    let by: Vec<&Value> = versions.as_array().unwrap().iter().map(|item| &item["saved_by"]).collect();
    assert_eq!(by, ["owner", "eve"]);
    world.get("/tenants/none/policy/versions").fails(404, "tenant-not-found");
    world.put("/tenants/none/policy", &policy("true")).fails(404, "tenant-not-found");
}
