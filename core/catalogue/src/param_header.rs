//! `x-mcp-header` (SEP-2243): which arguments of a tool travel in headers, too. A tool whose annotations break the rules must not be
//! listed.

use std::collections::BTreeSet;

use serde_json::Value;
use toolgate_wire::{
    header::{decode_value, encode_value},
    splice,
};

const ANNOTATION: &str = "x-mcp-header";
const MAX_SAFE: i64 = (1 << 53) - 1;
const MAX_DEPTH: usize = 32;

/// An argument that travels in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamHeader {
    /// The header: `mcp-param-region`.
    pub name: String,
    /// Where the argument is.
    path: Vec<String>,
}

impl ParamHeader {
    /// The headers that the schema of the tool with the raw JSON `tool` asks for. `None` if it breaks the rules.
    #[must_use]
    pub fn of_tool(tool: &str) -> Option<Vec<Self>> {
        if memchr::memmem::find(tool.as_bytes(), ANNOTATION.as_bytes()).is_none() {
            return Some(Vec::new());
        }
        let Some(schema) = splice::value(tool, "inputSchema") else { return Some(Vec::new()) };
        let schema: Value = serde_json::from_str(schema).ok()?;
        let mut headers = Vec::new();
        collect(&schema, &mut Vec::new(), &mut headers)?;
        let distinct: BTreeSet<&str> = headers.iter().map(|header| header.name.as_str()).collect();
        let all_reached = headers.len() == annotations(&schema, 0);
        (distinct.len() == headers.len() && all_reached).then_some(headers)
    }

    /// What the header says for these raw arguments; nothing if the argument is absent or null, or can't be said.
    #[must_use]
    pub fn value(&self, arguments: &str) -> Option<String> {
        let raw = self.raw(arguments)?;
        match raw.as_bytes().first()? {
            b'"' => Some(encode_value(&splice::string(raw)?).into_owned()),
            b't' | b'f' => Some(raw.to_owned()),
            b'-' | b'0'..=b'9' => whole(raw).map(|number| number.to_string()),
            _ => None,
        }
    }

    /// Whether a header that says `said` (decoded) says what these raw arguments say. Integers are compared as numbers.
    #[must_use]
    pub fn agrees(&self, said: &str, arguments: &str) -> bool {
        match self.value(arguments).as_deref().and_then(decode_value) {
            Some(meant) if meant == said => true,
            Some(meant) => {
                meant.parse::<i64>().is_ok_and(|meant| !self.is_text(arguments) && whole(said) == Some(meant))
            }
            None => false,
        }
    }

    fn is_text(&self, arguments: &str) -> bool {
        self.raw(arguments).is_some_and(|raw| raw.starts_with('"'))
    }

    fn raw<'a>(&self, arguments: &'a str) -> Option<&'a str> {
        self.path.iter().try_fold(arguments, |object, name| splice::value(object, name))
    }
}

/// The integer that a JSON number is, however it is spelt (`1.0` is one), if every reader can hold it.
fn whole(raw: &str) -> Option<i64> {
    let number = match raw.parse::<i64>() {
        Ok(number) => number,
        Err(_) => {
            raw.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && number.abs() <= MAX_SAFE as f64)? as i64
        }
    };
    (-MAX_SAFE..=MAX_SAFE).contains(&number).then_some(number)
}

/// Takes the annotations that are reached through `properties` alone. `None` if one of them is wrong.
fn collect(schema: &Value, path: &mut Vec<String>, headers: &mut Vec<ParamHeader>) -> Option<()> {
    if path.len() > MAX_DEPTH {
        return None;
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Some(()) };
    for (name, property) in properties {
        path.push(name.clone());
        if let Some(annotation) = property.get(ANNOTATION) {
            let simple = matches!(property.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean"));
            let header = annotation.as_str().filter(|text| simple && is_token(text))?;
            headers
                .push(ParamHeader { name: format!("mcp-param-{}", header.to_ascii_lowercase()), path: path.clone() });
        }
        collect(property, path, headers)?;
        path.pop();
    }
    Some(())
}

/// How many annotations there are anywhere. An argument that is called like one is none.
fn annotations(value: &Value, depth: usize) -> usize {
    if depth > 4 * MAX_DEPTH {
        return usize::MAX / 2;
    }
    match value {
        Value::Array(all) => all.iter().map(|one| annotations(one, depth + 1)).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                (ANNOTATION, _) => 1,
                ("properties", Value::Object(named)) => named.values().map(|one| annotations(one, depth + 1)).sum(),
                _ => annotations(value, depth + 1),
            })
            .sum(),
        _ => 0,
    }
}

fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(token)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(schema: &Value) -> Option<Vec<ParamHeader>> {
        ParamHeader::of_tool(&json!({"name": "t", "inputSchema": schema}).to_string())
    }

    #[test]
    fn values_are_read_where_the_schema_says() {
        let found = headers(&json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "page": {"type": "object", "properties": {"size": {"type": "integer", "x-mcp-header": "Size"}}},
            "x-mcp-header": {"type": "string"}}}))
        .unwrap();
        let said = |arguments: &str| -> Vec<(String, Option<String>)> {
            found.iter().map(|header| (header.name.clone(), header.value(arguments))).collect()
        };
        let both = said(r#"{"region":"grün","page":{"size":10}}"#);
        assert!(both.contains(&("mcp-param-region".into(), Some("=?base64?Z3LDvG4=?=".into()))), "{both:?}");
        assert!(both.contains(&("mcp-param-size".into(), Some("10".into()))));
        for nothing in ["{}", r#"{"region":null,"page":{"size":1.5}}"#, r#"{"page":{"size":9007199254740993}}"#] {
            assert!(said(nothing).iter().all(|(_, value)| value.is_none()), "{nothing}");
        }
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_spelt() {
        let found = headers(&json!({"properties": {"n": {"type": "integer", "x-mcp-header": "N"}}})).unwrap();
        for (raw, said) in
            [("10.0", Some("10")), ("1e2", Some("100")), ("-0.0", Some("0")), ("1e16", None), ("\"7\"", Some("7"))]
        {
            let arguments = format!("{{\"n\":{raw}}}");
            assert_eq!(found[0].value(&arguments).as_deref(), said, "{raw}");
        }
        for (said, arguments, agrees) in [
            ("10", r#"{"n":10.0}"#, true),
            ("10.0", r#"{"n":10}"#, true),
            ("11", r#"{"n":10}"#, false),
            ("10.0", r#"{"n":"10"}"#, false),
            ("10", "{}", false),
        ] {
            assert_eq!(found[0].agrees(said, arguments), agrees, "{said} {arguments}");
        }
    }

    #[test]
    fn a_wrong_annotation_spoils_the_tool() {
        let string = |header: Value| json!({"type": "string", "x-mcp-header": header});
        for wrong in [
            json!({"properties": {"a": string(json!(""))}}),
            json!({"properties": {"a": string(json!("a b"))}}),
            json!({"properties": {"a": string(json!(1))}}),
            json!({"properties": {"a": {"type": "number", "x-mcp-header": "A"}}}),
            json!({"properties": {"a": {"type": "object", "x-mcp-header": "A"}}}),
            json!({"properties": {"a": string(json!("A")), "b": string(json!("a"))}}),
            json!({"properties": {"a": {"type": "array", "items": string(json!("A"))}}}),
            json!({"anyOf": [{"properties": {"a": string(json!("A"))}}]}),
            json!({"x-mcp-header": "A"}),
        ] {
            assert_eq!(headers(&wrong), None, "{wrong}");
        }
        assert_eq!(headers(&json!({"properties": {"a": {"type": "string"}}})), Some(vec![]));
    }
}
