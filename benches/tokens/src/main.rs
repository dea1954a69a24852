//! Code Mode's pure part over standard input and output, for the token bench: a catalogue in the first line, then a question in each line
//! and its answer in a line of its own.

use std::{
    error::Error,
    io::{BufRead, Write, stdin, stdout},
    rc::Rc,
    time::Instant,
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use toolgate_codemode::{Detail, Guide, MetaTool, Told, ToolSource, Toolset, declare};

#[derive(Deserialize)]
struct Listed {
    server: String,
    name: String,
    tool: Box<RawValue>,
}

#[derive(Deserialize)]
struct Question {
    op: String,
    #[serde(default)]
    arguments: Value,
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("golden") {
        return golden();
    }
    let mut lines = stdin().lock().lines();
    let catalogue: Vec<Listed> = serde_json::from_str(&lines.next().ok_or("the catalogue is missing")??)?;
    let sources: Vec<ToolSource> = catalogue
        .into_iter()
        .map(|Listed { server, name, tool }| ToolSource { server, name, raw: Bytes::from(tool.get().to_owned()) })
        .collect();
    let begin = Instant::now();
    let set = Rc::new(Toolset::new(sources));
    let built_us = begin.elapsed().as_micros();
    let visible = set.visible(|_, _| true);
    let guide = Guide::new(&visible);
    for line in lines {
        let Question { op, arguments } = serde_json::from_str(&line?)?;
        let begin = Instant::now();
        let mut answer = match op.as_str() {
            "definition" => {
                let tool = MetaTool::named(arguments["name"].as_str().unwrap_or_default()).ok_or("no such tool")?;
                json!({"text": tool.definition()})
            }
            "size" => json!({"tools": set.len(), "bytes": set.size(), "built_us": built_us}),
            "ranked" => {
                let ranked = guide.ranked(arguments["query"].as_str().unwrap_or_default(), 50);
                json!({"tools": ranked.iter().map(|tool| format!("{}.{}", tool.server, tool.tool)).collect::<Vec<_>>()})
            }
            op => {
                let Told { text, is_error } = told(guide, op, &arguments)?;
                json!({"text": text, "isError": is_error})
            }
        };
        answer["us"] = json!(begin.elapsed().as_micros());
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

/// Writes the declarations of the golden tools anew.
fn golden() -> Result<(), Box<dyn Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/codemode/tests/golden");
    let tools: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(format!("{folder}/tools.json"))?)?;
    let blocks = tools.iter().map(|entry| {
        let tool = &entry["tool"];
        let name = tool["name"].as_str().unwrap_or_default();
        let text = |detail| {
            let declared = declare(tool, name, None, detail, "");
            let types = declared.types.iter().map(|(name, text)| format!("type {name} = {text}\n"));
            format!("{}{}", types.collect::<String>(), declared.function)
        };
        let server = entry["server"].as_str().unwrap_or_default();
        format!("# {server}.{name}\n{}\n\n{}\n", text(Detail::Signature), text(Detail::Full))
    });
    std::fs::write(format!("{folder}/declarations.txt"), blocks.collect::<Vec<_>>().join("\n"))?;
    Ok(())
}

fn told(guide: Guide<'_>, op: &str, arguments: &Value) -> Result<Told, Box<dyn Error>> {
    let tool = MetaTool::named(op).ok_or_else(|| format!("there is no question {op:?}"))?;
    guide.tell(tool, arguments).ok_or_else(|| format!("{op} runs something").into())
}
