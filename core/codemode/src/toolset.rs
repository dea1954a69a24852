//! A catalogue as Code Mode has it: its tools under both names, and the index to search them. Built once for each version of a catalogue
//! and shared by all who see any of it; what one caller sees is a [`Bits`].

use std::{ops::Range, rc::Rc};

use bytes::Bytes;
use serde_json::Value;

use crate::{
    mode::estimated_tokens,
    names::{Kind, Names, assign, contested},
    order::sorted,
    search::{Bits, Builder, Index},
};

/// One tool as it comes in.
#[derive(Debug, Clone)]
pub struct ToolSource {
    /// The server's id.
    pub server: String,
    /// The tool's name, as the server has it.
    pub name: String,
    /// What the server lists of it: a JSON object. Kept as it is, and parsed when it is declared.
    pub raw: Bytes,
}

/// The tools of some servers.
#[derive(Debug, Default)]
pub struct Toolset {
    servers: Vec<Server>,
    tools: Vec<Tool>,
    index: Index,
    /// Whether servers' identifiers depend on which of them are seen.
    contested: bool,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) id: String,
    pub(crate) identifier: String,
    pub(crate) tools: Range<usize>,
    /// Whether its tools' identifiers depend on which of them are seen.
    contested: bool,
}

#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) server: usize,
    pub(crate) name: String,
    pub(crate) identifier: String,
    raw: Bytes,
    /// How long its definition is, as clients hand it to models.
    definition: usize,
}

impl Server {
    /// Its tools that are seen.
    pub(crate) fn seen<'a>(&self, visible: &'a Bits) -> impl Iterator<Item = usize> + use<'a> {
        self.tools.clone().filter(|tool| visible.sees(*tool))
    }
}

impl Tool {
    /// What the server lists of it; an empty object where that is no JSON, or nested too deep.
    pub(crate) fn parsed(&self) -> Value {
        parsed(&self.raw)
    }
}

fn parsed(raw: &[u8]) -> Value {
    serde_json::from_slice(raw).ok().filter(Value::is_object).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}

/// How many bytes of JSON a tool's definition is: name, description and the schema of its argument.
fn definition_bytes(tool: &Value) -> usize {
    const FRAME: usize = r#"{"name":"__","description":"","parameters":},"#.len();
    let described = tool.get("description").and_then(Value::as_str).map_or(0, str::len);
    let mut schema = Counted(0);
    // Counting does not fail.
    let _ = tool.get("inputSchema").map(|schema_of| serde_json::to_writer(&mut schema, schema_of));
    FRAME + described + schema.0
}

/// Counts what is written.
struct Counted(usize);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Toolset {
    /// Of these tools, in any order: the same tools always make the same set. Of two with one server and name, the first counts.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = ToolSource>) -> Self {
        let by_name = |a: &ToolSource, b: &ToolSource| (&a.server, &a.name).cmp(&(&b.server, &b.name));
        let mut tools = sorted(tools.into_iter().collect(), by_name);
        tools.dedup_by(|later, first| by_name(later, first).is_eq());
        let mut set = Self::default();
        let mut builder = Builder::default();
        for ToolSource { server, name, raw } in tools {
            let tool = parsed(&raw);
            builder.add(&server, &name, &tool);
            let definition = server.len() + name.len() + definition_bytes(&tool);
            let next = set.tools.len();
            if set.servers.last().is_none_or(|last| last.id != server) {
                set.servers.push(Server { id: server, identifier: String::new(), tools: next..next, contested: false });
            }
            let number = set.servers.len() - 1;
            set.servers[number].tools.end = next + 1;
            set.tools.push(Tool { server: number, name, identifier: String::new(), raw, definition });
        }
        set.index = builder.finish();
        set.name();
        set
    }

    /// Gives all their identifiers.
    fn name(&mut self) {
        let ids: Vec<&str> = self.servers.iter().map(|server| server.id.as_str()).collect();
        let identifiers = assign(&ids, Kind::Server);
        self.contested = contested(&ids, &identifiers, Kind::Server);
        for (server, identifier) in self.servers.iter_mut().zip(identifiers) {
            server.identifier = identifier;
            let tools = &mut self.tools[server.tools.clone()];
            let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
            let identifiers = assign(&names, Kind::Tool);
            server.contested = contested(&names, &identifiers, Kind::Tool);
            tools.iter_mut().zip(identifiers).for_each(|(tool, identifier)| tool.identifier = identifier);
        }
    }

    /// How many tools there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// About how many bytes it holds besides the tools' raw JSON, which it shares with whoever gave it.
    #[must_use]
    pub fn size(&self) -> usize {
        let tools: usize =
            self.tools.iter().map(|tool| tool.name.len() + tool.identifier.len() + size_of::<Tool>()).sum();
        tools + self.index.size()
    }

    /// What a caller sees of it: `sees` is asked once for each tool, with the server's id and the tool's name.
    #[must_use]
    pub fn visible(self: &Rc<Self>, mut sees: impl FnMut(&str, &str) -> bool) -> Visible {
        let bits = Bits::new(&self.index, self.tools.len(), |tool| {
            let tool = &self.tools[tool];
            sees(&self.servers[tool.server].id, &tool.name).then_some(tool.definition)
        });
        Visible { set: Rc::clone(self), bits }
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    pub(crate) fn tool(&self, number: usize) -> &Tool {
        &self.tools[number]
    }

    /// The servers of which anything is seen.
    pub(crate) fn seen_servers<'a>(&'a self, visible: &'a Bits) -> impl Iterator<Item = (usize, &'a Server)> {
        let servers = self.servers.iter().enumerate();
        servers.filter(|(_, server)| server.tools.clone().any(|tool| visible.sees(tool)))
    }

    /// The identifier a server has for who sees `visible`.
    pub(crate) fn server_identifier(&self, number: usize, visible: &Bits) -> String {
        if !self.contested {
            return self.servers[number].identifier.clone();
        }
        let seen: Vec<(usize, &Server)> = self.seen_servers(visible).collect();
        let ids: Vec<&str> = seen.iter().map(|(_, server)| server.id.as_str()).collect();
        let mut named = seen.iter().zip(assign(&ids, Kind::Server));
        named.find(|((other, _), _)| *other == number).map(|(_, identifier)| identifier).unwrap_or_default()
    }

    /// The identifiers of the tools of `server` that are seen, in the order of [`Server::seen`].
    pub(crate) fn tool_identifiers(&self, server: &Server, visible: &Bits) -> Vec<String> {
        let seen = server.seen(visible);
        if !server.contested {
            return seen.map(|tool| self.tools[tool].identifier.clone()).collect();
        }
        let names: Vec<&str> = seen.map(|tool| self.tools[tool].name.as_str()).collect();
        assign(&names, Kind::Tool)
    }
}

/// What one caller sees of a [`Toolset`]: a bit for each tool. It holds on to its set, so that it can't be taken for part of another.
#[derive(Debug, Clone)]
pub struct Visible {
    pub(crate) set: Rc<Toolset>,
    pub(crate) bits: Bits,
}

impl Visible {
    /// How many tools are seen.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.bits.count()
    }

    /// About how many tokens the definitions of these tools are, if each is listed: what [`crate::ToolsMode::Auto`] goes by.
    #[must_use]
    pub const fn definition_tokens(&self) -> usize {
        estimated_tokens(self.bits.definitions())
    }

    /// Their original names and identifiers: what the sandbox binds.
    #[must_use]
    pub fn names(&self) -> Names {
        let seen = (0..self.set.tools.len()).filter(|tool| self.bits.sees(*tool));
        Names::new(seen.map(|tool| {
            let tool = &self.set.tools[tool];
            (self.set.servers[tool.server].id.as_str(), tool.name.as_str())
        }))
    }
}
