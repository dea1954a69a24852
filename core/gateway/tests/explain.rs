//! Explain, from the outside: what it says is what a request then meets, and it leaves no trace.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[allow(dead_code, reason = "each test file uses its part")]
mod common;

use std::{rc::Rc, time::Duration};

use common::{OPERATOR_TOKEN, Upstream, World, raw};
use serde_json::{Value, json};
use toolgate_model::TenantId;
use toolgate_ports::{RecordKey, RecordKind};
use toolgate_testkit::{LedgerFault, json_response, logged};

const TIMES: [(&str, &str); 2] = [("created_at", "2026-01-01T00:00:00Z"), ("updated_at", "2026-01-01T00:00:00Z")];

fn put(world: &World, kind: RecordKind, id: &str, record: &Value) {
    let mut record = record.clone();
    TIMES.iter().for_each(|(name, time)| record[name] = json!(time));
    let key = if kind == RecordKind::Tenant { RecordKey::tenant() } else { RecordKey::new(kind, id) };
    world.put("acme", key, &record);
    world.platform.clock.advance(Duration::from_secs(11));
}

fn policy(world: &World, id: &str, rules: &Value) {
    put(world, RecordKind::Policy, id, &json!({"document": {"rules": rules}, "saved_by": "test"}));
}

/// A server with a tool that reads, one that writes, and one that wants a number.
fn world() -> World {
    let world = World::new();
    world.server_with("s", upstream(), &json!({}));
    world
}

fn upstream() -> Upstream {
    let number = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
    let mut upstream = Upstream::legacy(&[]);
    upstream.tools = vec![
        json!({"name": "get", "inputSchema": {}, "annotations": {"readOnlyHint": true}}).to_string(),
        json!({"name": "put", "inputSchema": {}, "annotations": {"destructiveHint": true}}).to_string(),
        json!({"name": "sum", "inputSchema": number}).to_string(),
    ];
    upstream
}

fn ask(world: &World, more: &Value) -> Value {
    let mut body = json!({"server": "s", "tool": "get"});
    if more.get("key").is_none() {
        body["principal"] = json!({"grants": ["*"]});
    }
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        }
    }
    let answer = world.send(raw(OPERATOR_TOKEN, "/admin/v1/tenants/acme/explain", &[], body.to_string()));
    assert!(answer.status.is_success() || answer.status == 400 || answer.status == 502, "{}", answer.text);
    answer.json()
}

fn step<'a>(explanation: &'a Value, name: &str) -> &'a Value {
    let steps = explanation["steps"].as_array().unwrap_or_else(|| panic!("{explanation}"));
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {explanation}"))
}

/// The id of a key's secret.
fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

fn call(world: &World, key: &str, tool: &str, arguments: &Value) -> bool {
    world.legacy(key, "tools/call", &json!({"name": format!("s__{tool}"), "arguments": arguments})).json()["result"]
        .is_object()
}

#[test]
fn what_is_explained_is_what_lists_and_calls_meet() {
    let world = World::new();
    let tools =
        json!({"put": {"constraints": {"access": "read-only"}}, "sum": {"constraints": {"arguments": "checked"}}});
    world.server_with("s", upstream(), &json!({"tools": tools}));
    put(&world, RecordKind::Team, "red", &json!({"enabled": true}));
    put(&world, RecordKind::Team, "blue", &json!({"enabled": false}));
    let servers = json!({"s": {"tools": ["get", "put"], "prompts": [], "resources": []}});
    put(&world, RecordKind::View, "v", &json!({"prefix": "always", "servers": servers, "enabled": true}));
    policy(
        &world,
        "current",
        &json!([
            {"name": "all", "effect": "allow", "when": "true"},
            {"name": "reds", "effect": "deny", "when": "has(principal.team) && principal.team == 'red' && tool.name == 'get'"},
            {"name": "small", "effect": "deny", "when": "tool.name == 'sum' && has(arguments.n) && double(arguments.n) > 10.0"},
        ]),
    );
    world.limit(
        "one-each",
        &json!({"scope": {"key": "*", "tool": "s__get"}, "kind": "budget", "unit": "calls", "amount": 1}),
    );
    let keys = [
        world.key(1, &["*"]),
        world.key(2, &["s__get"]),
        world.key(3, &["s__put", "s__sum"]),
        world.key(4, &["other__*"]),
        world.key(5, &[]),
        world.key_with("acme", 6, &["*"], &json!({"team": "red"})),
        world.key_with("acme", 7, &["*"], &json!({"team": "blue"})),
        world.key_with("acme", 8, &["*"], &json!({"enabled": false})),
        world.key_with("acme", 9, &["s__*"], &json!({"expires_at": "2026-11-22T00:00:01Z"})),
        world.key_with("acme", 10, &["s__*"], &json!({"expires_at": "2030-01-01T00:00:00Z"})),
    ];
    let (mut allowed, mut denied) = (0, 0);
    for (key, tool, arguments) in keys.iter().flat_map(|key| {
        let cases = [
            ("get", json!({})),
            ("get", json!({"n": 1})),
            ("put", json!({})),
            ("sum", json!({"n": 11})),
            ("sum", json!({"n": 3})),
        ];
        let more = [("sum", json!({"n": "3"})), ("sum", json!({})), ("nope", json!({}))];
        cases.into_iter().chain(more).map(move |(tool, arguments)| (key, tool, arguments))
    }) {
        let question = json!({"key": id_of(key), "tool": tool, "arguments": arguments});
        let said = ask(&world, &question)["allowed"].as_bool().unwrap();
        assert_eq!(said, call(&world, key, tool, &arguments), "{question}");
        *(if said { &mut allowed } else { &mut denied }) += 1;
    }
    assert!(allowed > 5 && denied > 20, "{allowed} and {denied}: the cases must differ");
    for path in ["/t/acme/mcp", "/t/acme/mcp/v"] {
        for key in &keys {
            let listed = world.send(common::legacy_request(key, path, "tools/list", &json!({}))).json();
            let listed = listed["result"]["tools"].as_array().cloned().unwrap_or_default();
            for tool in ["get", "put", "sum", "nope"] {
                let mut question = json!({"key": id_of(key), "tool": tool});
                if path.ends_with('v') {
                    question["view"] = json!("v");
                }
                let explained = ask(&world, &question);
                // What a list does not look at comes behind.
                let seen = explained["steps"].as_array().unwrap().iter().any(|step| step["step"] == "constraints");
                let is_listed = listed.iter().any(|one| one["name"] == format!("s__{tool}"));
                assert_eq!(seen, is_listed, "{path} {question}: {explained}");
            }
        }
    }
}

#[test]
fn each_denial_names_what_denied_and_what_was_looked_at_before() {
    let world = world();
    put(
        &world,
        RecordKind::View,
        "v",
        &json!({"prefix": "always", "enabled": true,
        "servers": {"s": {"tools": ["get", "sum"], "prompts": [], "resources": [], "arguments": {"get": {"debug": "hidden"}}}}}),
    );
    put(
        &world,
        RecordKind::View,
        "off",
        &json!({"prefix": "always", "enabled": false,
        "servers": {"s": {"tools": ["*"], "prompts": [], "resources": []}}}),
    );
    put(
        &world,
        RecordKind::Server,
        "off",
        &json!({"url": "http://127.0.0.1:9/off/mcp", "era": "auto", "network": "loopback", "enabled": false}),
    );
    world.server_with(
        "quiet",
        upstream(),
        &json!({"constraints": {"quiet_hours": [{"from": "00:00", "to": "12:00"}]}}),
    );
    world.server_with("read", upstream(), &json!({"constraints": {"access": "read-only", "arguments": "checked"}}));
    let gone = world.key_with("acme", 1, &["*"], &json!({"expires_at": "2026-11-22T00:00:01Z"}));
    let teamless = json!({"grants": ["*"], "team": "nobody"});
    for (question, rule, last) in [
        (json!({"key": id_of(&gone)}), "key-expired", "key"),
        (json!({"principal": teamless}), "team-disabled", "team"),
        (json!({"principal": {"grants": ["s__put"]}}), "no-grant", "grants"),
        (json!({"tool": "put", "view": "v"}), "not-in-view", "view"),
        (json!({"view": "off"}), "view-disabled", "view"),
        (json!({"view": "v", "arguments": {"debug": 1}}), "hidden-argument", "view"),
        (json!({"server": "off"}), "server-disabled", "server"),
        (json!({"tool": "nope"}), "no-such-item", "item"),
        (json!({"server": "read", "tool": "put"}), "read-only", "access"),
        (json!({"server": "quiet"}), "quiet-hours", "constraints"),
    ] {
        let explained = ask(&world, &question);
        let steps = explained["steps"].as_array().unwrap_or_else(|| panic!("{question}: {explained}"));
        let outcomes: Vec<&str> = steps.iter().map(|step| step["outcome"].as_str().unwrap()).collect();
        assert_eq!((&explained["allowed"], &explained["decided_by"]), (&json!(false), &json!(rule)), "{explained}");
        assert_eq!(steps.last().unwrap()["step"], last, "{explained}");
        assert!(outcomes.iter().rev().skip(1).all(|outcome| *outcome == "passes"), "{explained}");
        assert_eq!(*outcomes.last().unwrap(), "denies", "{explained}");
    }
}

#[test]
fn a_draft_and_a_policy_in_force_are_asked_each_for_itself() {
    let world = world();
    assert_eq!(ask(&world, &json!({"policy": "draft"}))["errors"][0]["pointer"], "/policy");
    policy(&world, "current", &json!([{"name": "all", "effect": "allow", "when": "true"}]));
    policy(
        &world,
        "draft",
        &json!([
            {"name": "reads", "effect": "allow", "when": "tool.annotations.readOnlyHint"},
            {"name": "writes", "effect": "approve", "when": "tool.name == 'get' && arguments.n == 1"},
        ]),
    );
    let (now, then) = (ask(&world, &json!({"tool": "put"})), ask(&world, &json!({"tool": "put", "policy": "draft"})));
    assert_eq!((&now["allowed"], &then["allowed"]), (&json!(true), &json!(false)));
    assert!(then["policy_revision"].as_u64() > now["policy_revision"].as_u64());
    let by = |explained: &Value, rule: &str| format!("policy@{}:{rule}", explained["policy_revision"]);
    assert_eq!(now["decided_by"], by(&now, "allow:all"));
    assert_eq!(then["decided_by"], by(&then, "no-allow-rule"));
    let verdicts: Vec<&Value> =
        step(&then, "policy")["rules"].as_array().unwrap().iter().map(|rule| &rule["verdict"]).collect();
    assert_eq!(verdicts, ["does-not-hold", "does-not-hold"]);
    let approved = ask(&world, &json!({"policy": "draft", "arguments": {"n": 1}}));
    assert_eq!((&approved["allowed"], &approved["needs_approval"]), (&json!(true), &json!(true)));
    assert_eq!(step(&approved, "policy")["outcome"], "needs-approval");
}

#[test]
fn arguments_may_be_unknown_and_a_rule_that_fails_denies() {
    let world = world();
    policy(
        &world,
        "current",
        &json!([
            {"name": "all", "effect": "allow", "when": "true"},
            {"name": "large", "effect": "deny", "when": "int(arguments.size) > 10"},
        ]),
    );
    let verdict = |explained: &Value| step(explained, "policy")["rules"][1]["verdict"].as_str().unwrap().to_owned();
    let unknown = ask(&world, &json!({}));
    assert_eq!((&unknown["allowed"], verdict(&unknown).as_str()), (&json!(true), "unknown"));
    assert!(step(&unknown, "policy")["detail"].as_str().unwrap().contains("other arguments"), "{unknown}");
    let small = ask(&world, &json!({"arguments": {"size": 10}}));
    assert_eq!((&small["allowed"], verdict(&small).as_str()), (&json!(true), "does-not-hold"));
    let large = ask(&world, &json!({"arguments": {"size": 11}}));
    assert_eq!((&large["allowed"], verdict(&large).as_str()), (&json!(false), "holds"));
    let failing = ask(&world, &json!({"arguments": {}}));
    assert_eq!((&failing["allowed"], verdict(&failing).as_str()), (&json!(false), "failed"));
    assert!(step(&failing, "policy")["rules"][1]["detail"].as_str().unwrap().contains("size"), "{failing}");
    assert!(failing["decided_by"].as_str().unwrap().ends_with(":failed:large"));
}

#[test]
fn a_time_to_come_is_decided_as_it_will_be() {
    let world = world();
    world.server_with(
        "quiet",
        upstream(),
        &json!({"constraints": {"quiet_hours": [{"from": "00:00", "to": "12:00"}]}}),
    );
    policy(
        &world,
        "current",
        &json!([
            {"name": "all", "effect": "allow", "when": "true"},
            {"name": "mondays", "effect": "deny", "when": "time.weekday == 1 && server.id == 's'"},
        ]),
    );
    let key = world.key_with("acme", 1, &["*"], &json!({"expires_at": "2026-12-01T00:00:00Z"}));
    let allowed = |more: Value| {
        let mut question = json!({"key": id_of(&key)});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(&world, &question)["allowed"].as_bool().unwrap()
    };
    assert!(allowed(json!({})));
    assert!(!allowed(json!({"at": "2026-11-23T12:00:00Z"})), "it is a Monday");
    assert!(!allowed(json!({"server": "quiet"})));
    assert!(allowed(json!({"server": "quiet", "at": "2026-11-23T12:00:00Z"})));
    assert!(!allowed(json!({"server": "quiet", "at": "2026-12-01T12:00:00Z"})), "the key has expired");
}

#[test]
fn a_limit_that_is_used_up_says_when_there_is_more() {
    let world = world();
    let key = world.key_with("acme", 1, &["*"], &json!({"user": "*"}));
    let price = json!({"price": {"micro_usd": {"base": 5, "per_kib": 100}}});
    world.server_with("s", upstream(), &price);
    world.limit(
        "daily",
        &json!({"scope": {"key": "*"}, "kind": "budget", "unit": "calls", "amount": 2, "window": "day"}),
    );
    world.limit("money", &json!({"scope": {"user": "*"}, "kind": "budget", "unit": "micro_usd", "amount": 1000}));
    world.limit("elsewhere", &json!({"scope": {"server": "t"}, "kind": "budget", "unit": "calls", "amount": 0}));
    let question = json!({"key": id_of(&key), "user": "eve"});
    let limits = |explained: &Value| explained["limits"].as_array().unwrap().clone();
    let fresh = ask(&world, &question);
    let daily = json!({"limit": "daily", "holder": {"key": id_of(&key)}, "needs": 1, "left": 2, "enough": true});
    let money = json!({"limit": "money", "holder": {"user": "eve"}, "needs": 5, "left": 1000, "enough": true});
    assert_eq!(limits(&fresh), [daily, money]);
    let sized = ask(&world, &json!({"key": id_of(&key), "user": "eve", "arguments": {"x": "y".repeat(1024)}}));
    assert!(limits(&sized)[1]["needs"].as_u64().unwrap() > 100, "{sized}");
    assert!(call(&world, &key, "get", &json!({})) && call(&world, &key, "get", &json!({})));
    let used_up = ask(&world, &question);
    assert_eq!((&used_up["allowed"], &used_up["decided_by"]), (&json!(false), &json!("limit:daily")), "{used_up}");
    let then = limits(&used_up)[0]["resets_at"].clone();
    assert_eq!((&limits(&used_up)[0]["left"], &then), (&json!(0), &json!("2026-11-23T00:00:00Z")));
    let refused = world.legacy(&key, "tools/call", &json!({"name": "s__get"})).json();
    assert_eq!(refused["error"]["data"]["_meta"]["io.toolgate/limit"]["resets_at"], then);
    let later = ask(&world, &json!({"key": id_of(&key), "user": "eve", "at": then}));
    assert_eq!((&later["allowed"], &limits(&later)[0]["left"]), (&json!(true), &json!(2)));
    world.platform.ledger.set_fault(Some(LedgerFault::Down));
    assert_eq!(ask(&world, &question)["type"].as_str().map(|slug| slug.ends_with("explain-unavailable")), Some(true));
}

#[test]
fn what_may_destroy_is_approved_where_the_tenant_wants_it() {
    let world = world();
    for (destructive, put_needs, sum_needs) in
        [("allowed", false, false), ("marked", true, false), ("assumed", true, true)]
    {
        put(&world, RecordKind::Tenant, "", &json!({"enabled": true, "approvals": {"destructive": destructive}}));
        let needs = |tool: &str| ask(&world, &json!({"tool": tool}))["needs_approval"].as_bool().unwrap();
        assert_eq!((needs("get"), needs("put"), needs("sum")), (false, put_needs, sum_needs), "{destructive}");
    }
    let explained = ask(&world, &json!({"tool": "put"}));
    assert_eq!((&explained["allowed"], &explained["decided_by"]), (&json!(true), &json!("approve:destructive")));
    assert_eq!(step(&explained, "approval")["outcome"], "needs-approval");
}

#[test]
fn a_resource_may_be_granted_by_the_template_that_it_comes_of() {
    let world = World::new();
    let offers = |message: &Value| {
        let result = match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                json!({"protocolVersion": "2025-11-25", "capabilities": {"resources": {}}, "serverInfo": {"name": "r", "version": "1"}})
            }
            "resources/list" => json!({"resources": [{"uri": "doc://one", "name": "one"}]}),
            "resources/templates/list" => {
                json!({"resourceTemplates": [{"uriTemplate": "doc://page/{n}", "name": "page"}]})
            }
            "resources/read" => json!({"contents": []}),
            _ => return None,
        };
        Some(Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string())))
    };
    world.server("r", Upstream { on_any: Rc::new(offers), ..Upstream::legacy(&[]) });
    let grants = ["resource:r__doc://one", "resource:r__doc://page/{n}", "resource:r__*", "r__*", "other__*"];
    let mut reads = 0;
    for (number, grant) in (1..).zip(grants) {
        let key = world.key(number, &[grant]);
        for uri in ["doc://one", "doc://page/7", "doc://two"] {
            let explained = ask(&world, &json!({"key": id_of(&key), "server": "r", "tool": null, "resource": uri}));
            let read = world.legacy(&key, "resources/read", &json!({"uri": uri})).json()["result"].is_object();
            assert_eq!(explained["allowed"], read, "{grant} {uri}: {explained}");
            reads += usize::from(read);
        }
    }
    assert!(reads >= 5, "{reads}");
    policy(
        &world,
        "current",
        &json!([
            {"name": "all", "effect": "allow", "when": "true"},
            {"name": "asked", "effect": "approve", "when": "tool.kind == 'resource'"},
        ]),
    );
    let explained = ask(&world, &json!({"server": "r", "tool": null, "resource": "doc://one"}));
    assert_eq!((&explained["allowed"], &explained["needs_approval"]), (&json!(false), &json!(false)), "{explained}");
    assert_eq!(step(&explained, "approval")["outcome"], "denies");
}

#[test]
fn what_is_not_there_is_the_questions_fault_and_a_server_that_is_down_nobodys() {
    let world = world();
    world.server("down", Upstream { down: true, ..Upstream::legacy(&["t"]) });
    for (question, pointer) in [
        (json!({"server": "none"}), "/server"),
        (json!({"key": "0123456789abcdef"}), "/key"),
        (json!({"view": "none"}), "/view"),
    ] {
        let wrong = ask(&world, &question);
        assert_eq!(wrong["errors"][0]["pointer"], pointer, "{question}: {wrong}");
    }
    let unknown = ask(&world, &json!({"server": "down", "tool": "t"}));
    assert_eq!(unknown["status"], 502, "{unknown}");
    // Whoever may not use it is denied all the same.
    assert_eq!(
        ask(&world, &json!({"server": "down", "tool": "t", "principal": {"grants": []}}))["decided_by"],
        "no-grant"
    );
}

#[test]
fn nothing_is_called_charged_or_logged_as_a_call() {
    let world = world();
    policy(&world, "draft", &json!([{"name": "none", "effect": "deny", "when": "true"}]));
    world.limit("cap", &json!({"scope": {}, "kind": "concurrency", "unit": "calls", "amount": 1}));
    world.limit("leased", &json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 100, "mode": "leased"}));
    let key = world.key(1, &["*"]);
    let tenant = TenantId::new("acme").unwrap();
    let lines = logged(|| {
        for _ in 0..3 {
            assert_eq!(ask(&world, &json!({"key": id_of(&key), "arguments": {}}))["allowed"], true);
        }
        world.platform.settle();
    });
    assert!(lines.iter().any(|line| line["target"] == "toolgate::admin"));
    let calls = lines
        .iter()
        .filter(|line| ["toolgate::request", "toolgate::shadow"].contains(&line["target"].as_str().unwrap()));
    assert_eq!(calls.count(), 0, "{lines:?}");
    assert_eq!(world.platform.ledger.documents(&tenant), 0);
    let sent = world.platform.fetch.sent();
    let methods: Vec<Value> =
        sent.iter().filter_map(|request| serde_json::from_slice::<Value>(&request.body).ok()).collect();
    assert!(methods.iter().all(|message| message["method"] != "tools/call"), "{methods:?}");
}
