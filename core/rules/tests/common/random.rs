//! Conditions, arguments and requests at random.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{
    World,
    conditions::{Looking, NAMES, condition},
};

pub(crate) fn tape() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..120)
}

fn looking() -> impl Strategy<Value = Looking> {
    select(vec![Looking::AtArguments, Looking::Elsewhere])
}

pub(crate) fn random() -> impl Strategy<Value = String> {
    (tape(), looking()).prop_map(|(tape, looking)| condition(&tape, looking))
}

/// Arguments as they come: mostly of the members that conditions look at, sometimes too large, sometimes not JSON at all.
pub(crate) fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => members(value()).prop_map(|value| value.to_string()),
        1 => value().prop_map(|value| json!([value]).to_string()),
        1 => Just(r#"{"a": 1, "a": 2}"#.to_owned()),
        1 => Just("{".to_owned()),
    ]
}

/// A JSON value, some levels deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..10).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2.0..2.0f64).prop_map(Value::from),
        select(vec![
            "",
            "a",
            "b",
            "Ab",
            "list_issues",
            "10.1.2.3",
            "é",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| prop_oneof![vec(inner.clone(), 0..6).prop_map(Value::from), members(inner)])
}

pub(crate) fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    vec((select(NAMES.to_vec()), value), 0..5)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let text =
        || select(vec!["", "a", "Ab", "ops", "10.1.2.3", "list_issues", "a long text that is longer than bounds"]);
    let optional = || prop::option::of(text().prop_map(str::to_owned));
    let labels = vec((select(vec!["env", "a", "é"]), text()), 0..3);
    (labels, optional(), optional(), text(), optional(), any::<Option<bool>>(), optional(), 0u64..4_000_000_000_000)
        .prop_map(|(labels, team, user, tool, title, read_only, ip, time)| {
            let labels = labels.into_iter().map(|(name, label)| (name.to_owned(), label.to_owned())).collect();
            World { labels, team, user, tool: tool.to_owned(), title, read_only, ip, time }
        })
}
