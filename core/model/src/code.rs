//! How a client is shown its tools, what programs that agents write may use, and when a call needs a person's approval.

use serde::{Deserialize, Serialize};

use crate::Prices;

/// How a client is shown its tools.
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
    /// The four tools of Bifrost's Code Mode are listed.
    Bifrost,
}

impl ToolsMode {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Direct, Self::Search, Self::Code, Self::Auto, Self::Bifrost];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Search => "search",
            Self::Code => "code",
            Self::Auto => "auto",
            Self::Bifrost => "bifrost",
        }
    }

    /// Whether it is [`ToolsMode::Direct`], which is not written down.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        matches!(self, Self::Direct)
    }
}

/// What one program may use, where something else is said than the gateway's own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeLimits {
    /// Units of computing; some 5 to 13 million are a millisecond of a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas: Option<u64>,
    /// Bytes of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Bytes of source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<u64>,
    /// Calls of tools, in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Calls of tools at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u64>,
    /// Milliseconds from start to end, waiting for calls included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Bytes of the result that the client is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<u64>,
    /// Bytes of logs that the client is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<u64>,
}

/// A limit of [`CodeLimits`]: its name, the least and the most that may be set, and what it is where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLimit {
    /// The field's name.
    pub name: &'static str,
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
    /// What it is where nothing is set.
    pub default: u64,
}

impl CodeLimits {
    /// What may be set, in the order of the fields.
    pub const BOUNDS: [CodeLimit; 8] = [
        CodeLimit { name: "gas", least: 1_000_000, most: 20_000_000_000, default: 1_000_000_000 },
        CodeLimit { name: "memory", least: 4 << 20, most: 64 << 20, default: 24 << 20 },
        CodeLimit { name: "source", least: 256, most: 256 << 10, default: 64 << 10 },
        CodeLimit { name: "calls", least: 0, most: 1_000, default: 50 },
        CodeLimit { name: "parallel", least: 1, most: 6, default: 6 },
        CodeLimit { name: "time_ms", least: 100, most: 600_000, default: 60_000 },
        CodeLimit { name: "result", least: 256, most: 1 << 20, default: 24_000 },
        CodeLimit { name: "logs", least: 0, most: 16 << 10, default: 8_000 },
    ];

    /// The field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.fields().into_iter().find(|(field, _)| *field == name).and_then(|(_, value)| value)
    }

    /// Sets the field with this name; nothing, if there is none.
    pub fn set(&mut self, name: &str, value: u64) {
        let field = match name {
            "gas" => &mut self.gas,
            "memory" => &mut self.memory,
            "source" => &mut self.source,
            "calls" => &mut self.calls,
            "parallel" => &mut self.parallel,
            "time_ms" => &mut self.time_ms,
            "result" => &mut self.result,
            "logs" => &mut self.logs,
            _ => return,
        };
        *field = Some(value);
    }

    const fn fields(&self) -> [(&'static str, Option<u64>); 8] {
        [
            ("gas", self.gas),
            ("memory", self.memory),
            ("source", self.source),
            ("calls", self.calls),
            ("parallel", self.parallel),
            ("time_ms", self.time_ms),
            ("result", self.result),
            ("logs", self.logs),
        ]
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and of `others` what is not among them.
    #[must_use]
    pub fn or(mut self, others: &Self) -> Self {
        for (name, value) in others.fields() {
            if let (None, Some(value)) = (self.get(name), value) {
                self.set(name, value);
            }
        }
        self
    }
}

/// What a tenant says of programs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSettings {
    /// What one program may use. What a key says wins.
    #[serde(default, skip_serializing_if = "CodeLimits::is_empty")]
    pub limits: CodeLimits,
    /// What a call of a tool of the gateway's own costs, beside what the calls cost that it makes.
    #[serde(default, skip_serializing_if = "Prices::is_empty")]
    pub price: Prices,
}

impl CodeSettings {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.price.is_empty()
    }
}

/// Which tools need a person's approval because they may destroy something, whatever the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destructive {
    /// None.
    #[default]
    Allowed,
    /// Those that say so (`destructiveHint: true`).
    Marked,
    /// Those that don't say otherwise, as MCP has it: neither `readOnlyHint: true` nor `destructiveHint: false`.
    Assumed,
}

/// Who may approve a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approver {
    /// An operator, or the person at the client (elicitation).
    #[default]
    Anyone,
    /// An operator.
    Operator,
}

/// What a tenant says of approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// Which tools need one because they may destroy something.
    #[serde(default)]
    pub destructive: Destructive,
    /// Who may give it.
    #[serde(default)]
    pub by: Approver,
}

impl Approvals {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_in_small_letters() {
        for mode in ToolsMode::ALL {
            let text = format!("\"{}\"", mode.as_str());
            assert_eq!(serde_json::to_string(&mode).unwrap(), text);
            assert_eq!(serde_json::from_str::<ToolsMode>(&text).unwrap(), mode);
        }
        assert!(serde_json::from_str::<ToolsMode>("\"all\"").is_err());
    }

    #[test]
    fn every_limit_has_its_bounds_and_its_default_within_them() {
        for (bound, (name, _)) in CodeLimits::BOUNDS.into_iter().zip(CodeLimits::default().fields()) {
            assert_eq!(bound.name, name);
            assert!((bound.least..=bound.most).contains(&bound.default), "{name}");
            let mut limits = CodeLimits::default();
            limits.set(name, bound.most);
            assert_eq!(limits.get(name), Some(bound.most));
        }
    }

    #[test]
    fn a_keys_limits_win_and_the_tenants_fill_in() {
        let key = CodeLimits { gas: Some(1), ..CodeLimits::default() };
        let tenant = CodeLimits { gas: Some(2), calls: Some(3), ..CodeLimits::default() };
        assert_eq!(key.or(&tenant), CodeLimits { gas: Some(1), calls: Some(3), ..CodeLimits::default() });
    }
}
