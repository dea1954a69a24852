//! How a caller is shown its tools: each by itself, or through a few that lead to all. Must never know why a caller may use a tool.

use toolgate_model::ToolsMode;

use crate::tools::{BIFROST, CODE, MetaTool, SEARCH};

/// How tools are shown, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Every tool.
    Direct,
    /// These, which lead to all.
    Through(&'static [MetaTool]),
}

/// The most tokens of definitions that are shown direct in [`ToolsMode::Auto`], if nothing else is set: about 22 tools of a usual kind.
///
/// `cargo xtask bench tokens` finds that code reads less than direct from about 600 tokens of definitions on in the task that gains least (a
/// single call), and from 2,200 on where the model searches once in vain and writes code that fails once. Almost three times that leaves room
/// for models that do worse, and spares small catalogues the turn that a search takes.
pub const AUTO_TOKENS: usize = 6_000;

impl Shown {
    /// How tools are shown in `mode` whose definitions are about `tokens` tokens ([`crate::Visible::definition_tokens`]), where `auto_tokens` is
    /// the most that auto shows direct.
    #[must_use]
    pub const fn of(mode: ToolsMode, tokens: usize, auto_tokens: usize) -> Self {
        match mode {
            ToolsMode::Direct => Self::Direct,
            ToolsMode::Auto if tokens <= auto_tokens => Self::Direct,
            ToolsMode::Code | ToolsMode::Auto => Self::Through(&CODE),
            ToolsMode::Search => Self::Through(&SEARCH),
            ToolsMode::Bifrost => Self::Through(&BIFROST),
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
        assert_eq!(Shown::of(ToolsMode::Auto, 4_000, 4_000), Shown::Direct);
        assert_eq!(Shown::of(ToolsMode::Auto, 4_001, 4_000), Shown::Through(&CODE));
        assert_eq!(Shown::of(ToolsMode::Auto, 0, 0), Shown::Direct);
    }

    #[test]
    fn a_chosen_mode_does_not_depend_on_the_tools() {
        for tokens in [0, 1_000_000] {
            assert_eq!(Shown::of(ToolsMode::Direct, tokens, 0), Shown::Direct);
            assert_eq!(Shown::of(ToolsMode::Search, tokens, 0), Shown::Through(&SEARCH));
            assert_eq!(Shown::of(ToolsMode::Code, tokens, 0), Shown::Through(&CODE));
            assert_eq!(Shown::of(ToolsMode::Bifrost, tokens, 0), Shown::Through(&BIFROST));
        }
    }
}
