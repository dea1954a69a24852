//! Every rung of the ladder.

use super::*;

const BOUNDS: Bounds = Bounds { depth: 16, batch: 3 };
const META: &str =
    r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// Headers as (version, method, name).
fn headers<'a>(version: Option<&'a str>, method: Option<&'a str>, name: Option<&'a str>) -> Headers<'a> {
    Headers { protocol_version: version, method, name, session: None }
}

fn modern_headers<'a>(method: &'a str, name: Option<&'a str>) -> Headers<'a> {
    headers(Some("2026-07-28"), Some(method), name)
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"r1","method":"{method}","params":{params}}}"#)
}

/// A request with modern `_meta` and other params, each with a comma behind it.
fn modern(method: &str, params: &str) -> String {
    request(method, &format!(r#"{{{params}"_meta":{META}}}"#))
}

fn go(headers: &Headers<'_>, body: &str) -> Result<String, (u16, i64, String)> {
    let classified = classify(headers, body.as_bytes(), BOUNDS);
    classified.map(|classified| summary(&classified)).map_err(|refusal| {
        let expected = body.contains(r#""id":"r1""#).then_some(r#""r1""#);
        assert_eq!(refusal.id.as_deref(), expected, "{body}");
        (refusal.status.as_u16(), refusal.code, refusal.message)
    })
}

fn summary(classified: &Classified<'_>) -> String {
    match classified {
        Classified::Modern(request) => format!("modern {}", request.method.as_str()),
        Classified::Initialize(initialize) => format!("initialize {}", initialize.answered),
        Classified::Legacy { version, message } => format!("legacy {version} {}", message.method().unwrap()),
        Classified::Notification(_) | Classified::Response(_) => "accepted".to_owned(),
        Classified::Batch(entries) => format!("batch {}", entries.len()),
    }
}

fn passes(headers: &Headers<'_>, body: &str, expected: &str) {
    assert_eq!(go(headers, body).as_deref(), Ok(expected), "{body}");
}

fn refused(headers: &Headers<'_>, body: &str, status: u16, code: i64, says: &str) {
    let refusal = go(headers, body).unwrap_err();
    assert_eq!((refusal.0, refusal.1), (status, code), "{refusal:?}");
    assert!(refusal.2.contains(says), "{:?} does not say {says:?}", refusal.2);
}

#[test]
fn what_is_not_json_is_a_parse_error() {
    let none = Headers::default();
    refused(&none, "{'a':1}", 400, code::PARSE_ERROR, "not JSON (at byte 1)");
    refused(&none, "", 400, code::PARSE_ERROR, "not JSON");
    refused(&none, "[1", 400, code::PARSE_ERROR, "not JSON");
    let body = classify(&none, b"{", BOUNDS).unwrap_err().body();
    assert!(body.starts_with(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"#), "{body}");
    let not_utf8 = classify(&none, b"\"\xff\"", BOUNDS).unwrap_err();
    assert_eq!((not_utf8.code, &*not_utf8.message), (code::PARSE_ERROR, "Parse error: the body is not UTF-8"));
}

#[test]
fn what_is_too_deep_is_a_parse_error_that_says_the_limit() {
    let deep = "[".repeat(10_000);
    refused(&Headers::default(), &format!(r#"{{"a":{deep}"#), 400, code::PARSE_ERROR, "16 levels");
    refused(&Headers::default(), &format!("{deep}[]"), 400, code::PARSE_ERROR, "16 levels");
    refused(&headers(Some("2025-11-25"), None, None), &deep, 400, code::PARSE_ERROR, "16 levels");
}

#[test]
fn what_is_no_message_is_an_invalid_request() {
    let none = Headers::default();
    refused(&none, "7", 400, code::INVALID_REQUEST, "it must be an object");
    refused(&none, r#"{"jsonrpc":"2.0","id":"r1"}"#, 400, code::INVALID_REQUEST, "there is no \"method\"");
    refused(&none, r#"{"id":"r1","method":"ping"}"#, 400, code::INVALID_REQUEST, "\"jsonrpc\" is missing");
    refused(&none, &request("ping", "[]"), 400, code::INVALID_REQUEST, "\"params\" must be an object");
}

#[test]
fn a_batch_is_for_the_revision_that_knows_it() {
    let body = r#"[{"jsonrpc":"2.0","method":"a"},{}]"#;
    passes(&Headers::default(), body, "batch 2");
    passes(&headers(Some("2025-03-26"), None, None), body, "batch 2");
    for version in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "2099-01-01", ""] {
        let headers = headers(Some(version), None, None);
        refused(&headers, body, 400, code::INVALID_REQUEST, "only revision 2025-03-26 knows batches");
    }
    refused(&Headers::default(), "[]", 400, code::INVALID_REQUEST, "an empty batch");
    refused(&Headers::default(), "[1,2,3,4]", 400, code::INVALID_REQUEST, "more than 3 messages");
}

#[test]
fn an_entry_of_a_batch_is_classified_as_if_it_had_come_alone() {
    let entry = |text: &str| {
        let classified = classify_entry(text.as_bytes(), BOUNDS);
        classified.map(|classified| summary(&classified)).map_err(|refusal| refusal.code)
    };
    assert_eq!(entry(&request("tools/list", "{}")).as_deref(), Ok("legacy 2025-03-26 tools/list"));
    assert_eq!(entry(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).as_deref(), Ok("accepted"));
    assert_eq!(entry("[]"), Err(code::INVALID_REQUEST));
    assert_eq!(entry(&modern("tools/list", "")), Err(code::HEADER_MISMATCH));
    assert_eq!(entry(&request("tools/call", r#"{"name":"a","name":"b"}"#)), Err(code::INVALID_PARAMS));
}

#[test]
fn a_modern_request_passes() {
    passes(&modern_headers("tools/list", None), &modern("tools/list", ""), "modern tools/list");
    passes(&headers(Some(" 2026-07-28\t"), Some(" tools/list "), None), &modern("tools/list", ""), "modern tools/list");
    let junk = Headers { session: Some("junk"), ..modern_headers("tools/list", None) };
    passes(&junk, &modern("tools/list", ""), "modern tools/list");
}

#[test]
fn a_modern_request_is_handed_on_with_all_it_says() {
    let body = modern("tools/call", r#" "arguments":{"name":"inner"}, "name":"s__\u0074", "#);
    let headers = modern_headers("tools/call", Some("s__t"));
    let Classified::Modern(request) = classify(&headers, body.as_bytes(), BOUNDS).unwrap() else { panic!("{body}") };
    assert_eq!(request.version, Version::V2026_07_28);
    assert_eq!(request.meta.client_capabilities, Some("{}"));
    assert_eq!(request.message.id(), Some(r#""r1""#));
    let target = request.target.unwrap();
    assert_eq!(target.name, "s__t");
    assert_eq!(&body[target.span.clone()], r#""s__\u0074""#);
    assert_eq!(Target::of(&request.message, "name"), Some(target));
    assert_eq!(Target::of(&request.message, "arguments"), None);
}

#[test]
fn every_modern_method_is_known_and_named_by_its_member() {
    for method in ModernMethod::ALL {
        let name = method.as_str();
        assert_eq!(ModernMethod::parse(name), Some(method));
        let (params, header) = match method.names() {
            Some(member) => (format!(r#""{member}":"x","#), Some("x")),
            None => (String::new(), None),
        };
        passes(&modern_headers(name, header), &modern(name, &params), &format!("modern {name}"));
        if header.is_some() {
            let missing = modern_headers(name, None);
            refused(&missing, &modern(name, &params), 400, code::HEADER_MISMATCH, "Mcp-Name header is missing");
        }
    }
}

#[test]
fn first_rung_the_meta_must_be_complete() {
    let headers = modern_headers("tools/list", None);
    for (params, says) in [
        ("{}", "protocolVersion and io.modelcontextprotocol/clientCapabilities"),
        (r#"{"_meta":{}}"#, "lacks io.modelcontextprotocol/protocolVersion and"),
        (
            r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#,
            "lacks io.modelcontextprotocol/clientCapabilities",
        ),
        (
            r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}"#,
            "lacks io.modelcontextprotocol/protocolVersion",
        ),
        (r#"{"_meta":7}"#, "params._meta must be an object"),
        (r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":7}}"#, "protocolVersion must be a string"),
        (r#"{"_meta":{},"_meta":{}}"#, "params._meta is there twice"),
    ] {
        refused(&headers, &request("tools/list", params), 400, code::INVALID_PARAMS, says);
    }
    let bare = r#"{"jsonrpc":"2.0","id":"r1","method":"tools/list"}"#;
    refused(&headers, bare, 400, code::INVALID_PARAMS, "params._meta lacks");
    // A version in `_meta` makes a request modern, whatever the header says.
    let typeless = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":7}}"#;
    refused(&Headers::default(), &request("tools/list", typeless), 400, code::INVALID_PARAMS, "must be a string");
    // An unknown version in the header makes it modern too: the missing meta comes first.
    for version in ["2099-01-01", "1", "", "2025-11-25, 2025-11-25", "2024-10-07"] {
        let unknown = self::headers(Some(version), None, None);
        refused(&unknown, &request("tools/list", "{}"), 400, code::INVALID_PARAMS, "params._meta lacks");
        refused(&unknown, &request("initialize", "{}"), 400, code::INVALID_PARAMS, "params._meta lacks");
    }
}

#[test]
fn second_rung_header_and_meta_name_one_version() {
    let body = modern("tools/list", "");
    refused(&Headers::default(), &body, 400, code::HEADER_MISMATCH, "MCP-Protocol-Version header is missing");
    for version in ["2025-11-25", "2099-01-01"] {
        let headers = headers(Some(version), Some("tools/list"), None);
        let says = format!("header says \"{version}\" and params._meta says \"2026-07-28\"");
        refused(&headers, &body, 400, code::HEADER_MISMATCH, &says);
    }
}

#[test]
fn third_rung_the_version_is_spoken_here() {
    for version in ["2099-01-01", "2025-11-25"] {
        let body = modern("tools/list", "").replace("2026-07-28", version);
        let headers = headers(Some(version), Some("tools/list"), None);
        refused(&headers, &body, 400, code::UNSUPPORTED_PROTOCOL_VERSION, "supported: 2026-07-28");
        let refusal = classify(&headers, body.as_bytes(), BOUNDS).unwrap_err();
        let data = format!(r#"{{"supported":["2026-07-28"],"requested":"{version}"}}"#);
        assert_eq!(refusal.data.as_deref(), Some(&*data));
        assert!(refusal.body().ends_with(&format!(r#","data":{data}}}}}"#)), "{}", refusal.body());
    }
}

#[test]
fn fourth_rung_the_method_header_names_the_method() {
    let body = modern("tools/list", "");
    let missing = headers(Some("2026-07-28"), None, None);
    refused(&missing, &body, 400, code::HEADER_MISMATCH, "Mcp-Method header is missing; expected \"tools/list\"");
    for other in ["tools/call", "Tools/list", "", "\"tools/list\""] {
        refused(&modern_headers(other, None), &body, 400, code::HEADER_MISMATCH, "and the body says \"tools/list\"");
    }
    refused(&modern_headers("x", None), &modern("ping", ""), 400, code::HEADER_MISMATCH, "the Mcp-Method header says");
}

#[test]
fn fifth_rung_the_name_header_names_what_the_body_names() {
    let body = modern("tools/call", r#""name":"café","#);
    let with = |name| modern_headers("tools/call", name);
    passes(&with(Some("=?base64?Y2Fmw6k=?=")), &body, "modern tools/call");
    refused(&with(None), &body, 400, code::HEADER_MISMATCH, "Mcp-Name header is missing; expected \"café\"");
    refused(&with(Some("cafe")), &body, 400, code::HEADER_MISMATCH, "says \"cafe\" and params.name says \"café\"");
    refused(&with(Some("=?base64?!?=")), &body, 400, code::HEADER_MISMATCH, "malformed");
    refused(&with(Some("CAFÉ")), &body, 400, code::HEADER_MISMATCH, "malformed");
    for params in ["", r#""name":7,"#, r#""name":null,"#, r#""name":"\ud800","#] {
        let body = modern("tools/call", params);
        refused(&with(Some("a")), &body, 400, code::INVALID_PARAMS, "params.name must be a string");
    }
    let uri = modern("resources/read", r#""uri":"file:///a b","#);
    passes(&modern_headers("resources/read", Some("file:///a b")), &uri, "modern resources/read");
    refused(&modern_headers("resources/read", Some("file:///b")), &uri, 400, code::HEADER_MISMATCH, "params.uri says");
    let task = modern("tasks/get", r#""taskId":"t1","#);
    refused(&modern_headers("tasks/get", Some("t2")), &task, 400, code::HEADER_MISMATCH, "params.taskId says \"t1\"");
}

#[test]
fn sixth_rung_an_unknown_method_is_not_found() {
    for method in
        ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list", "tasks/result", "", "x"]
    {
        let says = format!("Method not found: {method:?}");
        refused(&modern_headers(method, None), &modern(method, ""), 404, code::METHOD_NOT_FOUND, &says);
    }
}

#[test]
fn the_rungs_are_taken_in_order() {
    // Everything is wrong at once; each fault that is mended uncovers the next.
    let worst = headers(Some("2099-01-01"), Some("a"), None);
    refused(&worst, &request("b", "{}"), 400, code::INVALID_PARAMS, "lacks");
    refused(&worst, &modern("b", ""), 400, code::HEADER_MISMATCH, "MCP-Protocol-Version");
    let body = modern("b", "").replace("2026-07-28", "2099-01-01");
    refused(&worst, &body, 400, code::UNSUPPORTED_PROTOCOL_VERSION, "2099-01-01");
    refused(&modern_headers("a", None), &modern("b", ""), 400, code::HEADER_MISMATCH, "Mcp-Method");
    refused(&modern_headers("b", None), &modern("b", ""), 404, code::METHOD_NOT_FOUND, "\"b\"");
}

#[test]
fn what_needs_no_answer_is_accepted_in_both_eras() {
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    for headers in [
        Headers::default(),
        headers(Some("2025-06-18"), None, None),
        modern_headers("notifications/cancelled", None),
        headers(Some("2026-07-28"), None, None),
    ] {
        passes(&headers, notification, "accepted");
        passes(&headers, response, "accepted");
        passes(&headers, r#"{"jsonrpc":"2.0","method":"initialize"}"#, "accepted");
    }
    let with_meta = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"_meta":{META}}}}}"#);
    passes(&modern_headers("notifications/x", None), &with_meta, "accepted");
}

#[test]
fn initialize_answers_the_version_asked_for_if_it_has_a_handshake() {
    for (asked, answered) in [
        ("\"2024-11-05\"", "2024-11-05"),
        ("\"2025-03-26\"", "2025-03-26"),
        ("\"2025-06-18\"", "2025-06-18"),
        ("\"2025-11-25\"", "2025-11-25"),
        ("\"2026-07-28\"", "2025-11-25"),
        ("\"2099-01-01\"", "2025-11-25"),
        ("7", "2025-11-25"),
    ] {
        let body = request("initialize", &format!(r#"{{"protocolVersion":{asked}}}"#));
        for version in [None, Some("2025-11-25"), Some("2024-11-05")] {
            passes(&headers(version, None, None), &body, &format!("initialize {answered}"));
        }
    }
    passes(&Headers::default(), &request("initialize", "{}"), "initialize 2025-11-25");
}

#[test]
fn initialize_is_handed_on_with_all_it_says() {
    let params =
        r#"{"protocolVersion":"2026-07-28","capabilities":{ "roots":{} },"clientInfo":{"name":"c"},"_meta":[]}"#;
    let body = request("initialize", params);
    let classified = classify(&Headers::default(), body.as_bytes(), BOUNDS).unwrap();
    let Classified::Initialize(initialize) = classified else { panic!("{body}") };
    assert_eq!(initialize.requested.as_deref(), Some("2026-07-28"));
    assert_eq!(initialize.answered, LATEST_LEGACY);
    assert_eq!(initialize.capabilities, Some(r#"{ "roots":{} }"#));
    assert_eq!(initialize.client_info, Some(r#"{"name":"c"}"#));
    assert_eq!(initialize.message.params(), Some(params));
}

#[test]
fn everything_else_is_legacy_session_or_not() {
    let body = request("tools/list", "{}");
    passes(&Headers::default(), &body, "legacy 2025-03-26 tools/list");
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        passes(&headers(Some(version), None, None), &body, &format!("legacy {version} tools/list"));
    }
    let session = Headers { session: Some("s"), ..headers(Some("2025-11-25"), None, None) };
    passes(&session, &body, "legacy 2025-11-25 tools/list");
    // Whether a legacy method exists is not decided here, nor what its `_meta` may hold.
    passes(&Headers::default(), &request("x/y", r#"{"_meta":7}"#), "legacy 2025-03-26 x/y");
    passes(&Headers::default(), &request("ping", r#"{"_meta":{"progressToken":{}}}"#), "legacy 2025-03-26 ping");
}

#[test]
fn what_decides_must_not_be_there_twice_in_any_era() {
    for member in ["name", "uri", "taskId", "_meta", "n\\u0061me", "arguments", "ref", "requestState", "inputResponses"]
    {
        let twice = format!(r#""{member}":"a","{member}":"b""#);
        let says = "is there twice";
        let legacy = request("tools/call", &format!("{{{twice}}}"));
        refused(&Headers::default(), &legacy, 400, code::INVALID_PARAMS, says);
        let body = modern("tools/call", &format!("{twice},"));
        refused(&modern_headers("tools/call", Some("a")), &body, 400, code::INVALID_PARAMS, says);
    }
}

#[test]
fn what_is_completed_must_not_be_named_twice() {
    for member in ["type", "name", "uri", "\\u0075ri"] {
        let body = request("completion/complete", &format!(r#"{{"ref":{{"{member}":"a","x":1,"{member}":"b"}}}}"#));
        refused(&Headers::default(), &body, 400, code::INVALID_PARAMS, "params.ref.");
    }
    let body = request("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"a","x":1,"x":2},"y":1,"y":2}"#);
    passes(&Headers::default(), &body, "legacy 2025-03-26 completion/complete");
}

#[test]
fn values_from_outside_are_cut_short() {
    let long = "ü".repeat(1000);
    let body = modern(&long, "");
    let refusal = classify(&modern_headers("x", None), body.as_bytes(), BOUNDS).unwrap_err();
    assert!(refusal.message.len() < 300 && refusal.message.contains("üü\"…"), "{}", refusal.message);
    let body = modern("tools/list", "").replace("2026-07-28", &long);
    let refusal = classify(&headers(Some(&long), None, None), body.as_bytes(), BOUNDS).unwrap_err();
    assert_eq!(refusal.code, code::UNSUPPORTED_PROTOCOL_VERSION);
    assert!(refusal.body().len() < 500, "{}", refusal.body());
}

#[test]
fn a_session_is_not_printed() {
    let headers = Headers { session: Some("secret"), ..modern_headers("tools/list", None) };
    assert!(!format!("{headers:?}").contains("secret"));
}
