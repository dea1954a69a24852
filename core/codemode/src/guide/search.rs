//! `search`: from queries to an answer that fits.

use super::{
    Detail, Guide, SearchArguments, Told, listed,
    namespace::{Named, Namespace},
};
use crate::search::{Hit, rank};

/// The most bytes of declarations in an answer: about 900 tokens of signatures; details were asked for.
const SIGNATURES: usize = 3_200;
const DETAILS: usize = 12_000;
/// The most bytes of names in an answer.
const NAMES: usize = 3_200;
/// The most bytes of names when a server's are asked for.
const SERVER_NAMES: usize = 8_000;
/// The most bytes of names for which there was no more room.
const MORE: usize = 500;

impl Guide<'_> {
    /// Answers `search`.
    #[must_use]
    pub fn search(&self, arguments: &SearchArguments) -> Told {
        let only = match &arguments.server {
            None => None,
            Some(name) => match self.server(name) {
                Some((number, _)) => Some(number),
                None => return self.no_server(name),
            },
        };
        if arguments.queries.is_empty() {
            return Told::ok(self.overview(arguments, only));
        }
        let found: Vec<Vec<Hit>> = arguments.queries.iter().map(|query| self.hits(query, only, arguments)).collect();
        let limit = arguments.limit();
        let hits = interleaved(&found, limit);
        if hits.is_empty() {
            return Told::ok(self.nothing(arguments, only));
        }
        let all = interleaved(&found, usize::MAX).len();
        let head = match (hits.len(), all) {
            (1, 1) => "1 match".to_owned(),
            (n, all) if n == all => format!("{n} matches"),
            (n, all) => format!("best {n} of {all} matches"),
        };
        let body = self.declared(&hits, arguments.detail.unwrap_or_default());
        Told::ok(format!("{head}\n{body}"))
    }

    /// The original names of the tools that answer `query`, best first: what [`Guide::search`] shows, without its text.
    #[must_use]
    pub fn ranked(&self, query: &str, limit: usize) -> Vec<super::ToolRef<'_>> {
        let hits = rank(self.set.index(), self.visible, self.set.len(), query).into_iter().take(limit);
        hits.map(|hit| {
            let tool = self.set.tool(hit.tool);
            super::ToolRef { server: &self.set.servers()[tool.server].id, tool: &tool.name }
        })
        .collect()
    }

    fn hits(&self, query: &str, only: Option<usize>, arguments: &SearchArguments) -> Vec<Hit> {
        // Who gives a tool's name means that tool.
        if let Some(tool) = self.find(query).filter(|tool| only.is_none_or(|only| self.set.tool(*tool).server == only))
        {
            return vec![Hit { tool, score: 0 }];
        }
        let mut hits = rank(self.set.index(), self.visible, self.set.len(), query);
        hits.retain(|hit| only.is_none_or(|only| self.set.tool(hit.tool).server == only));
        let named = |hit: &Hit| {
            let tool = self.set.tool(hit.tool);
            tool.name == query || tool.identifier == query
        };
        let (mut exact, others): (Vec<Hit>, Vec<Hit>) = hits.into_iter().partition(named);
        if exact.is_empty() || arguments.detail != Some(Detail::Full) {
            exact.extend(others);
        }
        exact
    }

    /// What there is, where nothing is looked for.
    fn overview(&self, arguments: &SearchArguments, only: Option<usize>) -> String {
        if let Some(number) = only {
            return self.of_server(arguments, number);
        }
        let servers: Vec<(usize, usize)> = self
            .set
            .seen_servers(self.visible)
            .map(|(number, server)| (number, server.seen(self.visible).count()))
            .collect();
        let tools = self.visible.count();
        let names: usize = self.all_names().iter().map(String::len).sum();
        let head = format!("{tools} tools of {} servers", servers.len());
        if names <= NAMES {
            let lines: Vec<String> = servers.iter().map(|(number, _)| self.names_of(*number, NAMES)).collect();
            return format!("{head}\n{}", lines.join("\n"));
        }
        let counted =
            |(number, count): &(usize, usize)| format!("{} {count}", self.set.server_identifier(*number, self.visible));
        let counted: Vec<String> = servers.iter().map(counted).collect();
        format!("{head}: {}", listed(&counted, NAMES))
    }

    fn of_server(&self, arguments: &SearchArguments, number: usize) -> String {
        let server = &self.set.servers()[number];
        let seen: Vec<Hit> = server.seen(self.visible).map(|tool| Hit { tool, score: 0 }).collect();
        let head = if seen.len() == 1 { "1 tool".to_owned() } else { format!("{} tools", seen.len()) };
        match arguments.detail {
            None | Some(Detail::Names) => format!("{head}\n{}", self.names_of(number, SERVER_NAMES)),
            Some(detail) => {
                let most = arguments.limit.unwrap_or(seen.len());
                format!("{head}\n{}", self.declared(&seen[..most.min(seen.len())], detail))
            }
        }
    }

    fn names_of(&self, number: usize, max: usize) -> String {
        let server = &self.set.servers()[number];
        let tools = self.set.tool_identifiers(server, self.visible);
        format!("{}: {}", self.set.server_identifier(number, self.visible), listed(&tools, max))
    }

    fn nothing(&self, arguments: &SearchArguments, only: Option<usize>) -> String {
        let like: Vec<String> = arguments.queries.iter().take(2).flat_map(|query| self.like(query)).collect();
        let place =
            only.map_or_else(String::new, |number| format!(" in {}", self.set.server_identifier(number, self.visible)));
        let hint = if like.is_empty() {
            "; try other words, or no query for an overview".to_owned()
        } else {
            format!("; similar: {}", like.join(", "))
        };
        format!("no match{place}{hint}")
    }

    /// Declarations of `hits`, by server, as many as fit; the rest by name.
    fn declared(&self, hits: &[Hit], detail: Detail) -> String {
        let mut blocks: Vec<Block> = Vec::new();
        let mut more: Vec<String> = Vec::new();
        let mut left = if detail == Detail::Full { DETAILS } else { SIGNATURES };
        for (position, hit) in hits.iter().enumerate() {
            let number = self.set.tool(hit.tool).server;
            let at = blocks.iter().position(|block| block.server == number).unwrap_or_else(|| {
                blocks.push(Block::new(self, number));
                blocks.len() - 1
            });
            let block = &mut blocks[at];
            let identifier = block.identifier_of(hit.tool);
            let named = Named { server: &self.set.servers()[number], number: hit.tool, identifier: &identifier };
            // The first is always there, whatever it takes.
            let room = if position == 0 { usize::MAX } else { left };
            match block.text.add(self, named, detail, room) {
                Some(size) => left = left.saturating_sub(size),
                None => more.push(format!("{}.{identifier}", block.identifier)),
            }
        }
        let mut out: Vec<String> = Vec::new();
        for block in blocks.iter().filter(|block| !block.text.lines.is_empty()) {
            if detail == Detail::Names {
                out.push(format!("{}: {}", block.identifier, block.text.lines.join(", ")));
            } else {
                out.push(format!("namespace {} {{\n{}\n}}", block.identifier, block.text.lines.join("\n")));
            }
        }
        if !more.is_empty() {
            out.push(format!("more: {}", listed(&more, MORE)));
        }
        out.join("\n")
    }
}

/// What is shown of one server.
struct Block {
    server: usize,
    identifier: String,
    /// The identifiers of its tools that are seen.
    tools: Vec<(usize, String)>,
    text: Namespace,
}

impl Block {
    fn new(guide: &Guide<'_>, server: usize) -> Self {
        let entry = &guide.set.servers()[server];
        let identifiers = guide.set.tool_identifiers(entry, guide.visible);
        Self {
            server,
            identifier: guide.set.server_identifier(server, guide.visible),
            tools: entry.seen(guide.visible).zip(identifiers).collect(),
            text: Namespace::default(),
        }
    }

    fn identifier_of(&self, tool: usize) -> String {
        let found = self.tools.binary_search_by_key(&tool, |(number, _)| *number);
        found.map(|at| self.tools[at].1.clone()).unwrap_or_default()
    }
}

/// The first of each, then the second of each, and so on: each tool once, `limit` at most.
fn interleaved(found: &[Vec<Hit>], limit: usize) -> Vec<Hit> {
    let mut taken: Vec<Hit> = Vec::new();
    let longest = found.iter().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..longest).flat_map(|rank| found.iter().filter_map(move |hits| hits.get(rank)));
    for hit in in_turn {
        if taken.len() < limit && taken.iter().all(|other| other.tool != hit.tool) {
            taken.push(*hit);
        }
    }
    taken
}
