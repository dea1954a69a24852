//! Limits, and what they have counted.

use serde_json::{Value, json};
use toolgate_model::{Amount, LimitId, LimitRecord, TenantId};
use toolgate_ports::{
    AccountId, Ask, Consistency, EntryId, Holder, Ledger, RecordKey, RecordKind, Settlement, Store, Take, Taken, Terms,
    Then,
};

use toolgate_testkit::LedgerFault;

use super::World;

const PATH: &str = "/tenants/acme/limits/daily";

fn limit(more: &Value) -> Value {
    let mut body = json!({"scope": {"key": "*"}, "kind": "budget", "unit": "calls", "amount": 100, "window": "day"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// Spends `amount` in the account of `holder` of the limit `name`, and leaves one more reserved.
fn spend(world: &World, name: &str, holder: &[(&str, &str)], amount: u64) {
    let id = LimitId::new(name).unwrap();
    let key = RecordKey::new(RecordKind::Limit, name);
    let record = world.memory.run(world.memory.store.get(&tenant(), &key, Consistency::Strong)).unwrap().unwrap();
    let spec = serde_json::from_slice::<LimitRecord>(&record.value).unwrap().spec;
    let spelled = holder.iter().map(|(member, value)| format!("{member}={value}")).collect::<Vec<_>>().join("&");
    let holder = Holder(holder.iter().map(|(member, value)| ((*member).to_owned(), (*value).to_owned())).collect());
    let account = AccountId::new(&id, &spec, &spelled);
    for (entry, need) in [(1, amount), (2, 1)] {
        let need = Amount::at_most(need);
        let ask =
            Ask { account: account.clone(), holder: holder.clone(), terms: Terms::of(&spec), need, want: Amount::ZERO };
        let take =
            Take { id: EntryId(entry), asks: vec![ask], hold: 60_000, lease: 1_000, receipt: None, settle: vec![] };
        let taken = world.memory.run(world.memory.ledger.take(&tenant(), &take)).unwrap();
        assert!(matches!(taken, Taken::Granted(_)), "{taken:?}");
    }
    let settled =
        Settlement { account, id: EntryId(1), charge: Amount::at_most(amount), then: Then::Close, void: None };
    world.memory.run(world.memory.ledger.settle(&tenant(), &[settled])).unwrap();
}

fn settled(world: &World, path: &str) -> Vec<(Value, u64)> {
    let items = world.get(path).is(200).body["items"].clone();
    let one = |item: &Value| (item["holder"].clone(), item["settled"].as_u64().unwrap());
    items.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_limit_is_created_shown_replaced_changed_and_deleted() {
    let world = World::with_tenant();
    world.get(PATH).fails(404, "limit-not-found");
    let created = world.put(PATH, &limit(&json!({}))).is(201);
    for (field, value) in
        [("scope", json!({"key": "*"})), ("mode", json!("strict")), ("enabled", json!(true)), ("window", json!("day"))]
    {
        assert_eq!(created.body[field], value, "{field}");
    }
    let full = json!({"scope": {"team": "backend", "user": "*", "server": "github", "tool": "create issue"}, "kind": "rate",
        "unit": "tokens", "amount": 10, "window": "15m", "burst": 20, "mode": "leased", "fail_open": true, "enabled": false});
    let replaced = world.put(PATH, &full).is(200).body;
    for (field, value) in full.as_object().unwrap() {
        assert_eq!(&replaced[field], value, "{field}");
    }
    let changed = world.patch(PATH, &json!({"amount": 11, "scope": {"user": null}, "burst": null})).is(200).body;
    assert_eq!((&changed["amount"], changed.get("burst")), (&json!(11), None));
    assert_eq!(changed["scope"], json!({"team": "backend", "server": "github", "tool": "create issue"}));
    assert_eq!(world.get("/tenants/acme/limits").body["items"], json!([world.get(PATH).body]));
    world.delete(PATH).is(204);
    world.delete(PATH).fails(404, "limit-not-found");
    world.put("/tenants/none/limits/daily", &full).fails(404, "tenant-not-found");
}

#[test]
fn limits_that_make_no_sense_are_refused_each_fault_at_its_place() {
    let world = World::with_tenant();
    for (more, slug, pointers) in [
        (json!({"amount": -1}), "invalid-field", vec!["/amount"]),
        (json!({"amount": 1.5}), "invalid-field", vec!["/amount"]),
        (json!({"amount": 1_000_000_000_000_001_u64}), "invalid-field", vec!["/amount"]),
        (json!({"amount": "100"}), "invalid-field", vec!["/amount"]),
        (json!({"amount": null}), "invalid-field", vec!["/amount"]),
        (json!({"scope": null}), "invalid-field", vec!["/scope"]),
        (json!({"scope": "tenant"}), "invalid-field", vec!["/scope"]),
        (json!({"scope": {"key": "x"}}), "invalid-field", vec!["/scope/key"]),
        (json!({"scope": {"tool": "unprefixed"}}), "invalid-field", vec!["/scope/tool"]),
        (json!({"scope": {"region": "eu"}}), "unknown-field", vec!["/scope/region"]),
        (json!({"kind": "quota"}), "invalid-field", vec!["/kind"]),
        (json!({"unit": "euros"}), "invalid-field", vec!["/unit"]),
        (json!({"mode": "loose"}), "invalid-field", vec!["/mode"]),
        (json!({"window": "fortnight"}), "invalid-field", vec!["/window"]),
        (json!({"kind": "rate", "window": null}), "invalid-field", vec!["/window"]),
        (json!({"kind": "concurrency"}), "invalid-field", vec!["/window"]),
        (json!({"burst": 5}), "invalid-field", vec!["/burst"]),
        (json!({"fail_open": "no"}), "invalid-field", vec!["/fail_open"]),
        (json!({"amount": -1, "enabled": "yes"}), "invalid-field", vec!["/enabled", "/amount"]),
        (json!({"limit": 5}), "unknown-field", vec!["/limit"]),
        (json!({"created_at": "x"}), "unknown-field", vec!["/created_at"]),
    ] {
        let reply = world.put(PATH, &limit(&more)).fails(400, slug);
        assert_eq!(reply.pointers(), pointers, "{more}: {}", reply.text);
    }
    world.get(PATH).fails(404, "limit-not-found");
}

#[test]
fn what_a_limit_has_counted_is_shown_account_by_account() {
    let world = World::with_tenant();
    world.get(&format!("{PATH}/usage")).fails(404, "limit-not-found");
    world.put(PATH, &limit(&json!({}))).is(201);
    assert_eq!(world.get(&format!("{PATH}/usage")).is(200).body, json!({"items": []}));
    let keys: Vec<String> = (0..5).map(|n| format!("{n:016x}")).collect();
    for (n, key) in keys.iter().enumerate() {
        spend(&world, "daily", &[("key", key)], 10 + n as u64);
    }
    let first = world.get(&format!("{PATH}/usage?limit=2")).is(200).body;
    let account = json!({"holder": {"key": keys[0]}, "from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z",
        "settled": 10, "reserved": 1, "leased": 0, "left": 89, "resets_at": "2026-11-23T00:00:00Z"});
    assert_eq!(first["items"][0], account);
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = world.get(&format!("{PATH}/usage{query}")).is(200).body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["holder"]["key"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, keys);
    let of_one = format!("{PATH}/usage?key={}", keys[3]);
    assert_eq!(settled(&world, &of_one), [(json!({"key": keys[3]}), 13)]);
    assert_eq!(settled(&world, &format!("{PATH}/usage?team=backend")), [], "it does not tell teams apart");
    // The windows before are there too, once there are some.
    world.memory.clock.advance(std::time::Duration::from_secs(24 * 3600));
    spend(&world, "daily", &[("key", &keys[0])], 7);
    let later = world.get(&of_one.replace(&keys[3], &keys[0])).is(200).body["items"][0].clone();
    assert_eq!((&later["settled"], &later["past"][0]["from"]), (&json!(7), &json!("2026-11-22T00:00:00Z")));
}

#[test]
fn a_report_of_all_limits_is_narrowed_to_those_that_tell() {
    let world = World::with_tenant();
    for (name, scope) in [
        ("all", json!({})),
        ("each-key", json!({"key": "*"})),
        ("backend", json!({"team": "backend", "user": "*"})),
        ("frontend", json!({"team": "frontend"})),
    ] {
        world.put(&format!("/tenants/acme/limits/{name}"), &limit(&json!({"scope": scope}))).is(201);
    }
    spend(&world, "all", &[], 30);
    spend(&world, "each-key", &[("key", "0123456789abcdef")], 20);
    spend(&world, "backend", &[("user", "eve@x")], 10);
    spend(&world, "backend", &[("user", "bob@x")], 5);
    let report = |query: &str| -> Vec<(String, Vec<u64>)> {
        let items = world.get(&format!("/tenants/acme/usage{query}")).is(200).body["items"].clone();
        let of = |item: &Value| {
            let accounts = item["accounts"].as_array().unwrap().iter();
            (item["limit"].as_str().unwrap().to_owned(), accounts.map(|a| a["settled"].as_u64().unwrap()).collect())
        };
        items.as_array().unwrap().iter().map(of).collect()
    };
    let named = |name: &str, settled: &[u64]| (name.to_owned(), settled.to_vec());
    assert_eq!(
        report(""),
        [named("all", &[30]), named("backend", &[5, 10]), named("each-key", &[20]), named("frontend", &[])]
    );
    assert_eq!(report("?key=0123456789abcdef"), [named("each-key", &[20])]);
    assert_eq!(report("?team=backend"), [named("backend", &[5, 10])]);
    assert_eq!(report("?team=backend&user=eve%40x"), [named("backend", &[10])]);
    assert_eq!(report("?limit=2"), [named("all", &[30]), named("backend", &[5, 10])]);
    for bad in ["?key=", "?key=%zz", "?region=eu", "?team=a&team=b", "?limit=0"] {
        world.get(&format!("/tenants/acme/usage{bad}")).fails(400, "invalid-parameter");
    }
    world.get("/tenants/none/usage").fails(404, "tenant-not-found");
}

#[test]
fn a_reset_or_a_deletion_forgets_what_was_counted() {
    let world = World::with_tenant();
    let usage = format!("{PATH}/usage");
    world.put(PATH, &limit(&json!({"scope": {}}))).is(201);
    spend(&world, "daily", &[], 40);
    assert_eq!(settled(&world, &usage), [(json!({}), 40)]);
    world.call("POST", &format!("{PATH}/reset"), &[], None).is(204);
    assert_eq!(settled(&world, &usage), []);
    spend(&world, "daily", &[], 40);
    world.patch(PATH, &json!({"amount": 50})).is(200);
    assert_eq!(settled(&world, &usage), [(json!({}), 40)], "a changed amount forgets nothing");
    world.call("DELETE", PATH, &[("if-match", "\"1\"")], None).fails(412, "precondition-failed");
    assert_eq!(settled(&world, &usage).len(), 1);
    world.delete(PATH).is(204);
    world.put(PATH, &limit(&json!({"scope": {}}))).is(201);
    assert_eq!(settled(&world, &usage), [], "a limit of the same name begins anew");
    spend(&world, "daily", &[], 40);
    world.delete("/tenants/acme").is(204);
    world.put("/tenants/acme", &json!({})).is(201);
    world.put(PATH, &limit(&json!({"scope": {}}))).is(201);
    assert_eq!(settled(&world, &usage), []);
    world.call("POST", "/tenants/acme/limits/none/reset", &[], None).fails(404, "limit-not-found");
}

#[test]
fn a_tenant_has_at_most_500_limits_and_as_many_teams() {
    let world = World::with_tenant();
    for n in 0..500 {
        world.put(&format!("/tenants/acme/limits/l{n}"), &limit(&json!({}))).is(201);
        world.put(&format!("/tenants/acme/teams/t{n}"), &json!({})).is(201);
    }
    world.put("/tenants/acme/limits/more", &limit(&json!({}))).fails(409, "too-many-limits");
    world.put("/tenants/acme/teams/more", &json!({})).fails(409, "too-many-teams");
    world.put("/tenants/acme/limits/l7", &limit(&json!({"amount": 7}))).is(200);
}

#[test]
fn a_ledger_that_is_down_loses_no_limit() {
    let world = World::with_tenant();
    world.put(PATH, &limit(&json!({"scope": {}}))).is(201);
    world.memory.ledger.set_fault(Some(LedgerFault::Down));
    for (method, path) in [
        ("GET", "/tenants/acme/limits/daily/usage"),
        ("GET", "/tenants/acme/usage"),
        ("POST", "/tenants/acme/limits/daily/reset"),
        ("DELETE", PATH),
        ("DELETE", "/tenants/acme"),
    ] {
        let reply = world.call(method, path, &[], None).fails(503, "store-unavailable");
        assert_eq!(reply.header("retry-after"), "2", "{method} {path}");
    }
    world.get(PATH).is(200);
    world.memory.ledger.set_fault(None);
    world.delete(PATH).is(204);
}
