//! What a caller can ask about its tools, answered as text for a model: search, and the files and docs of the Bifrost profile.
//!
//! Everything here is of one caller: tools that it may not see have no part in any answer, in no count, order, name or suggestion.

mod files;
mod namespace;
mod query;
mod search;

use crate::{
    declare::{Detail, Shape, declare},
    search::{Bits, nearest},
    toolset::{Server, Toolset, Visible},
};

pub use files::{GetToolDocs, ReadToolFile};
pub use query::SearchArguments;

/// What a model is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The text.
    pub text: String,
    /// Whether what was asked could not be answered: `isError` of the result.
    pub is_error: bool,
}

impl Told {
    fn ok(text: String) -> Self {
        Self { text, is_error: false }
    }

    fn error(text: String) -> Self {
        Self { text, is_error: true }
    }
}

/// The original names of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolRef<'a> {
    /// The server's id.
    pub server: &'a str,
    /// The tool's name, as the server has it.
    pub tool: &'a str,
}

/// A name that none of the caller's tools has. Whether anybody else's has it is not said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no tool {name:?}{}", did_you_mean(.suggestions))]
pub struct UnknownTool {
    /// What was asked for, cut where it is long.
    pub name: String,
    /// Names like it, the likeliest first.
    pub suggestions: Vec<String>,
}

/// Looks up what the results of a tool looked like, by its original names.
pub type Observed<'a> = &'a dyn Fn(&str, &str) -> Option<Shape>;

/// Answers for one caller.
#[derive(Clone, Copy)]
pub struct Guide<'a> {
    set: &'a Toolset,
    visible: &'a Bits,
    observed: Option<Observed<'a>>,
}

impl std::fmt::Debug for Guide<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guide({} of {} tools)", self.visible.count(), self.set.len())
    }
}

impl<'a> Guide<'a> {
    /// To whoever sees `visible`.
    #[must_use]
    pub fn new(visible: &'a Visible) -> Self {
        Self { set: &visible.set, visible: &visible.bits, observed: None }
    }

    /// With what results looked like so far.
    #[must_use]
    pub const fn with_observed(mut self, observed: Observed<'a>) -> Self {
        self.observed = Some(observed);
        self
    }

    /// The tool that `name` means: `server.tool` by identifiers or by original names, or `server__tool`.
    ///
    /// # Errors
    /// Names what it could have meant.
    pub fn resolve(&self, name: &str) -> Result<ToolRef<'a>, UnknownTool> {
        self.find(name).map_or_else(
            || Err(UnknownTool { name: crate::text::line(name, 80), suggestions: self.like(name) }),
            |tool| {
                let tool = self.set.tool(tool);
                Ok(ToolRef { server: &self.set.servers()[tool.server].id, tool: &tool.name })
            },
        )
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.set.seen_servers(self.visible).find_map(|(number, server)| {
            let identifier = self.set.server_identifier(number, self.visible);
            let rest = [identifier.as_str(), &server.id].into_iter().find_map(|prefix| {
                let rest = name.strip_prefix(prefix)?;
                rest.strip_prefix('.').or_else(|| rest.strip_prefix("__"))
            })?;
            let identifiers = self.set.tool_identifiers(server, self.visible);
            let seen: Vec<usize> = server.seen(self.visible).collect();
            let by_identifier = identifiers.iter().position(|identifier| identifier == rest).map(|at| seen[at]);
            by_identifier.or_else(|| seen.into_iter().find(|tool| self.set.tool(*tool).name == rest))
        })
    }

    /// Up to three names (`server.tool`) that are like `name`.
    #[must_use]
    pub fn like(&self, name: &str) -> Vec<String> {
        let all = self.all_names();
        let bare = name.rsplit_once('.').map_or(name, |(_, tool)| tool);
        let mut found = nearest(name, all.iter().map(String::as_str));
        for tool in nearest(bare, all.iter().filter_map(|name| name.split_once('.')).map(|(_, tool)| tool)) {
            let full = all.iter().find(|name| name.split_once('.').is_some_and(|(_, other)| other == tool));
            if let Some(full) = full.filter(|full| !found.contains(&full.as_str())) {
                found.push(full);
            }
        }
        found.into_iter().take(3).map(str::to_owned).collect()
    }

    /// All names as code has them.
    fn all_names(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (number, server) in self.set.seen_servers(self.visible) {
            let global = self.set.server_identifier(number, self.visible);
            let tools = self.set.tool_identifiers(server, self.visible);
            all.extend(tools.into_iter().map(|tool| format!("{global}.{tool}")));
        }
        all
    }

    /// The server that `name` means: its id or its identifier, upper and lower case alike.
    fn server(&self, name: &str) -> Option<(usize, &'a Server)> {
        let seen = || self.set.seen_servers(self.visible);
        let exact = seen()
            .find(|(number, server)| server.id == name || self.set.server_identifier(*number, self.visible) == name);
        exact.or_else(|| seen().find(|(_, server)| server.id.eq_ignore_ascii_case(name)))
    }

    /// That there is no such server, and which there are.
    fn no_server(&self, name: &str) -> Told {
        let all: Vec<String> = self
            .set
            .seen_servers(self.visible)
            .map(|(number, _)| self.set.server_identifier(number, self.visible))
            .collect();
        let like: Vec<String> = nearest(name, all.iter().map(String::as_str)).into_iter().map(str::to_owned).collect();
        let name = crate::text::line(name, 80);
        Told::error(format!("there is no server {name:?}{}; servers: {}", did_you_mean(&like), listed(&all, 1_500)))
    }
}

fn did_you_mean(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(", ")) }
}

/// `items` with commas between them, in at most about `max` bytes, and how many are left out.
fn listed(items: &[String], max: usize) -> String {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 && out.len() + item.len() > max {
            return format!("{out} … +{} more", items.len() - index);
        }
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(item);
    }
    out
}
