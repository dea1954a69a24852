//! The client against scripted upstreams: eras, sessions, answers, failures, redirects, lists.

#![allow(clippy::needless_pass_by_value, reason = "json!() is written in place")]

use bytes::Bytes;
use futures_util::{StreamExt, future::join, stream};
use http::{HeaderMap, HeaderValue, Uri, header::LOCATION};
use serde_json::{Value, json};
use toolgate_model::{Network, Revision, ServerId, TenantId};
use toolgate_ports::{FetchError, FetchErrorKind, FetchRequest, FetchResponse};
use toolgate_testkit::{MemoryPlatform, json_response, sse_response};

use super::*;
use crate::{Caller, Item, Reply, SessionRef};

type Fetched = Result<FetchResponse, FetchError>;
type Tested = (Rc<MemoryPlatform>, Client<MemoryPlatform>);

fn endpoint(era: EraPolicy) -> Endpoint {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
    Endpoint {
        tenant: TenantId::new("acme").unwrap(),
        server: ServerId::new("github").unwrap(),
        revision: Revision(3),
        uri: Uri::from_static("https://mcp.example.com/mcp"),
        network: Network::Public,
        era,
        headers,
    }
}

fn server(script: impl Fn(&Value, &FetchRequest) -> Fetched + 'static) -> Tested {
    server_with(Limits::default(), script)
}

fn server_with(limits: Limits, script: impl Fn(&Value, &FetchRequest) -> Fetched + 'static) -> Tested {
    let platform = MemoryPlatform::new();
    platform.fetch.answer(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        script(&body, &request)
    });
    let client = Client::new(Rc::clone(&platform), limits);
    (platform, client)
}

fn result(body: &Value, result: Value) -> Fetched {
    Ok(json_response(200, json!({"jsonrpc": "2.0", "id": body["id"], "result": result}).to_string()))
}

fn refusal(status: u16, body: &Value, code: i64, data: Value) -> Fetched {
    let error = json!({"code": code, "message": "no", "data": data});
    Ok(json_response(status, json!({"jsonrpc": "2.0", "id": body["id"], "error": error}).to_string()))
}

fn typed(status: u16, content_type: &'static str, body: &'static str) -> Fetched {
    let mut response = json_response(status, body);
    response.headers.insert("content-type", HeaderValue::from_static(content_type));
    Ok(response)
}

fn events(messages: &[Value]) -> FetchResponse {
    sse_response(messages.iter().map(|message| Ok(format!("data: {message}\n\n").into())).collect())
}

fn failure<T>(kind: FetchErrorKind) -> Result<T, FetchError> {
    Err(FetchError::new(kind, "it broke"))
}

fn modern(body: &Value, _: &FetchRequest) -> Fetched {
    match body["method"].as_str().unwrap() {
        "server/discover" => result(
            body,
            json!({"resultType": "complete", "supportedVersions": ["2025-11-25", "2026-07-28"], "capabilities": {},
                "instructions": "Be kind.", "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "m"}}}),
        ),
        "tools/list" => result(body, json!({"tools": [{"name": "a"}], "ttlMs": 1000})),
        "tools/call" => result(body, json!({"content": []})),
        _ => refusal(404, body, -32601, Value::Null),
    }
}

/// A legacy server whose sessions are counted up: the newest is the only valid one.
fn legacy(refuse_discovery: impl Fn(&Value) -> Fetched + 'static) -> impl Fn(&Value, &FetchRequest) -> Fetched {
    let sessions = Cell::new(0);
    move |body, request| match body["method"].as_str().unwrap() {
        "server/discover" => refuse_discovery(body),
        "initialize" => {
            sessions.set(sessions.get() + 1);
            let info = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "l"}});
            let mut response = result(body, info)?;
            response.headers.insert("mcp-session-id", HeaderValue::from_str(&format!("s{}", sessions.get())).unwrap());
            Ok(response)
        }
        "notifications/initialized" => typed(202, "", ""),
        _ if !request.headers.contains_key("mcp-session-id") => refusal(400, body, -32000, Value::Null),
        "tools/list" => result(body, json!({"tools": [{"name": "a"}]})),
        _ => result(body, json!({"content": []})),
    }
}

fn sent(platform: &MemoryPlatform) -> Vec<String> {
    let method = |request: &FetchRequest| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["method"].as_str().unwrap().to_owned()
    };
    platform.fetch.sent().iter().map(method).collect()
}

/// A call of the tool `a`.
pub(crate) fn tool<'a>(params: &'a str, from: Era, caller: Caller<'a>, param_headers: &'a HeaderMap) -> Call<'a> {
    Call {
        method: "tools/call",
        params,
        name: Some("a"),
        id: None,
        from,
        caller,
        param_headers,
        log_level: None,
        effect: Effect::MayAct,
        allowed: Allowed::default(),
        sent: None,
    }
}

const HANDSHAKE: [&str; 2] = ["initialize", "notifications/initialized"];

fn call_as(
    tested: &Tested,
    endpoint: &Endpoint,
    known: Option<&Verdict>,
    partition: &str,
) -> Result<Answer, UpstreamError> {
    let param_headers = HeaderMap::new();
    let caller = Caller { partition, capabilities: None, client_info: None, session: None };
    let call = tool(r#"{"name":"a"}"#, Era::Modern, caller, &param_headers);
    tested.0.run(tested.1.call(endpoint, known, call))
}

fn call(tested: &Tested, era: EraPolicy) -> Result<Answer, UpstreamError> {
    call_as(tested, &endpoint(era), None, "p")
}

fn replied(answer: Result<Answer, UpstreamError>) -> Reply {
    match answer {
        Ok(Answer::Reply(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

fn kind(answer: Result<Answer, UpstreamError>) -> Kind {
    match answer {
        Err(error) => error.kind,
        Ok(answer) => panic!("{answer:?}"),
    }
}

fn list(tested: &Tested, era: EraPolicy) -> Result<ItemList, UpstreamError> {
    tested.0.run(tested.1.list(&endpoint(era), None, ItemKind::Tool))
}

fn known(version: Version) -> Verdict {
    verdict(version)
}

// Eras

#[test]
fn a_modern_server_is_asked_once_and_remembered() {
    let tested = server(modern);
    let tools = list(&tested, EraPolicy::Auto).unwrap();
    assert_eq!(tools.verdict.version, Version::V2026_07_28);
    assert_eq!(tools.verdict.server_info.as_deref(), Some(r#"{"name":"m"}"#));
    assert_eq!(tools.verdict.instructions.as_deref(), Some("Be kind."));
    replied(call(&tested, EraPolicy::Auto));
    assert_eq!(sent(&tested.0), ["server/discover", "tools/list", "tools/call"]);
    for request in tested.0.fetch.sent() {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(request.headers["mcp-protocol-version"], "2026-07-28");
        assert_eq!(request.headers["mcp-method"], body["method"].as_str().unwrap());
        assert_eq!(request.headers["authorization"], "Bearer secret");
        assert_eq!(body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(request.headers.get("mcp-name").is_some(), body["method"] == "tools/call");
    }
}

#[test]
fn what_does_not_know_discovery_is_legacy() {
    let refusals: [fn(&Value) -> Fetched; 9] = [
        |_| typed(400, "text/plain", "Bad Request: Session ID is required"),
        |_| typed(400, "text/html", "<pre>"),
        |_| typed(405, "", ""),
        |_| typed(200, "text/html", "<html>"),
        |_| typed(202, "", ""),
        |body| refusal(400, &json!({"id": null, "was": body}), -32000, Value::Null),
        |body| refusal(404, body, -32601, Value::Null),
        |body| refusal(200, body, -32601, Value::Null),
        |body| refusal(400, body, -32022, json!({"supported": ["2025-06-18"]})),
    ];
    for refused in refusals {
        let tested = server(legacy(refused));
        let tools = list(&tested, EraPolicy::Auto).unwrap();
        assert_eq!((tools.verdict.era, tools.verdict.version), (Era::Legacy, Version::V2025_11_25));
        assert_eq!(sent(&tested.0)[1..], [HANDSHAKE[0], HANDSHAKE[1], "tools/list"]);
        let requests = tested.0.fetch.sent();
        assert!(!requests[1].headers.contains_key("mcp-protocol-version"));
        for request in &requests[2..] {
            assert_eq!(request.headers["mcp-protocol-version"], "2025-11-25");
            assert_eq!(request.headers["mcp-session-id"], "s1");
            assert!(!request.headers.contains_key("mcp-method"));
        }
        list(&tested, EraPolicy::Auto).unwrap();
        assert_eq!(sent(&tested.0).len(), 5, "the session is used again");
    }
}

#[test]
fn an_answer_that_only_modern_servers_give_is_a_verdict() {
    for code in [-32020, -32021] {
        let tested = server(move |body, request| match body["method"].as_str() {
            Some("server/discover") => refusal(400, body, code, Value::Null),
            _ => modern(body, request),
        });
        assert_eq!(tested.0.run(tested.1.probe(&endpoint(EraPolicy::Auto))).unwrap().era, Era::Modern);
    }
}

#[test]
fn a_pin_is_never_probed() {
    let tested = server(modern);
    assert_eq!(list(&tested, EraPolicy::Modern).unwrap().verdict.version, Version::V2026_07_28);
    assert_eq!(tested.0.run(tested.1.probe(&endpoint(EraPolicy::Modern))).unwrap().era, Era::Modern);
    replied(call(&tested, EraPolicy::Modern));
    assert_eq!(sent(&tested.0), ["tools/list", "tools/call"]);
    let tested = server(legacy(|_| panic!("probed")));
    replied(call(&tested, EraPolicy::Legacy));
    assert_eq!(sent(&tested.0), [HANDSHAKE[0], HANDSHAKE[1], "tools/call"]);
    assert_eq!(tested.0.run(tested.1.probe(&endpoint(EraPolicy::Legacy))).unwrap().era, Era::Legacy);
}

#[test]
fn what_may_pass_gives_no_verdict() {
    let passing: [fn() -> Fetched; 6] = [
        || typed(503, "text/plain", ""),
        || typed(429, "text/plain", ""),
        || typed(401, "text/plain", ""),
        || failure(FetchErrorKind::Connect),
        || failure(FetchErrorKind::Broken),
        || failure(FetchErrorKind::Resolve),
    ];
    for pass in passing {
        let up = Rc::new(Cell::new(false));
        let up_now = Rc::clone(&up);
        let tested = server(move |body, request| if up_now.get() { modern(body, request) } else { pass() });
        let error = list(&tested, EraPolicy::Auto).unwrap_err();
        assert!(matches!(error.step, Step::Probe | Step::Connect), "{error}");
        up.set(true);
        list(&tested, EraPolicy::Auto).unwrap();
        assert_eq!(sent(&tested.0), ["server/discover", "server/discover", "tools/list"]);
    }
}

#[test]
fn a_refused_version_is_tried_again_once() {
    let refusing = |times: u32| {
        let count = Cell::new(0);
        move |body: &Value, request: &FetchRequest| {
            count.set(count.get() + 1);
            if count.get() > times {
                return modern(body, request);
            }
            refusal(400, body, -32022, json!({"supported": ["2025-11-25", "2026-07-28"], "requested": "2026-07-28"}))
        }
    };
    let tested = server(refusing(1));
    assert!(replied(call(&tested, EraPolicy::Modern)).result.is_some());
    let tested = server(refusing(2));
    assert_eq!(replied(call(&tested, EraPolicy::Modern)).status, 400);
    assert_eq!(sent(&tested.0).len(), 2);
    let tested = server(refusing(1));
    assert_eq!(list(&tested, EraPolicy::Auto).unwrap().verdict.era, Era::Modern);
    let tested = server(refusing(9));
    assert_eq!(list(&tested, EraPolicy::Auto).unwrap_err().kind, Kind::Protocol);
    assert_eq!(sent(&tested.0).len(), 2);
}

#[test]
fn a_handshake_that_can_not_be_used_says_why() {
    let chosen = |version: &'static str| {
        server(move |body, _| result(body, json!({"protocolVersion": version, "capabilities": {}})))
    };
    for version in ["2026-07-28", "2024-10-07", ""] {
        let error = list(&chosen(version), EraPolicy::Legacy).unwrap_err();
        assert_eq!((error.step, &error.kind), (Step::Initialize, &Kind::Protocol));
        assert!(error.to_string().contains("\"era\""), "{error}");
    }
    let tested = server(|_, _| typed(405, "text/plain", "Method Not Allowed"));
    let error = list(&tested, EraPolicy::Auto).unwrap_err();
    assert_eq!((error.step, &error.kind), (Step::Initialize, &Kind::Status(405)));
    assert_eq!(tested.0.fetch.sent().last().unwrap().method, http::Method::GET, "HTTP+SSE was tried");
    let tested = server(|body, _| refusal(200, body, -32603, Value::Null));
    let error = list(&tested, EraPolicy::Legacy).unwrap_err();
    assert_eq!(error.kind, Kind::Rejected { code: -32603, message: "no".into() });
}

#[test]
fn what_was_stored_saves_the_probe() {
    let tested = server(modern);
    replied(call_as(&tested, &endpoint(EraPolicy::Auto), Some(&known(Version::V2026_07_28)), "p"));
    assert_eq!(sent(&tested.0), ["tools/call"]);
    let tested = server(legacy(|_| panic!("probed")));
    replied(call_as(&tested, &endpoint(EraPolicy::Auto), Some(&known(Version::V2025_06_18)), "p"));
    assert_eq!(sent(&tested.0), [HANDSHAKE[0], HANDSHAKE[1], "tools/call"]);
    let tested = server(modern);
    replied(call_as(&tested, &endpoint(EraPolicy::Modern), Some(&known(Version::V2025_06_18)), "p"));
    assert_eq!(sent(&tested.0), ["tools/call"], "the operator's word counts more");
}

#[test]
fn a_server_that_changed_its_era_is_noticed() {
    let tested = server(legacy(|body| refusal(404, body, -32601, Value::Null)));
    let answer = call_as(&tested, &endpoint(EraPolicy::Auto), Some(&known(Version::V2026_07_28)), "p");
    assert!(replied(answer).result.is_some());
    assert_eq!(sent(&tested.0), ["tools/call", "server/discover", HANDSHAKE[0], HANDSHAKE[1], "tools/call"]);
    let tested = server(modern);
    let answer = call_as(&tested, &endpoint(EraPolicy::Auto), Some(&known(Version::V2025_11_25)), "p");
    assert!(replied(answer).result.is_some());
    assert_eq!(sent(&tested.0), ["initialize", "server/discover", "tools/call"]);
}

#[test]
fn a_server_that_became_modern_in_a_session_is_noticed() {
    let upgraded = Rc::new(Cell::new(false));
    let before = legacy(|body| refusal(404, body, -32601, Value::Null));
    let now = Rc::clone(&upgraded);
    let tested = server(move |body, request| match (now.get(), request.headers.get("mcp-method")) {
        (false, _) => before(body, request),
        (true, None) => refusal(400, body, -32022, json!({"supported": ["2026-07-28"]})),
        (true, Some(_)) => modern(body, request),
    });
    replied(call(&tested, EraPolicy::Auto));
    upgraded.set(true);
    assert!(replied(call(&tested, EraPolicy::Auto)).result.is_some());
    assert_eq!(sent(&tested.0)[4..], ["tools/call", "server/discover", "tools/call"]);
}

#[test]
fn an_ordinary_refusal_costs_no_extra_requests() {
    let tested = server(|body, request| match body["method"].as_str() {
        Some("tools/call") => refusal(400, body, -32602, Value::Null),
        _ => modern(body, request),
    });
    for _ in 0..3 {
        assert_eq!(replied(call(&tested, EraPolicy::Auto)).status, 400);
    }
    assert_eq!(sent(&tested.0), ["server/discover", "tools/call", "tools/call", "tools/call"]);
    let pinned = server(|body, _| refusal(400, body, -32602, Value::Null));
    assert_eq!(replied(call(&pinned, EraPolicy::Modern)).status, 400);
    assert_eq!(sent(&pinned.0), ["tools/call"]);
}

// Sessions

#[test]
fn each_principal_has_a_session_of_its_own() {
    let tested = server(legacy(|_| panic!("probed")));
    for partition in ["alice", "bob", "alice"] {
        replied(call_as(&tested, &endpoint(EraPolicy::Legacy), None, partition));
    }
    let sessions: Vec<_> =
        tested.0.fetch.sent().iter().filter_map(|r| r.headers.get("mcp-session-id").cloned()).collect();
    assert_eq!(sessions, ["s1", "s1", "s2", "s2", "s1"]);
}

#[test]
fn another_revision_of_the_record_begins_anew() {
    let tested = server(legacy(|_| panic!("probed")));
    replied(call(&tested, EraPolicy::Legacy));
    let changed = Endpoint { revision: Revision(4), ..endpoint(EraPolicy::Legacy) };
    replied(call_as(&tested, &changed, None, "p"));
    assert_eq!(sent(&tested.0).iter().filter(|method| *method == "initialize").count(), 2);
}

#[test]
fn a_lost_session_is_made_again_once() {
    // The third is how the reference server says it.
    let refusals: [fn(&Value) -> Fetched; 3] = [
        |_| typed(404, "text/plain", "gone"),
        |body| refusal(404, body, -32001, Value::Null),
        |body| {
            let error = json!({"code": -32000, "message": "Bad Request: No valid session ID provided"});
            Ok(json_response(400, json!({"jsonrpc": "2.0", "id": null, "error": error, "x": body}).to_string()))
        },
    ];
    for refused in refusals {
        let (lost, at) = (Rc::new(Cell::new("")), legacy(|_| panic!("probed")));
        let gone = Rc::clone(&lost);
        let tested = server(move |body, request| match request.headers.get("mcp-session-id") {
            Some(id) if id == gone.get() || gone.get() == "all" => match body["method"].as_str() {
                Some("notifications/initialized") => at(body, request),
                _ => refused(body),
            },
            _ => at(body, request),
        });
        replied(call(&tested, EraPolicy::Legacy));
        lost.set("s1");
        assert!(replied(call(&tested, EraPolicy::Legacy)).result.is_some());
        assert_eq!(sent(&tested.0)[3..], ["tools/call", HANDSHAKE[0], HANDSHAKE[1], "tools/call"]);
        lost.set("all");
        let last = call(&tested, EraPolicy::Legacy);
        assert!(Refusal::of(&last).is_some(), "{last:?}");
        assert_eq!(sent(&tested.0)[7..], ["tools/call", HANDSHAKE[0], HANDSHAKE[1], "tools/call"]);
    }
}

#[test]
fn what_is_asked_in_a_clients_session_has_no_id_that_a_client_uses() {
    let tested = server(legacy(|body| refusal(404, body, -32601, Value::Null)));
    let session = SessionRef { id: Some("s".to_owned()), version: "2025-11-25".to_owned(), post: None };
    let endpoint = endpoint(EraPolicy::Legacy);
    for _ in 0..2 {
        tested.0.run(tested.1.ask_within(&endpoint, &session, "tools/list", "{}")).unwrap();
    }
    let sent = tested.0.fetch.sent();
    let bodies = sent.iter().map(|sent| serde_json::from_slice::<Value>(&sent.body).unwrap());
    let ids: Vec<Value> = bodies.map(|body| body["id"].clone()).collect();
    assert!(ids.iter().all(|id| id.as_str().is_some_and(|id| id.len() > 20)) && ids[0] != ids[1], "{ids:?}");
}

#[test]
fn a_stream_of_a_lost_session_is_opened_in_a_new_one() {
    let alive = legacy(|body| refusal(404, body, -32601, Value::Null));
    let tested = {
        let platform = MemoryPlatform::new();
        platform.fetch.answer(move |request| match request.method {
            http::Method::GET if request.headers["mcp-session-id"] == "s1" => typed(404, "text/plain", ""),
            http::Method::GET => Ok(events(&[progress()])),
            _ => alive(&serde_json::from_slice(&request.body).unwrap(), &request),
        });
        let client = Client::new(Rc::clone(&platform), Limits::default());
        (platform, client)
    };
    let endpoint = endpoint(EraPolicy::Legacy);
    let caller = Caller { partition: "p", capabilities: None, client_info: None, session: None };
    let listening = tested.0.run(tested.1.stream(&endpoint, None, caller, Some("7"))).unwrap().unwrap();
    assert_eq!(listening.session.unwrap().id.as_deref(), Some("s2"));
}

#[test]
fn an_error_of_a_tool_that_speaks_of_sessions_is_no_lost_session() {
    let at = legacy(|_| panic!("probed"));
    let tested = server(move |body, request| match body["method"].as_str() {
        Some("tools/call") => {
            let error = json!({"code": -32000, "message": "no session for this user"});
            Ok(json_response(400, json!({"jsonrpc": "2.0", "id": body["id"], "error": error}).to_string()))
        }
        _ => at(body, request),
    });
    assert_eq!(replied(call(&tested, EraPolicy::Legacy)).status, 400);
    assert_eq!(sent(&tested.0), [HANDSHAKE[0], HANDSHAKE[1], "tools/call"]);
}

#[test]
fn a_server_that_got_sessions_is_noticed() {
    let (strict, at) = (Rc::new(Cell::new(false)), legacy(|_| panic!("probed")));
    let now = Rc::clone(&strict);
    let tested = server(move |body, request| {
        let mut response = match (now.get(), request.headers.contains_key("mcp-session-id")) {
            (false, false) if body["method"] == "tools/call" => result(body, json!({"content": []}))?,
            (true, false) if body["method"] == "tools/call" => typed(400, "text/plain", "Missing session ID")?,
            _ => at(body, request)?,
        };
        if !now.get() {
            response.headers.remove("mcp-session-id");
        }
        Ok(response)
    });
    replied(call(&tested, EraPolicy::Legacy));
    strict.set(true);
    tested.0.clock.advance(Duration::from_secs(120));
    assert!(replied(call(&tested, EraPolicy::Legacy)).result.is_some());
    assert_eq!(sent(&tested.0)[3..], ["tools/call", HANDSHAKE[0], HANDSHAKE[1], "tools/call"]);
}

#[test]
fn a_server_without_sessions_needs_one_handshake() {
    let tested = server(|body, _| match body["method"].as_str() {
        Some("initialize") => result(body, json!({"protocolVersion": "2025-03-26", "capabilities": {}})),
        Some("notifications/initialized") => typed(202, "", ""),
        _ => result(body, json!({"content": []})),
    });
    for partition in ["alice", "bob"] {
        replied(call_as(&tested, &endpoint(EraPolicy::Legacy), None, partition));
    }
    assert_eq!(sent(&tested.0), [HANDSHAKE[0], HANDSHAKE[1], "tools/call", "tools/call"]);
    assert!(tested.0.fetch.sent().iter().all(|request| !request.headers.contains_key("mcp-protocol-version")));
}

#[test]
fn first_calls_at_the_same_time_do_not_wait_for_each_other() {
    let tested = server(legacy(|_| panic!("probed")));
    let (endpoint, none) = (endpoint(EraPolicy::Legacy), HeaderMap::new());
    let caller = Caller { partition: "p", capabilities: None, client_info: None, session: None };
    let call = tool("{}", Era::Legacy, caller, &none);
    let both = join(tested.1.call(&endpoint, None, call), tested.1.call(&endpoint, None, call));
    let (one, two) = tested.0.run(both);
    assert!(replied(one).result.is_some() && replied(two).result.is_some());
}

#[test]
fn a_session_id_that_can_not_be_sent_is_refused() {
    let tested = server(|body, _| {
        let mut response = result(body, json!({"protocolVersion": "2025-11-25"}))?;
        response.headers.insert("mcp-session-id", HeaderValue::from_static("a b"));
        Ok(response)
    });
    assert_eq!(kind(call(&tested, EraPolicy::Legacy)), Kind::Protocol);
}

// Answers

#[test]
fn a_reply_is_passed_on_byte_for_byte() {
    let tested = server(|body, _| {
        let message = format!("{{\"result\": {{\"n\":1.50}} ,\n\"id\":{} ,\"x\":1,\"jsonrpc\":\"2.0\"}}", body["id"]);
        Ok(json_response(200, message))
    });
    let reply = replied(call(&tested, EraPolicy::Modern));
    assert_eq!(&reply.message[reply.result.unwrap()], br#"{"n":1.50}"#);
    assert_eq!(&reply.message[reply.id], b"1");
    assert!(reply.message.ends_with(b"\"x\":1,\"jsonrpc\":\"2.0\"}"));
}

#[test]
fn an_answer_in_one_part_is_not_copied() {
    let body = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let address = body.as_ptr();
    let tested = server(move |_, _| Ok(json_response(200, body.clone())));
    assert_eq!(replied(call(&tested, EraPolicy::Modern)).message.as_ptr(), address);
}

#[test]
fn an_answer_in_many_parts_is_joined() {
    let tested = server(|body, _| {
        let text = json!({"jsonrpc": "2.0", "id": body["id"], "result": {"text": "abc"}}).to_string();
        let parts: Vec<_> = text.bytes().map(|byte| Ok(Bytes::from(vec![byte]))).collect();
        Ok(FetchResponse { body: stream::iter(parts).boxed_local(), ..json_response(200, "") })
    });
    assert!(replied(call(&tested, EraPolicy::Modern)).result.is_some());
}

#[test]
fn an_error_is_an_answer_with_its_status() {
    for status in [200, 400, 404, 500] {
        let tested = server(move |body, _| refusal(status, body, -32602, json!({"a": 1})));
        let reply = replied(call(&tested, EraPolicy::Modern));
        assert_eq!(reply.status, status);
        assert!(reply.result.is_none());
        assert!(std::str::from_utf8(&reply.message[reply.error.unwrap()]).unwrap().contains("-32602"));
    }
}

#[test]
fn want_of_credentials_is_the_operators_concern_whatever_is_said_with_it() {
    for status in [401, 403] {
        let tested = server(move |body, _| refusal(status, body, -32001, json!({"a": 1})));
        assert_eq!(kind(call(&tested, EraPolicy::Modern)), Kind::Status(status));
    }
}

#[test]
fn an_error_without_id_is_about_the_only_request_there_is() {
    for id in [r#","id":null"#, ""] {
        let tested = server(move |_, _| {
            Ok(json_response(400, format!(r#"{{"jsonrpc":"2.0","error":{{"code":-1,"message":"m"}}{id}}}"#)))
        });
        let reply = replied(call(&tested, EraPolicy::Modern));
        assert_eq!(&reply.message[reply.id], b"null");
        assert_eq!(&reply.message[reply.error.unwrap()], br#"{"code":-1,"message":"m"}"#);
    }
}

#[test]
fn answers_that_are_none_are_named() {
    type Case = (fn(&Value) -> Fetched, Kind);
    let cases: [Case; 14] = [
        (|_| Ok(json_response(200, r#"{"jsonrpc":"2.0","id":999,"result":{}}"#)), Kind::Protocol),
        (|_| Ok(json_response(200, r#"{"jsonrpc":"2.0","id":"1","result":{}}"#)), Kind::Protocol),
        (|_| Ok(json_response(200, r#"{"jsonrpc":"2.0","method":"x"}"#)), Kind::Protocol),
        (|_| Ok(json_response(200, r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#)), Kind::Protocol),
        (|_| Ok(json_response(200, "")), Kind::Protocol),
        (|_| Ok(json_response(200, "{\"jsonrpc\"")), Kind::NotJson),
        (|_| Ok(json_response(200, vec![0xff, 0xfe])), Kind::NotJson),
        (|_| typed(200, "text/html", "<html>secret"), Kind::NotJson),
        (|_| typed(500, "text/html", "<html>secret"), Kind::Status(500)),
        (|_| typed(500, "application/json", "{\"secret\":1}"), Kind::Status(500)),
        (|_| typed(401, "application/json", ""), Kind::Status(401)),
        (|_| typed(304, "", ""), Kind::Status(304)),
        (
            |body| Ok(json_response(400, json!({"jsonrpc": "2.0", "id": 9, "error": {}, "x": body}).to_string())),
            Kind::Status(400),
        ),
        (
            |_| {
                Ok(json_response(
                    200,
                    format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}1{}}}", "[".repeat(500), "]".repeat(500)),
                ))
            },
            Kind::Protocol,
        ),
    ];
    for (number, (script, expected)) in cases.into_iter().enumerate() {
        let tested = server(move |body, _| script(body));
        let error = call(&tested, EraPolicy::Modern).unwrap_err();
        assert_eq!(error.kind, expected, "case {number}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().starts_with("server \"github\" failed at call: "), "{error}");
        assert_eq!(sent(&tested.0).len(), 1);
    }
}

#[test]
fn a_failed_exchange_is_made_again_only_if_nothing_was_sent() {
    for (failed, expected, step, retryable) in [
        (FetchErrorKind::Connect, Kind::Unreachable, Step::Connect, true),
        (FetchErrorKind::Resolve, Kind::Unreachable, Step::Connect, true),
        (FetchErrorKind::Tls, Kind::Unreachable, Step::Connect, true),
        (FetchErrorKind::Forbidden, Kind::Forbidden, Step::Connect, false),
        (FetchErrorKind::Broken, Kind::Closed, Step::Call, false),
    ] {
        let tested = server(move |_, _| failure(failed));
        let error = call(&tested, EraPolicy::Modern).unwrap_err();
        assert_eq!((&error.kind, error.step, error.retryable()), (&expected, step, retryable));
        assert_eq!(sent(&tested.0).len(), if retryable { 2 } else { 1 });
    }
}

#[test]
fn an_answer_that_breaks_off_is_closed() {
    let tested = server(|_, _| {
        let parts = vec![Ok(Bytes::from_static(b"{\"jsonrpc\"")), failure(FetchErrorKind::Broken)];
        Ok(FetchResponse { body: stream::iter(parts).boxed_local(), ..json_response(200, "") })
    });
    assert_eq!(kind(call(&tested, EraPolicy::Modern)), Kind::Closed);
}

#[test]
fn an_answer_that_is_too_long_is_not_read_to_its_end() {
    let limits = || Limits { upstream_body: 1_000, upstream_event: 500, ..Limits::default() };
    let announced = server_with(limits(), |_, _| {
        let mut response = json_response(200, "{}");
        response.headers.insert("content-length", HeaderValue::from_static("1001"));
        Ok(FetchResponse { body: stream::pending().boxed_local(), ..response })
    });
    assert_eq!(kind(call(&announced, EraPolicy::Modern)), Kind::TooLarge);
    let endless = || stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 100]))).boxed_local();
    let json = server_with(limits(), move |_, _| Ok(FetchResponse { body: endless(), ..json_response(200, "") }));
    assert_eq!(kind(call(&json, EraPolicy::Modern)), Kind::TooLarge);
    let one_line = server_with(limits(), move |_, _| Ok(FetchResponse { body: endless(), ..sse_response(vec![]) }));
    assert_eq!(kind(call(&one_line, EraPolicy::Modern)), Kind::TooLarge);
    let comments = || stream::repeat_with(|| Ok(Bytes::from_static(b":\n\n"))).boxed_local();
    let many = server_with(limits(), move |_, _| Ok(FetchResponse { body: comments(), ..sse_response(vec![]) }));
    assert_eq!(kind(call(&many, EraPolicy::Modern)), Kind::TooLarge);
}

// Streams

fn progress() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}})
}

fn response(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {}})
}

fn items(tested: &Tested, answer: Result<Answer, UpstreamError>) -> Vec<Result<Item, UpstreamError>> {
    match answer {
        Ok(Answer::Stream(stream)) => tested
            .0
            .run(stream.events.filter_map(|event| async { event.map(|event| event.item).transpose() }).collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_that_holds_only_the_reply_is_a_reply() {
    let tested = server(|body, _| {
        let mut pieces =
            vec![Ok(Bytes::from_static(b"id: 0\nretry: 3000\ndata: \n\n: comment\n\nevent: ping\ndata: x\n\n"))];
        pieces.push(Ok(format!("event: message\r\nid: 1\r\ndata: {}\r\n\r\n", response(&body["id"])).into()));
        Ok(sse_response(pieces))
    });
    assert!(replied(call(&tested, EraPolicy::Modern)).result.is_some());
}

#[test]
fn what_comes_before_the_reply_is_given_in_its_order() {
    let tested = server(|body, _| {
        let request = json!({"jsonrpc": "2.0", "id": 5, "method": "sampling/createMessage", "params": {}});
        Ok(events(&[request, progress(), progress(), response(&body["id"]), progress()]))
    });
    let answer = call(&tested, EraPolicy::Modern);
    let items = items(&tested, answer);
    assert!(
        matches!(
            &items[..],
            [Ok(Item::Request(_)), Ok(Item::Notification(_)), Ok(Item::Notification(_)), Ok(Item::Reply(_))]
        ),
        "{items:?}"
    );
}

#[test]
fn a_stream_without_reply_ends_with_one_error() {
    let cases: [(fn() -> FetchResponse, Kind); 5] = [
        (|| events(&[progress()]), Kind::Closed),
        (|| events(&[progress(), response(&json!(99)), response(&json!(1))]), Kind::Protocol),
        (|| sse_response(vec![Ok(format!("data: {}\n\ndata: {{oops\n\n", progress()).into())]), Kind::NotJson),
        (
            || sse_response(vec![Ok(format!("data: {}\n\n", progress()).into()), failure(FetchErrorKind::Broken)]),
            Kind::Closed,
        ),
        (
            || sse_response(vec![Ok(format!("data: {}\n\ndata: {}\n", progress(), response(&json!(1))).into())]),
            Kind::Closed,
        ),
    ];
    for (script, expected) in cases {
        let tested = server(move |_, _| Ok(script()));
        let answer = call(&tested, EraPolicy::Modern);
        let items = items(&tested, answer);
        assert_eq!(items.len(), 2, "{items:?}");
        assert_eq!(items[1].as_ref().unwrap_err().kind, expected);
    }
    let tested = server(|_, _| Ok(events(&[])));
    assert_eq!(kind(call(&tested, EraPolicy::Modern)), Kind::Closed);
}

/// A body that gives each piece after waiting for some seconds.
fn slow(clock: &toolgate_testkit::VirtualClock, pieces: Vec<(u64, Bytes)>, response: FetchResponse) -> FetchResponse {
    let clock = clock.clone();
    let body = stream::iter(pieces).then(move |(seconds, piece)| {
        let wait = clock.sleep(Duration::from_secs(seconds));
        async move {
            wait.await;
            Ok(piece)
        }
    });
    FetchResponse { body: body.boxed_local(), ..response }
}

fn slow_server(pieces: Vec<(u64, String)>, response: fn() -> FetchResponse) -> Tested {
    let platform = MemoryPlatform::new();
    let clock = platform.clock.clone();
    platform.fetch.answer(move |_| {
        let pieces = pieces.iter().map(|(seconds, piece)| (*seconds, piece.clone().into())).collect();
        Ok(slow(&clock, pieces, response()))
    });
    let client = Client::new(Rc::clone(&platform), Limits::default());
    (platform, client)
}

fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

#[test]
fn a_silent_stream_is_handed_on_after_a_while() {
    let tested = slow_server(vec![(30, event(&response(&json!(1))))], || sse_response(vec![]));
    let begun = tested.0.clock.ticks();
    let answer = call(&tested, EraPolicy::Modern);
    assert_eq!(tested.0.clock.ticks() - begun, 5_000_000);
    assert!(matches!(items(&tested, answer)[..], [Ok(Item::Reply(_))]));
    assert_eq!(tested.0.clock.ticks() - begun, 30_000_000);
}

#[test]
fn places_to_resume_from_are_not_collected() {
    let places: String = (0..10_000).map(|at| format!("id: {at}\ndata\n\n")).collect();
    let tested = slow_server(vec![(0, format!("retry: 7\ndata\n\n{places}")), (60, String::new())], || events(&[]));
    let Ok(Answer::Stream(stream)) = call(&tested, EraPolicy::Modern) else { panic!("it is known to be a stream") };
    let mut events = stream.events;
    let first = tested.0.run(events.next()).unwrap().unwrap();
    assert_eq!((first.id.as_deref(), first.retry), (Some("9999"), Some(7)));
    assert!(tested.0.run(events.next()).unwrap().is_err());
}

#[test]
fn silence_in_the_middle_is_bounded() {
    let idle = Limits::default().upstream_idle.as_secs();
    let tested =
        slow_server(vec![(1, event(&progress())), (idle + 1, event(&response(&json!(1))))], || sse_response(vec![]));
    let answer = call(&tested, EraPolicy::Modern);
    let last = items(&tested, answer).pop().unwrap().unwrap_err();
    assert_eq!((last.kind, last.step), (Kind::Timeout, Step::Call));
    let tested = slow_server(vec![(idle + 1, "{}".into())], || json_response(200, ""));
    assert_eq!(kind(call(&tested, EraPolicy::Modern)), Kind::Timeout);
}

#[test]
fn a_stream_that_goes_on_and_on_is_bounded() {
    let pieces = (0..100).map(|_| (61, event(&progress()))).collect();
    let tested = slow_server(pieces, || sse_response(vec![]));
    let begun = tested.0.clock.ticks();
    let answer = call(&tested, EraPolicy::Modern);
    let mut items = items(&tested, answer);
    assert_eq!(items.pop().unwrap().unwrap_err().kind, Kind::Timeout);
    assert_eq!(items.len(), 9);
    let total = Limits::default().upstream_total.as_micros();
    assert_eq!(u128::from(tested.0.clock.ticks() - begun), total);
}

#[test]
fn a_server_that_never_begins_is_given_up() {
    let platform = MemoryPlatform::new();
    platform.fetch.set(|_| Box::pin(std::future::pending()));
    let tested = (Rc::clone(&platform), Client::new(platform, Limits::default()));
    let begun = tested.0.clock.ticks();
    let error = call(&tested, EraPolicy::Modern).unwrap_err();
    assert_eq!((&error.kind, error.step, error.retryable()), (&Kind::Timeout, Step::Call, false));
    assert_eq!(tested.0.clock.ticks() - begun, 60_000_000);
    let error = call(&tested, EraPolicy::Auto).unwrap_err();
    assert_eq!((&error.kind, error.step, error.retryable()), (&Kind::Timeout, Step::Probe, true));
    assert_eq!(tested.0.clock.ticks() - begun, 70_000_000, "a probe has less time than a call");
    let error = list(&tested, EraPolicy::Legacy).unwrap_err();
    assert_eq!((&error.kind, error.step), (&Kind::Timeout, Step::Initialize));
}

#[test]
fn dropping_a_stream_ends_the_exchange() {
    let alive = Rc::new(());
    let held = Rc::clone(&alive);
    let tested = server(move |_, _| {
        let held = Rc::clone(&held);
        let first = stream::iter([Ok(Bytes::from(event(&progress())))]);
        let body = first.chain(stream::pending()).map(move |chunk| (Rc::clone(&held), chunk).1);
        Ok(FetchResponse { body: body.boxed_local(), ..sse_response(vec![]) })
    });
    let answer = call(&tested, EraPolicy::Modern).unwrap();
    assert!(matches!(answer, Answer::Stream(_)));
    assert_eq!(Rc::strong_count(&alive), 3);
    drop(answer);
    assert_eq!(Rc::strong_count(&alive), 2);
}

// Addresses and redirects

#[test]
fn a_forbidden_address_is_not_connected_to() {
    let tested = server(modern);
    for uri in ["https://127.0.0.1/mcp", "http://mcp.example.com/mcp", "https://localhost/mcp", "https://0x7f.1/mcp"] {
        let endpoint = Endpoint { uri: Uri::from_static(uri), ..endpoint(EraPolicy::Modern) };
        let error = call_as(&tested, &endpoint, None, "p").unwrap_err();
        assert_eq!((error.kind, error.step), (Kind::Forbidden, Step::Connect), "{uri}");
    }
    assert!(tested.0.fetch.sent().is_empty());
}

fn redirecting(status: u16, times: usize, location: &'static str) -> Tested {
    let count = Cell::new(0);
    server(move |body, request| {
        count.set(count.get() + 1);
        if count.get() > times {
            return modern(body, request);
        }
        let mut response = json_response(status, "");
        response.headers.insert(LOCATION, HeaderValue::from_static(location));
        Ok(response)
    })
}

#[test]
fn a_redirect_within_the_origin_is_followed_twice() {
    for times in [1, 2] {
        let tested = redirecting(307, times, "/elsewhere");
        assert!(replied(call(&tested, EraPolicy::Modern)).result.is_some());
        let requests = tested.0.fetch.sent();
        assert_eq!(requests.len(), times + 1);
        assert_eq!(requests[times].uri, "https://mcp.example.com/elsewhere");
        assert_eq!(requests[times].headers, requests[0].headers);
        assert_eq!(requests[times].body, requests[0].body);
    }
    let tested = redirecting(307, 3, "/elsewhere");
    assert_eq!(kind(call(&tested, EraPolicy::Modern)), Kind::Redirect);
    assert_eq!(tested.0.fetch.sent().len(), 3);
}

#[test]
fn a_redirect_out_of_the_origin_is_not_followed() {
    for (status, location) in
        [(307, "https://evil.example/?secret"), (308, "http://169.254.169.254/"), (302, "/elsewhere")]
    {
        let tested = redirecting(status, 1, location);
        let error = call(&tested, EraPolicy::Auto).unwrap_err();
        assert_eq!(error.kind, Kind::Redirect);
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(tested.0.fetch.sent().len(), 1);
    }
}

// Lists

fn paged(limits: Limits, page: impl Fn(usize) -> Value + 'static) -> Tested {
    server_with(limits, move |body, _| {
        let number = body["params"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap_or(1));
        result(body, page(number))
    })
}

#[test]
fn pages_are_put_together() {
    let tested = paged(Limits::default(), |number| match number {
        0 => json!({"tools": [{"name": "a"}, {"name": "b"}], "nextCursor": "", "ttlMs": 9000}),
        1 => json!({"tools": [], "nextCursor": "2"}),
        _ => {
            json!({"tools": [{"name": "c"}], "ttlMs": 500, "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s"}}})
        }
    });
    let tools = list(&tested, EraPolicy::Modern).unwrap();
    assert_eq!(tools.items, [r#"{"name":"a"}"#, r#"{"name":"b"}"#, r#"{"name":"c"}"#]);
    assert_eq!(tools.ttl_ms, Some(500));
    assert_eq!(tools.verdict.server_info.as_deref(), Some(r#"{"name":"s"}"#));
}

#[test]
fn a_tool_is_kept_byte_for_byte() {
    const TOOL: &str = "{ \"b\":1.0e1,\n \"name\":\"\\u0061\", \"a\":[ ] }";
    let tested = server(|body, _| {
        Ok(json_response(
            200,
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"tools\":[ {TOOL} ,{{}}]}}}}", body["id"]),
        ))
    });
    assert_eq!(list(&tested, EraPolicy::Modern).unwrap().items, [TOOL, "{}"]);
}

#[test]
fn a_list_that_never_ends_is_an_error() {
    let limits = || Limits { catalogue_pages: 5, catalogue_tools: 10, upstream_body: 2_000, ..Limits::default() };
    let same = paged(limits(), |_| json!({"tools": [], "nextCursor": "1"}));
    assert_eq!(list(&same, EraPolicy::Modern).unwrap_err().kind, Kind::Protocol);
    assert_eq!(sent(&same.0).len(), 2);
    let pages = paged(limits(), |number| json!({"tools": [], "nextCursor": (number + 2).to_string()}));
    assert_eq!(list(&pages, EraPolicy::Modern).unwrap_err().kind, Kind::TooLarge);
    assert_eq!(sent(&pages.0).len(), 5);
    let tools = paged(limits(), |_| json!({"tools": vec![json!({}); 11]}));
    assert_eq!(list(&tools, EraPolicy::Modern).unwrap_err().kind, Kind::TooLarge);
    let bytes =
        paged(limits(), |number| json!({"tools": [{"d": "x".repeat(900)}], "nextCursor": (number + 2).to_string()}));
    assert_eq!(list(&bytes, EraPolicy::Modern).unwrap_err().kind, Kind::TooLarge);
    assert_eq!(sent(&bytes.0).len(), 3);
}

#[test]
fn as_many_pages_as_allowed_are_read() {
    let tested = paged(Limits { catalogue_pages: 3, ..Limits::default() }, |number| match number {
        0 => json!({"tools": [], "nextCursor": "1"}),
        1 => json!({"tools": [], "nextCursor": "2"}),
        _ => json!({"tools": [{}]}),
    });
    assert_eq!(list(&tested, EraPolicy::Modern).unwrap().items.len(), 1);
}

#[test]
fn a_list_that_is_none_is_an_error() {
    for bad in
        [json!({}), json!([]), json!({"tools": {}}), json!({"tools": ["a"]}), json!({"tools": [], "nextCursor": 1})]
    {
        let tested = paged(Limits::default(), move |_| bad.clone());
        let error = list(&tested, EraPolicy::Modern).unwrap_err();
        assert_eq!((error.step, error.kind), (Step::List, Kind::Protocol));
    }
    let tested = server(|body, _| refusal(404, body, -32601, Value::Null));
    let error = list(&tested, EraPolicy::Modern).unwrap_err();
    assert_eq!(error.kind, Kind::Rejected { code: -32601, message: "no".into() });
}

#[test]
fn all_pages_together_have_limited_time() {
    let platform = MemoryPlatform::new();
    let clock = platform.clock.clone();
    platform.fetch.answer(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let page = json!({"tools": [], "nextCursor": body["id"].to_string()});
        let message = json!({"jsonrpc": "2.0", "id": body["id"], "result": page}).to_string();
        Ok(slow(&clock, vec![(4, message.into())], json_response(200, "")))
    });
    let tested = (Rc::clone(&platform), Client::new(platform, Limits::default()));
    let begun = tested.0.clock.ticks();
    assert_eq!(list(&tested, EraPolicy::Modern).unwrap_err().kind, Kind::Timeout);
    assert_eq!(tested.0.clock.ticks() - begun, 10_000_000);
}

#[test]
fn a_verdict_reads_back_as_it_was_stored() {
    let tools = list(&server(modern), EraPolicy::Auto).unwrap();
    let stored = serde_json::to_string(&tools.verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&stored).unwrap(), tools.verdict);
    assert!(serde_json::from_str::<Verdict>(r#"{"version":"2099-01-01"}"#).is_err());
}

#[test]
fn nothing_secret_is_shown_in_debug() {
    let shown = format!("{:?}", endpoint(EraPolicy::Auto));
    assert!(!shown.contains("secret"), "{shown}");
}

/// A server of 2024-11-05: what is posted is answered on the stream.
fn first_transport(answer: impl Fn(&Value) -> Option<Value> + 'static) -> Tested {
    let replies: Rc<RefCell<Vec<Value>>> = Rc::default();
    let answer = Rc::new(answer);
    server(move |body, request| {
        if request.method == http::Method::GET {
            replies.borrow_mut().clear();
            let said = Rc::clone(&replies);
            let named = stream::iter([Ok("event: endpoint\ndata: /messages?session_id=1\n\n".into())]);
            let told = stream::unfold(0, move |next| {
                let said = said.borrow().get(next).map(|message| Ok(format!("data: {message}\n\n").into()));
                async move { said.map(|said| (said, next + 1)) }
            });
            let mut response = sse_response(vec![]);
            response.body = named.chain(told).boxed_local();
            return Ok(response);
        }
        if request.uri.path() != "/messages" {
            return typed(405, "text/plain", "");
        }
        let reply = match body["method"].as_str() {
            Some("initialize") => Some(json!({"jsonrpc": "2.0", "id": body["id"], "result":
                {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {"name": "old", "version": "1"}}})),
            _ => answer(body),
        };
        replies.borrow_mut().extend(reply);
        typed(202, "text/plain", "")
    })
}

#[test]
fn a_server_of_the_first_transport_is_found_and_asked() {
    let tested = first_transport(|body| {
        body.get("id").map(|id| json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [{"name": "a"}]}}))
    });
    let found = list(&tested, EraPolicy::Auto).unwrap();
    assert_eq!((found.items.len(), found.verdict.transport), (1, Transport::HttpSse));
    let stored = serde_json::to_string(&found.verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&stored).unwrap(), found.verdict);
}

#[test]
fn a_stream_of_a_legacy_server_is_taken_up_where_it_broke() {
    let tested = server(|body, request| {
        if request.method == http::Method::GET {
            assert_eq!(request.headers["last-event-id"], "e1");
            let id = 2;
            return Ok(sse_response(vec![Ok(format!("id: e2\ndata: {}\n\n", response(&json!(id))).into())]));
        }
        match body["method"].as_str().unwrap_or_default() {
            "initialize" => {
                let mut answer = result(body, json!({"protocolVersion": "2025-11-25", "capabilities": {}}))?;
                answer.headers.insert("mcp-session-id", HeaderValue::from_static("s"));
                Ok(answer)
            }
            "tools/call" => {
                assert_eq!(body["id"], 2);
                Ok(sse_response(vec![Ok("id: e1\nretry: 5\ndata:\n\n".into())]))
            }
            _ => typed(202, "text/plain", ""),
        }
    });
    let answer = call(&tested, EraPolicy::Legacy);
    assert!(replied(answer).result.is_some());
}
