//! What is known of a request when rules are asked. Everything is borrowed.

use std::collections::BTreeMap;

use toolgate_model::{ItemKind, Network, Timestamp};

use crate::schema::Fact;

/// What rules are asked about: one tool, prompt or resource, and who wants it.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub principal: PrincipalFacts<'a>,
    /// What for.
    pub tool: ToolFacts<'a>,
    /// Which server has it.
    pub server: ServerFacts<'a>,
    /// With which arguments.
    pub arguments: Arguments<'a>,
    /// When.
    pub time: Timestamp,
    /// From where.
    pub network: NetworkFacts<'a>,
}

/// `principal`
#[derive(Debug, Clone, Copy)]
pub struct PrincipalFacts<'a> {
    /// The tenant's id.
    pub tenant: &'a str,
    /// `principal.key`
    pub key: KeyFacts<'a>,
    /// The key's team.
    pub team: Option<&'a str>,
    /// On whose behalf the key asks.
    pub user: Option<&'a str>,
    /// The id of the view it asks through.
    pub view: Option<&'a str>,
}

/// `principal.key`
#[derive(Debug, Clone, Copy)]
pub struct KeyFacts<'a> {
    /// Its public part.
    pub id: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// What was written on it.
    pub labels: &'a BTreeMap<String, String>,
}

/// `tool`
#[derive(Debug, Clone, Copy)]
pub struct ToolFacts<'a> {
    /// The upstream's name; the URI of a resource, the URI template of a template.
    pub name: &'a str,
    /// What kind of thing it is.
    pub kind: ItemKind,
    /// Its title.
    pub title: Option<&'a str>,
    /// Its description.
    pub description: Option<&'a str>,
    /// What its server says of it. Only hints: a server may say what it likes.
    pub annotations: Annotations<'a>,
}

/// `tool.annotations`; where the upstream says nothing, what the specification says then.
#[derive(Debug, Clone, Copy, Default)]
pub struct Annotations<'a> {
    /// A title for people.
    pub title: Option<&'a str>,
    /// It changes nothing. Else: false.
    pub read_only: Option<bool>,
    /// It may destroy something. Else: true.
    pub destructive: Option<bool>,
    /// To call it again changes nothing more. Else: false.
    pub idempotent: Option<bool>,
    /// It reaches beyond its server. Else: true.
    pub open_world: Option<bool>,
}

/// `server`
#[derive(Debug, Clone, Copy)]
pub struct ServerFacts<'a> {
    /// Its id.
    pub id: &'a str,
    /// Where it may be.
    pub network: Network,
}

/// `network`
#[derive(Debug, Clone, Copy, Default)]
pub struct NetworkFacts<'a> {
    /// The client's address.
    pub ip: Option<&'a str>,
    /// The host that the request names.
    pub host: Option<&'a str>,
}

/// `arguments`
#[derive(Debug, Clone, Copy)]
pub enum Arguments<'a> {
    /// Not known yet: a list is asked for.
    Unknown,
    /// There are none: as if they were `{}`.
    Absent,
    /// A JSON object.
    Json(&'a str),
}

impl<'a> Facts<'a> {
    /// The text of `fact`, if it is there; what is no text, or is told by the clock, is none.
    pub(crate) const fn text(&self, fact: Fact) -> Option<&'a str> {
        match fact {
            Fact::Tenant => Some(self.principal.tenant),
            Fact::Team => self.principal.team,
            Fact::User => self.principal.user,
            Fact::View => self.principal.view,
            Fact::KeyId => Some(self.principal.key.id),
            Fact::KeyName => Some(self.principal.key.name),
            Fact::ToolName => Some(self.tool.name),
            Fact::ToolKind => Some(kind(self.tool.kind)),
            Fact::ToolTitle => self.tool.title,
            Fact::ToolDescription => self.tool.description,
            Fact::AnnotatedTitle => self.tool.annotations.title,
            Fact::ServerId => Some(self.server.id),
            Fact::ServerNetwork => Some(network(self.server.network)),
            Fact::Ip => self.network.ip,
            Fact::Host => self.network.host,
            _ => None,
        }
    }

    /// The hint `fact`, if it is one: as it was given, else as the specification has it.
    pub(crate) fn hint(&self, fact: Fact) -> Option<bool> {
        let given = self.tool.annotations;
        Some(match fact {
            Fact::ReadOnly => given.read_only.unwrap_or(false),
            Fact::Destructive => given.destructive.unwrap_or(true),
            Fact::Idempotent => given.idempotent.unwrap_or(false),
            Fact::OpenWorld => given.open_world.unwrap_or(true),
            _ => return None,
        })
    }
}

const fn kind(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tool",
        ItemKind::Prompt => "prompt",
        ItemKind::Resource => "resource",
        ItemKind::Template => "template",
    }
}

const fn network(network: Network) -> &'static str {
    match network {
        Network::Public => "public",
        Network::Private => "private",
        Network::Loopback => "loopback",
    }
}
