//! What an operator sets for a server's tools, from the outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[allow(dead_code, reason = "each test file uses its part")]
mod common;

use std::rc::Rc;

use common::{Answer, Upstream, World};
use futures_util::StreamExt;
use serde_json::{Value, json};
use toolgate_ports::Clock;
use toolgate_testkit::json_response;

fn upstream(schema: &Value) -> Upstream {
    let mut upstream = Upstream::legacy(&[]);
    upstream.tools = vec![
        json!({"name": "get", "inputSchema": schema, "annotations": {"readOnlyHint": true}}).to_string(),
        json!({"name": "put", "inputSchema": schema}).to_string(),
    ];
    upstream
}

fn world(upstream: Upstream, more: &Value) -> (World, String) {
    let world = World::new();
    world.server_with("s", upstream, more);
    let key = world.key(1, &["*"]);
    (world, key)
}

fn call(world: &World, key: &str, tool: &str, arguments: &Value) -> Answer {
    world.legacy(key, "tools/call", &json!({"name": tool, "arguments": arguments}))
}

#[test]
fn arguments_are_checked_where_the_operator_wants_it() {
    let schema = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
    let tools = json!({"put": {"constraints": {"arguments": "unchecked"}}});
    let (world, key) = world(upstream(&schema), &json!({"constraints": {"arguments": "checked"}, "tools": tools}));
    assert!(call(&world, &key, "s__get", &json!({"n": 1})).json()["result"].is_object());
    for wrong in [json!({"n": "1"}), json!({}), json!([])] {
        let refused = call(&world, &key, "s__get", &wrong);
        assert_eq!(refused.code(), -32602, "{}", refused.text);
        assert!(refused.json()["error"]["data"]["mismatches"][0]["message"].is_string(), "{}", refused.text);
        assert!(call(&world, &key, "s__put", &wrong).json()["result"].is_object());
    }
    assert_eq!(world.legacy(&key, "tools/call", &json!({"name": "s__get"})).code(), -32602);
}

#[test]
fn a_schema_that_cannot_be_used_lets_nothing_through_that_is_to_be_checked() {
    let elsewhere = json!({"$ref": "https://example.com/schema.json"});
    let (world, key) = world(upstream(&elsewhere), &json!({"constraints": {"arguments": "checked"}}));
    assert_eq!(call(&world, &key, "s__get", &json!({})).code(), -31424);
    assert!(world.platform.fetch.sent().iter().all(|request| request.uri.host() == Some("127.0.0.1")));
}

#[test]
fn a_server_that_is_only_read_shows_and_calls_only_what_says_so() {
    let (world, key) = world(upstream(&json!({})), &json!({"constraints": {"access": "read-only"}}));
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), ["s__get"]);
    assert!(call(&world, &key, "s__get", &json!({})).json()["result"].is_object());
    let (denied, absent) = (call(&world, &key, "s__put", &json!({})), call(&world, &key, "s__nope", &json!({})));
    assert_eq!(denied.text.replace("put", "x"), absent.text.replace("nope", "x"));
}

#[test]
fn quiet_hours_refuse_calls_and_say_until_when() {
    // The virtual clock begins at noon or so: all day but its last hour is quiet.
    let quiet = json!([{"from": "00:00", "to": "23:00"}]);
    let (world, key) = world(upstream(&json!({})), &json!({"constraints": {"quiet_hours": quiet}}));
    let refused = call(&world, &key, "s__get", &json!({}));
    assert_eq!(refused.code(), -31423);
    let wait = refused.json()["error"]["data"]["retry_after_ms"].as_u64().unwrap();
    assert_eq!(world.legacy(&key, "tools/list", &json!({})).tool_names(), ["s__get", "s__put"]);
    world.platform.clock.advance(std::time::Duration::from_millis(wait - 1));
    assert_eq!(call(&world, &key, "s__get", &json!({})).code(), -31423);
    world.platform.clock.advance(std::time::Duration::from_millis(1));
    assert!(call(&world, &key, "s__get", &json!({})).json()["result"].is_object());
}

#[test]
fn a_result_may_be_as_long_as_the_operator_says() {
    let mut long = upstream(&json!({}));
    long.on_call = Rc::new(|message| {
        let text = "x".repeat(10_000);
        let result = json!({"content": [{"type": "text", "text": text}]});
        Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
    });
    let tools = json!({"put": {"constraints": {"max_result_bytes": 20_000}}});
    let (world, key) = world(long, &json!({"constraints": {"max_result_bytes": 5_000}, "tools": tools}));
    assert_eq!(call(&world, &key, "s__get", &json!({})).code(), -31513);
    assert!(call(&world, &key, "s__put", &json!({})).json()["result"].is_object());
}

#[test]
fn a_call_may_take_as_long_as_the_operator_says() {
    let (world, key) = world(upstream(&json!({})), &json!({"constraints": {"timeout_ms": 2_000}}));
    world.upstreams.borrow_mut().get_mut("s").unwrap().on_call = Rc::new(|_| {
        let mut response = json_response(200, "");
        response.body = futures_util::stream::pending().boxed_local();
        Ok(response)
    });
    call(&world, &key, "s__nope", &json!({}));
    let began = world.platform.clock.ticks();
    assert_eq!(call(&world, &key, "s__get", &json!({})).code(), -31504);
    assert_eq!((world.platform.clock.ticks() - began) / 1_000_000, 2);
}
