use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate_wire::LATEST_MODERN;

use super::*;
use crate::Caller;

fn composed(params: &str, from: Era, version: Version, capabilities: Option<&str>) -> String {
    let none = HeaderMap::new();
    let caller = Caller { partition: "p", capabilities, client_info: None, session: None };
    let body = call(&Id::Own(7), &crate::client::tests::tool(params, from, caller, &none), version);
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&value["jsonrpc"], &value["id"], &value["method"]), (&json!("2.0"), &json!(7), &json!("tools/call")));
    splice::value(&body, "params").unwrap().to_owned()
}

const SENT: &str = r#"{"name":"t","_meta":{"progressToken":1e0,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"x":1},"io.modelcontextprotocol/clientInfo":{"name":"c"},"io.modelcontextprotocol/logLevel":"info","traceparent":"00"},"arguments":{"n":1.50,"_meta":{}}}"#;

#[test]
fn a_modern_client_speaks_for_itself_to_a_modern_server() {
    let params = composed(SENT, Era::Modern, LATEST_MODERN, None);
    let value: Value = serde_json::from_str(&params).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(SENT).unwrap());
    assert!(params.contains("\"n\":1.50") && params.contains("\"progressToken\":1e0"), "numbers keep their spelling");
}

#[test]
fn a_legacy_client_is_spoken_for() {
    let sent =
        r#"{"name":"t","_meta":{"progressToken":"x","io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}}"#;
    let params = composed(sent, Era::Legacy, LATEST_MODERN, Some(r#"{"roots":{}}"#));
    let value: Value = serde_json::from_str(&params).unwrap();
    assert_eq!(
        value["_meta"],
        json!({
            "progressToken": "x",
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"roots": {}},
            "io.modelcontextprotocol/clientInfo": serde_json::from_str::<Value>(CLIENT_INFO).unwrap(),
        })
    );
}

#[test]
fn what_a_modern_client_left_to_the_caller_is_filled_in() {
    let params = composed(r#"{"name":"t"}"#, Era::Modern, LATEST_MODERN, Some(r#"{"roots":{}}"#));
    let value: Value = serde_json::from_str(&params).unwrap();
    assert_eq!(value["_meta"][meta::CLIENT_CAPABILITIES], json!({"roots": {}}));
}

#[test]
fn a_legacy_server_sees_no_reserved_keys() {
    let params = composed(SENT, Era::Modern, Version::V2025_11_25, None);
    let value: Value = serde_json::from_str(&params).unwrap();
    assert_eq!(value["_meta"], json!({"progressToken": 1.0, "traceparent": "00"}));
    assert_eq!(value["arguments"], json!({"n": 1.5, "_meta": {}}));
    let only_reserved = r#"{"_meta":{"io.modelcontextprotocol/logLevel":"info"},"name":"t"}"#;
    assert_eq!(composed(only_reserved, Era::Modern, Version::V2025_11_25, None), r#"{"name":"t"}"#);
}

#[test]
fn there_is_one_meta_whatever_the_client_sent() {
    let sent = r#"{"_meta":{"a":1},"name":"t","\u005fmeta":{"b":2}}"#;
    let params = composed(sent, Era::Legacy, LATEST_MODERN, None);
    assert_eq!(splice::members(&params).filter(|member| member.name == "_meta").count(), 1);
    let twice = r#"{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"a"},"io.modelcontextprotocol\/clientInfo":{"name":"b"}}}"#;
    let params = composed(twice, Era::Modern, LATEST_MODERN, None);
    assert_eq!(params.matches("clientInfo").count(), 1);
    let not_an_object = r#"{"_meta":null,"name":"t"}"#;
    assert!(composed(not_an_object, Era::Legacy, LATEST_MODERN, None).contains(meta::PROTOCOL_VERSION));
    assert_eq!(composed(not_an_object, Era::Legacy, Version::V2025_11_25, None), r#"{"name":"t","_meta":null}"#);
}

#[test]
fn the_gateways_own_requests_are_json() {
    for body in [
        initialize(&Id::Own(1), "{}"),
        discover(&Id::Own(1), LATEST_MODERN),
        list(&Id::Own(1), "tools/list", None, LATEST_MODERN),
        list(&Id::Own(1), "tools/list", Some("a\"\\\n"), LATEST_MODERN),
        list(&Id::Own(1), "tools/list", None, Version::V2025_11_25),
        list(&Id::Own(1), "tools/list", Some(""), Version::V2025_11_25),
        INITIALIZED.to_owned(),
    ] {
        assert!(serde_json::from_str::<Value>(&body).is_ok(), "{body}");
    }
    let value: Value = serde_json::from_str(&list(&Id::Own(1), "tools/list", Some("a\"\n"), LATEST_MODERN)).unwrap();
    assert_eq!(value["params"]["cursor"], "a\"\n");
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[a-z{}\"\\\\,:]{0,6}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z_{}\",]{0,5}", inner), 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn everything_but_meta_arrives(members in prop::collection::vec(("[a-z_{}\",]{0,5}", json()), 0..5), meta in json(), pretty: bool) {
        let mut sent = serde_json::Map::from_iter(members);
        sent.insert("_meta".into(), meta);
        let text = if pretty { serde_json::to_string_pretty(&sent) } else { serde_json::to_string(&sent) }.unwrap();
        for version in [LATEST_MODERN, Version::V2025_11_25] {
            let mut arrived: serde_json::Map<String, Value> = serde_json::from_str(&composed(&text, Era::Legacy, version, None)).unwrap();
            let arrived_meta = arrived.remove("_meta");
            let mut expected = sent.clone();
            let sent_meta = expected.remove("_meta");
            prop_assert_eq!(&arrived, &expected);
            for (name, value) in sent_meta.iter().filter_map(Value::as_object).flatten() {
                prop_assert_eq!(arrived_meta.as_ref().and_then(|meta| meta.get(name)), Some(value));
            }
        }
    }
}
