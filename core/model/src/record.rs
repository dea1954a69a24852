//! The records themselves, as the store keeps them (JSON). No secret in them is readable: keys are hashes, upstream
//! header values are sealed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Constraints, Grant, KeyId, Prices, Selector, TeamId, Timestamp, ToolRules, UserId};

/// A tenant: one customer, with servers and keys of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// A disabled tenant admits no key.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Which protocol era an upstream is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EraPolicy {
    /// Ask once with `server/discover`, fall back to `initialize`, remember the verdict.
    #[default]
    Auto,
    /// 2026-07-28 and later; never probed.
    Modern,
    /// 2025-11-25 and earlier; never probed.
    Legacy,
}

/// Where an upstream may be. The operator says so for each server; everything else is refused before a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Public addresses only, https only.
    #[default]
    Public,
    /// Private ranges too (RFC 1918, RFC 4193), http allowed. Not loopback, not link-local.
    Private,
    /// Loopback too, http allowed. For development.
    Loopback,
}

/// A text sealed by the gateway's key (`core/seal`), for storing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedText(pub String);

/// An upstream MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// Its MCP endpoint.
    pub url: String,
    /// The era it is spoken to in.
    pub era: EraPolicy,
    /// Where it may be.
    pub network: Network,
    /// Headers sent with every request to it; names in lower case, values sealed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SealedText>,
    /// New names for its tools: upstream name to the name clients see after `server__`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, String>,
    /// What calls of its tools cost.
    #[serde(default, skip_serializing_if = "Prices::is_empty")]
    pub price: Prices,
    /// What calls of its tools must keep to.
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    pub constraints: Constraints,
    /// What is said of some tools alone, by their upstream names. It wins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, ToolRules>,
    /// A disabled server is neither listed nor called.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A team: keys of a tenant that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRecord {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The keys of a disabled team are refused.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The secret that a key had before it was rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// SHA-256 of the whole secret, in hexadecimal.
    pub hash: String,
    /// From when it is refused.
    pub expires_at: Timestamp,
}

/// A virtual key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its public part.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the whole secret, in hexadecimal.
    pub hash: String,
    /// The secret before that one, while it is still taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousSecret>,
    /// What it may use. Empty: nothing.
    pub grants: Vec<Grant>,
    /// The team it is counted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// The end user it acts for: always this one, or (`*`) the one that the request's `Toolgate-User` header names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Selector<UserId>>,
    /// What was written on it, for rules to look at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// From when it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// A disabled key is refused.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
