//! Limits, from the outside: who is let through, what is said to who is not, and what a call is charged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[allow(dead_code, reason = "each test file uses its part")]
mod common;

use std::{rc::Rc, time::Duration};

use common::{Answer, Upstream, World, legacy_request};
use serde_json::{Value, json};
use toolgate_model::{LimitId, LimitRecord, TenantId};
use toolgate_ports::{FetchError, FetchErrorKind, Ledger, RecordKey, RecordKind};
use toolgate_testkit::{LedgerFault, json_response};

fn world(limits: &[(&str, Value)]) -> (World, String) {
    let world = World::new();
    world.server("s", Upstream::legacy(&["t", "u"]));
    let key = world.key(1, &["*"]);
    limits.iter().for_each(|(id, spec)| world.limit(id, spec));
    (world, key)
}

fn call(world: &World, key: &str, tool: &str) -> Answer {
    world.legacy(key, "tools/call", &json!({"name": tool, "arguments": {"a": 1}}))
}

/// How many of `calls` are let through.
fn let_through(world: &World, key: &str, tool: &str, calls: usize) -> usize {
    (0..calls).filter(|_| call(world, key, tool).json()["result"].is_object()).count()
}

fn settled(world: &World, id: &str, spec: &Value) -> u64 {
    let record: LimitRecord = serde_json::from_value({
        let mut record =
            json!({"enabled": true, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
        record.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        record
    })
    .unwrap();
    let (tenant, id) = (TenantId::new("acme").unwrap(), LimitId::new(id).unwrap());
    world.platform.settle();
    let usage = world.platform.run(world.platform.ledger.usage(&tenant, &id, &record.spec, None, 10)).unwrap();
    usage.accounts.iter().map(|account| account.settled.get()).sum()
}

#[test]
fn a_budget_lets_through_what_it_allows_and_says_what_then() {
    let spec = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 3, "window": "day"});
    let (world, key) = world(&[("daily", spec)]);
    assert_eq!(let_through(&world, &key, "s__t", 5), 3);
    let refused = call(&world, &key, "s__t");
    assert_eq!((refused.status.as_u16(), refused.code()), (200, -31429));
    let error = &refused.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("\"daily\"") && message.contains("3 calls") && message.contains("try again at"),
        "{message}"
    );
    let detail = &error["data"]["_meta"]["io.toolgate/limit"];
    assert_eq!(
        (&detail["limit"], &detail["kind"], &detail["unit"]),
        (&json!("daily"), &json!("budget"), &json!("calls"))
    );
    assert_eq!((&detail["amount"], &detail["left"], &detail["need"]), (&json!(3), &json!(0), &json!(1)));
    let wait = detail["retry_after_ms"].as_u64().unwrap();
    let header: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(header, wait.div_ceil(1_000));
    world.platform.clock.advance(Duration::from_millis(wait));
    assert!(call(&world, &key, "s__t").json()["result"].is_object());
}

#[test]
fn all_limits_grant_or_nothing_is_taken() {
    let wide = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 100});
    let narrow = json!({"scope": {"server": "s", "tool": "t"}, "kind": "budget", "unit": "calls", "amount": 2});
    let (world, key) = world(&[("wide", wide.clone()), ("narrow", narrow)]);
    assert_eq!(let_through(&world, &key, "s__t", 10), 2);
    assert_eq!(settled(&world, "wide", &wide), 2);
    assert_eq!(let_through(&world, &key, "s__u", 4), 4);
    assert_eq!(settled(&world, "wide", &wide), 6);
}

#[test]
fn what_was_not_sent_is_not_charged_and_what_may_have_acted_is() {
    let spec = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 10});
    let (world, key) = world(&[("b", spec.clone())]);
    call(&world, &key, "s__t");
    for (kind, charged) in [(FetchErrorKind::Connect, 1), (FetchErrorKind::Broken, 2)] {
        world.upstreams.borrow_mut().get_mut("s").unwrap().on_call =
            Rc::new(move |_| Err(FetchError::new(kind, "broke")));
        call(&world, &key, "s__t");
        world.platform.clock.advance(Duration::from_secs(1_000));
        assert_eq!(settled(&world, "b", &spec), charged, "{kind:?}");
    }
}

#[test]
fn money_is_reserved_at_most_and_settled_as_the_result_says() {
    let spec = json!({"scope": {}, "kind": "budget", "unit": "micro_usd", "amount": 1_000});
    let price = json!({"price": {"micro_usd": {"meta": "acme.example/cost", "max": 400}}});
    let world = World::new();
    let mut upstream = Upstream::legacy(&["t"]);
    upstream.on_call = Rc::new(|message| {
        let cost = message["params"]["arguments"]["cost"].clone();
        let result = json!({"content": [], "_meta": {"acme.example/cost": cost}});
        Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
    });
    world.server_with("s", upstream, &price);
    let key = world.key(1, &["*"]);
    world.limit("money", &spec);
    let cost = |cost: Value| world.legacy(&key, "tools/call", &json!({"name": "s__t", "arguments": {"cost": cost}}));
    for (said, total) in [(json!(100), 100), (json!(0.5), 101), (json!("free"), 501), (json!(-5), 901)] {
        assert!(cost(said.clone()).json()["result"].is_object(), "{said}");
        assert_eq!(settled(&world, "money", &spec), total, "{said}");
    }
    // What is left is less than the call may cost.
    assert_eq!(cost(json!(1)).code(), -31429);
}

#[test]
fn a_call_and_its_repetitions_are_charged_once() {
    let spec = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 10});
    let (world, key) = world(&[("b", spec.clone())]);
    let with_key = |name: &str| {
        let mut request = legacy_request(&key, "/t/acme/mcp", "tools/call", &json!({"name": "s__t"}));
        request.headers_mut().insert("idempotency-key", name.parse().unwrap());
        world.send(request)
    };
    for _ in 0..3 {
        assert!(with_key("one").json()["result"].is_object());
    }
    with_key("other");
    assert_eq!(settled(&world, "b", &spec), 2);
    let in_meta = json!({"name": "s__t", "_meta": {"io.toolgate/idempotency-key": "one"}});
    assert!(world.legacy(&key, "tools/call", &in_meta).json()["result"].is_object());
    assert_eq!(settled(&world, "b", &spec), 2);
    assert_eq!(with_key("not good").code(), -32602);
}

#[test]
fn each_user_of_a_key_has_what_a_limit_gives_each_user() {
    let spec = json!({"scope": {"user": "*"}, "kind": "budget", "unit": "calls", "amount": 1});
    let (world, _) = world(&[("per-user", spec)]);
    let key = world.key_with("acme", 2, &["*"], &json!({"user": "*"}));
    let fixed = world.key_with("acme", 3, &["*"], &json!({"user": "carol"}));
    let as_user = |key: &str, user: &str| {
        let mut request = legacy_request(key, "/t/acme/mcp", "tools/call", &json!({"name": "s__t"}));
        request.headers_mut().insert("toolgate-user", user.parse().unwrap());
        world.send(request)
    };
    assert!(as_user(&key, "alice").json()["result"].is_object());
    assert_eq!(as_user(&key, "alice").code(), -31429);
    assert!(as_user(&key, "bob").json()["result"].is_object());
    assert_eq!(as_user(&key, "not a user").status.as_u16(), 400);
    // Nobody is one user, too; and who a key always acts for can't be said anew.
    assert!(call(&world, &key, "s__t").json()["result"].is_object());
    assert_eq!(call(&world, &key, "s__t").code(), -31429);
    assert!(as_user(&fixed, "dave").json()["result"].is_object());
    assert_eq!(as_user(&fixed, "erin").code(), -31429);
}

#[test]
fn a_team_shares_its_limit_and_is_refused_when_it_is_disabled() {
    let spec = json!({"scope": {"team": "red"}, "kind": "budget", "unit": "calls", "amount": 2});
    let (world, alone) = world(&[("team", spec)]);
    let team = |enabled: bool| {
        let record =
            json!({"enabled": enabled, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
        world.put("acme", RecordKey::new(RecordKind::Team, "red"), &record);
        world.platform.clock.advance(Duration::from_secs(11));
    };
    team(true);
    let keys = [2, 3].map(|number| world.key_with("acme", number, &["*"], &json!({"team": "red"})));
    assert_eq!(keys.iter().map(|key| let_through(&world, key, "s__t", 2)).sum::<usize>(), 2);
    assert_eq!(let_through(&world, &alone, "s__t", 3), 3);
    team(false);
    assert_eq!(call(&world, &keys[0], "s__t").status.as_u16(), 401);
    let gone = world.key_with("acme", 4, &["*"], &json!({"team": "blue"}));
    assert_eq!(call(&world, &gone, "s__t").status.as_u16(), 401);
}

#[test]
fn a_lost_ledger_refuses_unless_the_limit_says_otherwise() {
    let spec =
        |fail_open: bool| json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 9, "fail_open": fail_open});
    let (world, key) = world(&[("b", spec(false))]);
    world.platform.ledger.set_fault(Some(LedgerFault::Down));
    let refused = call(&world, &key, "s__t");
    assert_eq!((refused.status.as_u16(), refused.code()), (503, -31503));
    assert!(refused.headers.contains_key("retry-after"));
    world.limit("b", &spec(true));
    assert!(call(&world, &key, "s__t").json()["result"].is_object());
    world.platform.ledger.set_fault(None);
    assert!(call(&world, &key, "s__t").json()["result"].is_object());
}

#[test]
fn calls_at_the_same_time_are_capped_and_their_places_come_back() {
    let spec = json!({"scope": {"key": "*"}, "kind": "concurrency", "unit": "calls", "amount": 1});
    let (world, key) = world(&[("cap", spec)]);
    assert_eq!(let_through(&world, &key, "s__t", 3), 3, "one after the other");
}
