//! What one server lists of one kind, under its upstream and its exposed names.

use std::{cell::OnceCell, collections::BTreeMap, ops::Range, rc::Rc};

use bytes::Bytes;
use toolgate_model::{ItemKind, Revision, Timestamp};
use toolgate_policy::{Described, Subject};
use toolgate_rules::Arguments;
use toolgate_schema::{ArgumentSchema, SchemaError};
use toolgate_state::Server;
use toolgate_upstream::Verdict;
use toolgate_wire::{Era, splice};

use crate::{description::Description, names::expose, param_header::ParamHeader};

/// One item as its upstream describes it.
#[derive(Debug)]
pub struct Listed {
    /// What names it upstream: its name, its URI or its URI template.
    pub name: String,
    /// Its name in an aggregate: `server__name`. A URI has no other; the aggregate tells it apart where it must.
    pub exposed: String,
    /// Its raw JSON, byte for byte.
    pub raw: Bytes,
    /// Where in `raw` the value that names it stands.
    pub name_span: Range<usize>,
    /// Which of a tool's arguments travel in headers, too.
    pub headers: Rc<[ParamHeader]>,
    /// What its server says of it, once somebody asked.
    pub(crate) description: OnceCell<Description>,
    /// What a tool's arguments must be, once somebody asked.
    pub(crate) schema: OnceCell<Result<ArgumentSchema, SchemaError>>,
    /// Whether a tool says that its structured result may be something else than an object.
    pub(crate) loose_output: bool,
}

impl Listed {
    /// What its server says of it, as far as a decision may look at it.
    #[must_use]
    pub fn described(&self) -> Described<'_> {
        self.description.get_or_init(|| Description::of(&self.raw)).borrowed()
    }

    /// What a tool's arguments must be, as it says itself; anything, if it says nothing.
    ///
    /// # Errors
    /// Why its schema can't be used.
    pub fn schema(&self) -> Result<&ArgumentSchema, &SchemaError> {
        let compile = || {
            let raw = std::str::from_utf8(&self.raw).unwrap_or_default();
            ArgumentSchema::compile(splice::value(raw, "inputSchema").unwrap_or("true"))
        };
        self.schema.get_or_init(compile).as_ref()
    }
}

/// What one server lists of one kind, at one time.
#[derive(Debug)]
pub struct Catalogue {
    /// The kind.
    pub kind: ItemKind,
    /// The revision of the server's record it was fetched under.
    pub revision: Revision,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// How long it counts as fresh, in milliseconds, if the upstream said so.
    pub ttl_ms: Option<u64>,
    /// What is known of the server's protocol.
    pub verdict: Rc<Verdict>,
    /// The items in the upstream's order, each name once.
    pub items: Vec<Listed>,
    /// Whether one of the tools has a loose output.
    pub(crate) loose_outputs: bool,
    by_name: BTreeMap<String, usize>,
    by_exposed: BTreeMap<String, usize>,
}

/// A list as it was fetched or stored.
pub(crate) struct Fetched {
    pub(crate) fetched_at: Timestamp,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) verdict: Verdict,
    pub(crate) items: Vec<Bytes>,
}

/// The member that names an item of `kind`.
const fn naming_member(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool | ItemKind::Prompt => "name",
        ItemKind::Resource => "uri",
        ItemKind::Template => "uriTemplate",
    }
}

impl Catalogue {
    /// Names the items of `server`. What has no name is left out, and of two with the same name the first stays. So is a modern
    /// server's tool whose header annotations break the rules (SEP-2243).
    pub(crate) fn new(server: &Server, kind: ItemKind, fetched: Fetched) -> Self {
        let left_out = |why: &str| {
            tracing::warn!(target: "toolgate::catalogue", server = %server.id, why, "an item was left out");
        };
        let modern = fetched.verdict.era == Era::Modern;
        let none: Rc<[ParamHeader]> = Rc::new([]);
        let mut items: Vec<Listed> = Vec::with_capacity(fetched.items.len());
        let mut by_name = BTreeMap::new();
        for raw in fetched.items {
            let Some((name, name_span)) = name_of(&raw, naming_member(kind)) else {
                left_out("it has no name, or several");
                continue;
            };
            if by_name.contains_key(&name) {
                left_out("another has its name");
                continue;
            }
            let mut headers = Rc::clone(&none);
            if kind == ItemKind::Tool && modern {
                match ParamHeader::of_tool(std::str::from_utf8(&raw).unwrap_or_default()) {
                    Some(found) if found.is_empty() => {}
                    Some(found) => headers = found.into(),
                    None => {
                        left_out("its x-mcp-header annotations break the rules");
                        continue;
                    }
                }
            }
            by_name.insert(name.clone(), items.len());
            let loose_output = kind == ItemKind::Tool && modern && has_loose_output(&raw);
            let (description, schema) = (OnceCell::new(), OnceCell::new());
            items.push(Listed {
                exposed: String::new(),
                name,
                raw,
                name_span,
                headers,
                description,
                schema,
                loose_output,
            });
        }
        let mut by_exposed = BTreeMap::new();
        if matches!(kind, ItemKind::Tool | ItemKind::Prompt) {
            let no_aliases = BTreeMap::new();
            let aliases = if kind == ItemKind::Tool { &server.aliases } else { &no_aliases };
            let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
            let exposed = expose(&server.id, aliases, &names);
            by_exposed = exposed.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
            items.iter_mut().zip(exposed).for_each(|(item, exposed)| item.exposed = exposed);
        }
        let Fetched { fetched_at, ttl_ms, verdict, .. } = fetched;
        let (revision, verdict) = (server.revision, Rc::new(verdict));
        let loose_outputs = items.iter().any(|item| item.loose_output);
        Self { kind, revision, fetched_at, ttl_ms, verdict, items, loose_outputs, by_name, by_exposed }
    }

    /// The item with this upstream name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Listed> {
        self.by_name.get(name).map(|index| &self.items[*index])
    }

    /// The item with this name in an aggregate.
    #[must_use]
    pub fn exposed(&self, name: &str) -> Option<&Listed> {
        self.by_exposed.get(name).map(|index| &self.items[*index])
    }

    /// What is decided about: the thing of `server` that the upstream names `name`, described as it is listed; nothing is known of
    /// the arguments yet.
    #[must_use]
    pub fn subject<'a>(&'a self, server: &'a Server, name: &'a str) -> Subject<'a> {
        let described = self.named(name).map(Listed::described).unwrap_or_default();
        Subject {
            server: &server.id,
            network: server.network,
            access: server.access(name),
            item: self.kind.item(name),
            kind: self.kind,
            described,
            arguments: Arguments::Unknown,
        }
    }

    /// Whether the items are the same, byte for byte and in the same order.
    pub(crate) fn same_items(&self, other: &Self) -> bool {
        self.items.len() == other.items.len() && self.items.iter().zip(&other.items).all(|(a, b)| a.raw == b.raw)
    }
}

fn has_loose_output(raw: &Bytes) -> bool {
    let schema = std::str::from_utf8(raw).ok().and_then(|text| splice::value(text, "outputSchema"));
    schema.is_some_and(|schema| splice::value(schema, "type") != Some("\"object\""))
}

fn name_of(raw: &Bytes, member: &str) -> Option<(String, Range<usize>)> {
    let text = std::str::from_utf8(raw).ok()?;
    let mut named = splice::members(text).filter(|found| found.name == member);
    let span = named.next()?.value_span;
    // Of two names a client might take the one that was not looked at: another server's, or one that was not granted.
    if named.next().is_some() {
        return None;
    }
    let name = splice::string(&text[span.clone()])?.into_owned();
    (!name.is_empty()).then_some((name, span))
}
