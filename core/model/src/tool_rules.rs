//! What an operator says of a server's tools beyond whether they may be used: what calls cost and what they must keep to.

use serde::{Deserialize, Serialize};

use crate::{Constraints, Prices, ServerRecord};

/// What is said of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRules {
    /// What its calls cost.
    #[serde(default, skip_serializing_if = "Prices::is_empty")]
    pub price: Prices,
    /// What its calls must keep to.
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    pub constraints: Constraints,
}

impl ServerRecord {
    /// What holds for the tool that the server calls `tool`: what is said of it, and of the server where nothing is said of it.
    #[must_use]
    pub fn rules_of(&self, tool: &str) -> ToolRules {
        let Some(own) = self.tools.get(tool) else {
            return ToolRules { price: self.price.clone(), constraints: self.constraints.clone() };
        };
        ToolRules { price: own.price.or(&self.price), constraints: own.constraints.or(&self.constraints) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Price;

    #[test]
    fn a_tools_own_rules_win_and_the_servers_fill_in() {
        let text = r#"{"url":"https://example.com/","era":"auto","network":"public","enabled":true,
            "created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z",
            "price":{"micro_usd":10,"tokens":20},"constraints":{"timeout_ms":1000},
            "tools":{"free":{"price":{"micro_usd":0}},"slow":{"constraints":{"timeout_ms":9000,"access":"all"}}}}"#;
        let server: ServerRecord = serde_json::from_str(text).unwrap();
        let free = server.rules_of("free");
        assert_eq!((free.price.micro_usd, free.price.tokens), (Some(Price::Flat(0)), Some(Price::Flat(20))));
        assert_eq!(free.constraints, server.constraints);
        let slow = server.rules_of("slow");
        assert_eq!((slow.constraints.timeout_ms, &slow.price), (Some(9_000), &server.price));
        let other = server.rules_of("other");
        assert_eq!((other.price, other.constraints), (server.price, server.constraints));
    }

    #[test]
    fn a_record_of_before_has_none() {
        let text = r#"{"url":"https://example.com/","era":"auto","network":"public","enabled":true,
            "created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#;
        let server: ServerRecord = serde_json::from_str(text).unwrap();
        assert_eq!(server.rules_of("any"), ToolRules::default());
        let written = serde_json::to_string(&server).unwrap();
        assert!(!["price", "constraints", "tools"].iter().any(|name| written.contains(name)), "{written}");
    }
}
