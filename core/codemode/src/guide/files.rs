//! The Bifrost profile's three questions: servers as files of declarations, and the docs of one tool.

use serde_json::Value;

use super::{
    Detail, Guide, Told,
    namespace::{Named, Namespace},
};

/// The most bytes of a file in one answer.
const MAX_FILE: usize = 48_000;

/// The arguments of `readToolFile`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadToolFile {
    /// `servers/<server>.d.ts`; folder and ending may be left out.
    pub file: String,
    /// The first line, from 1.
    pub first: usize,
    /// The last line.
    pub last: usize,
}

/// The arguments of `getToolDocs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetToolDocs {
    /// The server, by id or identifier.
    pub server: String,
    /// The tool, by name or identifier.
    pub tool: String,
}

impl ReadToolFile {
    /// # Errors
    /// Says what is wrong, in words for the model.
    pub fn parse(arguments: &Value) -> Result<Self, String> {
        let file = text(arguments, "fileName")?;
        let line = |name: &str, absent: usize| match arguments.get(name) {
            None | Some(Value::Null) => Ok(absent),
            Some(value) => value.as_u64().map(|line| line as usize).ok_or(format!("{name} must be a line's number")),
        };
        Ok(Self { file, first: line("startLine", 1)?.max(1), last: line("endLine", usize::MAX)? })
    }
}

impl GetToolDocs {
    /// # Errors
    /// Says what is wrong, in words for the model.
    pub fn parse(arguments: &Value) -> Result<Self, String> {
        Ok(Self { server: text(arguments, "server")?, tool: text(arguments, "tool")? })
    }
}

fn text(arguments: &Value, name: &str) -> Result<String, String> {
    let text = arguments.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(format!("{name} is missing: it must be text"))
}

impl Guide<'_> {
    /// Answers `listToolFiles`: a file for each server.
    #[must_use]
    pub fn list_tool_files(&self) -> Told {
        let files = self.set.seen_servers(self.visible);
        let files = files.map(|(number, _)| format!("  {}.d.ts", self.set.server_identifier(number, self.visible)));
        let files: Vec<String> = files.collect();
        if files.is_empty() {
            return Told::ok("there are no tools".to_owned());
        }
        Told::ok(format!("servers/\n{}", files.join("\n")))
    }

    /// Answers `readToolFile`: the server's signatures, or the lines asked for.
    #[must_use]
    pub fn read_tool_file(&self, arguments: &ReadToolFile) -> Told {
        let name = arguments.file.rsplit('/').next().unwrap_or_default();
        let stem = [".d.ts", ".pyi", ".ts"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
        let Some((number, _)) = self.server(stem) else { return self.no_server(stem) };
        let lines = self.file(number);
        let (first, last) = (arguments.first, arguments.last.min(lines.len()));
        if first > last {
            return Told::error(format!(
                "the file has {} lines; {first} to {} are none of them",
                lines.len(),
                arguments.last
            ));
        }
        let mut out = String::new();
        for (at, line) in lines.iter().enumerate().take(last).skip(first - 1) {
            if out.len() + line.len() > MAX_FILE {
                out.push_str(&format!(
                    "… lines {} to {} of {} are left out: read on with startLine",
                    at + 1,
                    last,
                    lines.len()
                ));
                break;
            }
            out.push_str(line);
            out.push('\n');
        }
        Told::ok(out)
    }

    fn file(&self, number: usize) -> Vec<String> {
        let server = &self.set.servers()[number];
        let identifiers = self.set.tool_identifiers(server, self.visible);
        let mut block = Namespace::default();
        for (tool, identifier) in server.seen(self.visible).zip(&identifiers) {
            block.add(self, Named { server, number: tool, identifier }, Detail::Signature, usize::MAX);
        }
        let mut lines = vec![format!("namespace {} {{", self.set.server_identifier(number, self.visible))];
        lines.extend(block.lines);
        lines.push("}".to_owned());
        lines
    }

    /// Answers `getToolDocs`: all that is known of one tool.
    #[must_use]
    pub fn get_tool_docs(&self, arguments: &GetToolDocs) -> Told {
        let Some((number, server)) = self.server(&arguments.server) else { return self.no_server(&arguments.server) };
        let global = self.set.server_identifier(number, self.visible);
        let full = format!("{global}.{}", arguments.tool);
        let Some(tool) = self.find(&full) else {
            let unknown = super::UnknownTool { name: crate::text::line(&full, 80), suggestions: self.like(&full) };
            return Told::error(unknown.to_string());
        };
        let identifiers = self.set.tool_identifiers(server, self.visible);
        let at = server.seen(self.visible).position(|other| other == tool).unwrap_or_default();
        let mut block = Namespace::default();
        let named = Named { server, number: tool, identifier: &identifiers[at] };
        block.add(self, named, Detail::Full, usize::MAX);
        Told::ok(format!("namespace {global} {{\n{}\n}}", block.lines.join("\n")))
    }
}
