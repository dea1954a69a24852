//! What is asked about.

use toolgate_model::{Item, ItemKind, Network, ServerId};
use toolgate_rules::{Annotations, Arguments, Facts, ServerFacts, ToolFacts};

use crate::Principal;

/// Which of a server's tools may be used at all, as the operator set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Every tool.
    #[default]
    All,
    /// Only tools that say of themselves that they change nothing (`readOnlyHint`).
    ReadOnly,
}

/// What a server says of one of its tools, prompts or resources. Unverified.
#[derive(Debug, Clone, Copy, Default)]
pub struct Described<'a> {
    /// Its title.
    pub title: Option<&'a str>,
    /// Its description.
    pub description: Option<&'a str>,
    /// Its annotations.
    pub annotations: Annotations<'a>,
}

/// What is asked about: one thing of one server, and what it is called with.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The server.
    pub server: &'a ServerId,
    /// Where the server may be.
    pub network: Network,
    /// Which of its tools may be used at all.
    pub access: Access,
    /// The thing, as the upstream names it.
    pub item: Item<'a>,
    /// What kind of thing it is.
    pub kind: ItemKind,
    /// What its server says of it.
    pub described: Described<'a>,
    /// What it is called with.
    pub arguments: Arguments<'a>,
}

impl<'a> Subject<'a> {
    /// The same thing, called with `arguments` (raw JSON).
    #[must_use]
    pub fn called_with(self, arguments: Option<&'a str>) -> Self {
        Self { arguments: arguments.map_or(Arguments::Absent, Arguments::Json), ..self }
    }

    /// Whether it is a tool that says it changes nothing, or no tool.
    pub(crate) fn only_reads(&self) -> bool {
        self.kind != ItemKind::Tool || self.described.annotations.read_only == Some(true)
    }

    pub(crate) fn facts(&self, principal: &Principal<'a>) -> Facts<'a> {
        let Described { title, description, annotations } = self.described;
        let (Item::Tool(name) | Item::Prompt(name) | Item::Resource(name)) = self.item;
        Facts {
            principal: principal.facts(),
            tool: ToolFacts { name, kind: self.kind, title, description, annotations },
            server: ServerFacts { id: self.server.as_str(), network: self.network },
            arguments: self.arguments,
            time: principal.now,
            network: principal.network(),
        }
    }
}
