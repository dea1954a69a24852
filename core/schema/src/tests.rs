//! What is accepted, what is refused, and that nothing hostile costs much.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn schema(schema: &Value) -> ArgumentSchema {
    ArgumentSchema::compile(&schema.to_string()).unwrap()
}

fn refused(schema: &Value) -> String {
    ArgumentSchema::compile(&schema.to_string()).unwrap_err().to_string()
}

#[test]
fn arguments_are_held_against_the_schema() {
    let schema = schema(&json!({
        "type": "object", "required": ["owner"], "additionalProperties": false,
        "properties": {"owner": {"type": "string", "minLength": 1}, "page": {"$ref": "#/$defs/page"}},
        "$defs": {"page": {"type": "integer", "minimum": 1}},
    }));
    assert_eq!(schema.check(r#"{"owner":"acme","page":2}"#), Ok(()));
    let Err(ArgumentsError::Mismatches(wrong)) = schema.check(r#"{"page":0,"extra":1}"#) else { panic!("accepted") };
    let places: Vec<&str> = wrong.iter().map(|mismatch| mismatch.pointer.as_str()).collect();
    assert!(places.contains(&"/page") && places.contains(&""), "{wrong:?}");
    let error = schema.check(r#"{"owner":""}"#).unwrap_err().to_string();
    assert!(error.contains("at /owner: "), "{error}");
    assert_eq!(schema.check("{"), Err(ArgumentsError::NotJson));
}

#[test]
fn the_draft_is_2020_12_unless_the_schema_names_another() {
    let tuple = json!({"properties": {"a": {"prefixItems": [{"type": "string"}], "items": false}}});
    assert!(schema(&tuple).check(r#"{"a":["x",1]}"#).is_err());
    let older = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"a": {"items": [{"type": "string"}], "additionalItems": false}},
    });
    assert!(schema(&older).check(r#"{"a":["x",1]}"#).is_err());
    assert!(schema(&older).check(r#"{"a":["x"]}"#).is_ok());
}

#[test]
fn nothing_is_fetched() {
    for elsewhere in ["https://example.com/schema.json", "file:///etc/passwd", "http://127.0.0.1:1/x", "other.json"] {
        let error = refused(&json!({"properties": {"a": {"$ref": elsewhere}}}));
        assert!(error.starts_with("the schema can't be used"), "{error}");
        assert!(!refused(&json!({"$schema": elsewhere})).is_empty());
    }
}

#[test]
fn a_tree_is_fine_and_a_bomb_is_not() {
    let tree = schema(&json!({
        "type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    }));
    let (mut deep, mut deeper) = (json!({"name": "leaf"}), json!({"name": 1}));
    for _ in 0..12 {
        deep = json!({"children": [deep]});
        deeper = json!({"children": [deeper]});
    }
    assert_eq!(tree.check(&deep.to_string()), Ok(()));
    assert!(matches!(tree.check(&deeper.to_string()), Err(ArgumentsError::Mismatches(_))));

    let doubling: serde_json::Map<String, Value> = (0..60)
        .map(|n| {
            (
                format!("d{n}"),
                json!({"allOf": [{"$ref": format!("#/$defs/d{}", n + 1)}, {"$ref": format!("#/$defs/d{}", n + 1)}]}),
            )
        })
        .chain([("d60".to_owned(), json!(true))])
        .collect();
    assert!(refused(&json!({"$ref": "#/$defs/d0", "$defs": doubling})).contains("too intricate"));
    assert!(refused(&json!({"$ref": "#"})).contains("too intricate"));
    assert!(refused(&json!({"allOf": [{"$ref": "#/allOf/0"}]})).contains("too intricate"));
    assert!(
        refused(&json!({"$ref": "#a", "$defs": {"x": {"$anchor": "a", "anyOf": [{"$ref": "#a"}]}}}))
            .contains("too intricate")
    );
}

#[test]
fn doubling_at_every_level_is_checked_no_deeper_than_it_is_cheap() {
    let schema = schema(&json!({"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}}}));
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({"a": inner})).to_string();
    assert_eq!(schema.check(&nested(3)), Ok(()));
    assert_eq!(schema.check(&nested(30)), Err(ArgumentsError::TooLarge));
    assert_eq!(schema.check(&nested(100)), Err(ArgumentsError::TooLarge));
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    assert!(matches!(ArgumentSchema::compile(&" ".repeat(MAX_SCHEMA + 1)), Err(SchemaError::TooLong(_))));
    let deep = (0..60).fold(json!(true), |inner, _| json!({"not": inner}));
    assert!(refused(&deep).contains("too intricate"));
    let patterns: Vec<Value> = (0..100).map(|n| json!({"pattern": format!("a{n}")})).collect();
    assert!(refused(&json!({"anyOf": patterns})).contains("too intricate"));
    assert!(matches!(ArgumentSchema::compile("{"), Err(SchemaError::NotJson)));
    assert!(refused(&json!({"type": "no-such-type"})).contains("can't be used"));
}

#[test]
fn patterns_are_those_of_ecmascript_without_unicodes_properties() {
    let id = schema(
        &json!({"properties": {"id": {"pattern": "^\\d{3}-[a-z]+$"}}, "patternProperties": {"^x-": {"type": "integer"}}}),
    );
    assert_eq!(id.check(r#"{"id":"123-abc","x-a":1}"#), Ok(()));
    assert!(id.check(r#"{"id":"١٢٣-abc"}"#).is_err(), "a digit is one of ASCII");
    assert!(id.check(r#"{"x-a":"1"}"#).is_err());
    for unknown in ["^\\p{L}+$", "(?=a)b", "("] {
        assert!(refused(&json!({"pattern": unknown})).contains("can't be used"), "{unknown}");
    }
}

#[test]
fn patterns_cost_no_more_than_they_may() {
    let slow = schema(&json!({"items": {"pattern": "(a?){1000}b"}}));
    assert_eq!(
        slow.check(&json!(["a".repeat(1_000)]).to_string()).map_err(|error| error == ArgumentsError::TooLarge),
        Err(false)
    );
    assert_eq!(slow.check(&json!(["a".repeat(100_000)]).to_string()), Err(ArgumentsError::TooLarge));
    assert_eq!(slow.check(&json!(vec!["a".repeat(1_000); 100]).to_string()), Err(ArgumentsError::TooLarge));
    let usual = schema(&json!({"pattern": "^[^/]+$"}));
    assert_eq!(usual.check(&json!("a".repeat(1 << 19)).to_string()), Ok(()));
    let many =
        (0..500).map(|n| (format!("p{n}"), json!({"pattern": "(a?){1000}b"}))).collect::<serde_json::Map<_, _>>();
    assert!(refused(&json!({"properties": many})).contains("patterns"));
    assert!(refused(&json!({"pattern": "((a{1000}){1000}){1000}"})).contains("can't be used"));
}

#[test]
fn what_is_told_is_bounded_and_repeats_no_long_value() {
    let items = schema(&json!({"items": {"type": "integer"}}));
    let many = Value::from(vec![Value::from("x".repeat(10_000)); 1_000]);
    let error = items.check(&many.to_string()).unwrap_err();
    assert!(error.to_string().len() < 3_000);
}

fn any_schema() -> impl Strategy<Value = Value> {
    let reference = prop::sample::select(vec!["#", "#/properties/a", "#/allOf/0", "#/$defs/x", "#b"]);
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({"type": "string"})),
        reference.prop_map(|to| json!({"$ref": to})),
        Just(json!({"$anchor": "b", "type": "object"})),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            list.clone().prop_map(|all| json!({"allOf": all})),
            list.prop_map(|any| json!({"anyOf": any})),
            inner.clone().prop_map(|a| json!({"properties": {"a": a}})),
            inner.clone().prop_map(|x| json!({"$defs": {"x": x}, "$ref": "#/$defs/x"})),
            inner.prop_map(|items| json!({"items": items})),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!("x")), Just(json!(null))];
    leaf.prop_recursive(6, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| json!({"a": a})),
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_is_refused_or_checks_any_value_to_an_end(schema in any_schema(), value in any_value()) {
        if let Ok(schema) = ArgumentSchema::compile(&schema.to_string()) {
            let _ = schema.check(&value.to_string());
        }
    }

    #[test]
    fn any_text_is_taken_without_panic(text in "\\PC{0,60}") {
        let _ = ArgumentSchema::compile(&text);
    }
}
