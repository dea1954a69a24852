//! Where two records differ, field by field. What the gateway keeps of a record by itself is not looked at.

use serde_json::{Map, Value};

/// What records show and nobody sets.
const KEPT: [&str; 7] = ["id", "secret", "previous_expires_at", "saved_by", "created_at", "updated_at", "revision"];
/// The longest value that is shown, in characters.
const LONGEST: usize = 160;

/// A place where two records differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// `servers.github.tools`, as people write it.
    pub(super) field: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// Where `after` differs from `before`.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    differ("", Some(&settable(before)), Some(&settable(after)), &mut found);
    found
}

/// What of `record` somebody sets.
pub(super) fn settable(record: &Value) -> Value {
    let members = record.as_object().into_iter().flatten();
    members
        .filter(|(name, _)| !KEPT.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect::<Map<_, _>>()
        .into()
}

fn differ(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let so_far = found.len();
    if let (Some(old), Some(new)) = (before.and_then(named), after.and_then(named)) {
        let mut names: Vec<&String> = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))).collect();
        names.sort();
        for name in names {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            differ(&path, old.get(name), new.get(name), found);
        }
    }
    // No members to tell apart, or the same in another order, or in a list in place of an object.
    if found.len() == so_far {
        found.push(Difference { field: path.to_owned(), before: before.cloned(), after: after.cloned() });
    }
}

/// The members of an object; the items of a list by their names, if they are objects that all have one, each another.
fn named(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members.clone()),
        Value::Array(items) => {
            let mut names = Map::new();
            for item in items {
                if names.insert(item.get("name")?.as_str()?.to_owned(), item.clone()).is_some() {
                    return None;
                }
            }
            Some(names)
        }
        _ => None,
    }
}

/// A value in one line that is not too long, without control characters.
pub(super) fn spelled(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(none)".to_owned() };
    let text = value.to_string();
    let short: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// The patch (RFC 7396) that makes `after` of what `before` has set.
pub(super) fn patch(before: &Value, after: &Map<String, Value>) -> Map<String, Value> {
    match settable(before) {
        Value::Object(before) => made_of(&before, after),
        _ => after.clone(),
    }
}

fn made_of(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let kept = after.iter().map(|(name, value)| match (before.get(name), value) {
        (Some(Value::Object(old)), Value::Object(new)) => (name.clone(), Value::Object(made_of(old, new))),
        _ => (name.clone(), value.clone()),
    });
    gone.chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_to_their_depth() {
        let before =
            json!({"id": "a", "url": "x", "headers": {"a": "***"}, "tools": ["p", "q"], "revision": 1, "era": "auto"});
        let after =
            json!({"id": "a", "url": "y", "headers": {"b": "***"}, "tools": ["p"], "revision": 2, "era": "auto"});
        let found: Vec<(String, String, String)> = between(&before, &after)
            .into_iter()
            .map(|d| (d.field, spelled(d.before.as_ref()), spelled(d.after.as_ref())))
            .collect();
        let said = |field: &str, before: &str, after: &str| (field.to_owned(), before.to_owned(), after.to_owned());
        let expected = [
            said("headers.a", "\"***\"", "(none)"),
            said("headers.b", "(none)", "\"***\""),
            said("tools", "[\"p\",\"q\"]", "[\"p\"]"),
            said("url", "\"x\"", "\"y\""),
        ];
        assert_eq!(found, expected);
        assert!(between(&before, &before).is_empty());
    }

    #[test]
    fn rules_are_told_apart_by_their_names() {
        let rule = |name: &str, when: &str| json!({"name": name, "effect": "allow", "when": when});
        let before = json!({"rules": [rule("a", "true"), rule("b", "true")]});
        let after = json!({"rules": [rule("c", "true"), rule("a", "false")]});
        let fields: Vec<String> = between(&before, &after).into_iter().map(|d| d.field).collect();
        assert_eq!(fields, ["rules.a.when", "rules.b", "rules.c"]);
    }

    #[test]
    fn other_orders_and_other_kinds_of_nothing_differ() {
        let rules = |names: [&str; 2]| json!({"rules": names.map(|name| json!({"name": name}))});
        let pairs = [(rules(["a", "b"]), rules(["b", "a"])), (json!({"rules": []}), json!({"rules": {}}))];
        for (before, after) in pairs {
            let fields: Vec<String> = between(&before, &after).into_iter().map(|d| d.field).collect();
            assert_eq!(fields, ["rules"]);
        }
    }

    #[test]
    fn a_patch_makes_one_of_the_other() {
        let before = json!({"id": "k", "name": "ci", "labels": {"a": "1", "b": "2"}, "team": "t", "enabled": true});
        let after = json!({"name": "ci", "labels": {"b": "3"}, "grants": []});
        let patch = Value::Object(patch(&before, after.as_object().unwrap()));
        assert_eq!(
            patch,
            json!({"name": "ci", "labels": {"a": null, "b": "3"}, "team": null, "enabled": null, "grants": []})
        );
    }

    /// RFC 7396, as the gateway applies a patch.
    fn patched(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
        for (name, change) in patch {
            match (change, target.get_mut(name)) {
                (Value::Null, _) => drop(target.remove(name)),
                (Value::Object(inner), Some(Value::Object(before))) => patched(before, inner),
                _ => drop(target.insert(name.clone(), change.clone())),
            }
        }
    }

    fn records() -> impl Strategy<Value = Map<String, Value>> {
        let leaf =
            prop_oneof![any::<u8>().prop_map(Value::from), prop::collection::vec("[ab]", 0..2).prop_map(Value::from)];
        let value = leaf.prop_recursive(2, 8, 3, |inner| {
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect()))
        });
        prop::collection::btree_map("[a-d]", value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_patch_always_makes_one_of_the_other(before in records(), after in records()) {
            let mut made = before.clone();
            patched(&mut made, &patch(&Value::Object(before), &after));
            prop_assert_eq!(made, after);
        }

        #[test]
        fn what_is_equal_differs_nowhere_and_what_is_not_somewhere(before in records(), after in records()) {
            let found = between(&Value::Object(before.clone()), &Value::Object(after.clone()));
            prop_assert_eq!(found.is_empty(), before == after);
        }
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(spelled(Some(&json!("a\u{1b}[2J"))), "\"a\\u001b[2J\"");
        assert!(spelled(Some(&json!("x".repeat(1_000)))).chars().count() < 200);
    }
}
