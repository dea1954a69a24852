//! The tools of one server, under their upstream and their exposed names.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;
use toolgate_model::{Revision, Timestamp};
use toolgate_state::Server;
use toolgate_upstream::Verdict;
use toolgate_wire::splice;

use crate::names::expose;

/// One tool as its upstream describes it.
#[derive(Debug)]
pub struct Tool {
    /// Its upstream name.
    pub name: String,
    /// Its name in an aggregate.
    pub exposed: String,
    /// Its raw JSON, byte for byte.
    pub raw: Bytes,
    /// Where in `raw` its name's value stands.
    pub name_span: Range<usize>,
}

/// The tools of one server, at one time.
#[derive(Debug)]
pub struct Catalogue {
    /// The revision of the server's record they were fetched under.
    pub revision: Revision,
    /// When they were fetched.
    pub fetched_at: Timestamp,
    /// How long they count as fresh, in milliseconds, if the upstream said so.
    pub ttl_ms: Option<u64>,
    /// What is known of the server's protocol.
    pub verdict: Verdict,
    /// The tools in the upstream's order, each name once.
    pub tools: Vec<Tool>,
    by_name: BTreeMap<String, usize>,
    by_exposed: BTreeMap<String, usize>,
}

/// A list as it was fetched or stored.
pub(crate) struct Fetched {
    pub(crate) fetched_at: Timestamp,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) verdict: Verdict,
    pub(crate) tools: Vec<Bytes>,
}

impl Catalogue {
    /// Names the tools of `server`. What has no name is left out, and of two with the same name the first stays.
    pub(crate) fn new(server: &Server, fetched: Fetched) -> Self {
        let mut named: Vec<(String, Range<usize>, Bytes)> = Vec::with_capacity(fetched.tools.len());
        let mut by_name = BTreeMap::new();
        for raw in fetched.tools {
            let Some((name, span)) = name_of(&raw) else {
                tracing::warn!(target: "toolgate::catalogue", server = %server.id, "a tool without a name was left out");
                continue;
            };
            if by_name.contains_key(&name) {
                tracing::warn!(target: "toolgate::catalogue", server = %server.id, "a second tool of the same name was left out");
                continue;
            }
            by_name.insert(name.clone(), named.len());
            named.push((name, span, raw));
        }
        let names: Vec<&str> = named.iter().map(|(name, ..)| name.as_str()).collect();
        let exposed = expose(&server.id, &server.aliases, &names);
        let by_exposed = exposed.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
        let tools = named
            .into_iter()
            .zip(exposed)
            .map(|((name, name_span, raw), exposed)| Tool { name, exposed, raw, name_span })
            .collect();
        let Fetched { fetched_at, ttl_ms, verdict, .. } = fetched;
        Self { revision: server.revision, fetched_at, ttl_ms, verdict, tools, by_name, by_exposed }
    }

    /// The tool with this upstream name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Tool> {
        self.by_name.get(name).map(|index| &self.tools[*index])
    }

    /// The tool with this name in an aggregate.
    #[must_use]
    pub fn exposed(&self, name: &str) -> Option<&Tool> {
        self.by_exposed.get(name).map(|index| &self.tools[*index])
    }

    /// Whether `tools` are the same, byte for byte and in the same order.
    pub(crate) fn same_tools(&self, other: &Self) -> bool {
        self.tools.len() == other.tools.len() && self.tools.iter().zip(&other.tools).all(|(a, b)| a.raw == b.raw)
    }
}

fn name_of(raw: &Bytes) -> Option<(String, Range<usize>)> {
    let text = std::str::from_utf8(raw).ok()?;
    let span = splice::member(text, "name")?;
    let name = splice::string(&text[span.clone()])?.into_owned();
    (!name.is_empty()).then_some((name, span))
}
