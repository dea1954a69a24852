//! Which arguments of a tool travel in headers (`x-mcp-header`). Input: the tool, and the arguments of a call.

use std::collections::BTreeMap;

use serde_json::Value;
use toolgate_catalogue::ParamHeader;
use toolgate_wire::header::decode_value;

use crate::texts;

const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

pub(crate) fn check(input: &[u8]) {
    let Some([tool, arguments]) = texts(input) else { return };
    let Some(headers) = ParamHeader::of_tool(tool) else { return };
    for header in &headers {
        let _ = header.value(arguments);
        let rest = header.name.strip_prefix("mcp-param-").unwrap();
        assert!(!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
        assert!(http::HeaderName::try_from(&header.name).is_ok(), "{} is no header", header.name);
    }
    // From here on by what `serde_json` sees. Of two members of one name it keeps the last, which is not asked about here.
    let (Ok(seen), Ok(said)) = (serde_json::from_str(tool), serde_json::from_str::<Value>(arguments)) else { return };
    if !printed_alike(&seen, tool) || !printed_alike(&said, arguments) {
        return;
    }
    let mut annotated = BTreeMap::new();
    find(seen.get("inputSchema").unwrap_or(&Value::Null), &mut Vec::new(), &mut annotated);
    assert_eq!(annotated.len(), headers.len(), "each annotation is a header of its own");
    for header in &headers {
        let path = &annotated[&header.name];
        let argument = path.iter().try_fold(&said, |value, name| value.get(name));
        let value = header.value(arguments);
        let value = value.as_deref().map(|value| decode_value(value).unwrap());
        assert_eq!(value.as_deref(), argument.and_then(as_text).as_deref(), "{}", header.name);
    }
}

/// Whether `text` holds as many members as `value`: no name is there twice.
fn printed_alike(value: &Value, text: &str) -> bool {
    let colons = |text: &str| text.bytes().filter(|byte| *byte == b':').count();
    colons(&value.to_string()) == colons(text)
}

/// The annotated properties by their headers, and where each is.
fn find(schema: &Value, path: &mut Vec<String>, found: &mut BTreeMap<String, Vec<String>>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        if let Some(header) = property.get("x-mcp-header").and_then(Value::as_str) {
            found.insert(format!("mcp-param-{}", header.to_lowercase()), path.clone());
        }
        find(property, path, found);
        path.pop();
    }
}

/// What a header says of an argument.
fn as_text(argument: &Value) -> Option<String> {
    match argument {
        Value::String(text) => Some(text.clone()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= MAX_SAFE)?;
            // Zero has no sign.
            Some(format!("{}", number + 0.0))
        }
        _ => None,
    }
}
