//! How a caller is shown its tools: each by itself, or through a few that lead to all. Must never know why a caller may use a tool.

use serde::{Deserialize, Serialize};

/// What a key or a view says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolsMode {
    /// Every tool is listed.
    #[default]
    Direct,
    /// `search` and `call` are listed.
    Search,
    /// `search` and `execute` are listed.
    Code,
    /// Direct where the tools are few, else code.
    Auto,
}

/// How tools are shown, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Every tool.
    Direct,
    /// `search` and `call`.
    Search,
    /// `search` and `execute`.
    Code,
}

/// The most tokens of definitions that are shown direct in [`ToolsMode::Auto`], if nothing else is set: about 22 tools of a usual kind.
///
/// `cargo xtask bench tokens` finds that code reads less than direct from about 600 tokens of definitions on in the task that gains least (a
/// single call), and from 2,400 on where the model searches once in vain and writes code that fails once. More than twice that leaves room
/// for models that do worse, and spares small catalogues the turn that a search takes.
pub const AUTO_TOKENS: usize = 6_000;

impl ToolsMode {
    /// What is shown of tools whose definitions are about `tokens` tokens ([`crate::Visible::definition_tokens`]), where `auto_tokens` is
    /// the most that auto shows direct.
    #[must_use]
    pub const fn shown(self, tokens: usize, auto_tokens: usize) -> Shown {
        match self {
            Self::Search => Shown::Search,
            Self::Direct => Shown::Direct,
            Self::Auto if tokens <= auto_tokens => Shown::Direct,
            Self::Code | Self::Auto => Shown::Code,
        }
    }
}

/// About how many tokens `bytes` of JSON are. Measured on the definitions of 698 tools of 19 servers: 4.5 bytes a token in the mean (o200k),
/// 4.1 to 5.2 for single servers.
#[must_use]
pub const fn estimated_tokens(bytes: usize) -> usize {
    bytes.saturating_mul(2) / 9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_shows_few_tools_direct() {
        assert_eq!(ToolsMode::Auto.shown(4_000, 4_000), Shown::Direct);
        assert_eq!(ToolsMode::Auto.shown(4_001, 4_000), Shown::Code);
        assert_eq!(ToolsMode::Auto.shown(0, 0), Shown::Direct);
    }

    #[test]
    fn a_chosen_mode_does_not_depend_on_the_tools() {
        for tokens in [0, 1_000_000] {
            assert_eq!(ToolsMode::Direct.shown(tokens, 0), Shown::Direct);
            assert_eq!(ToolsMode::Search.shown(tokens, 0), Shown::Search);
            assert_eq!(ToolsMode::Code.shown(tokens, 0), Shown::Code);
        }
    }

    #[test]
    fn modes_are_written_in_small_letters() {
        for (mode, text) in [
            (ToolsMode::Direct, "\"direct\""),
            (ToolsMode::Search, "\"search\""),
            (ToolsMode::Code, "\"code\""),
            (ToolsMode::Auto, "\"auto\""),
        ] {
            assert_eq!(serde_json::to_string(&mode).unwrap(), text);
            assert_eq!(serde_json::from_str::<ToolsMode>(text).unwrap(), mode);
        }
        assert!(serde_json::from_str::<ToolsMode>("\"all\"").is_err());
    }
}
