//! JSON as `serde_json` reads it, members in their order and as often as they are there.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// The raw value that `text` is, without the space around it; nothing if it is no JSON.
pub(crate) fn value(text: &str) -> Option<&str> {
    serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get)
}

/// The members of an object: names decoded, values raw. Nothing if `text` is no object, or if a name can't be decoded.
pub(crate) fn members(text: &str) -> Option<Vec<(String, &str)>> {
    value(text)?;
    serde_json::from_str::<Members<'_>>(text).ok().map(|members| members.0)
}

/// The raw elements of an array; nothing if `text` is none.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    serde_json::from_str::<Elements<'_>>(text).ok().map(|elements| elements.0)
}

/// Decoded; nothing if `raw` is no string, or holds half a character.
pub(crate) fn string(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// What a reader that keeps the last of equal names sees under `name`.
pub(crate) fn last<'a>(members: &[(String, &'a str)], name: &str) -> Option<&'a str> {
    members.iter().rev().find(|(known, _)| known == name).map(|(_, raw)| *raw)
}

struct Members<'a>(Vec<(String, &'a str)>);
struct Elements<'a>(Vec<&'a str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, raw.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(raw) = seq.next_element::<&RawValue>()? {
                    elements.push(raw.get());
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(InOrder)
    }
}
