//! The programs that every host of the sandbox must run with the same outcome (`sandbox/programs`), and the tools they call.

use std::fmt::Write as _;

use toolgate_model::Timestamp;
use toolgate_ports::{Clock, Sandbox};
use toolgate_sandbox::{
    Call, CallResult, Dispatch, Dispatched, Limits, Log, Outcome, Program, Report, Server, Servers, Tool, run,
};

pub use crate::told::told;

/// What programs are written as, and what they do.
pub const LANGUAGE: &str = include_str!("../../../sandbox/programs/language.txt");
/// What programs may try, and how it ends.
pub const HOSTILE: &str = include_str!("../../../sandbox/programs/hostile.txt");

/// A program with its name and how it must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it is.
    pub name: String,
    /// `done`, `done` and the result, or the kind of failure.
    pub expected: String,
    /// The source.
    pub code: String,
}

/// The programs of a table: `## name => outcome`, then the source; a line `@repeat N "text"` in it is that text N times.
#[must_use]
pub fn cases(table: &str) -> Vec<Case> {
    table.split("\n## ").skip(1).filter_map(case).collect()
}

fn case(text: &str) -> Option<Case> {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let (name, expected) = head.split_once(" => ")?;
    // A heading of the table that follows.
    let body = body.split("\n# ").next().unwrap_or_default();
    let code: Vec<String> = body.trim_end().lines().map(line).collect();
    Some(Case { name: name.to_owned(), expected: expected.to_owned(), code: code.join("\n") })
}

fn line(line: &str) -> String {
    let repeat = || {
        let (count, text) = line.strip_prefix("@repeat ")?.split_once(' ')?;
        Some(text.trim().strip_prefix('"')?.strip_suffix('"')?.repeat(count.parse().ok()?))
    };
    repeat().unwrap_or_else(|| line.to_owned())
}

/// Runs `code` with the fixture's tools, as every host does.
pub async fn run_fixture<S: Sandbox>(sandbox: &S, clock: &impl Clock, code: &str) -> Report {
    let program =
        Program { code: code.to_owned(), seed: 1, now: Timestamp::from_millis(1_000_000_000_000), servers: servers() };
    run(sandbox, clock, &Tools, &program, &Limits::default(), Log::default()).await
}

/// One line on how a program ended, the same on every host: outcome, gas, memory, calls, and what the agent is told, cut short.
#[must_use]
pub fn line_of(report: &Report) -> String {
    let told = told(report);
    let mut line = format!("{} | {} | {} | {}", kind(report), report.gas, report.memory, report.calls.len());
    let shown = &told[..told.floor_char_boundary(600)];
    let _ = write!(line, " | {} | {shown}", told.len());
    line
}

/// `done`, or the kind of failure.
#[must_use]
pub fn kind(report: &Report) -> String {
    match &report.outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::Failed(failure) => failure.kind.to_string(),
        Outcome::Paused(_) => "paused".to_owned(),
    }
}

/// Whether a program ended as its case says.
#[must_use]
pub fn as_expected(case: &Case, report: &Report) -> bool {
    let told: serde_json::Value = serde_json::from_str(&told(report)).unwrap_or_default();
    match case.expected.strip_prefix("done ") {
        Some(result) => {
            let expected: Option<serde_json::Value> = serde_json::from_str(result).ok();
            kind(report) == "done" && expected.as_ref() == told.get("result")
        }
        // What it must say may follow the kind.
        None => match case.expected.split_once(' ') {
            Some((expected, text)) => kind(report) == expected && told["error"].to_string().contains(text),
            None => kind(report) == case.expected,
        },
    }
}

fn servers() -> Servers {
    let tool = |ident: &str, name: &str| Tool { ident: ident.to_owned(), name: name.to_owned() };
    let names = ["get_issue", "create_issue", "odd", "text", "number", "json_text", "rows"];
    let mut tools: Vec<Tool> = names.map(|name| tool(name, name)).into();
    tools.insert(0, tool("list_issues", "list-issues"));
    let files = Server { id: "my-files".to_owned(), ident: "my_files".to_owned(), tools: vec![tool("read", "read")] };
    Servers::new(&[Server { id: "github".to_owned(), ident: "github".to_owned(), tools }, files])
}

/// What the programs call: most tools tell what they were called with, `create_issue` fails, the others answer in some special way.
struct Tools;

impl Dispatch for Tools {
    async fn call(&self, call: &Call) -> Dispatched {
        let args = call.arguments.get();
        let number = call.number;
        Dispatched::Ended(match call.tool.as_str() {
            "create_issue" => CallResult::Error("may not create issues".to_owned()),
            "odd" => CallResult::Json(r#"{"__proto__":{"admin":true},"a":1}"#.into()),
            "text" => CallResult::Text("some text".to_owned()),
            "number" => CallResult::Text("12345678901234567890".to_owned()),
            "json_text" => CallResult::Text(r#" {"a":[1,2]}"#.to_owned()),
            "rows" => CallResult::Json(rows().into()),
            _ => CallResult::Json(format!(r#"{{"n":42,"number":{number},"args":{args}}}"#).into()),
        })
    }
}

/// A thousand rows, as a list of issues has them.
#[must_use]
pub fn rows() -> String {
    let row = |index: u32| {
        format!(
            r#"{{"id":{index},"title":"Issue number {index} about something","state":"{state}","user":{{"login":"user{user}","id":{user}}},"labels":["bug","area-{area}"],"comments":{comments},"body":"Some words that describe what the matter is, and what was seen; and some more of them, to be as long as such text is.","url":"https://example.com/issues/{index}"}}"#,
            state = if index.is_multiple_of(3) { "closed" } else { "open" },
            user = index % 17,
            area = index % 7,
            comments = index * 7 % 31,
        )
    };
    format!("[{}]", (0..1_000).map(row).collect::<Vec<_>>().join(","))
}
