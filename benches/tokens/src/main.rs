//! Code Mode's pure part over standard input and output, for the token bench: a catalogue in the first line, then a question in each line
//! and its answer in a line of its own.

use std::{
    error::Error,
    io::{BufRead, Write, stdin, stdout},
    time::Instant,
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use toolgate_codemode::{GetToolDocs, Guide, ReadToolFile, SearchArguments, Told, ToolSource, Toolset};

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
    let mut lines = stdin().lock().lines();
    let catalogue: Vec<Listed> = serde_json::from_str(&lines.next().ok_or("the catalogue is missing")??)?;
    let sources: Vec<ToolSource> = catalogue
        .into_iter()
        .map(|Listed { server, name, tool }| ToolSource { server, name, raw: Bytes::from(tool.get().to_owned()) })
        .collect();
    let begin = Instant::now();
    let set = Toolset::new(sources);
    let built_us = begin.elapsed().as_micros();
    let visible = set.all();
    let guide = Guide::new(&set, &visible);
    for line in lines {
        let Question { op, arguments } = serde_json::from_str(&line?)?;
        let begin = Instant::now();
        let mut answer = match op.as_str() {
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

fn told(guide: Guide<'_>, op: &str, arguments: &Value) -> Result<Told, Box<dyn Error>> {
    Ok(match op {
        "search" => guide.search(&SearchArguments::parse(arguments)?),
        "listToolFiles" => guide.list_tool_files(),
        "readToolFile" => guide.read_tool_file(&ReadToolFile::parse(arguments)?),
        "getToolDocs" => guide.get_tool_docs(&GetToolDocs::parse(arguments)?),
        other => return Err(format!("there is no question {other:?}").into()),
    })
}
