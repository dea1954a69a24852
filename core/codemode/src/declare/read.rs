//! JSON Schema to types. Schemas come from anyone: how deep, how wide and how often something is read is bounded, and what is not read is
//! marked as cut. Must never follow a reference out of the schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Detail,
    refs::{self, Uses},
    types::{Member, Object, Type, written},
};
use crate::text;

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Objects and arrays within each other.
    pub(crate) depth: usize,
    /// The longest doc of a parameter, in characters; 0: none.
    pub(crate) doc: usize,
    /// The most literals of an enumeration.
    pub(crate) literals: usize,
}

impl Bounds {
    pub(crate) const fn of(detail: Detail, depth: usize) -> Self {
        match detail {
            Detail::Full => Self { depth, doc: 240, literals: 64 },
            Detail::Names | Detail::Signature => Self { depth, doc: 0, literals: 12 },
        }
    }
}

/// The most schemas read for one tool.
const MAX_NODES: usize = 2_000;
/// How deep reading itself may go: references lead back to the top of their types, but not of the stack.
const MAX_STACK: usize = 48;
/// The longest literal, in bytes.
const MAX_LITERAL: usize = 80;
/// A referenced type that is no longer than this, in bytes, has no name of its own.
const SHORT: usize = 24;
/// The most members of an object, and alternatives of a union.
const MAX_WIDTH: usize = 200;

/// Reads one schema.
pub(crate) struct Reader<'a> {
    root: &'a Value,
    bounds: Bounds,
    uses: Uses<'a>,
    /// What a reference stands for, once it has been read.
    known: BTreeMap<&'a str, Type>,
    /// References that are being read.
    open: Vec<(&'a str, bool)>,
    /// Types with names, in the order they were met.
    pub(crate) named: Vec<(String, Type)>,
    /// Before each type's name: makes it another than those of other tools.
    prefix: &'a str,
    nodes: usize,
    stack: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(root: &'a Value, bounds: Bounds, prefix: &'a str) -> Self {
        let uses = refs::count(root);
        Self {
            root,
            bounds,
            uses,
            known: BTreeMap::new(),
            open: Vec::new(),
            named: Vec::new(),
            prefix,
            nodes: 0,
            stack: 0,
        }
    }

    /// The type of the whole schema.
    pub(crate) fn read_root(&mut self) -> Type {
        self.read(self.root, 0)
    }

    fn read(&mut self, schema: &'a Value, depth: usize) -> Type {
        self.nodes += 1;
        if self.nodes > MAX_NODES || self.stack >= MAX_STACK {
            return Type::Cut;
        }
        self.stack += 1;
        let read = match schema {
            Value::Bool(false) => Type::Never,
            Value::Object(schema) => self.object_schema(schema, depth),
            _ => Type::Any,
        };
        self.stack -= 1;
        read
    }

    fn object_schema(&mut self, schema: &'a Map<String, Value>, depth: usize) -> Type {
        let mut parts = Vec::new();
        if let Some(Value::String(reference)) = schema.get("$ref") {
            parts.push(self.reference(reference, depth));
        }
        parts.push(self.own(schema, depth));
        let mut notes = Vec::new();
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = schema.get(keyword) {
                parts.push(self.alternatives(alternatives, depth, &mut notes));
            }
        }
        if let Some(Value::Array(all)) = schema.get("allOf") {
            for one in all.iter().take(MAX_WIDTH) {
                if !only_constrains(one, &mut notes) {
                    parts.push(self.read(one, depth));
                }
            }
        }
        let mut read = Type::intersection(parts);
        if schema.get("nullable") == Some(&Value::Bool(true)) {
            read = read.or_null();
        }
        if ["not", "if", "dependentRequired", "dependentSchemas"].iter().any(|keyword| schema.contains_key(*keyword)) {
            notes.push("+constraints".to_owned());
        }
        notes.dedup();
        if notes.is_empty() { read } else { read.noted(notes.join("; ")) }
    }

    /// What the schema says without combining others.
    fn own(&mut self, schema: &'a Map<String, Value>, depth: usize) -> Type {
        if let Some(value) = schema.get("const") {
            return literal(value);
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return self.enumeration(values);
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.typed(name, schema, depth),
            Some(Value::Array(names)) => {
                let names = names.iter().filter_map(Value::as_str).take(8);
                Type::union(names.map(|name| self.typed(name, schema, depth)).collect::<Vec<_>>())
            }
            _ if schema.contains_key("properties") => self.typed("object", schema, depth),
            _ if schema.contains_key("items") || schema.contains_key("prefixItems") => {
                self.typed("array", schema, depth)
            }
            _ => Type::Any,
        }
    }

    fn typed(&mut self, name: &str, schema: &'a Map<String, Value>, depth: usize) -> Type {
        match name {
            "string" => Type::String,
            "number" | "integer" => Type::Number,
            "boolean" => Type::Boolean,
            "null" => Type::Null,
            "array" => self.array(schema, depth),
            "object" => self.object(schema, depth),
            _ => Type::Any,
        }
    }

    fn enumeration(&self, values: &[Value]) -> Type {
        if values.len() > self.bounds.literals {
            let kinds = values.iter().take(MAX_WIDTH).map(|value| match value {
                Value::String(_) => Type::OneOf(values.len()),
                other => widened(other),
            });
            return Type::union(kinds);
        }
        Type::union(values.iter().map(literal))
    }

    fn array(&mut self, schema: &'a Map<String, Value>, depth: usize) -> Type {
        let items = schema.get("items");
        let first = match (schema.get("prefixItems"), items) {
            (Some(Value::Array(first)), _) => first,
            (None, Some(Value::Array(first))) => {
                return self.tuple(first, schema.get("additionalItems"), depth);
            }
            _ => {
                return match items {
                    _ if depth >= self.bounds.depth => Type::Array(Box::new(Type::Cut)),
                    Some(items) => Type::Array(Box::new(self.read(items, depth + 1))),
                    None => Type::Array(Box::new(Type::Any)),
                };
            }
        };
        self.tuple(first, items, depth)
    }

    fn tuple(&mut self, first: &'a [Value], rest: Option<&'a Value>, depth: usize) -> Type {
        if depth >= self.bounds.depth {
            return Type::Array(Box::new(Type::Cut));
        }
        let items = first.iter().take(16).map(|item| self.read(item, depth + 1)).collect();
        let rest = match rest {
            Some(Value::Bool(false)) => None,
            Some(rest) => Some(Box::new(self.read(rest, depth + 1))),
            None => Some(Box::new(Type::Any)),
        };
        Type::Tuple(items, rest)
    }

    fn object(&mut self, schema: &'a Map<String, Value>, depth: usize) -> Type {
        let properties = schema.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty());
        if depth >= self.bounds.depth && properties.is_some() {
            return Type::Object(Object::default()).noted(text::ELLIPSIS.to_string());
        }
        let required = |name: &str| {
            let required = schema.get("required").and_then(Value::as_array);
            required.is_some_and(|names| names.iter().any(|one| one == name))
        };
        let mut object = Object::default();
        for (name, property) in properties.into_iter().flatten().take(MAX_WIDTH) {
            let value = self.read(property, depth + 1);
            let doc = self.doc(property);
            object.members.push(Member { name: name.clone(), value, optional: !required(name), doc });
        }
        object.index = self.index(schema, depth).map(Box::new);
        object.sort();
        let width = properties.map_or(0, Map::len);
        let object = Type::Object(object);
        if width > MAX_WIDTH { object.noted(format!("+{} more", width - MAX_WIDTH)) } else { object }
    }

    /// What members that have no name in the schema are.
    fn index(&mut self, schema: &'a Map<String, Value>, depth: usize) -> Option<Type> {
        let by_pattern = schema.get("patternProperties").and_then(Value::as_object);
        let mut types: Vec<Type> =
            by_pattern.into_iter().flatten().take(8).map(|(_, value)| self.read(value, depth + 1)).collect();
        if let Some(more @ Value::Object(fields)) = schema.get("additionalProperties")
            && !fields.is_empty()
        {
            types.push(self.read(more, depth + 1));
        }
        if types.is_empty() { None } else { Some(Type::union(types)) }
    }

    fn alternatives(&mut self, all: &'a [Value], depth: usize, notes: &mut Vec<String>) -> Type {
        let mut required = Vec::new();
        if !all.is_empty() && all.iter().all(|one| only_constrains(one, &mut required)) {
            required.truncate(8);
            notes.push(if required.is_empty() { "+constraints".to_owned() } else { required.join(" or ") });
            return Type::Any;
        }
        let mut types: Vec<Type> = all.iter().take(MAX_WIDTH).map(|one| self.read(one, depth)).collect();
        if all.len() > MAX_WIDTH {
            types.push(Type::Cut);
        }
        Type::union(types)
    }

    fn reference(&mut self, reference: &'a str, depth: usize) -> Type {
        if let Some(known) = self.known.get(reference) {
            return known.clone();
        }
        if let Some(open) = self.open.iter_mut().find(|(open, _)| *open == reference) {
            open.1 = true;
            return Type::Named(self.name_of(reference));
        }
        let Some(target) = refs::resolve(self.root, reference) else { return Type::Unknown };
        if std::ptr::eq(target, self.root) {
            return Type::Object(Object::default()).noted("recursive".to_owned());
        }
        let once = self.uses.count(reference) < 2;
        self.open.push((reference, false));
        // What gets a name is read from its own top; what is put in its place goes on from here.
        let read = self.read(target, if once { depth } else { 1 });
        let recursive = self.open.pop().is_some_and(|(_, recursive)| recursive);
        if !recursive && (once || written(&read, SHORT).len() <= SHORT) {
            if !once {
                self.known.insert(reference, read.clone());
            }
            return read;
        }
        let name = self.name_of(reference);
        self.named.push((name.clone(), read));
        self.known.insert(reference, Type::Named(name.clone()));
        Type::Named(name)
    }

    /// A type's name: what the reference ends in, numbered where references that end alike lead to different places.
    fn name_of(&self, reference: &str) -> String {
        let (name, number) = self.uses.name(reference);
        let prefix = self.prefix;
        if number < 2 { format!("{prefix}{name}") } else { format!("{prefix}{name}_{number}") }
    }

    /// A parameter's doc: its description, and in which bounds its value lies.
    fn doc(&self, schema: &Value) -> String {
        if self.bounds.doc == 0 {
            return String::new();
        }
        let described = schema.get("description").or_else(|| schema.get("title")).and_then(Value::as_str);
        let mut doc = text::line(described.unwrap_or_default(), self.bounds.doc);
        let facts: Vec<String> = [("default", "default"), ("minimum", "min"), ("maximum", "max"), ("format", "format")]
            .iter()
            .filter_map(|(keyword, label)| Some(format!("{label} {}", fact(schema.get(*keyword)?)?)))
            .collect();
        if !facts.is_empty() {
            doc = format!("{doc} ({})", facts.join(", ")).trim_start().to_owned();
        }
        doc
    }
}

fn fact(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text::line(text, 40)),
        other => Some(text::line(&other.to_string(), 40)),
    }
}

fn literal(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) | Value::Number(_) => Type::Literal(value.to_string()),
        Value::String(text) if text.len() <= MAX_LITERAL => Type::Literal(text::quote(text)),
        other => widened(other),
    }
}

/// The type a value has.
fn widened(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Boolean,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::Array(_) => Type::Array(Box::new(Type::Any)),
        Value::Object(_) => Type::Object(Object::default()),
    }
}

/// Whether `schema` is no type, but only says which members must be there, or which must not. Which must be is added to `required`.
fn only_constrains(schema: &Value, required: &mut Vec<String>) -> bool {
    let Some(schema) = schema.as_object() else { return false };
    let known = ["required", "not", "if", "then", "else", "title", "description", "$comment"];
    let constrains = ["required", "not", "if"].iter().any(|keyword| schema.contains_key(*keyword));
    if !constrains || schema.keys().any(|keyword| !known.contains(&keyword.as_str())) {
        return false;
    }
    if let Some(Value::Array(names)) = schema.get("required") {
        let names: Vec<String> =
            names.iter().take(8).filter_map(Value::as_str).map(|name| text::line(name, 40)).collect();
        if !names.is_empty() {
            required.push(format!("needs {}", names.join("+")));
        }
    }
    true
}
