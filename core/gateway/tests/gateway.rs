//! The gateway from the outside: requests in, answers out, upstreams scripted, time virtual.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[allow(dead_code, reason = "each test file uses its part")]
mod common;

use std::{cell::Cell, rc::Rc, time::Duration};

use common::{Upstream, World, legacy_request, modern_request, raw};
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::json;
use toolgate_model::TenantId;
use toolgate_ports::{Body, Clock, FetchError, FetchErrorKind, FetchResponse, Store};
use toolgate_seal::{KEY_RANDOM_BYTES, Minted, SECRET_RANDOM_BYTES, mint};
use toolgate_testkit::{json_response, sse_response};

#[test]
fn both_eras_list_and_call_both_eras() {
    let world = World::new();
    world.server("new", Upstream::modern(&["b", "a"]));
    world.server("old", Upstream::legacy(&["c"]));
    let key = world.key(1, &["*"]);
    for answer in [world.modern(&key, "tools/list", json!({})), world.legacy(&key, "tools/list", &json!({}))] {
        assert_eq!(answer.tool_names(), ["new__a", "new__b", "old__c"], "{}", answer.text);
    }
    for name in ["new__a", "old__c"] {
        let params = json!({"name": name, "arguments": {"x": 1}});
        let modern = world.modern(&key, "tools/call", params.clone());
        assert_eq!(modern.json()["id"], "a-1");
        assert_eq!(modern.json()["result"]["resultType"], "complete", "{}", modern.text);
        let legacy = world.legacy(&key, "tools/call", &params);
        assert_eq!(legacy.json()["id"], 7);
        for answer in [modern, legacy] {
            let text = answer.json()["result"]["content"][0]["text"].as_str().unwrap().to_owned();
            let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(seen["name"], name.split_once("__").unwrap().1);
            assert_eq!(seen["arguments"], json!({"x": 1}));
        }
    }
}

#[test]
fn bytes_that_need_no_change_pass_unchanged() {
    let world = World::new();
    world.server("s", Upstream::legacy(&["t"]));
    let key = world.key(1, &["*"]);
    let list = world.legacy(&key, "tools/list", &json!({}));
    assert_eq!(
        list.text,
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"s__t\",\"inputSchema\":{\"type\":\"object\"},\"x\":1e3}]}}"
    );
    let call = world.legacy(&key, "tools/call", &json!({"name": "s__t"}));
    assert!(call.text.starts_with("{\"jsonrpc\":\"2.0\", \"vendor\":[1e2], \"result\":{\"content\":"), "{}", call.text);
    assert!(call.text.ends_with("\"z\":1.0e0,\"a\":null},\"id\":7}"), "{}", call.text);
}

#[test]
fn discover_and_initialize_answer_their_eras() {
    let world = World::new();
    let key = world.key(1, &["*"]);
    let discover = world.modern(&key, "server/discover", json!({})).json();
    assert_eq!(discover["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(discover["result"]["cacheScope"], "private");
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {"roots": {}}, "clientInfo": {"name": "c", "version": "1"}});
    let init = world.legacy(&key, "initialize", &params);
    assert_eq!(init.json()["result"]["protocolVersion"], "2025-06-18");
    let session = init.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
    let ping = world.send(raw(&key, "/t/acme/mcp", &[("mcp-session-id", &session)], body));
    assert_eq!(ping.text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
}

#[test]
fn a_session_opens_for_its_key_only_and_ends() {
    let world = World::new();
    let (one, other) = (world.key(1, &["*"]), world.key(2, &["*"]));
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    let session = world.legacy(&one, "initialize", &params).headers["mcp-session-id"].to_str().unwrap().to_owned();
    let ping = |key: &str, session: &str| {
        let body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
        world.send(raw(key, "/t/acme/mcp", &[("mcp-session-id", session)], body)).status
    };
    assert_eq!(ping(&one, &session), StatusCode::OK);
    assert_eq!(ping(&other, &session), StatusCode::NOT_FOUND);
    let mut altered = session.clone().into_bytes();
    altered[30] = if altered[30] == b'A' { b'B' } else { b'A' };
    assert_eq!(ping(&one, std::str::from_utf8(&altered).unwrap()), StatusCode::NOT_FOUND);
    world.platform.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(ping(&one, &session), StatusCode::NOT_FOUND);
}

#[test]
fn what_is_not_granted_looks_as_if_it_did_not_exist() {
    let world = World::new();
    world.server("s", Upstream::modern(&["open", "shut"]));
    world.server("t", Upstream::modern(&["x"]));
    let key = world.key(1, &["s__open"]);
    assert_eq!(world.modern(&key, "tools/list", json!({})).tool_names(), ["s__open"]);
    assert!(world.modern(&key, "tools/call", json!({"name": "s__open"})).json()["result"].is_object());
    let answers: Vec<String> = ["s__shut", "s__none", "t__x", "u__x", "shut"]
        .iter()
        .map(|name| {
            let answer = world.modern(&key, "tools/call", json!({"name": name}));
            assert_eq!((answer.status, answer.code()), (StatusCode::OK, -32602));
            answer.text.replace(name, "NAME")
        })
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    let none = world.key(2, &[]);
    assert!(world.modern(&none, "tools/list", json!({})).tool_names().is_empty());
}

#[test]
fn an_item_with_two_names_is_not_listed() {
    let world = World::new();
    let mut upstream = Upstream::modern(&["a"]);
    for twice in [r#"{"name":"b","inputSchema":{},"name":"t__x"}"#, r#"{"n\u0061me":"t__x","name":"b"}"#] {
        upstream.tools.push(twice.to_owned());
    }
    world.server("s", upstream);
    let key = world.key(1, &["*"]);
    let list = world.modern(&key, "tools/list", json!({}));
    assert_eq!(list.tool_names(), ["s__a"]);
    assert!(!list.text.contains("t__x"), "{}", list.text);
}

#[test]
fn one_server_keeps_its_names_and_an_unknown_one_is_no_place() {
    let world = World::new();
    world.server_with("s", Upstream::modern(&["b", "a"]), &json!({"aliases": {"a": "renamed"}}));
    world.server("t", Upstream::modern(&["x"]));
    let key = world.key(1, &["s__*"]);
    let list = world.send(modern_request(&key, "/t/acme/mcp/s", "tools/list", json!({})));
    assert_eq!(list.tool_names(), ["b", "a"]);
    assert!(
        world.send(modern_request(&key, "/t/acme/mcp/s", "tools/call", json!({"name": "a"}))).json()["result"]
            .is_object()
    );
    assert_eq!(world.modern(&key, "tools/list", json!({})).tool_names(), ["s__b", "s__renamed"]);
    assert!(world.modern(&key, "tools/call", json!({"name": "s__renamed"})).json()["result"].is_object());
    let (hidden, missing) = ("/t/acme/mcp/t", "/t/acme/mcp/nope");
    let answers = [hidden, missing].map(|path| world.send(modern_request(&key, path, "tools/list", json!({}))));
    assert_eq!(answers[0].status, StatusCode::NOT_FOUND);
    assert_eq!(answers[0].text, answers[1].text);
}

#[test]
fn a_server_that_is_down_makes_a_partial_list_and_fails_only_its_own_calls() {
    let world = World::new();
    world.server("up", Upstream::modern(&["a"]));
    world.server("down", Upstream { down: true, ..Upstream::modern(&["a"]) });
    let key = world.key(1, &["*"]);
    for answer in [world.modern(&key, "tools/list", json!({})), world.legacy(&key, "tools/list", &json!({}))] {
        assert_eq!(answer.tool_names(), ["up__a"]);
        let missing = &answer.json()["result"]["_meta"]["io.toolgate/partial"]["unavailable"][0];
        assert_eq!(missing["server"], "down", "{}", answer.text);
        assert_eq!(missing["listed"], false);
        assert!(!answer.text.contains("127.0.0.1"), "a client is not told where upstreams are");
    }
    let failed = world.modern(&key, "tools/call", json!({"name": "down__a"}));
    assert_eq!((failed.status, failed.code()), (StatusCode::OK, -31502), "{}", failed.text);
    assert_eq!(failed.json()["error"]["data"]["server"], "down");
    assert!(world.modern(&key, "tools/call", json!({"name": "up__a"})).json()["result"].is_object());
}

#[test]
fn a_restart_loses_nothing_even_while_a_server_is_down() {
    let world = World::new();
    world.server("s", Upstream::modern(&["a", "b"]));
    let key = world.key(1, &["*"]);
    let before = world.modern(&key, "tools/list", json!({}));
    world.upstreams.borrow_mut().get_mut("s").unwrap().down = true;
    let world = world.restarted();
    world.platform.clock.advance(Duration::from_secs(60));
    let after = world.modern(&key, "tools/list", json!({}));
    assert_eq!(after.tool_names(), before.tool_names());
    let old = &after.json()["result"]["_meta"]["io.toolgate/partial"]["unavailable"][0];
    assert_eq!((&old["server"], &old["listed"]), (&json!("s"), &json!(true)));
    world.platform.clock.advance(Duration::from_secs(3 * 3600));
    assert!(world.modern(&key, "tools/list", json!({})).tool_names().is_empty(), "but not for ever");
}

#[test]
fn a_catalogue_is_asked_for_again_when_its_time_is_over() {
    let world = World::new();
    world.server("s", Upstream { ttl_ms: Some(5_000), ..Upstream::modern(&["a"]) });
    let key = world.key(1, &["*"]);
    assert_eq!(world.modern(&key, "tools/list", json!({})).tool_names(), ["s__a"]);
    world.upstreams.borrow_mut().get_mut("s").unwrap().tools.push("{\"name\":\"new\"}".into());
    assert_eq!(world.modern(&key, "tools/list", json!({})).tool_names(), ["s__a"], "fresh for ttlMs");
    world.platform.clock.advance(Duration::from_secs(5));
    assert_eq!(world.modern(&key, "tools/list", json!({})).tool_names(), ["s__a", "s__new"]);
}

#[test]
fn a_call_of_a_tool_that_is_new_upstream_finds_it() {
    let world = World::new();
    world.server("s", Upstream { ttl_ms: Some(3_600_000), ..Upstream::modern(&["a"]) });
    let key = world.key(1, &["*"]);
    world.modern(&key, "tools/list", json!({}));
    world.upstreams.borrow_mut().get_mut("s").unwrap().tools.push("{\"name\":\"new\"}".into());
    world.platform.clock.advance(Duration::from_secs(4));
    assert!(world.modern(&key, "tools/call", json!({"name": "s__new"})).json()["result"].is_object());
    let sent = world.platform.fetch.sent().len();
    for _ in 0..5 {
        assert_eq!(world.modern(&key, "tools/call", json!({"name": "s__none"})).code(), -32602);
    }
    assert_eq!(world.platform.fetch.sent().len(), sent, "guessing names does not reach the upstream");
}

/// The tool "a" of an upstream "s" that takes a tenth of a second to answer, and a call of it.
fn slow() -> (World, impl Fn() -> http::Request<Body>) {
    let world = World::new();
    world.server("s", Upstream::modern(&["a"]));
    let key = world.key(1, &["*"]);
    let (upstreams, clock) = (Rc::clone(&world.upstreams), world.platform.clock.clone());
    world.platform.fetch.set(move |request| {
        let (upstreams, clock) = (Rc::clone(&upstreams), clock.clone());
        Box::pin(async move {
            clock.sleep(Duration::from_millis(100)).await;
            let upstream = upstreams.borrow().get("s").cloned().unwrap();
            upstream.answer(&request)
        })
    });
    (world, move || modern_request(&key, "/t/acme/mcp", "tools/call", json!({"name": "s__a"})))
}

fn lists_sent(world: &World) -> usize {
    let sent = world.platform.fetch.sent();
    sent.iter().filter(|request| String::from_utf8_lossy(&request.body).contains("tools/list")).count()
}

#[test]
fn calls_that_come_together_fetch_a_catalogue_once() {
    let (world, call) = slow();
    let scope = world.platform.scope();
    let calls = (0..20).map(|_| world.gateway.handle(call(), &scope));
    let answers = world.platform.run(futures_util::future::join_all(calls));
    for answer in answers {
        assert!(world.read(answer).json()["result"].is_object());
    }
    assert_eq!(lists_sent(&world), 1);
}

#[test]
fn who_gives_up_fetching_a_catalogue_keeps_nobody_waiting() {
    let (world, call) = slow();
    let scope = world.platform.scope();
    let left = world.gateway.handle(call(), &scope);
    let patience = world.platform.clock.sleep(Duration::from_millis(150));
    world.platform.run(futures_util::future::select(Box::pin(left), patience));
    let before = world.platform.clock.now();
    assert!(world.send(call()).json()["result"].is_object());
    assert!(world.platform.clock.now().millis_since(before) < 1_000);
    assert_eq!(lists_sent(&world), 2);
}

#[test]
fn who_stands_still_while_fetching_a_catalogue_holds_nobody_up_for_long() {
    let (world, call) = slow();
    let scope = world.platform.scope();
    let mut stuck = Box::pin(world.gateway.handle(call(), &scope));
    let patience = world.platform.clock.sleep(Duration::from_millis(150));
    world.platform.run(futures_util::future::select(&mut stuck, patience));
    let before = world.platform.clock.now();
    assert!(world.send(call()).json()["result"].is_object());
    assert!(world.platform.clock.now().millis_since(before) < 3_000);
}

#[test]
fn twenty_servers_list_with_at_most_six_asked_at_once() {
    let world = World::new();
    let names: Vec<String> = (0..20).map(|n| format!("s{n:02}")).collect();
    for name in &names {
        world.server(name, Upstream::modern(&["t"]));
    }
    let (busy, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (upstreams, clock, most_seen) = (Rc::clone(&world.upstreams), world.platform.clock.clone(), Rc::clone(&most));
    world.platform.fetch.set(move |request| {
        let (upstreams, clock, busy, most) = (Rc::clone(&upstreams), clock.clone(), Rc::clone(&busy), Rc::clone(&most));
        Box::pin(async move {
            busy.set(busy.get() + 1);
            most.set(most.get().max(busy.get()));
            clock.sleep(Duration::from_millis(100)).await;
            busy.set(busy.get() - 1);
            let name = request.uri.path().split('/').nth(1).unwrap().to_owned();
            let upstream = upstreams.borrow()[&name].clone();
            let message: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let tools = upstream.tools.join(",");
            let result = match message["method"].as_str().unwrap() {
                "server/discover" => "{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{}}".to_owned(),
                _ => format!("{{\"tools\":[{tools}]}}"),
            };
            Ok(json_response(200, format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", message["id"])))
        })
    });
    let key = world.key(1, &["*"]);
    let listed = world.modern(&key, "tools/list", json!({}));
    assert_eq!(listed.tool_names(), names.iter().map(|name| format!("{name}__t")).collect::<Vec<_>>());
    assert!(listed.json()["result"]["_meta"]["io.toolgate/partial"].is_null());
    assert!(most_seen.get() <= 6 && most_seen.get() > 1, "{} at once", most_seen.get());
}

#[test]
fn a_warm_call_asks_the_store_nothing_and_the_upstream_once() {
    for upstream in [Upstream::modern(&["t"]), Upstream::legacy(&["t"])] {
        let world = World::new();
        world.server("s", upstream);
        let key = world.key(1, &["*"]);
        let call = || world.modern(&key, "tools/call", json!({"name": "s__t"}));
        call();
        let (store, sent) = (world.platform.store.operations(), world.platform.fetch.sent().len());
        assert!(call().json()["result"].is_object());
        assert_eq!(world.platform.store.operations(), store);
        assert_eq!(world.platform.fetch.sent().len(), sent + 1);
    }
}

#[test]
fn a_streamed_answer_goes_on_as_it_comes() {
    let world = World::new();
    let on_call = |message: &serde_json::Value| -> Result<FetchResponse, FetchError> {
        let progress =
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n";
        let last = format!("data: {{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"content\":[]}}}}\n\n", message["id"]);
        Ok(sse_response(vec![Ok(progress.into()), Ok(last.into())]))
    };
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::modern(&["t"]) });
    let key = world.key(1, &["*"]);
    let request = modern_request(&key, "/t/acme/mcp", "tools/call", json!({"name": "s__t"}));
    let response = world.platform.run(world.gateway.handle(request, &world.platform.scope()));
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let Body::Streaming(mut body) = response.into_body() else { panic!("not a stream") };
    let first = world.platform.run(body.next()).unwrap();
    assert_eq!(
        first,
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n"
    );
    let last = world.platform.run(body.next()).unwrap();
    assert_eq!(
        last,
        "data: {\"jsonrpc\":\"2.0\",\"id\":\"a-1\",\"result\":{\"resultType\":\"complete\",\"content\":[]}}\n\n"
    );
    assert!(world.platform.run(body.next()).is_none());

    let mut plain = modern_request(&key, "/t/acme/mcp", "tools/call", json!({"name": "s__t"}));
    plain.headers_mut().insert("accept", "application/json".parse().unwrap());
    let whole = world.send(plain);
    assert_eq!(whole.headers["content-type"], "application/json");
    assert_eq!(whole.json()["id"], "a-1");
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_for_its_request() {
    let world = World::new();
    let on_call = |_: &serde_json::Value| -> Result<FetchResponse, FetchError> {
        let progress =
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n";
        Ok(sse_response(vec![Ok(progress.into()), Err(FetchError::new(FetchErrorKind::Broken, "reset"))]))
    };
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::modern(&["t"]) });
    let key = world.key(1, &["*"]);
    let answer = world.modern(&key, "tools/call", json!({"name": "s__t"}));
    let last = answer.text.trim_end().rsplit("data: ").next().unwrap();
    let error: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!((&error["id"], &error["error"]["code"]), (&json!("a-1"), &json!(-31502)), "{}", answer.text);
}

#[test]
fn lists_come_in_pages_that_hold_together() {
    let world = World::new();
    let many: Vec<String> = (0..2_500).map(|n| format!("t{n:04}")).collect();
    world.server("s", Upstream::modern(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    let key = world.key(1, &["*"]);
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let params = cursor.as_ref().map_or(json!({}), |cursor| json!({"cursor": cursor}));
        let page = world.modern(&key, "tools/list", params);
        seen.extend(page.tool_names());
        cursor = page.json()["result"]["nextCursor"].as_str().map(ToOwned::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, many.iter().map(|name| format!("s__{name}")).collect::<Vec<_>>());
    assert_eq!(world.modern(&key, "tools/list", json!({"cursor": "nonsense!"})).code(), -32602);
    assert_eq!(world.modern(&key, "tools/list", json!({"cursor": 5})).code(), -32602);
}

#[test]
fn nobody_gets_in_without_a_good_key() {
    let world = World::new();
    world.put(
        "other",
        toolgate_ports::RecordKey::tenant(),
        &json!({"enabled": true, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}),
    );
    let good = world.key(1, &["*"]);
    let disabled = world.key_with("acme", 2, &["*"], &json!({"enabled": false}));
    let expired = world.key_with("acme", 3, &["*"], &json!({"expires_at": "2026-11-21T00:00:00Z"}));
    let foreign = world.key_with("other", 4, &["*"], &json!({}));
    let ask = |key: &str, path: &str| world.send(legacy_request(key, path, "ping", &json!({})));
    assert_eq!(ask(&good, "/t/acme/mcp").status, StatusCode::OK);
    for (key, path) in [
        ("", "/t/acme/mcp"),
        ("nonsense", "/t/acme/mcp"),
        (&disabled, "/t/acme/mcp"),
        (&expired, "/t/acme/mcp"),
        (&foreign, "/t/acme/mcp"),
        (&good, "/t/other/mcp"),
        (&good, "/t/nobody/mcp"),
        (&good, "/t/NOT%20ONE/mcp"),
    ] {
        let answer = ask(key, path);
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{key} {path}");
        assert_eq!(answer.code(), -31401);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer realm=\"toolgate\""), "{challenge}");
        assert_eq!(challenge.contains("invalid_token"), !key.is_empty(), "{challenge}");
    }
    let both = raw(&good, "/t/acme/mcp", &[("x-api-key", &foreign)], "{}");
    assert_eq!(world.send(both).status, StatusCode::UNAUTHORIZED);
    let api_key = raw("", "/t/acme/mcp", &[("x-api-key", &good)], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}");
    assert_eq!(world.send(api_key).status, StatusCode::OK);
    let by_host =
        raw(&good, "/mcp", &[("host", "acme.gate.example")], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}");
    assert_eq!(world.send(by_host).status, StatusCode::OK);
    assert_eq!(world.send(raw(&good, "/mcp", &[], "{}")).status, StatusCode::NOT_FOUND);
}

#[test]
fn a_rotated_keys_old_secret_works_until_the_overlap_ends_and_no_longer() {
    let world = World::new();
    let (old, older) = (mint(&[1; KEY_RANDOM_BYTES]), mint(&[2; KEY_RANDOM_BYTES]));
    let new = Minted::renewed(old.id.clone(), &[3; SECRET_RANDOM_BYTES]);
    let previous = json!({"hash": old.hash, "expires_at": "2026-11-22T01:00:00Z"});
    world.key_with("acme", 1, &["*"], &json!({"hash": new.hash, "previous": previous}));
    let status = |key: &str| world.legacy(key, "ping", &json!({})).status;
    assert_eq!([&new.secret, &old.secret, &older.secret].map(|key| status(key).as_u16()), [200, 200, 401]);
    world.platform.clock.advance(Duration::from_secs(3600));
    assert_eq!([&new.secret, &old.secret].map(|key| status(key).as_u16()), [200, 401]);
}

#[test]
fn what_belongs_to_no_tenant_is_no_tenant_to_be_spoken_to() {
    let world = World::new();
    let key = world.key_with(TenantId::reserved().as_str(), 1, &["*"], &json!({}));
    for (path, host) in [("/t/tg--operators/mcp", "localhost"), ("/mcp", "tg--operators.gate.example")] {
        let answer =
            world.send(raw(&key, path, &[("host", host)], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"));
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
    }
}

#[test]
fn a_store_that_is_lost_lets_nobody_in() {
    let world = World::new();
    let key = world.key(1, &["*"]);
    world.platform.store.take_down();
    let answer = world.legacy(&key, "ping", &json!({}));
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, -31503));
    world.platform.store.bring_up();
    assert_eq!(world.legacy(&key, "ping", &json!({})).status, StatusCode::OK);
}

#[test]
fn bad_requests_get_their_status_and_code_and_the_next_is_served() {
    let world = World::new();
    let key = world.key(1, &["*"]);
    let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
    let modern = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}";
    let future = modern.replace("2026-07-28", "2099-01-01");
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{{\"x\":{}1{}}}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let huge = format!("{{\"x\":\"{}\"}}", "y".repeat(10 << 20));
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, u16, i64);
    let cases: &[Case<'_>] = &[
        (&[], "{", 400, -32700),
        (&[], &deep, 400, -32700),
        (&[], &huge, 413, -31413),
        (&[], "{\"id\":1}", 400, -32600),
        (&[("mcp-protocol-version", "2025-11-25")], "[]", 400, -32600),
        (&[("content-type", "text/plain")], ping, 415, -31415),
        (&[("host", "evil.example")], ping, 403, -31403),
        (&[("origin", "https://evil.example")], ping, 403, -31403),
        (&[("origin", "null")], ping, 403, -31403),
        (&[("mcp-session-id", "junk")], ping, 404, -31404),
        (&[("mcp-protocol-version", "2026-07-28")], ping, 400, -32602),
        (&[], modern, 400, -32020),
        (&[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call")], modern, 400, -32020),
        (&[("mcp-protocol-version", "2099-01-01"), ("mcp-method", "tools/list")], &future, 400, -32022),
    ];
    for (headers, body, status, code) in cases {
        let answer = world.send(raw(&key, "/t/acme/mcp", headers, body.to_string()));
        let shown = &body[..body.len().min(80)];
        assert_eq!((answer.status.as_u16(), answer.code()), (*status, *code), "{headers:?} {shown}: {}", answer.text);
        assert!(answer.text.len() < 1_000);
        assert_eq!(world.send(raw(&key, "/t/acme/mcp", &[], ping)).status, StatusCode::OK);
    }
    let unbuilt = world.modern(&key, "resources/subscribe", json!({}));
    assert_eq!((unbuilt.status, unbuilt.code()), (StatusCode::NOT_FOUND, -32601));
    let unbuilt = world.legacy(&key, "nothing/such", &json!({}));
    assert_eq!((unbuilt.status, unbuilt.code()), (StatusCode::OK, -32601));
    let mut get = raw(&key, "/t/acme/mcp", &[], "");
    *get.method_mut() = http::Method::GET;
    assert_eq!(world.send(get).status, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn a_batch_is_answered_in_order_for_2025_03_26() {
    let world = World::new();
    let key = world.key(1, &["*"]);
    let batch = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"nope\"},3]";
    let answer = world.send(raw(&key, "/t/acme/mcp", &[], batch)).json();
    assert_eq!(answer[0], json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    assert_eq!(answer[1]["error"]["code"], -32601);
    assert_eq!(answer[2]["error"]["code"], -32600);
    let silent = "[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}]";
    assert_eq!(world.send(raw(&key, "/t/acme/mcp", &[], silent)).status, StatusCode::ACCEPTED);
}

#[test]
fn the_stored_catalogue_is_there_after_a_list() {
    let world = World::new();
    world.server("s", Upstream::modern(&["a"]));
    let key = world.key(1, &["*"]);
    world.modern(&key, "tools/list", json!({}));
    let tenant = toolgate_model::TenantId::new("acme").unwrap();
    let blob = world.platform.run(world.platform.store.get_blob(&tenant, "catalogue/s")).unwrap();
    assert!(blob.is_some());
}

#[test]
fn headers_longer_than_anybody_needs_are_refused_everywhere() {
    let world = World::new();
    let key = world.key(1, &["*"]);
    let long = "x".repeat(40 << 10);
    for path in ["/t/acme/mcp", "/admin/v1/tenants", "/healthz", "/nowhere"] {
        let answer = world.send(raw(&key, path, &[("x-long", &long)], "{}"));
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{path}");
    }
}
