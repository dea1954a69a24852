//! What a key may use: `*`, `server__*` or `server__tool`. Nothing here decides; `core/policy` does.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ServerId;

/// The longest tool name a grant may spell, in bytes.
const MAX_TOOL_NAME: usize = 256;

/// One grant of a key. Tools are named as their upstream names them, so that renaming a tool for clients (an alias,
/// a shortened name) never changes who may use it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// `*`: every tool of every server of the tenant.
    All,
    /// `server__*`: every tool of one server.
    Server(ServerId),
    /// `server__tool`: one tool of one server.
    Tool(ServerId, String),
}

/// Why a text is not a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("grant {text:?} is not valid: write \"*\", \"server__*\" or \"server__tool\" ({reason})")]
pub struct GrantError {
    text: String,
    reason: String,
}

impl Grant {
    /// Whether this grant covers `tool` (its upstream name) of `server`.
    #[must_use]
    pub fn covers(&self, server: &ServerId, tool: &str) -> bool {
        match self {
            Self::All => true,
            Self::Server(granted) => granted == server,
            Self::Tool(granted, name) => granted == server && name == tool,
        }
    }

    /// Whether this grant covers anything of `server` at all.
    #[must_use]
    pub fn touches(&self, server: &ServerId) -> bool {
        match self {
            Self::All => true,
            Self::Server(granted) | Self::Tool(granted, _) => granted == server,
        }
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let error = |reason: String| GrantError { text: text.chars().take(80).collect(), reason };
        if text == "*" {
            return Ok(Self::All);
        }
        let (server, tool) = text.split_once("__").ok_or_else(|| error("there is no \"__\"".into()))?;
        let server = ServerId::new(server).map_err(|e| error(e.to_string()))?;
        match tool {
            "*" => Ok(Self::Server(server)),
            "" => Err(error("the tool's name is empty".into())),
            _ if tool.len() > MAX_TOOL_NAME => Err(error(format!("a tool's name has at most {MAX_TOOL_NAME} bytes"))),
            _ if tool.contains('*') => Err(error("\"*\" stands only for all tools".into())),
            _ => Ok(Self::Tool(server, tool.to_owned())),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Server(server) => write!(f, "{server}__*"),
            Self::Tool(server, tool) => write!(f, "{server}__{tool}"),
        }
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_forms_parse() {
        let github = ServerId::new("github").unwrap();
        assert_eq!("*".parse(), Ok(Grant::All));
        assert_eq!("github__*".parse(), Ok(Grant::Server(github.clone())));
        assert_eq!("github__a__b".parse(), Ok(Grant::Tool(github, "a__b".into())));
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for bad in ["", "github", "github__", "git*__x", "github__get_*", "**", "A__x", " *"] {
            let error = bad.parse::<Grant>().unwrap_err().to_string();
            assert!(error.contains("write \"*\""), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_grant_reads_back_as_it_was_written(text in "[a-z*][a-z_*]{0,12}") {
            if let Ok(grant) = text.parse::<Grant>() {
                prop_assert_eq!(grant.to_string(), text);
            }
        }
    }
}
