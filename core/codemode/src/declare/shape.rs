//! What the results of a tool looked like, for tools that don't say: names of members and kinds of values, and never a value.
//!
//! A shape grows with each result ([`Shape::add`]) and can be stored (it is serde). What looks like data rather than like a member's name
//! (an object with very many members, or with members whose names are no words) is a map, and its keys are forgotten.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::types::{Member, Object, Type, written};

/// The most members of an object; beyond, it is a map.
const MAX_MEMBERS: usize = 40;
/// How deep values are looked at.
const MAX_DEPTH: usize = 6;
/// The most items of an array that are looked at.
const MAX_ITEMS: usize = 20;
/// The most parts of a shape.
const MAX_PARTS: usize = 300;
/// The longest name of a member, in bytes.
const MAX_NAME: usize = 40;

/// Kinds of values, and the shapes within them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shape {
    /// Strings, numbers, booleans and null that were seen: one bit each.
    #[serde(rename = "k", skip_serializing_if = "is_zero")]
    kinds: u8,
    /// What arrays held.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    items: Option<Box<Shape>>,
    /// What objects held, by name, and whether the member was missing at times.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    named: Option<BTreeMap<String, (Shape, bool)>>,
    /// What objects held under any name; there are no names then.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    any: Option<Box<Shape>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(kinds: &u8) -> bool {
    *kinds == 0
}

const STRING: u8 = 1;
const NUMBER: u8 = 2;
const BOOLEAN: u8 = 4;
const NULL: u8 = 8;

impl Shape {
    /// The shape of one result.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(value);
        shape
    }

    /// Makes room for `value`. Says whether that changed anything.
    pub fn add(&mut self, value: &Value) -> bool {
        let before = self.clone();
        let mut left = MAX_PARTS.saturating_sub(self.parts());
        self.see(value, MAX_DEPTH, &mut left);
        *self != before
    }

    /// How many shapes it is made of.
    fn parts(&self) -> usize {
        let items = self.items.as_ref().map_or(0, |items| items.parts());
        let any = self.any.as_ref().map_or(0, |any| any.parts());
        let named = self.named.iter().flatten();
        let members = any + named.map(|(_, (shape, _))| shape.parts()).sum::<usize>();
        1 + items + members
    }

    fn see(&mut self, value: &Value, depth: usize, left: &mut usize) {
        match value {
            Value::Null => self.kinds |= NULL,
            Value::Bool(_) => self.kinds |= BOOLEAN,
            Value::Number(_) => self.kinds |= NUMBER,
            Value::String(_) => self.kinds |= STRING,
            Value::Array(items) => {
                let Some(shape) = part(&mut self.items, left) else { return };
                if depth > 0 {
                    items.iter().take(MAX_ITEMS).for_each(|item| shape.see(item, depth - 1, left));
                }
            }
            Value::Object(members) => self.see_object(members, depth, left),
        }
    }

    fn see_object(&mut self, members: &serde_json::Map<String, Value>, depth: usize, left: &mut usize) {
        let known = self.named.as_ref();
        let more = members.keys().filter(|name| known.is_none_or(|known| !known.contains_key(*name))).count();
        let many = known.map_or(0, BTreeMap::len) + more > MAX_MEMBERS;
        if depth > 0 && (many || members.keys().any(|name| !is_word(name))) {
            self.forget_names();
        }
        if let Some(any) = &mut self.any {
            return members.values().take(MAX_ITEMS * depth.min(1)).for_each(|one| any.see(one, depth - 1, left));
        }
        let new = self.named.is_none();
        let named = self.named.get_or_insert_default();
        if depth == 0 {
            return;
        }
        for (name, (_, missing)) in named.iter_mut() {
            *missing |= !members.contains_key(name);
        }
        for (name, value) in members {
            if !named.contains_key(name) {
                if *left == 0 {
                    continue;
                }
                *left -= 1;
                named.insert(name.clone(), (Self::default(), !new));
            }
            if let Some((shape, _)) = named.get_mut(name) {
                shape.see(value, depth - 1, left);
            }
        }
    }

    /// Members become a map.
    fn forget_names(&mut self) {
        let any = self.any.get_or_insert_default();
        for (_, (shape, _)) in self.named.take().into_iter().flatten() {
            any.merge(shape);
        }
    }

    fn merge(&mut self, other: Self) {
        self.kinds |= other.kinds;
        match (&mut self.items, other.items) {
            (Some(own), Some(other)) => own.merge(*other),
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
        if self.any.is_some() || other.any.is_some() {
            let mut other = Self { named: other.named, any: other.any, ..Self::default() };
            self.forget_names();
            other.forget_names();
            if let (Some(own), Some(other)) = (&mut self.any, other.any) {
                own.merge(*other);
            }
            return;
        }
        match (&mut self.named, other.named) {
            (Some(own), Some(other)) => merge_named(own, other),
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }

    /// As a type, in at most about `max` bytes.
    #[must_use]
    pub fn text(&self, max: usize) -> String {
        for depth in (1..=MAX_DEPTH).rev() {
            let text = written(&self.as_type(depth), max);
            if text.len() <= max {
                return text;
            }
        }
        "any".to_owned()
    }

    fn as_type(&self, depth: usize) -> Type {
        let kinds = [(STRING, Type::String), (NUMBER, Type::Number), (BOOLEAN, Type::Boolean), (NULL, Type::Null)];
        let mut types: Vec<Type> =
            kinds.into_iter().filter(|(bit, _)| self.kinds & bit != 0).map(|(_, kind)| kind).collect();
        if let Some(items) = &self.items {
            let item = if depth == 0 || items.is_empty() { Type::Any } else { items.as_type(depth - 1) };
            types.insert(0, Type::Array(Box::new(item)));
        }
        if self.named.is_some() || self.any.is_some() {
            types.insert(0, Type::Object(if depth == 0 { Object::default() } else { self.as_object(depth - 1) }));
        }
        if types.is_empty() { Type::Any } else { Type::union(types) }
    }

    fn as_object(&self, depth: usize) -> Object {
        let members = self.named.iter().flatten().map(|(name, (shape, missing))| {
            let value = shape.as_type(depth);
            Member { name: name.clone(), value, optional: *missing, doc: String::new() }
        });
        let index = self.any.as_ref().map(|any| Box::new(any.as_type(depth)));
        let mut object = Object { members: members.collect(), index };
        object.sort();
        object
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn merge_named(own: &mut BTreeMap<String, (Shape, bool)>, other: BTreeMap<String, (Shape, bool)>) {
    for (name, (_, missing)) in own.iter_mut() {
        *missing |= !other.contains_key(name);
    }
    for (name, (shape, missing)) in other {
        match own.get_mut(&name) {
            Some((known, known_missing)) => {
                known.merge(shape);
                *known_missing |= missing;
            }
            None => {
                own.insert(name, (shape, true));
            }
        }
    }
}

fn part<'a>(slot: &'a mut Option<Box<Shape>>, left: &mut usize) -> Option<&'a mut Shape> {
    if slot.is_none() {
        *left = left.checked_sub(1)?;
    }
    Some(slot.get_or_insert_with(Box::default))
}

/// Whether `name` looks like a member's name and not like data.
fn is_word(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= MAX_NAME
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_' || first == b'$')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_names_members_and_kinds_but_no_values() {
        let shape = Shape::of(&json!({"items": [{"id": 7, "name": "secret"}, {"id": 8}], "next": null}));
        assert_eq!(shape.text(500), "{items: {id: number; name?: string}[]; next: null}");
        assert!(!serde_json::to_string(&shape).unwrap().contains("secret"));
    }

    #[test]
    fn a_shape_grows_with_what_is_seen() {
        let mut shape = Shape::of(&json!({"a": 1}));
        assert!(shape.add(&json!({"a": null, "b": true})));
        assert!(!shape.add(&json!({"a": 2, "b": false})));
        assert_eq!(shape.text(500), "{a: number|null; b?: boolean}");
        let stored = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<Shape>(&stored).unwrap(), shape);
    }

    #[test]
    fn keys_that_are_data_are_forgotten() {
        let shape = Shape::of(&json!({"ann@example.com": {"n": 1}, "bob@example.com": {"n": 2}}));
        assert_eq!(shape.text(500), "Record<string, {n: number}>");
        let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("k{n}"), json!(n))).collect();
        assert_eq!(Shape::of(&Value::Object(many)).text(500), "Record<string, number>");
        let mut shape = Shape::of(&json!({"a": 1}));
        shape.add(&json!({"not a word": "x"}));
        assert_eq!(shape.text(500), "Record<string, string|number>");
    }

    #[test]
    fn a_shape_is_bounded() {
        let mut deep = json!(1);
        (0..50).for_each(|_| deep = json!({"a": [deep, 1]}));
        let wide = |seed: usize| {
            let inner = |n: usize| {
                json!((0..30).map(|m| (format!("m{seed}_{n}_{m}"), json!({"x": m}))).collect::<serde_json::Map<_, _>>())
            };
            Value::Object((0..30).map(|n| (format!("k{n}"), inner(n))).collect())
        };
        let mut shape = Shape::of(&deep);
        (0..50).for_each(|seed| {
            shape.add(&wide(seed));
        });
        assert!(shape.parts() <= 2 * MAX_PARTS, "{}", shape.parts());
        assert!(shape.text(300).len() <= 300);
    }
}
