//! Views: named bundles of what some servers offer. A view narrows what a key allows, and never adds to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Item, ServerId, Timestamp, ToolsMode};

/// Stands for all items of a kind.
const ALL: &str = "*";

/// How the names of a view's tools and prompts begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefix {
    /// `server__name`, as in the whole aggregate.
    #[default]
    Always,
    /// The bare name where one server alone has it, `server__name` where several do.
    Collision,
    /// The bare name. One that several servers have is listed for none of them, and is refused when called; both say so.
    Never,
}

/// What a view does with one argument of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViewArgument {
    /// It is left out of the tool's schema, and a call that gives it is refused.
    Hidden,
    /// It is left out of the schema, and every call is made with this value.
    Pinned(Value),
}

/// What a view shows of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewServer {
    /// Upstream names of its tools, or `*`.
    pub tools: Vec<String>,
    /// Names of its prompts, or `*`.
    pub prompts: Vec<String>,
    /// URIs and URI templates of its resources, or `*`.
    pub resources: Vec<String>,
    /// Bare names for its tools and prompts in this view, by upstream name. They win over the server's aliases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// What happens to arguments: by the tool's upstream name and the argument's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, BTreeMap<String, ViewArgument>>,
}

impl ViewServer {
    /// Whether the view shows `item` of this server.
    #[must_use]
    pub fn shows(&self, item: Item<'_>) -> bool {
        let (listed, name) = match item {
            Item::Tool(name) => (&self.tools, name),
            Item::Prompt(name) => (&self.prompts, name),
            Item::Resource(uri) => (&self.resources, uri),
        };
        listed.iter().any(|one| one == ALL || one == name)
    }
}

/// A view of a tenant's servers, at `/mcp/<view>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRecord {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// How its names begin.
    pub prefix: Prefix,
    /// What it shows, by server. A server that is not named is not shown.
    pub servers: BTreeMap<ServerId, ViewServer>,
    /// How its clients are shown its tools, whatever their keys say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools_mode: Option<ToolsMode>,
    /// A disabled view does not exist for clients.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
