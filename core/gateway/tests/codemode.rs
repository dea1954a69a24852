//! Code Mode, from the outside: what is listed, found, called and run, and that nothing more may be done with it than without it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[allow(dead_code, reason = "each test file uses its part")]
mod common;

use std::rc::Rc;

use common::{Answer, Upstream, World, legacy_request, modern_request};
use serde_json::{Value, json};
use toolgate_ports::{RecordKey, RecordKind};
use toolgate_testkit::json_response;

/// Two servers: one that adds, one that fails.
fn world() -> World {
    let world = World::new();
    let add = Upstream {
        on_call: Rc::new(|message| {
            let arguments = &message["params"]["arguments"];
            let sum = arguments["a"].as_i64().unwrap_or(0) + arguments["b"].as_i64().unwrap_or(0);
            let result = json!({"content": [{"type": "text", "text": "x"}], "structuredContent": {"sum": sum}});
            Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
        }),
        ..Upstream::modern(&["add", "add-all", "secret"])
    };
    world.server("calc", add);
    let fail = Upstream {
        on_call: Rc::new(|message| {
            let result = json!({"isError": true, "content": [{"type": "text", "text": "no luck"}]});
            Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
        }),
        ..Upstream::legacy(&["fail"])
    };
    world.server("bad", fail);
    world
}

const GRANTS: &[&str] = &["calc__add", "calc__add-all", "bad__*"];

fn key(world: &World, mode: &str) -> String {
    world.key_with("acme", 1, GRANTS, &json!({"tools_mode": mode}))
}

/// What a tool's call answers, whether as one answer or as events.
fn result(answer: &Answer) -> Value {
    let text = answer.text.split_once("data: ").map_or(answer.text.as_str(), |(_, data)| data.trim());
    let message: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {}", answer.text));
    assert!(message["result"].is_object(), "{message}");
    message["result"].clone()
}

fn run(world: &World, key: &str, code: &str) -> Value {
    let params = json!({"name": "execute", "arguments": {"code": code}});
    let answers = [world.legacy(key, "tools/call", &params), world.modern(key, "tools/call", params)];
    let [old, new] = answers.map(|answer| result(&answer)["structuredContent"].clone());
    assert_eq!(old, new, "both eras are told the same");
    new
}

#[test]
fn a_mode_says_what_is_listed() {
    for (mode, expected) in [
        ("direct", vec!["bad__fail", "calc__add", "calc__add-all"]),
        ("auto", vec!["bad__fail", "calc__add", "calc__add-all"]),
        ("code", vec!["search", "execute"]),
        ("search", vec!["search", "call"]),
        ("bifrost", vec!["listToolFiles", "readToolFile", "getToolDocs", "executeToolCode"]),
    ] {
        let world = world();
        let key = key(&world, mode);
        assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), expected, "{mode}");
        assert_eq!(world.modern(&key, "tools/list", json!({})).tool_names(), expected, "{mode}");
    }
}

#[test]
fn many_tools_are_shown_as_code_in_auto() {
    let world = world();
    let described = |n| json!({"name": format!("tool_{n}"), "description": "It does this. ".repeat(20), "inputSchema": {"type": "object"}});
    let tools = (0..100).map(|n| described(n).to_string()).collect();
    world.server("big", Upstream { tools, ..Upstream::legacy(&[]) });
    let key = world.key_with("acme", 1, &["*"], &json!({"tools_mode": "auto"}));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), ["search", "execute"]);
}

#[test]
fn a_view_says_how_its_tools_are_shown_whatever_the_key_says() {
    let world = world();
    let key = key(&world, "direct");
    let record = json!({
        "prefix": "always", "servers": {"calc": {"tools": ["add"], "prompts": [], "resources": [], "rename": {"add": "plus"}}}, "tools_mode": "code", "enabled": true,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"
    });
    world.put("acme", RecordKey::new(RecordKind::View, "sums"), &record);
    let list = world.send(legacy_request(&key, "/t/acme/mcp/sums", "tools/list", &json!({})));
    assert_eq!(list.tool_names(), ["search", "execute"]);
    let code = "return [Object.keys(calc), (await calc.plus({a: 1, b: 2})).sum]";
    let params = json!({"name": "execute", "arguments": {"code": code}});
    let answer = world.send(legacy_request(&key, "/t/acme/mcp/sums", "tools/call", &params));
    assert_eq!(result(&answer)["structuredContent"]["result"], json!([["plus"], 3]));
}

#[test]
fn search_finds_what_is_granted_and_nothing_else() {
    let world = world();
    let key = key(&world, "code");
    let found = |query: &str| {
        let params = json!({"name": "search", "arguments": {"query": query}});
        result(&world.legacy(&key, "tools/call", &params))["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert!(found("add").contains("namespace calc {\nadd()"), "{}", found("add"));
    assert!(!found("secret").contains("secret("), "{}", found("secret"));
    assert!(!found("").contains("secret"));
}

#[test]
fn what_results_looked_like_is_told_to_whom_they_were_given() {
    let world = world();
    let key = key(&world, "code");
    let found = |key: &str| {
        let params = json!({"name": "search", "arguments": {"query": "add"}});
        result(&world.legacy(key, "tools/call", &params))["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert!(found(&key).contains("add(): any"));
    run(&world, &key, "await calc.add({a: 1})");
    assert!(found(&key).contains("add(): /*seen*/{sum: number}"), "{}", found(&key));
    let other = world.key_with("acme", 2, GRANTS, &json!({"tools_mode": "code"}));
    assert!(found(&other).contains("add(): any"), "another key has seen nothing");
}

#[test]
fn a_server_that_is_down_is_said_to_be_missing() {
    let world = world();
    world.upstreams.borrow_mut().get_mut("bad").unwrap().down = true;
    let key = key(&world, "code");
    let answer = world.legacy(&key, "tools/call", &json!({"name": "search", "arguments": {}}));
    let text = result(&answer)["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("calc") && text.contains("Unreachable now, so not included: bad"), "{text}");
}

#[test]
fn a_program_calls_tools_of_several_servers_and_answers_what_it_returns() {
    let world = world();
    let key = key(&world, "code");
    let code = "const sums = await Promise.all([1, 2, 3].map(a => calc.add({a, b: 10})));
        console.log('summed');
        let why; try { await bad.fail({}) } catch (e) { why = e.message }
        return {sums: sums.map(s => s.sum), why, all: (await calc['add-all']({a: 1})).sum}";
    let answer = run(&world, &key, code);
    assert_eq!(answer["status"], "completed", "{answer}");
    assert_eq!(answer["result"], json!({"sums": [11, 12, 13], "why": "no luck", "all": 1}));
    assert_eq!(answer["logs"], json!(["summed"]));
    assert_eq!(answer["calls"], json!(["calc.add ×3", "bad.fail, 1 failed", "calc.add_all"]));
}

#[test]
fn a_failed_program_says_what_it_has_done() {
    let world = world();
    let key = key(&world, "code");
    let answer = run(&world, &key, "await calc.add({a: 1});\nawait bad.fail({})");
    assert_eq!(answer["status"], "failed");
    let error = &answer["error"];
    assert_eq!((&error["kind"], &error["tool"]), (&json!("tool"), &json!("bad.fail")), "{error}");
    assert_eq!(error["completedCalls"], json!([{"tool": "calc.add", "ok": true}, {"tool": "bad.fail", "ok": false}]));
    let params = json!({"name": "execute", "arguments": {"code": "throw 1"}});
    assert_eq!(result(&world.legacy(&key, "tools/call", &params))["isError"], true);
}

#[test]
fn what_may_not_be_called_does_not_exist_in_a_program() {
    let world = world();
    let key = key(&world, "code");
    let answer = run(&world, &key, "return Object.keys(calc).sort()");
    assert_eq!(answer["result"], json!(["add", "add_all"]));
    let words = |tool: &str| {
        let error = run(&world, &key, &format!("await calc.{tool}({{}})"))["error"].to_string();
        error.replace(tool, "it")
    };
    assert_eq!(words("secret"), words("nowhere"), "what may not be called is as what does not exist");
}

#[test]
fn a_call_through_call_is_that_call() {
    let world = world();
    let key = key(&world, "search");
    let call = |tool: &str| {
        let params = json!({"name": "call", "arguments": {"tool": tool, "arguments": {"a": 1, "b": 2}}});
        [world.legacy(&key, "tools/call", &params), world.modern(&key, "tools/call", params)]
    };
    for answer in call("calc.add") {
        assert_eq!(result(&answer)["structuredContent"], json!({"sum": 3}));
    }
    for answer in call("calc.secret") {
        assert_eq!(answer.code(), -32602);
    }
}

#[test]
fn in_other_modes_the_tools_are_not_there() {
    let world = world();
    for (mode, tool) in [("direct", "execute"), ("auto", "call"), ("search", "execute"), ("code", "call")] {
        let key = world.key_with("acme", 1, GRANTS, &json!({"tools_mode": mode}));
        let answer = world.legacy(&key, "tools/call", &json!({"name": tool, "arguments": {"code": "1"}}));
        assert_eq!(answer.code(), -32602, "{mode}");
    }
}

#[test]
fn a_limit_counts_each_call_and_the_program_itself() {
    let world = world();
    let key = key(&world, "code");
    world.limit(
        "adds",
        &json!({"scope": {"server": "calc"}, "kind": "budget", "unit": "calls", "amount": 2, "window": "day"}),
    );
    world.limit(
        "runs",
        &json!({"scope": {"server": "toolgate"}, "kind": "budget", "unit": "calls", "amount": 2, "window": "day"}),
    );
    let params = json!({"name": "execute", "arguments": {"code":
        "let n = 0; try { for (;;) { await calc.add({}); n++ } } catch (e) { return [n, e.message.includes('adds')] }"}});
    let answer = result(&world.legacy(&key, "tools/call", &params));
    assert_eq!(answer["structuredContent"]["result"], json!([2, true]), "{answer}");
    assert!(world.legacy(&key, "tools/call", &params).text.contains("completed"));
    assert_eq!(world.legacy(&key, "tools/call", &params).code(), -31429);
}

#[test]
fn a_keys_limits_win_over_the_tenants() {
    let world = world();
    let tenant = json!({"enabled": true, "code": {"limits": {"calls": 3, "source": 300}},
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
    world.put("acme", RecordKey::tenant(), &tenant);
    let key = world.key_with("acme", 1, GRANTS, &json!({"tools_mode": "code", "code": {"calls": 1}}));
    let answer = run(&world, &key, "await calc.add({}); await calc.add({})");
    let error = &answer["error"];
    assert_eq!((&error["kind"], &error["limit"]), (&json!("limit"), &json!("calls")), "{error}");
    let long = format!("/*{}*/ 1", "x".repeat(300));
    assert_eq!(run(&world, &key, &long)["error"]["limit"], "source");
}

#[test]
fn names_of_prototypes_never_reach_a_server() {
    let world = world();
    let key = key(&world, "code");
    world.upstreams.borrow_mut().get_mut("calc").unwrap().on_call = Rc::new(|message| {
        let result = json!({"content": [{"type": "text", "text": message["params"]["arguments"].to_string()}]});
        Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
    });
    let code = r#"return await calc.add(JSON.parse('{"a": {"__proto__": 2}}'))"#;
    assert!(run(&world, &key, code)["error"]["message"].as_str().unwrap().contains("__proto__"));
    assert_eq!(run(&world, &key, "return await calc.add({__proto__: {x: 1}, a: 1})")["result"], json!({"a": 1}));
}

#[test]
fn arguments_that_are_none_are_explained() {
    let world = world();
    let key = key(&world, "code");
    for arguments in [json!({}), json!({"code": 1}), json!([])] {
        let params = json!({"name": "execute", "arguments": arguments});
        let answer = result(&world.send(modern_request(&key, "/t/acme/mcp", "tools/call", params)));
        assert_eq!(answer["isError"], true);
        assert!(answer["content"][0]["text"].as_str().unwrap().contains("code is missing"));
    }
}
