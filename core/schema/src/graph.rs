//! A schema as a graph: which subschemas judge the same value, and which judge a part of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::SchemaError;

/// The most subschemas.
const MAX_NODES: usize = 5_000;
/// How deep subschemas may stand within each other.
const MAX_DEPTH: usize = 48;
/// The most patterns, and the longest one in bytes: each becomes a machine.
const MAX_PATTERNS: usize = 64;
const MAX_PATTERN: usize = 512;

/// Applicators whose one subschema judges the same value.
const SAME_ONE: [&str; 4] = ["not", "if", "then", "else"];
/// Applicators with a list of subschemas that judge the same value.
const SAME_LIST: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Applicators whose one subschema judges each part.
const PART_ONE: [&str; 8] = [
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "contentSchema",
];

/// A subschema.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Those that judge the same value.
    pub(crate) same: Vec<usize>,
    /// Those that judge parts; each part at most one of each list.
    pub(crate) parts: Vec<Vec<usize>>,
}

/// All subschemas; the first is the whole.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
}

/// A graph while it is made.
#[derive(Default)]
struct Maker<'a> {
    nodes: Vec<Node>,
    /// By where they stand, and by their names.
    places: BTreeMap<String, usize>,
    names: BTreeMap<&'a str, Vec<usize>>,
    references: Vec<(usize, &'a str)>,
    patterns: usize,
}

impl Graph {
    /// Of a schema.
    pub(crate) fn of(schema: &Value) -> Result<Self, SchemaError> {
        let mut maker = Maker::default();
        maker.add(schema, String::new(), 0)?;
        for (from, reference) in std::mem::take(&mut maker.references) {
            let to = maker.targets(reference);
            maker.nodes[from].same.extend(to);
        }
        Ok(Self { nodes: maker.nodes })
    }
}

impl<'a> Maker<'a> {
    fn add(&mut self, schema: &'a Value, place: String, depth: usize) -> Result<usize, SchemaError> {
        if depth > MAX_DEPTH {
            return Err(SchemaError::TooIntricate("it nests too deep"));
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(SchemaError::TooIntricate("it has too many subschemas"));
        }
        let at = self.nodes.len();
        self.nodes.push(Node::default());
        if let Value::Object(members) = schema {
            self.named(members, at);
            self.judge_same(members, &place, at, depth)?;
            self.judge_parts(members, &place, at, depth)?;
            // Definitions judge nothing by themselves.
            for keyword in ["$defs", "definitions"] {
                self.map(members, keyword, &place, depth)?;
            }
            self.check_pattern(members.get("pattern").and_then(Value::as_str).unwrap_or_default())?;
        }
        self.places.insert(place, at);
        Ok(at)
    }

    fn named(&mut self, members: &'a Map<String, Value>, at: usize) {
        for keyword in ["$anchor", "$dynamicAnchor", "$id", "id"] {
            if let Some(name) = members.get(keyword).and_then(Value::as_str) {
                self.names.entry(name.trim_start_matches('#')).or_default().push(at);
            }
        }
        if members.get("$recursiveAnchor").and_then(Value::as_bool) == Some(true) {
            self.names.entry("").or_default().push(at);
        }
        for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
            if let Some(reference) = members.get(keyword).and_then(Value::as_str) {
                self.references.push((at, reference));
            }
        }
    }

    fn judge_same(
        &mut self,
        members: &'a Map<String, Value>,
        place: &str,
        at: usize,
        depth: usize,
    ) -> Result<(), SchemaError> {
        for keyword in SAME_ONE {
            if let Some(schema) = members.get(keyword) {
                let node = self.add(schema, format!("{place}/{keyword}"), depth + 1)?;
                self.nodes[at].same.push(node);
            }
        }
        for keyword in SAME_LIST {
            let nodes = self.list(members, keyword, place, depth)?;
            self.nodes[at].same.extend(nodes);
        }
        for keyword in ["dependentSchemas", "dependencies"] {
            let nodes = self.map(members, keyword, place, depth)?;
            self.nodes[at].same.extend(nodes);
        }
        Ok(())
    }

    fn judge_parts(
        &mut self,
        members: &'a Map<String, Value>,
        place: &str,
        at: usize,
        depth: usize,
    ) -> Result<(), SchemaError> {
        let properties = self.map(members, "properties", place, depth)?;
        let prefix = self.list(members, "prefixItems", place, depth)?;
        let tuple = self.list(members, "items", place, depth)?;
        self.nodes[at].parts.extend([properties, prefix, tuple]);
        for node in self.map(members, "patternProperties", place, depth)? {
            self.nodes[at].parts.push(vec![node]);
        }
        if let Some(Value::Object(patterns)) = members.get("patternProperties") {
            patterns.keys().try_for_each(|pattern| self.check_pattern(pattern))?;
        }
        for keyword in PART_ONE {
            let schema = members.get(keyword).filter(|schema| schema.is_object() || schema.is_boolean());
            if let Some(schema) = schema {
                let node = self.add(schema, format!("{place}/{keyword}"), depth + 1)?;
                self.nodes[at].parts.push(vec![node]);
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        members: &'a Map<String, Value>,
        keyword: &str,
        place: &str,
        depth: usize,
    ) -> Result<Vec<usize>, SchemaError> {
        let schemas = members.get(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let each = |(n, schema)| self.add(schema, format!("{place}/{keyword}/{n}"), depth + 1);
        schemas.iter().enumerate().map(each).collect()
    }

    fn map(
        &mut self,
        members: &'a Map<String, Value>,
        keyword: &str,
        place: &str,
        depth: usize,
    ) -> Result<Vec<usize>, SchemaError> {
        let Some(Value::Object(schemas)) = members.get(keyword) else { return Ok(Vec::new()) };
        let schemas = schemas.iter().filter(|(_, schema)| schema.is_object() || schema.is_boolean());
        let each = |(name, schema): (&String, _)| {
            self.add(schema, format!("{place}/{keyword}/{}", name.replace('~', "~0").replace('/', "~1")), depth + 1)
        };
        schemas.map(each).collect()
    }

    fn check_pattern(&mut self, pattern: &str) -> Result<(), SchemaError> {
        if pattern.is_empty() {
            return Ok(());
        }
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS || pattern.len() > MAX_PATTERN {
            return Err(SchemaError::TooIntricate("it has too many patterns, or too long ones"));
        }
        Ok(())
    }

    /// Where a reference may lead. One that leads nowhere here is the compiler's to refuse.
    fn targets(&self, reference: &str) -> Vec<usize> {
        let fragment = reference.rsplit_once('#').map(|(_, fragment)| fragment);
        match fragment {
            Some("") if reference == "#" => vec![0],
            Some(pointer) if pointer.starts_with('/') => {
                // Below an embedded `$id` a pointer begins there: then every place that ends so is meant, to be on the safe side.
                let pointer = unescaped(pointer);
                self.places.iter().filter(|(place, _)| place.ends_with(&*pointer)).map(|(_, at)| *at).collect()
            }
            Some(name) => self.names.get(name).cloned().unwrap_or_default(),
            None => {
                self.names.iter().filter(|(name, _)| name.ends_with(reference)).flat_map(|(_, at)| at.clone()).collect()
            }
        }
    }
}

/// A pointer in a fragment may be percent-encoded.
fn unescaped(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
