//! Limits: budgets, rates and caps, and what they sit on. Nothing here counts; `core/ledger` does.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Amount, KeyId, LimitId, ServerId, TeamId, Timestamp, UserId, Window};

/// The most limits of a tenant.
pub const MAX_LIMITS: usize = 500;
/// The longest name of a tool that a limit may spell, in bytes; with its server, if that stands before it.
pub(crate) const MAX_TOOL: usize = 300;
const EVERY: &str = "*";

/// One value, or `*`: every value, each for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector<T> {
    /// `*`: each value has an account of its own.
    Every,
    /// This value.
    One(T),
}

impl<T: FromStr> FromStr for Selector<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == EVERY { Ok(Self::Every) } else { text.parse().map(Self::One) }
    }
}

impl<T: fmt::Display> fmt::Display for Selector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str(EVERY),
            Self::One(value) => value.fmt(f),
        }
    }
}

impl<T: fmt::Display> Serialize for Selector<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Selector<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A tool as a limit names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolName(String);

/// Why a text names no tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tool's name has 1 to {MAX_TOOL} bytes, none of them a control character")]
pub struct ToolNameError;

impl ToolName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ToolName {
    type Err = ToolNameError;

    fn from_str(text: &str) -> Result<Self, ToolNameError> {
        let good = (1..=MAX_TOOL).contains(&text.len()) && !text.chars().any(char::is_control);
        if good { Ok(Self(text.to_owned())) } else { Err(ToolNameError) }
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a limit sits on: the tenant itself if nothing is named, else what all the named members have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitScope {
    /// A virtual key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Selector<KeyId>>,
    /// A team. Keys without a team have no part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Selector<TeamId>>,
    /// An end user. For `*`, who names no user is one user: else a limit would be evaded by naming none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Selector<UserId>>,
    /// An upstream server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Selector<ServerId>>,
    /// A tool: `server__tool` with the upstream's name, or, with `server` given, that name alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Selector<ToolName>>,
}

/// What kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// So much in a window.
    Budget,
    /// A bucket that refills in the length of its window.
    Rate,
    /// So many calls at the same time.
    Concurrency,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Calls.
    Calls,
    /// Millionths of a US dollar.
    MicroUsd,
    /// Tokens.
    Tokens,
}

/// How exactly a limit is kept up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every call asks the ledger.
    #[default]
    Strict,
    /// Instances spend from slices that they take in advance. The limit is never exceeded; what an instance holds, others can't spend.
    Leased,
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ }) => {
        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it is spelled in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(LimitKind { Budget => "budget", Rate => "rate", Concurrency => "concurrency" });
words!(Unit { Calls => "calls", MicroUsd => "micro_usd", Tokens => "tokens" });
words!(Mode { Strict => "strict", Leased => "leased" });

/// What an operator says of a limit. [`LimitSpec::read`] reads one and names what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSpec {
    /// What it sits on.
    pub scope: LimitScope,
    /// What kind of limit it is.
    pub kind: LimitKind,
    /// What is counted.
    pub unit: Unit,
    /// How much is allowed.
    pub amount: Amount,
    /// A budget's window (none: it never resets); the length in which a rate refills `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// How much a rate's bucket holds; `amount`, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Amount>,
    /// How it is kept up to date.
    #[serde(default)]
    pub mode: Mode,
    /// Whether a call goes through that the ledger can't be asked about. The log says each time that it did.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fail_open: bool,
}

impl LimitSpec {
    /// What the numbers of its accounts mean: kind, unit and window, in a text without `/`. Not how much is allowed.
    #[must_use]
    pub fn shape(&self) -> String {
        let window = match &self.window {
            // A bucket is what it is, whatever flows in.
            Some(window) if self.kind == LimitKind::Budget => window.to_string(),
            _ => String::new(),
        };
        format!("{},{},{}", self.kind, self.unit, window.replace(" in ", ",").replace('/', ":"))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A limit as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRecord {
    /// What the operator said.
    #[serde(flatten)]
    pub spec: LimitSpec,
    /// A disabled limit limits nothing.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A limit with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its id within the tenant.
    pub id: LimitId,
    /// Its record.
    pub record: LimitRecord,
}
