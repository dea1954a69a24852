//! Conditions mean what they mean to another implementation of CEL: the `cel` crate, which knows no types beforehand, no bounds, and
//! nothing that is not known yet.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::sync::Arc;

use cel::{Context, Env, objects::Key, objects::Map};
use common::{
    World, document,
    random::{members, random, value},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate_model::Effect;
use toolgate_rules::{Arguments, Bounds, Policy, Verdict};

/// JSON as CEL's values; whole numbers are ints.
fn cel_value(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(bool) => cel::Value::Bool(*bool),
        Value::Number(number) => match number.as_i64() {
            Some(int) => cel::Value::Int(int),
            None => cel::Value::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(elements) => cel::Value::List(Arc::new(elements.iter().map(cel_value).collect())),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (Key::String(Arc::new(name.clone())), cel_value(value)));
            cel::Value::Map(Map { map: Arc::new(members.collect()) })
        }
    }
}

/// What `World::default().facts(arguments)` says.
fn facts(arguments: Value) -> [(&'static str, Value); 6] {
    let annotations =
        json!({"readOnlyHint": true, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true});
    let labels = json!({"env": "prod", "cost-center": "42"});
    [
        (
            "principal",
            json!({"tenant": "acme", "team": "ops", "key": {"id": "0123456789abcdef", "name": "ci", "labels": labels}}),
        ),
        ("tool", json!({"name": "list_issues", "kind": "tool", "annotations": annotations})),
        ("server", json!({"id": "github", "network": "public"})),
        ("arguments", arguments),
        (
            "time",
            json!({"epoch_ms": 1_795_617_000_000_u64, "year": 2026, "month": 11, "day": 25, "hour": 15, "minute": 30, "weekday": 3,
                   "date": "2026-11-25"}),
        ),
        ("network", json!({"ip": "10.1.2.3", "host": "acme.example.com"})),
    ]
}

/// Another's verdict; none if it fails.
fn other_verdict(condition: &str, arguments: Value) -> Option<bool> {
    let env = Arc::new(Env::stdlib());
    let program = env.compile(condition).unwrap_or_else(|errors| panic!("{condition}: {errors:?}"));
    let mut context = Context::with_env(env);
    for (name, value) in facts(arguments) {
        context.add_variable_from_value(name, cel_value(&value));
    }
    match program.execute(&context).ok()? {
        cel::Value::Bool(bool) => Some(bool),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn another_implementation_of_cel_agrees(condition in random(), arguments in members(value())) {
        if condition.contains("inCidr") || condition.contains("lowerAscii") {
            return Ok(()); // It has no such functions.
        }
        let policy = Policy::compile(&document(&[("rule", Effect::Allow, &condition)]), Bounds { cost: 1 << 60, ..Bounds::default() });
        let Ok(policy) = policy else { return Ok(()) };
        let text = arguments.to_string();
        let ours = match policy.explain(&World::default().facts(Arguments::Json(&text))).rules.remove(0).verdict {
            Verdict::Holds => Some(true),
            Verdict::DoesNotHold => Some(false),
            Verdict::Failed(_) => None,
            Verdict::Unknown => return Err(TestCaseError::fail("known arguments are unknown")),
        };
        prop_assert_eq!(ours, other_verdict(&condition, arguments), "{} {}", condition, text);
    }
}
