//! Tools of real servers, declared: what a model reads, seen as text.

use serde_json::Value;
use toolgate_codemode::{Detail, declare};

const TOOLS: &str = include_str!("golden/tools.json");
const DECLARATIONS: &str = include_str!("golden/declarations.txt");

fn text(tool: &Value, detail: Detail) -> String {
    let declared = declare(tool, tool["name"].as_str().unwrap_or_default(), None, detail, "");
    let types = declared.types.iter().map(|(name, text)| format!("type {name} = {text}\n"));
    format!("{}{}", types.collect::<String>(), declared.function)
}

/// A difference that is meant is written with `cargo run -p toolgate-bench-tokens -- golden`.
#[test]
fn real_tools_are_declared_as_they_were() {
    let tools: Vec<Value> = serde_json::from_str(TOOLS).unwrap();
    assert!(tools.len() > 40);
    let mut expected = DECLARATIONS;
    for entry in &tools {
        let (server, tool) = (entry["server"].as_str().unwrap(), &entry["tool"]);
        let name = tool["name"].as_str().unwrap();
        let block = format!("# {server}.{name}\n{}\n\n{}\n", text(tool, Detail::Signature), text(tool, Detail::Full));
        let Some(rest) = expected.strip_prefix(&block) else {
            let end = expected.find("\n# ").unwrap_or(expected.len());
            panic!("{server}.{name} is declared otherwise.\nexpected:\n{}\nfound:\n{block}", &expected[..end]);
        };
        expected = rest.strip_prefix('\n').unwrap_or(rest);
    }
    assert_eq!(expected, "");
}

/// What Code Mode is for: signatures cost a fraction of the definitions, and details no more than they do.
#[test]
fn declarations_are_shorter_than_definitions() {
    let tools: Vec<Value> = serde_json::from_str(TOOLS).unwrap();
    let (mut definitions, mut signatures, mut full) = (0, 0, 0);
    for entry in &tools {
        let tool = &entry["tool"];
        definitions += tool["description"].as_str().unwrap().len() + tool["inputSchema"].to_string().len();
        signatures += text(tool, Detail::Signature).len();
        full += text(tool, Detail::Full).len();
    }
    assert!(signatures * 4 < definitions, "{signatures} of {definitions}");
    assert!(full < definitions, "{full} of {definitions}");
}
