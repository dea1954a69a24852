//! Declarations of several tools of a server, as one block. Must never decide which tools those are.

use std::collections::BTreeMap;

use super::{Detail, Guide, declare};
use crate::{declare::Declaration, toolset::Server};

/// A block that grows tool by tool.
#[derive(Debug, Default)]
pub(super) struct Namespace {
    types: BTreeMap<String, String>,
    pub(super) lines: Vec<String>,
}

impl Namespace {
    /// What `declaration` adds: its types that are not there yet, then the tool. `None` where a type of that name is another.
    fn addition(&self, declaration: &Declaration) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        for (name, text) in &declaration.types {
            match self.types.get(name) {
                Some(known) if known == text => {}
                Some(_) => return None,
                None => lines.push(format!("type {name} = {text}")),
            }
        }
        lines.push(declaration.function.clone());
        Some(lines)
    }

    /// Adds a tool, if that takes no more than `left` bytes; says how many it took.
    pub(super) fn add(&mut self, guide: &Guide<'_>, tool: Named<'_>, detail: Detail, left: usize) -> Option<usize> {
        let Named { server, number, identifier } = tool;
        let tool = guide.set.tool(number);
        let observed = guide.observed.and_then(|look| look(&server.id, &tool.name));
        let parsed = tool.parsed();
        let mut declaration = declare(&parsed, identifier, observed.as_ref(), detail, "");
        let lines = self.addition(&declaration).or_else(|| {
            // Another tool's type has the name: this one's bear the tool's name.
            declaration = declare(&parsed, identifier, observed.as_ref(), detail, &format!("{identifier}_"));
            self.addition(&declaration)
        })?;
        let size = lines.iter().map(|line| line.len() + 1).sum();
        if size > left {
            return None;
        }
        self.types.extend(declaration.types);
        self.lines.extend(lines);
        Some(size)
    }
}

/// A tool under its identifier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) server: &'a Server,
    pub(super) number: usize,
    pub(super) identifier: &'a str,
}
