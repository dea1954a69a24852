//! Original names and identifiers of servers and tools, one to one: what the sandbox binds, and how a call finds its way back.
//!
//! The rule: a name that is an identifier keeps it. In any other, what an identifier may not hold becomes `_`, and a word that JavaScript
//! reserves gets `_` after it. Names that are then alike, upper and lower case not told apart, get `_2`, `_3` and so on: unchanged names
//! before changed ones, each in the order of the originals. So the same tools always have the same identifiers; and what a caller may
//! not see has no part in those it sees, since a caller's names are made of what it sees alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    ident,
    order::{order, sorted},
};

/// A name as its owner gives it, and as code has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Name {
    /// As the server's record or the upstream has it.
    pub original: String,
    /// A JavaScript identifier.
    pub identifier: String,
}

/// One server and its tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerNames {
    /// The server: its identifier is a global.
    pub server: Name,
    /// Its tools, by identifier: properties of that global.
    pub tools: Vec<Name>,
}

/// The servers and tools that one caller may use, by both names. Identifiers are unique: of servers, and of the tools of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Names {
    /// By identifier.
    servers: Vec<ServerNames>,
}

impl Names {
    /// Of pairs of a server and one of its tools, in any order. A pair that comes twice counts once.
    #[must_use]
    pub fn new<'a>(tools: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut by_server: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (server, tool) in tools {
            by_server.entry(server).or_default().insert(tool);
        }
        let servers: Vec<&str> = by_server.keys().copied().collect();
        let identifiers = assign(&servers, Kind::Server);
        let servers: Vec<ServerNames> = by_server
            .iter()
            .zip(identifiers)
            .map(|((server, tools), identifier)| {
                let originals: Vec<&str> = tools.iter().copied().collect();
                let tools = named(&originals, assign(&originals, Kind::Tool));
                let tools = sorted(tools, |a, b| a.identifier.cmp(&b.identifier));
                ServerNames { server: Name { original: (*server).to_owned(), identifier }, tools }
            })
            .collect();
        Self { servers: sorted(servers, |a, b| a.server.identifier.cmp(&b.server.identifier)) }
    }

    /// All of them, by identifier.
    #[must_use]
    pub fn servers(&self) -> &[ServerNames] {
        &self.servers
    }

    /// The original names of server and tool behind these identifiers.
    #[must_use]
    pub fn originals(&self, server: &str, tool: &str) -> Option<(&str, &str)> {
        let found = self.servers.binary_search_by(|names| names.server.identifier.as_str().cmp(server)).ok()?;
        let names = &self.servers[found];
        let tool = names.tools.binary_search_by(|name| name.identifier.as_str().cmp(tool)).ok()?;
        Some((&names.server.original, &names.tools[tool].original))
    }

    /// The identifiers of the tool with these original names.
    #[must_use]
    pub fn identifiers(&self, server: &str, tool: &str) -> Option<(&str, &str)> {
        let names = self.servers.iter().find(|names| names.server.original == server)?;
        let tool = names.tools.iter().find(|name| name.original == tool)?;
        Some((&names.server.identifier, &tool.identifier))
    }
}

fn named(originals: &[&str], identifiers: Vec<String>) -> Vec<Name> {
    let pairs = originals.iter().zip(identifiers);
    pairs.map(|(original, identifier)| Name { original: (*original).to_owned(), identifier }).collect()
}

/// What is named: a global, or a property of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Server,
    Tool,
}

/// The identifiers of `originals` (distinct), in their order.
pub(crate) fn assign(originals: &[&str], kind: Kind) -> Vec<String> {
    let wishes: Vec<_> = originals.iter().map(|original| wish(original, kind)).collect();
    let rank = |index: usize| (wishes[index] != originals[index], originals[index]);
    // What is taken, folded, and the last number that was given to it.
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut identifiers = vec![String::new(); originals.len()];
    for index in order(originals.len(), &|a, b| rank(a).cmp(&rank(b))) {
        let wish = &wishes[index];
        let folded = wish.to_ascii_lowercase();
        let mut identifier = wish.clone();
        while taken.contains_key(&identifier.to_ascii_lowercase()) {
            let number = taken.entry(folded.clone()).or_default();
            *number += 1;
            identifier = format!("{wish}_{number}");
        }
        taken.insert(identifier.to_ascii_lowercase(), 1);
        identifiers[index] = identifier;
    }
    identifiers
}

fn wish(original: &str, kind: Kind) -> String {
    match kind {
        Kind::Server => ident::of_server(original).into_owned(),
        Kind::Tool => ident::of_tool(original).into_owned(),
    }
}

/// Whether `identifiers` differ from what their owners would have alone: only then does who is seen make a difference.
pub(crate) fn contested(originals: &[&str], identifiers: &[String], kind: Kind) -> bool {
    originals.iter().zip(identifiers).any(|(original, identifier)| wish(original, kind) != *identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(originals: &[&str]) -> Vec<String> {
        assign(originals, Kind::Tool)
    }

    #[test]
    fn an_unchanged_name_wins_over_a_changed_one() {
        assert_eq!(tools(&["a-b", "a_b", "a.b"]), ["a_b_2", "a_b", "a_b_3"]);
    }

    #[test]
    fn case_alone_does_not_tell_names_apart() {
        assert_eq!(tools(&["Get", "get", "GET"]), ["Get_2", "get_3", "GET"]);
    }

    #[test]
    fn a_suffix_never_takes_the_name_of_another() {
        assert_eq!(tools(&["a-b", "a_b", "a_b_2"]), ["a_b_3", "a_b", "a_b_2"]);
    }

    #[test]
    fn names_lead_both_ways() {
        let names =
            Names::new([("my-server", "list-all"), ("git", "status"), ("my-server", "list_all"), ("git", "status")]);
        assert_eq!(names.originals("my_server", "list_all_2"), Some(("my-server", "list-all")));
        assert_eq!(names.identifiers("my-server", "list-all"), Some(("my_server", "list_all_2")));
        assert_eq!(names.originals("git", "stash"), None);
        assert_eq!(names.originals("hub", "status"), None);
        let counts: Vec<_> = names.servers().iter().map(|server| server.tools.len()).collect();
        assert_eq!(counts, [1, 2]);
    }

    #[test]
    fn only_names_that_were_changed_for_another_are_contested() {
        for (originals, expected) in [(&["a-b", "delete"][..], false), (&["a-b", "a_b"], true), (&["A", "a"], true)] {
            assert_eq!(contested(originals, &tools(originals), Kind::Tool), expected);
        }
    }
}
