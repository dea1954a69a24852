//! What each of the four cells makes of a message: what passes, what is changed, what is dropped, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::needless_pass_by_value, reason = "json!() is written in place")]

#[allow(dead_code, reason = "each file of tests takes what it needs")]
mod common;

use std::{rc::Rc, time::Duration};

use common::{Answer, Upstream, World, modern_request, raw};
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use http::StatusCode;
use serde_json::{Value, json};
use toolgate_ports::{Body, Clock, FetchError, FetchRequest, FetchResponse};
use toolgate_testkit::{json_response, sse_response};

type Fetched = Result<FetchResponse, FetchError>;

fn result(message: &Value, result: Value) -> Fetched {
    Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
}

fn error(status: u16, message: &Value, error: Value) -> Fetched {
    Ok(json_response(status, json!({"jsonrpc": "2.0", "id": message["id"], "error": error}).to_string()))
}

fn events(messages: &[Value]) -> Fetched {
    Ok(sse_response(messages.iter().map(|message| Ok(format!("data: {message}\n\n").into())).collect()))
}

/// The bodies of what servers were sent under `method`.
fn sent(world: &World, method: &str) -> Vec<Value> {
    let bodies = world.platform.fetch.sent();
    let bodies =
        bodies.iter().map(|request: &FetchRequest| serde_json::from_slice(&request.body).unwrap_or(Value::Null));
    bodies.filter(|body| body["method"] == method).collect()
}

/// A call of `s__t` by a modern client with these capabilities.
fn modern_call(world: &World, key: &str, capabilities: &Value) -> Answer {
    let mut request = modern_request(key, "/t/acme/mcp", "tools/call", json!({"name": "s__t"}));
    let Body::Full(body) = request.body() else { unreachable!() };
    let mut body: Value = serde_json::from_slice(body).unwrap();
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    *request.body_mut() = Body::Full(body.to_string().into());
    world.send(request)
}

/// A legacy client's session.
struct Session<'a> {
    world: &'a World,
    key: &'a str,
    id: String,
}

impl<'a> Session<'a> {
    fn open(world: &'a World, key: &'a str, capabilities: &Value) -> Self {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "c", "version": "1"}});
        let opened = world.legacy(key, "initialize", &params);
        let id = opened.headers["mcp-session-id"].to_str().unwrap().to_owned();
        Self { world, key, id }
    }

    fn post(&self, body: &Value) -> Answer {
        let headers = [("mcp-session-id", self.id.as_str()), ("mcp-protocol-version", "2025-11-25")];
        self.world.send(raw(self.key, "/t/acme/mcp", &headers, body.to_string()))
    }

    fn request(&self, method: &str, params: Value) -> Answer {
        self.post(&json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params}))
    }
}

/// The messages of a stream of events.
fn messages(answer: &Answer) -> Vec<Value> {
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// A stream that says nothing and does not end.
fn silent() -> Fetched {
    let mut response = sse_response(vec![]);
    response.body = stream::pending().boxed_local();
    Ok(response)
}

#[test]
fn a_modern_client_that_leaves_cancels_at_a_legacy_server_whenever_it_leaves() {
    for seconds in [1, 20] {
        let world = World::new();
        world.server("s", Upstream { on_call: Rc::new(|_| silent()), ..Upstream::legacy(&["t"]) });
        let key = world.key(1, &["*"]);
        let request = modern_request(&key, "/t/acme/mcp", "tools/call", json!({"name": "s__t"}));
        let scope = world.platform.scope();
        let leaves = world.platform.clock.sleep(Duration::from_secs(seconds));
        let call = Box::pin(world.gateway.handle(request, &scope));
        // Before the answer began, or while it is read.
        match world.platform.run(select(call, leaves)) {
            Either::Left((response, _)) => drop(response),
            Either::Right((_, call)) => drop(call),
        }
        world.platform.settle();
        let cancelled = sent(&world, "notifications/cancelled");
        assert_eq!(cancelled.len(), 1, "after {seconds} s");
        assert_eq!(cancelled[0]["params"]["requestId"], sent(&world, "tools/call")[0]["id"]);
    }
}

// Modern client, legacy server

#[test]
fn a_modern_client_is_told_of_a_legacy_server_only_what_its_era_knows() {
    let world = World::new();
    let on_call = |message: &Value| {
        let token = &message["params"]["_meta"]["progressToken"];
        let notice = |method: &str, params: Value| json!({"jsonrpc": "2.0", "method": method, "params": params});
        events(&[
            notice("notifications/progress", json!({"progressToken": token, "progress": 1})),
            notice("notifications/elicitation/complete", json!({"elicitationId": "1"})),
            notice("notifications/cancelled", json!({"requestId": 1})),
            notice("notifications/tasks/status", json!({"taskId": "1", "status": "working"})),
            json!({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}),
        ])
    };
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let mut request = modern_request(&key, "/t/acme/mcp", "tools/call", json!({"name": "s__t"}));
    let Body::Full(body) = request.body() else { unreachable!() };
    let body = String::from_utf8(body.to_vec()).unwrap().replacen("\"_meta\":{", "\"_meta\":{\"progressToken\":5,", 1);
    *request.body_mut() = Body::Full(body.into());
    let messages = messages(&world.send(request));
    let methods: Vec<&str> = messages.iter().filter_map(|message| message["method"].as_str()).collect();
    assert_eq!(methods, ["notifications/progress"]);
    assert_eq!(messages[0]["params"]["progressToken"], 5);
    assert_eq!(messages[1]["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "toolgate");
}

#[test]
fn who_answers_is_added_to_a_legacy_servers_result_and_nothing_else() {
    for (given, expected) in [
        (r"{}", r#"{"resultType":"complete","_meta":INFO}"#),
        (r#"{ "content":[]}"#, r#"{"resultType":"complete","_meta":INFO, "content":[]}"#),
        (r#"{"_meta":{},"a":1.0}"#, r#"{"resultType":"complete","_meta":INFO,"a":1.0}"#),
        (r#"{"_meta":{"x":1},"a":1.0}"#, r#"{"resultType":"complete","_meta":INFO2"x":1},"a":1.0}"#),
        (
            r#"{"_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#,
            r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#,
        ),
    ] {
        let world = World::new();
        let on_call = move |message: &Value| -> Fetched {
            Ok(json_response(200, format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{given}}}", message["id"])))
        };
        world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::legacy(&["t"]) });
        let key = world.key(1, &["*"]);
        let answer = world.modern(&key, "tools/call", json!({"name": "s__t"}));
        let info = format!(
            "\"io.modelcontextprotocol/serverInfo\":{{\"name\":\"toolgate\",\"title\":\"Toolgate\",\"version\":\"{}\"}}",
            env!("CARGO_PKG_VERSION")
        );
        let expected = expected.replace("INFO2", &format!("{{{info},")).replace("INFO", &format!("{{{info}}}"));
        assert_eq!(answer.text, format!("{{\"jsonrpc\":\"2.0\",\"id\":\"a-1\",\"result\":{expected}}}"));
    }
}

#[test]
fn an_elicitation_at_a_url_is_for_clients_that_can_be_sent_there() {
    let world = World::new();
    let asked = json!({"mode": "url", "url": "https://example.com/x", "elicitationId": "1", "message": "go"});
    let needed = json!({"code": -32042, "message": "go there", "data": {"elicitations": [asked]}});
    let on_call = move |message: &Value| error(200, message, needed.clone());
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let sent_there = messages(&modern_call(&world, &key, &json!({"elicitation": {"url": {}}})));
    let question = &sent_there[0]["result"]["inputRequests"]["elicitation-1"];
    assert_eq!(question["params"], json!({"mode": "url", "url": "https://example.com/x", "message": "go"}));
    for capabilities in [json!({}), json!({"elicitation": {}}), json!({"elicitation": {"form": {}}})] {
        let answer = modern_call(&world, &key, &capabilities);
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32021), "{}", answer.text);
        let needed = &answer.json()["error"]["data"]["requiredCapabilities"];
        assert_eq!(*needed, json!({"elicitation": {"url": {}}}));
    }
}

#[test]
fn a_modern_client_is_asked_for_nothing_that_it_did_not_declare() {
    let world = World::new();
    let on_call = |message: &Value| {
        let ask = |id: &str, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        events(&[
            ask("alive", "ping", json!({})),
            ask("link", "elicitation/create", json!({"mode": "url", "url": "https://x.test"})),
            ask("thought", "sampling/createMessage", json!({})),
            ask("odd", "vendor/ask", json!({})),
            json!({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}),
        ])
    };
    let taken = |message: &Value| message["method"].is_null().then(|| Ok(json_response(202, "")));
    world.server("s", Upstream { on_call: Rc::new(on_call), on_any: Rc::new(taken), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let answer = modern_call(&world, &key, &json!({"elicitation": {}}));
    let messages = messages(&answer);
    assert_eq!(messages.len(), 1, "{}", answer.text);
    assert_eq!(messages[0]["result"]["content"], json!([]));
    let mut answers: Vec<(String, bool)> = world
        .platform
        .fetch
        .sent()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap())
        .filter(|body| body["method"].is_null())
        .map(|body| (body["id"].as_str().unwrap().to_owned(), body["error"].is_object()))
        .collect();
    answers.sort();
    let expected = [("alive", false), ("link", true), ("odd", true), ("thought", true)];
    assert_eq!(answers, expected.map(|(id, refused)| (id.to_owned(), refused)));
}

#[test]
fn a_server_that_talks_on_does_not_keep_its_question_from_the_client() {
    let world = World::new();
    let clock = world.platform.clock.clone();
    let on_call = move |_: &Value| {
        let question =
            json!({"jsonrpc": "2.0", "id": "who", "method": "elicitation/create", "params": {"message": "?"}});
        let words =
            json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}});
        let clock = clock.clone();
        let talk = stream::iter(0..).then(move |number| {
            let wait = clock.sleep(Duration::from_millis(50));
            let message = if number == 0 { question.clone() } else { words.clone() };
            async move {
                wait.await;
                Ok(format!("data: {message}\n\n").into())
            }
        });
        let mut response = sse_response(vec![]);
        response.body = talk.boxed_local();
        Ok(response)
    };
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let request = modern_request(&key, "/t/acme/mcp", "tools/call", json!({"name": "s__t"}));
    let Body::Full(body) = request.body() else { unreachable!() };
    let body =
        String::from_utf8(body.to_vec()).unwrap().replace("Capabilities\":{}", "Capabilities\":{\"elicitation\":{}}");
    let (head, _) = request.into_parts();
    let request = http::Request::from_parts(head, Body::Full(body.into()));
    let began = world.platform.clock.ticks();
    let response = world.platform.run(world.gateway.handle(request, &world.platform.scope()));
    let Body::Streaming(mut body) = response.into_body() else { panic!("a stream is answered as one") };
    let event = world.platform.run(body.next()).unwrap();
    assert!(std::str::from_utf8(&event).unwrap().contains("input_required"), "{event:?}");
    assert!(world.platform.clock.ticks() - began < 2_000_000);
}

// Modern server

#[test]
fn what_a_resource_holds_is_for_its_reader_alone_whatever_its_server_says() {
    let world = World::new();
    let on_any = |message: &Value| match message["method"].as_str()? {
        "server/discover" => {
            let about = json!({"resources": {}});
            Some(result(message, json!({"supportedVersions": ["2026-07-28"], "capabilities": about})))
        }
        "resources/list" => Some(result(message, json!({"resources": [{"uri": "x://a", "name": "a"}]}))),
        "resources/templates/list" => Some(result(message, json!({"resourceTemplates": []}))),
        "resources/read" => {
            Some(result(message, json!({"resultType": "complete", "contents": [], "ttlMs": 5, "cacheScope": "public"})))
        }
        _ => None,
    };
    world.server("s", Upstream { on_any: Rc::new(on_any), ..Upstream::modern(&[]) });
    let key = world.key(1, &["*"]);
    let params = json!({"uri": "x://a", "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params}).to_string();
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "resources/read"), ("mcp-name", "x://a")];
    let answer = world.send(raw(&key, "/t/acme/mcp", &headers, body)).json();
    assert_eq!((&answer["result"]["cacheScope"], &answer["result"]["ttlMs"]), (&json!("private"), &json!(5)));
}

#[test]
fn only_what_a_status_says_of_the_request_is_passed_on() {
    for (status, passed) in [(200, 200), (400, 400), (404, 404), (429, 200), (500, 200), (503, 200)] {
        let world = World::new();
        let on_call = move |message: &Value| error(status, message, json!({"code": -32099, "message": "no"}));
        world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::modern(&["t"]) });
        let key = world.key(1, &["*"]);
        let answer = world.modern(&key, "tools/call", json!({"name": "s__t"}));
        assert_eq!((answer.status.as_u16(), answer.code()), (passed, -32099), "{status}");
    }
    for status in [401, 403] {
        let world = World::new();
        let on_call = move |message: &Value| error(status, message, json!({"code": -32001, "message": "secret words"}));
        world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::modern(&["t"]) });
        let key = world.key(1, &["*"]);
        let answer = world.modern(&key, "tools/call", json!({"name": "s__t"}));
        assert_eq!((answer.status, answer.code()), (StatusCode::OK, -31502));
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
}

#[test]
fn a_legacy_client_lists_only_schemas_of_outputs_that_it_can_take() {
    let world = World::new();
    let mut upstream = Upstream::modern(&[]);
    for (name, schema) in [("a", r#"{"type":"array"}"#), ("o", r#"{"type":"object"}"#), ("u", r#"{"anyOf":[{}]}"#)] {
        upstream
            .tools
            .push(format!(r#"{{"name":"{name}","outputSchema":{schema},"inputSchema":{{"type":"object"}}}}"#));
    }
    world.server("s", upstream);
    let key = world.key(1, &["*"]);
    let outputs = |answer: &Answer| -> Vec<bool> {
        let tools = answer.json()["result"]["tools"].clone();
        tools.as_array().unwrap().iter().map(|tool| tool["outputSchema"].is_object()).collect()
    };
    for _ in 0..2 {
        assert_eq!(outputs(&world.modern(&key, "tools/list", json!({}))), [true, true, true]);
        assert_eq!(outputs(&world.legacy(&key, "tools/list", &json!({}))), [false, true, false]);
    }
}

#[test]
fn headers_that_a_server_wants_otherwise_are_made_again_of_its_newest_list() {
    let world = World::new();
    let tool = |header: &str| {
        format!(
            r#"{{"name":"t","inputSchema":{{"type":"object","properties":{{"r":{{"type":"string","x-mcp-header":"{header}"}}}}}}}}"#
        )
    };
    let upstream = |header: &'static str| {
        let mut upstream = Upstream::modern(&[]);
        upstream.tools.push(tool(header));
        upstream
    };
    world.server("s", upstream("Old"));
    let key = world.key(1, &["*"]);
    world.legacy(&key, "tools/list", &json!({}));
    let mut changed = upstream("New");
    let asked = Rc::new(std::cell::Cell::new(0));
    let count = Rc::clone(&asked);
    changed.on_call = Rc::new(move |message| {
        count.set(count.get() + 1);
        match count.get() {
            1 => error(400, message, json!({"code": -32020, "message": "Header mismatch"})),
            _ => result(message, json!({"resultType": "complete", "content": []})),
        }
    });
    world.upstreams.borrow_mut().insert("s".to_owned(), changed);
    let call = json!({"name": "s__t", "arguments": {"r": "eu"}});
    assert!(world.legacy(&key, "tools/call", &call).json()["result"].is_object());
    let sent = world.platform.fetch.sent();
    let calls: Vec<_> =
        sent.iter().filter(|sent| sent.headers.get("mcp-method").is_some_and(|m| m == "tools/call")).collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].headers["mcp-param-old"], "eu");
    assert_eq!(calls[1].headers["mcp-param-new"], "eu");
    // Asked once more only where the newest list wants other headers.
    asked.set(0);
    assert_eq!(world.legacy(&key, "tools/call", &call).code(), -32600);
    assert_eq!(asked.get(), 1);
}

// Legacy client

#[test]
fn a_legacy_client_is_asked_by_a_modern_server_in_its_own_words() {
    let world = World::new();
    let on_call = |message: &Value| {
        if message["params"]["inputResponses"].is_object() {
            return result(message, json!({"resultType": "complete", "content": []}));
        }
        let link = json!({"method": "elicitation/create", "params": {"mode": "url", "url": "https://x.test", "message": "go"}});
        result(message, json!({"resultType": "input_required", "inputRequests": {"link": link}}))
    };
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::modern(&["t"]) });
    let key = world.key(1, &["*"]);
    let ask = |capabilities: Value| {
        let session = Session::open(&world, &key, &capabilities);
        messages(&session.request("tools/call", json!({"name": "s__t"})))
    };
    // Nobody answers here: the call ends when its time is over.
    let asked = ask(json!({"elicitation": {"url": {}}}));
    assert_eq!(asked[0]["method"], "elicitation/create");
    assert!(asked[0]["params"]["elicitationId"].as_str().is_some_and(|id| id.len() > 20), "{}", asked[0]);
    let refused = ask(json!({"elicitation": {}}));
    assert_eq!((refused.len(), &refused[0]["error"]["code"]), (1, &json!(-31540)), "{refused:?}");
}

#[test]
fn a_question_that_a_server_takes_back_is_named_as_the_client_knows_it() {
    let world = World::new();
    let on_call = |message: &Value| {
        events(&[
            json!({"jsonrpc": "2.0", "id": 5, "method": "elicitation/create", "params": {"message": "?"}}),
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}),
            json!({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}),
        ])
    };
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let session = Session::open(&world, &key, &json!({"elicitation": {}}));
    let messages = messages(&session.request("tools/call", json!({"name": "s__t"})));
    assert_ne!(messages[0]["id"], 5);
    assert_eq!(messages[1]["params"]["requestId"], messages[0]["id"]);
    assert_eq!(messages[2]["id"], 3);
}

#[test]
fn a_task_has_one_name_towards_its_client_wherever_it_is_named() {
    const RELATED: &str = "io.modelcontextprotocol/related-task";
    let world = World::new();
    let on_call = |message: &Value| {
        events(&[
            json!({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": {"taskId": "t1", "status": "working"}}),
            json!({"jsonrpc": "2.0", "id": 5, "method": "elicitation/create",
                "params": {"message": "?", "_meta": {RELATED: {"taskId": "t1"}}}}),
            json!({"jsonrpc": "2.0", "id": message["id"], "result": {"task": {"taskId": "t1", "status": "working"}}}),
        ])
    };
    let taken = |message: &Value| message["method"].is_null().then(|| Ok(json_response(202, "")));
    world.server("s", Upstream { on_call: Rc::new(on_call), on_any: Rc::new(taken), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let session = Session::open(&world, &key, &json!({"elicitation": {}}));
    let messages = messages(&session.request("tools/call", json!({"name": "s__t", "task": {}})));
    let task = &messages[2]["result"]["task"]["taskId"];
    assert!(task.as_str().unwrap().len() > 40);
    assert_eq!(messages[0]["params"]["taskId"], *task);
    assert_eq!(messages[1]["params"]["_meta"][RELATED]["taskId"], *task);
    let answer = json!({"jsonrpc": "2.0", "id": messages[1]["id"],
        "result": {"action": "decline", "_meta": {RELATED: {"taskId": task}}}});
    assert_eq!(session.post(&answer).status, StatusCode::ACCEPTED);
    let passed: Value = serde_json::from_slice(&world.platform.fetch.sent().last().unwrap().body).unwrap();
    assert_eq!((&passed["id"], &passed["result"]["_meta"][RELATED]["taskId"]), (&json!(5), &json!("t1")));
}

#[test]
fn tasks_are_offered_without_a_list_of_all() {
    let world = World::new();
    let on_any = |message: &Value| {
        (message["method"] == "initialize").then(|| {
            let tasks = json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}});
            let about = json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "tasks": tasks}, "serverInfo": {"name": "l"}});
            result(message, about)
        })
    };
    world.server("s", Upstream { on_any: Rc::new(on_any), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    let offered = world.legacy(&key, "initialize", &params).json();
    let tasks = &offered["result"]["capabilities"]["tasks"];
    assert_eq!(*tasks, json!({"cancel": {}, "requests": {"tools": {"call": {}}}}));
    assert_eq!(world.legacy(&key, "tasks/list", &json!({})).code(), -32601);
}

#[test]
fn the_answers_of_a_batch_are_bounded_together() {
    let world = World::new();
    let text = "x".repeat(6 << 20);
    let on_call = move |message: &Value| result(message, json!({"content": [{"type": "text", "text": text}]}));
    world.server("s", Upstream { on_call: Rc::new(on_call), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    let call = |id: u8| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "s__t"}});
    let batch: Vec<Value> = (0..6).map(call).collect();
    let answer = world.send(raw(&key, "/t/acme/mcp", &[], json!(batch).to_string()));
    let answers = answer.json();
    let good = answers.as_array().unwrap().iter().filter(|answer| answer["result"].is_object()).count();
    assert_eq!((answers.as_array().unwrap().len(), good), (6, 2));
    assert!(answer.text.len() < 17 << 20);
}

// Streams that are listened to

#[test]
fn each_modern_stream_has_sessions_of_its_own_with_legacy_servers_and_ends_them() {
    let world = World::new();
    let begun = Rc::new(std::cell::Cell::new(0));
    let count = Rc::clone(&begun);
    let on_any = move |message: &Value| {
        if message["method"] == "initialize" {
            count.set(count.get() + 1);
            let about = json!({"tools": {"listChanged": true}});
            let mut response = result(
                message,
                json!({"protocolVersion": "2025-11-25", "capabilities": about, "serverInfo": {"name": "l"}}),
            );
            let id = format!("own-{}", count.get()).parse().unwrap();
            response.as_mut().unwrap().headers.insert("mcp-session-id", id);
            return Some(response);
        }
        // A GET.
        message.is_null().then(silent)
    };
    world.server("s", Upstream { on_any: Rc::new(on_any), ..Upstream::legacy(&["t"]) });
    let key = world.key(1, &["*"]);
    world.modern(&key, "tools/list", json!({}));
    let before = begun.get();
    let listen = || {
        // Both clients call their request the same.
        let params = json!({"notifications": {"toolsListChanged": true}});
        let request = modern_request(&key, "/t/acme/mcp", "subscriptions/listen", params);
        let response = world.platform.run(world.gateway.handle(request, &world.platform.scope()));
        let Body::Streaming(mut body) = response.into_body() else { panic!("a stream") };
        let first = world.platform.run(body.next()).unwrap();
        assert!(std::str::from_utf8(&first).unwrap().contains("\"toolsListChanged\":true"), "{first:?}");
        body
    };
    let streams = (listen(), listen());
    assert_eq!(begun.get() - before, 2);
    drop(streams);
    world.platform.settle();
    let sent = world.platform.fetch.sent();
    let ended: Vec<_> = sent.iter().filter(|sent| sent.method == http::Method::DELETE).collect();
    let mut names: Vec<&str> = ended.iter().map(|sent| sent.headers["mcp-session-id"].to_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, [format!("own-{}", before + 1), format!("own-{}", before + 2)]);
}

#[test]
fn a_session_that_no_client_can_end_says_so_and_ends_those_with_its_servers() {
    let world = World::new();
    world.server("s", Upstream::legacy(&["t"]));
    let key = world.key(1, &["*"]);
    let session = Session::open(&world, &key, &json!({}));
    let mut request = raw(&key, "/t/acme/mcp", &[("mcp-session-id", &session.id)], "");
    *request.method_mut() = http::Method::DELETE;
    let answer = world.send(request);
    assert_eq!(
        (answer.status, answer.headers["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "POST, GET, OPTIONS")
    );
    let sent = world.platform.fetch.sent();
    assert_eq!(sent.iter().filter(|sent| sent.method == http::Method::DELETE).count(), 1);
    assert_eq!(session.request("ping", json!({})).status, StatusCode::OK, "it goes on");
}
