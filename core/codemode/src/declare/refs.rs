//! References within a schema: where they lead, and how often each is used. Must never leave the schema.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use crate::ident;

/// The most values looked at while references are counted.
const MAX_VALUES: usize = 20_000;

/// How often each reference is used, by what can be reached from the root.
#[derive(Debug, Default)]
pub(crate) struct Uses<'a> {
    counts: BTreeMap<&'a str, usize>,
}

impl Uses<'_> {
    pub(crate) fn count(&self, reference: &str) -> usize {
        self.counts.get(reference).copied().unwrap_or_default()
    }

    /// A name for what `reference` leads to, and which of those with this name it is, beginning at 1.
    pub(crate) fn name(&self, reference: &str) -> (String, usize) {
        let name = type_name(reference);
        let alike = self.counts.keys().filter(|other| **other <= reference && type_name(other) == name);
        let number = alike.count().max(1);
        (name, number)
    }
}

fn type_name(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or_default();
    let name = ident::of_tool(&unescaped(last)).into_owned();
    let mut chars = name.chars();
    // Types begin with a capital.
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}

/// Counts. Each target is looked at once, so that references that multiply cost nothing.
pub(crate) fn count(root: &Value) -> Uses<'_> {
    let mut uses = Uses::default();
    let mut left = MAX_VALUES;
    let mut stack: Vec<&Value> = vec![root];
    while let Some(value) = stack.pop() {
        if left == 0 {
            break;
        }
        left -= 1;
        match value {
            Value::Array(items) => stack.extend(items),
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(reference) if name == "$ref" => {
                            let count = uses.counts.entry(reference).or_default();
                            *count += 1;
                            if *count == 1
                                && let Some(target) = resolve(root, reference)
                            {
                                stack.push(target);
                            }
                        }
                        // Looked at where they are used, if they are.
                        _ if name == "$defs" || name == "definitions" => {}
                        Value::Array(_) | Value::Object(_) => stack.push(member),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    uses
}

/// What a local reference (`#`, `#/a/b`) leads to.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    if pointer.is_empty() {
        return Some(root);
    }
    let mut at = root;
    for part in pointer.strip_prefix('/')?.split('/') {
        let part = unescaped(part);
        at = match at {
            Value::Object(members) => members.get(&*part)?,
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(at)
}

/// A part of a JSON pointer in a URI's fragment (RFC 6901): percent signs, then `~1` and `~0`.
fn unescaped(part: &str) -> Cow<'_, str> {
    let part = if part.contains('%') { percent_decoded(part) } else { Cow::Borrowed(part) };
    if part.contains('~') { Cow::Owned(part.replace("~1", "/").replace("~0", "~")) } else { part }
}

fn percent_decoded(part: &str) -> Cow<'_, str> {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| bytes[at] == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(part), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_are_decoded() {
        let root = json!({"$defs": {"a/b": 1, "c~d": 2, "e f": 3}, "items": [4]});
        for (reference, value) in [("#/$defs/a~1b", 1), ("#/$defs/c~0d", 2), ("#/$defs/e%20f", 3), ("#/items/0", 4)] {
            assert_eq!(resolve(&root, reference), Some(&json!(value)), "{reference}");
        }
        assert_eq!(resolve(&root, "#"), Some(&root));
        for reference in ["", "#a", "#/x", "#/items/9", "https://e.com/x.json", "#/$defs/a~1b/c", "%", "#/%f"] {
            assert_eq!(resolve(&root, reference), None, "{reference}");
        }
    }

    #[test]
    fn only_what_can_be_reached_is_counted() {
        let reference = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
        let root = json!({"$defs": {"a": reference("b"), "b": {}, "lost": reference("a")}, "x": [reference("a"), reference("b")]});
        let uses = count(&root);
        assert_eq!((uses.count("#/$defs/a"), uses.count("#/$defs/b"), uses.count("#/$defs/lost")), (1, 2, 0));
    }

    #[test]
    fn a_type_is_named_after_the_end_of_its_reference() {
        assert_eq!(type_name("#/$defs/rich text"), "Rich_text");
        assert_eq!(type_name("#/definitions/a~1b"), "A_b");
        let root = json!([{"$ref": "#/$defs/a"}, {"$ref": "#/definitions/a"}]);
        let uses = count(&root);
        assert_eq!(uses.name("#/$defs/a"), ("A".to_owned(), 1));
        assert_eq!(uses.name("#/definitions/a"), ("A".to_owned(), 2));
    }
}
