//! What a key may use: `*`, `server__*`, `server__tool`, `prompt:server__name`, `resource:server__uri`. Nothing here decides;
//! `core/policy` does.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ServerId;

/// The longest name of a tool or a prompt that a grant may spell, in bytes.
const MAX_NAME: usize = 256;
/// The longest URI, in bytes.
const MAX_URI: usize = 2_048;

/// What kinds of things a server lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// Tools: `tools/list`.
    Tool,
    /// Prompts: `prompts/list`.
    Prompt,
    /// Resources: `resources/list`.
    Resource,
    /// Resource templates: `resources/templates/list`.
    Template,
}

impl ItemKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// `name` as an item of this kind; a template is judged as a resource.
    #[must_use]
    pub const fn item(self, name: &str) -> Item<'_> {
        match self {
            Self::Tool => Item::Tool(name),
            Self::Prompt => Item::Prompt(name),
            Self::Resource | Self::Template => Item::Resource(name),
        }
    }
}

/// One thing that a server offers, by the name its upstream gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A tool, by its name.
    Tool(&'a str),
    /// A prompt, by its name.
    Prompt(&'a str),
    /// A resource or a resource template, by its URI or its URI template.
    Resource(&'a str),
}

impl<'a> Item<'a> {
    /// Its name or URI.
    #[must_use]
    pub const fn name(self) -> &'a str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) => name,
        }
    }
}

/// One grant of a key. Tools are named as their upstream names them, so that renaming a tool for clients (an alias,
/// a shortened name) never changes who may use it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// `*`: everything of every server of the tenant.
    All,
    /// `server__*`: everything of one server: tools, prompts and resources.
    Server(ServerId),
    /// `server__tool`: one tool of one server.
    Tool(ServerId, String),
    /// `prompt:server__*`: every prompt of one server.
    Prompts(ServerId),
    /// `prompt:server__name`: one prompt of one server.
    Prompt(ServerId, String),
    /// `resource:server__*`: every resource of one server.
    Resources(ServerId),
    /// `resource:server__uri`: one resource, or one resource template, of one server.
    Resource(ServerId, String),
}

/// Why a text is not a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "grant {text:?} is not valid: write \"*\", \"server__*\", \"server__tool\", \"prompt:server__name\" or \
     \"resource:server__uri\" ({reason})"
)]
pub struct GrantError {
    text: String,
    reason: String,
}

impl Grant {
    /// Whether this grant covers `item` of `server`.
    #[must_use]
    pub fn covers(&self, server: &ServerId, item: Item<'_>) -> bool {
        match (self, item) {
            (Self::All, _) => true,
            (Self::Server(granted), _)
            | (Self::Prompts(granted), Item::Prompt(_))
            | (Self::Resources(granted), Item::Resource(_)) => granted == server,
            (Self::Tool(granted, name), Item::Tool(asked))
            | (Self::Prompt(granted, name), Item::Prompt(asked))
            | (Self::Resource(granted, name), Item::Resource(asked)) => granted == server && name == asked,
            _ => false,
        }
    }

    /// Whether this grant covers anything of `server` at all.
    #[must_use]
    pub fn touches(&self, server: &ServerId) -> bool {
        match self {
            Self::All => true,
            Self::Server(granted)
            | Self::Tool(granted, _)
            | Self::Prompts(granted)
            | Self::Prompt(granted, _)
            | Self::Resources(granted)
            | Self::Resource(granted, _) => granted == server,
        }
    }
}

/// What the text before the server's id says.
#[derive(Clone, Copy)]
enum Kind {
    Tool,
    Prompt,
    Resource,
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let error = |reason: String| GrantError { text: text.chars().take(80).collect(), reason };
        if text == "*" {
            return Ok(Self::All);
        }
        let (kind, rest) = match text.split_once(':') {
            Some(("prompt", rest)) => (Kind::Prompt, rest),
            Some(("resource", rest)) => (Kind::Resource, rest),
            _ => (Kind::Tool, text),
        };
        let (server, name) = rest.split_once("__").ok_or_else(|| error("there is no \"__\"".into()))?;
        let server = ServerId::new(server).map_err(|e| error(e.to_string()))?;
        let max = if matches!(kind, Kind::Resource) { MAX_URI } else { MAX_NAME };
        match (kind, name) {
            (Kind::Tool, "*") => Ok(Self::Server(server)),
            (Kind::Prompt, "*") => Ok(Self::Prompts(server)),
            (Kind::Resource, "*") => Ok(Self::Resources(server)),
            (_, "") => Err(error("the name is empty".into())),
            (_, name) if name.len() > max => Err(error(format!("a name has at most {max} bytes"))),
            (Kind::Resource, uri) => Ok(Self::Resource(server, uri.to_owned())),
            (_, name) if name.contains('*') => Err(error("\"*\" stands only for all".into())),
            (Kind::Tool, name) => Ok(Self::Tool(server, name.to_owned())),
            (Kind::Prompt, name) => Ok(Self::Prompt(server, name.to_owned())),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Server(server) => write!(f, "{server}__*"),
            Self::Tool(server, tool) => write!(f, "{server}__{tool}"),
            Self::Prompts(server) => write!(f, "prompt:{server}__*"),
            Self::Prompt(server, name) => write!(f, "prompt:{server}__{name}"),
            Self::Resources(server) => write!(f, "resource:{server}__*"),
            Self::Resource(server, uri) => write!(f, "resource:{server}__{uri}"),
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
    fn every_form_parses() {
        let github = ServerId::new("github").unwrap();
        assert_eq!("prompt:github__*".parse(), Ok(Grant::Prompts(github.clone())));
        assert_eq!("prompt:github__a".parse(), Ok(Grant::Prompt(github.clone(), "a".into())));
        assert_eq!("resource:github__*".parse(), Ok(Grant::Resources(github.clone())));
        assert_eq!("resource:github__a://b/*".parse(), Ok(Grant::Resource(github.clone(), "a://b/*".into())));
        assert_eq!("*".parse(), Ok(Grant::All));
        assert_eq!("github__*".parse(), Ok(Grant::Server(github.clone())));
        assert_eq!("github__a__b".parse(), Ok(Grant::Tool(github, "a__b".into())));
    }

    #[test]
    fn a_grant_covers_its_own_kind_only() {
        let (a, b) = (ServerId::new("a").unwrap(), ServerId::new("b").unwrap());
        let items = [Item::Tool("x"), Item::Prompt("x"), Item::Resource("x")];
        for (grant, covered) in [
            ("*", [true, true, true]),
            ("a__*", [true, true, true]),
            ("a__x", [true, false, false]),
            ("prompt:a__*", [false, true, false]),
            ("prompt:a__x", [false, true, false]),
            ("prompt:a__y", [false, false, false]),
            ("resource:a__*", [false, false, true]),
            ("resource:a__x", [false, false, true]),
        ] {
            let grant: Grant = grant.parse().unwrap();
            assert_eq!(items.map(|item| grant.covers(&a, item)), covered, "{grant}");
            assert!(grant.touches(&a));
            assert!(grant == Grant::All || !items.iter().any(|item| grant.covers(&b, *item)), "{grant}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for bad in [
            "",
            "github",
            "github__",
            "git*__x",
            "github__get_*",
            "**",
            "A__x",
            " *",
            "prompt:",
            "prompt:a__",
            "resource:a",
            "tool:a__b",
        ] {
            let error = bad.parse::<Grant>().unwrap_err().to_string();
            assert!(error.contains("write \"*\""), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_grant_reads_back_as_it_was_written(text in "(prompt:|resource:)?[a-z*][a-z_*]{0,12}") {
            if let Ok(grant) = text.parse::<Grant>() {
                prop_assert_eq!(grant.to_string(), text);
            }
        }
    }
}
