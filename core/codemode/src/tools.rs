//! The tools that lead to all others: their definitions, constant to the byte so that prompts can be cached, and their arguments.
//!
//! Definitions are read by a model in every request: each says what it must, and no more. A test holds them to their budget.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::guide::{GetToolDocs, Guide, ReadToolFile, SearchArguments, Told};

/// A tool of the gateway's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaTool {
    /// Finds tools.
    Search,
    /// Runs code that calls tools.
    Execute,
    /// Calls one tool.
    Call,
    /// Bifrost's list of servers.
    ListToolFiles,
    /// Bifrost's declarations of a server.
    ReadToolFile,
    /// Bifrost's docs of a tool.
    GetToolDocs,
    /// Bifrost's name for running code.
    ExecuteToolCode,
}

/// What is listed where tools are found and then used in code.
pub const CODE: [MetaTool; 2] = [MetaTool::Search, MetaTool::Execute];
/// What is listed where tools are found and then called one by one.
pub const SEARCH: [MetaTool; 2] = [MetaTool::Search, MetaTool::Call];
/// What is listed for clients that were made for Bifrost's Code Mode.
pub const BIFROST: [MetaTool; 4] =
    [MetaTool::ListToolFiles, MetaTool::ReadToolFile, MetaTool::GetToolDocs, MetaTool::ExecuteToolCode];

const SEARCH_DEFINITION: &str = r#"{"name":"search","description":"Find tools by what they do. Answers their declarations (TypeScript). Without query: what there is.","inputSchema":{"type":"object","properties":{"query":{"type":"string","description":"Words for one action; several actions: \"read file; send mail\""},"server":{"type":"string"},"detail":{"type":"string","enum":["names","signature","full"],"description":"Default signature; full adds docs"},"limit":{"type":"integer","description":"Default 10, at most 50"}}},"annotations":{"readOnlyHint":true}}"#;

/// What runs code, under either name.
macro_rules! runs_code {
    ($name:literal, $tools:literal) => {
        concat!(
            r#"{"name":""#,
            $name,
            r#"","description":"Run JavaScript, the body of an async function, on "#,
            $tools,
            r#":\nconst issues = await github.list_issues({owner: \"a\", repo: \"b\"});\nreturn issues.map(i => i.title);\nEach tool takes one object and throws if it fails. Use Promise.all for calls that don't depend on each other. You get only what you return or console.log: filter and combine in code; where a type is any, look at one result first. No network, files, imports or timers. After an error, calls in completedCalls have happened: don't repeat them.","inputSchema":{"type":"object","properties":{"code":{"type":"string"}},"required":["code"]}}"#
        )
    };
}

const EXECUTE_DEFINITION: &str = runs_code!("execute", "tools found with search");

const CALL_DEFINITION: &str = r#"{"name":"call","description":"Call a tool found with search.","inputSchema":{"type":"object","properties":{"tool":{"type":"string","description":"server.tool, as declared"},"arguments":{"type":"object"}},"required":["tool"]}}"#;

const LIST_TOOL_FILES_DEFINITION: &str = r#"{"name":"listToolFiles","description":"List the declaration files of all servers: servers/<server>.d.ts. Start here.","inputSchema":{"type":"object","properties":{}},"annotations":{"readOnlyHint":true}}"#;

const READ_TOOL_FILE_DEFINITION: &str = r#"{"name":"readToolFile","description":"Read a server's declarations: one line for each tool.","inputSchema":{"type":"object","properties":{"fileName":{"type":"string","description":"servers/<server>.d.ts"},"startLine":{"type":"integer","description":"From 1"},"endLine":{"type":"integer"}},"required":["fileName"]},"annotations":{"readOnlyHint":true}}"#;

const GET_TOOL_DOCS_DEFINITION: &str = r#"{"name":"getToolDocs","description":"All that is known of one tool. Ask where the declaration leaves a doubt.","inputSchema":{"type":"object","properties":{"server":{"type":"string"},"tool":{"type":"string"}},"required":["server","tool"]},"annotations":{"readOnlyHint":true}}"#;

const EXECUTE_TOOL_CODE_DEFINITION: &str = runs_code!("executeToolCode", "declared tools");

impl MetaTool {
    const ALL: [Self; 7] = [
        Self::Search,
        Self::Execute,
        Self::Call,
        Self::ListToolFiles,
        Self::ReadToolFile,
        Self::GetToolDocs,
        Self::ExecuteToolCode,
    ];

    /// The name that clients call.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Execute => "execute",
            Self::Call => "call",
            Self::ListToolFiles => "listToolFiles",
            Self::ReadToolFile => "readToolFile",
            Self::GetToolDocs => "getToolDocs",
            Self::ExecuteToolCode => "executeToolCode",
        }
    }

    /// What `tools/list` says of it: one JSON object, always the same bytes.
    #[must_use]
    pub const fn definition(self) -> &'static str {
        match self {
            Self::Search => SEARCH_DEFINITION,
            Self::Execute => EXECUTE_DEFINITION,
            Self::Call => CALL_DEFINITION,
            Self::ListToolFiles => LIST_TOOL_FILES_DEFINITION,
            Self::ReadToolFile => READ_TOOL_FILE_DEFINITION,
            Self::GetToolDocs => GET_TOOL_DOCS_DEFINITION,
            Self::ExecuteToolCode => EXECUTE_TOOL_CODE_DEFINITION,
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

/// The arguments of `execute` and `executeToolCode`.
#[derive(Debug, Deserialize)]
pub struct ExecuteArguments<'a> {
    /// What the model wrote.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
}

/// The arguments of `call`.
#[derive(Debug, Deserialize)]
pub struct CallArguments<'a> {
    /// The tool's name; see [`Guide::resolve`].
    #[serde(borrow)]
    pub tool: Cow<'a, str>,
    /// Its arguments, as they came.
    #[serde(borrow, default)]
    pub arguments: Option<&'a RawValue>,
}

impl<'a> ExecuteArguments<'a> {
    /// Of raw JSON.
    ///
    /// # Errors
    /// Says what is wrong, in words for the model.
    pub fn parse(arguments: &'a str) -> Result<Self, String> {
        serde_json::from_str(arguments).map_err(|_| "code is missing: it must be JavaScript, as text".to_owned())
    }
}

impl<'a> CallArguments<'a> {
    /// Of raw JSON.
    ///
    /// # Errors
    /// Says what is wrong, in words for the model.
    pub fn parse(arguments: &'a str) -> Result<Self, String> {
        let parsed: Self = serde_json::from_str(arguments)
            .map_err(|_| "tool is missing: it must be a name that search gives, server.tool".to_owned())?;
        match parsed.arguments {
            Some(given) if !given.get().starts_with('{') => Err("arguments must be an object".to_owned()),
            _ => Ok(parsed),
        }
    }
}

impl Guide<'_> {
    /// Answers a call of `tool`, if it needs nothing but what is known of tools. `None`: it runs or calls something.
    #[must_use]
    pub fn tell(&self, tool: MetaTool, arguments: &Value) -> Option<Told> {
        let told = match tool {
            MetaTool::Search => SearchArguments::parse(arguments).map(|arguments| self.search(&arguments)),
            MetaTool::ListToolFiles => Ok(self.list_tool_files()),
            MetaTool::ReadToolFile => ReadToolFile::parse(arguments).map(|arguments| self.read_tool_file(&arguments)),
            MetaTool::GetToolDocs => GetToolDocs::parse(arguments).map(|arguments| self.get_tool_docs(&arguments)),
            MetaTool::Execute | MetaTool::Call | MetaTool::ExecuteToolCode => return None,
        };
        Some(told.unwrap_or_else(|text| Told { text, is_error: true }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_tools_with_their_names() {
        for tool in MetaTool::ALL {
            let definition: Value = serde_json::from_str(tool.definition()).unwrap();
            assert_eq!(definition["name"], tool.name());
            assert_eq!(definition["inputSchema"]["type"], "object");
            assert!(definition["description"].as_str().unwrap().len() > 20);
            assert_eq!(MetaTool::named(tool.name()), Some(tool));
        }
        assert_eq!(MetaTool::named("Search"), None);
    }

    /// No text has fewer than three bytes of JSON for a token on average; the bench counts exactly.
    #[test]
    fn definitions_stay_within_their_budgets() {
        let bytes = |tools: &[MetaTool]| tools.iter().map(|tool| tool.definition().len()).sum::<usize>();
        assert!(bytes(&CODE) <= 1_200, "{}", bytes(&CODE));
        assert!(bytes(&SEARCH) <= 800, "{}", bytes(&SEARCH));
        assert!(bytes(&BIFROST) <= 1_800, "{}", bytes(&BIFROST));
    }

    #[test]
    fn arguments_that_are_none_are_explained() {
        assert!(ExecuteArguments::parse("{}").unwrap_err().contains("code"));
        assert!(CallArguments::parse(r#"{"arguments":{}}"#).unwrap_err().contains("server.tool"));
        assert!(CallArguments::parse(r#"{"tool":"a.b","arguments":[]}"#).unwrap_err().contains("object"));
        let call = CallArguments::parse(r#"{"tool":"a.b","arguments":{"n":1e3}}"#).unwrap();
        assert_eq!((call.tool, call.arguments.unwrap().get()), ("a.b".into(), r#"{"n":1e3}"#));
        assert_eq!(ExecuteArguments::parse(r#"{"code":"return\n1"}"#).unwrap().code, "return\n1");
    }
}
