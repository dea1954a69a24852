//! Ids that come from outside, checked once where they enter. Nothing here knows what an id refers to.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {rule}")]
pub struct IdError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl IdError {
    fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        // Bounded, so that an error about a huge id is not itself huge.
        let text = text.chars().take(80).collect();
        Self { what, text, rule }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and takes it as an id.
            ///
            /// # Errors
            /// Names the rule that `text` breaks.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if $valid(text) { Ok(Self(text.into())) } else { Err(IdError::new($what, text, $rule)) }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id! {
    /// A tenant: one DNS label, so that it can stand in a host name (`acme.example.com`).
    TenantId, "tenant id", "1 to 63 of a-z, 0-9 and '-', not at an end", is_dns_label
}

text_id! {
    /// An upstream server within a tenant, and the prefix of its tools (`github` in `github__create_issue`).
    ///
    /// It holds no `__` and ends in no `_`, so that an exposed name splits at its first `__` in one way only.
    ServerId, "server id",
    "1 to 32 of a-z, 0-9, '-' and '_', beginning with a letter or digit, without '__' and not ending in '_'", is_server_id
}

text_id! {
    /// A view within a tenant: the last part of its path, where a server's id may stand too. So it obeys the same rule, and a tenant
    /// has no view and server of the same id.
    ViewId, "view id",
    "1 to 32 of a-z, 0-9, '-' and '_', beginning with a letter or digit, without '__' and not ending in '_'", is_server_id
}

text_id! {
    /// A virtual key's public part: 16 lower-case hexadecimal digits. It may be logged; the secret may not.
    KeyId, "key id", "16 lower-case hexadecimal digits", is_hexadecimal_id
}

text_id! {
    /// What waits for a person's approval: it follows from who asks for what, so that asking again is the same.
    ApprovalId, "approval id", "32 lower-case hexadecimal digits", is_approval_id
}

text_id! {
    /// An operator's public part, spelled as a key's is.
    OperatorId, "operator id", "16 lower-case hexadecimal digits", is_hexadecimal_id
}

/// Where the records stand that belong to no tenant. DNS itself keeps labels with hyphens in the third and fourth place for uses of
/// its own (RFC 5890, section 2.3.1), so nobody's host is named so.
const RESERVED: &str = "tg--operators";

impl TenantId {
    /// The id under which the gateway's operators are stored. It is no tenant's: it has no tenant record, ever.
    #[must_use]
    pub fn reserved() -> Self {
        Self(RESERVED.into())
    }

    /// Whether it is [`TenantId::reserved`], which no tenant may take.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.as_str() == RESERVED
    }
}

/// The id under which the gateway's own tools are counted and logged.
const OWN: &str = "toolgate";

impl ServerId {
    /// The gateway itself, as the server of the tools of its own. No upstream is named so.
    #[must_use]
    pub fn own() -> Self {
        Self(OWN.into())
    }

    /// Whether it is [`ServerId::own`].
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.as_str() == OWN
    }
}

text_id! {
    /// A rule within a policy, as explanations and log lines name it.
    RuleName, "rule name", "1 to 64 of a-z, 0-9, '-' and '_', beginning with a letter or digit", is_rule_name
}

text_id! {
    /// A team within a tenant: keys belong to it, and limits may sit on it.
    TeamId, "team id", "1 to 64 of a-z, 0-9, '-' and '_', beginning with a letter or digit", is_slug
}

text_id! {
    /// A limit within a tenant.
    LimitId, "limit id", "1 to 64 of a-z, 0-9, '-' and '_', beginning with a letter or digit", is_slug
}

text_id! {
    /// The end user that a key acts for, as the key's owner names them.
    UserId, "user id", "1 to 128 visible ASCII characters, and not \"*\" alone", is_user_id
}

fn is_slug(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
}

fn is_user_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && text != "*"
}

fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}

fn is_server_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=32).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last() != Some(&b'_')
        && !text.contains("__")
}

fn is_rule_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
}

fn is_hexadecimal_id(text: &str) -> bool {
    text.len() == 16 && is_hexadecimal(text)
}

fn is_approval_id(text: &str) -> bool {
    text.len() == 32 && is_hexadecimal(text)
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// How many times a tenant's records have been changed. Grows by one with each commit and never returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision that the next commit makes.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_ids_are_dns_labels() {
        for good in ["a", "acme", "a-1", &"a".repeat(63)] {
            assert!(TenantId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", &"a".repeat(64)] {
            assert!(TenantId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_reserved_tenant_is_spelled_as_stores_spell_tenants_and_no_other_is_it() {
        let reserved = TenantId::new(TenantId::reserved().as_str()).unwrap();
        assert!(reserved.is_reserved());
        assert!(!TenantId::new("operators").unwrap().is_reserved());
    }

    #[test]
    fn server_ids_leave_the_separator_unambiguous() {
        for good in ["a", "git-hub", "a_b", "0x", &"a".repeat(32)] {
            assert!(ServerId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a__b", "a_", "_a", "-a", "A", "a.b", "a/b", &"a".repeat(33)] {
            assert!(ServerId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_is_visible_ascii_and_never_everybody() {
        for good in ["a", "alice@example.com", "oidc|0{}~", "**", &"x".repeat(128)] {
            assert!(UserId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "*", "a b", "ä", "a\n", &"x".repeat(129)] {
            assert!(UserId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_about_a_huge_id_is_short() {
        let error = TenantId::new(&"X".repeat(100_000)).unwrap_err();
        assert!(error.to_string().len() < 300);
    }
}
