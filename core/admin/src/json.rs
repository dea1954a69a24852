//! JSON from operators, read strictly: an object, no member twice; and JSON merge patches (RFC 7396).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::problem::{FieldError, Kind, Problem};

/// Members of an object.
pub(crate) type Members = Map<String, Value>;

/// Reads a body that must be an object. Nesting is bounded by `serde_json` itself, at 128 levels.
pub(crate) fn object(body: &[u8]) -> Result<Members, Problem> {
    let strict: Strict = serde_json::from_slice(body).map_err(|e| Problem::new(Kind::MalformedJson, e.to_string()))?;
    match strict.0 {
        Value::Object(members) => Ok(members),
        other => {
            let detail = format!("the body is {}: write an object", type_of(&other));
            Err(Problem::fields(Kind::InvalidField, vec![FieldError::at(&[], detail)]))
        }
    }
}

/// What `value` is, in words.
pub(crate) const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// `target` with `patch` applied (RFC 7396).
pub(crate) fn merged(mut target: Members, patch: &Members) -> Members {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let before = match target.remove(name) {
                    Some(Value::Object(before)) => before,
                    _ => Map::new(),
                };
                target.insert(name.clone(), Value::Object(merged(before, inner)));
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
    target
}

/// A value in which no object has a member twice. (`serde_json::Value` would keep the last.)
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                let name: String = name.chars().take(80).collect();
                return Err(A::Error::custom(format_args!("the member {name:?} is there twice")));
            }
            let Strict(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Members {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_objects_without_repetition_are_taken() {
        assert_eq!(object(br#" {"a":[1,-2,0.5,null,true,{"b":"c"}]} "#).unwrap().len(), 1);
        for bad in [
            &b""[..],
            b"{",
            b"{}x",
            b"{\"a\":1,\"a\":2}",
            b"{\"x\":[{\"a\":1,\"a\":2}]}",
            b"{\"a\":\"\xff\"}",
            b"{'a':1}",
        ] {
            assert_eq!(object(bad).unwrap_err().kind, Kind::MalformedJson, "{}", String::from_utf8_lossy(bad));
        }
        for bad in ["null", "[]", "\"x\"", "7"] {
            assert_eq!(object(bad.as_bytes()).unwrap_err().kind, Kind::InvalidField, "{bad}");
        }
    }

    #[test]
    fn nesting_beyond_the_bound_is_refused() {
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(object(deep(100).as_bytes()).is_ok());
        assert_eq!(object(deep(10_000).as_bytes()).unwrap_err().kind, Kind::MalformedJson);
    }

    #[test]
    fn the_examples_of_rfc_7396() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            assert_eq!(merged(members(target), &members(patch)), members(result));
        }
    }

    fn documents() -> impl Strategy<Value = Members> {
        let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[a-c]".prop_map(Value::from)];
        let value = leaf.prop_recursive(3, 16, 4, |inner| {
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
        });
        prop::collection::btree_map("[a-d]", value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_patch_applied_twice_is_applied_once(target in documents(), patch in documents()) {
            let once = merged(target, &patch);
            prop_assert_eq!(merged(once.clone(), &patch), once);
        }

        #[test]
        fn an_empty_patch_changes_nothing(target in documents()) {
            prop_assert_eq!(merged(target.clone(), &Map::new()), target);
        }

        #[test]
        fn what_is_taken_is_what_serde_json_reads(document in documents()) {
            let text = serde_json::to_vec(&document).unwrap();
            prop_assert_eq!(object(&text).unwrap(), document);
        }
    }
}
