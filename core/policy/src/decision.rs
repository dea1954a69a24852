//! Deny by default, with the rule that decided, for the operator's log.

use std::fmt;

use toolgate_model::{Grant, KeyId, KeyRecord, ServerId, TenantRecord, Timestamp};

/// Who asks: a key of a tenant that [`admit`] let in.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    key: &'a KeyRecord,
}

impl<'a> Principal<'a> {
    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &'a KeyId {
        &self.key.id
    }

    /// What it was granted: part of the stamp of whatever is cached for it.
    #[must_use]
    pub fn grants(&self) -> &'a [Grant] {
        &self.key.grants
    }
}

/// Why a key is not let in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The tenant is disabled.
    TenantDisabled,
    /// The key is disabled.
    KeyDisabled,
    /// The key's time is over.
    KeyExpired,
}

impl Refusal {
    /// The rule's name in the log.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::TenantDisabled => "tenant-disabled",
            Self::KeyDisabled => "key-disabled",
            Self::KeyExpired => "key-expired",
        }
    }
}

/// Lets a key in, or says why not. The caller has checked that the secret is the key's.
///
/// # Errors
/// The first rule that refuses.
pub fn admit<'a>(tenant: &TenantRecord, key: &'a KeyRecord, now: Timestamp) -> Result<Principal<'a>, Refusal> {
    if !tenant.enabled {
        return Err(Refusal::TenantDisabled);
    }
    if !key.enabled {
        return Err(Refusal::KeyDisabled);
    }
    if key.expires_at.is_some_and(|end| now >= end) {
        return Err(Refusal::KeyExpired);
    }
    Ok(Principal { key })
}

/// What was decided, and by which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// A grant covers it.
    Allowed(&'a Grant),
    /// No grant covers it.
    NoGrant,
}

impl Decision<'_> {
    /// Whether it may be seen and called.
    #[must_use]
    pub const fn allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// The deciding rule as the log names it.
impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(grant) => write!(f, "grant:{grant}"),
            Self::NoGrant => f.write_str("no-grant"),
        }
    }
}

/// May `principal` see and call `tool` (its upstream name) of `server`?
#[must_use]
pub fn decide<'a>(principal: Principal<'a>, server: &ServerId, tool: &str) -> Decision<'a> {
    principal.key.grants.iter().find(|grant| grant.covers(server, tool)).map_or(Decision::NoGrant, Decision::Allowed)
}

/// Whether `principal` may see anything of `server` at all; a server for which this is false does not exist for it.
#[must_use]
pub fn touches(principal: Principal<'_>, server: &ServerId) -> bool {
    principal.key.grants.iter().any(|grant| grant.touches(server))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant() -> TenantRecord {
        TenantRecord {
            display_name: None,
            enabled: true,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    fn key(grants: &[&str]) -> KeyRecord {
        KeyRecord {
            id: KeyId::new("0123456789abcdef").unwrap(),
            name: "k".into(),
            hash: String::new(),
            grants: grants.iter().map(|g| g.parse().unwrap()).collect(),
            expires_at: None,
            enabled: true,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_key_is_let_in_only_while_it_and_its_tenant_are_good() {
        let now = Timestamp::from_millis(100);
        let mut key = key(&["*"]);
        let mut tenant = tenant();
        assert!(admit(&tenant, &key, now).is_ok());
        key.expires_at = Some(Timestamp::from_millis(101));
        assert!(admit(&tenant, &key, now).is_ok());
        key.expires_at = Some(now);
        assert_eq!(admit(&tenant, &key, now).unwrap_err(), Refusal::KeyExpired);
        key.enabled = false;
        assert_eq!(admit(&tenant, &key, now).unwrap_err(), Refusal::KeyDisabled);
        tenant.enabled = false;
        assert_eq!(admit(&tenant, &key, now).unwrap_err(), Refusal::TenantDisabled);
    }

    #[test]
    fn the_rule_that_decided_is_named() {
        let key = key(&["a__x", "b__*"]);
        let tenant = tenant();
        let who = admit(&tenant, &key, Timestamp::default()).unwrap();
        let (a, b) = (ServerId::new("a").unwrap(), ServerId::new("b").unwrap());
        assert_eq!(decide(who, &a, "x").to_string(), "grant:a__x");
        assert_eq!(decide(who, &b, "anything").to_string(), "grant:b__*");
        assert_eq!(decide(who, &a, "y").to_string(), "no-grant");
    }

    proptest! {
        #[test]
        fn nothing_granted_means_nothing_allowed(server in "[a-z]{1,4}", tool in "[a-z]{1,4}") {
            let key = key(&[]);
            let tenant = tenant();
            let who = admit(&tenant, &key, Timestamp::default()).unwrap();
            let server = ServerId::new(&server).unwrap();
            prop_assert!(!decide(who, &server, &tool).allowed());
            prop_assert!(!touches(who, &server));
        }

        #[test]
        fn what_is_allowed_is_touched_and_a_further_grant_never_takes_away(
            grants in prop::collection::vec("(\\*|[ab]__(\\*|[xy]))", 0..4),
            further in "(\\*|[ab]__(\\*|[xy]))", server in "[ab]", tool in "[xy]",
        ) {
            let server = ServerId::new(&server).unwrap();
            let tenant = tenant();
            let mut texts: Vec<&str> = grants.iter().map(String::as_str).collect();
            let narrow = key(&texts);
            texts.push(&further);
            let wide = key(&texts);
            let before = decide(admit(&tenant, &narrow, Timestamp::default()).unwrap(), &server, &tool).allowed();
            let who = admit(&tenant, &wide, Timestamp::default()).unwrap();
            prop_assert!(!before || decide(who, &server, &tool).allowed());
            prop_assert!(!decide(who, &server, &tool).allowed() || touches(who, &server));
        }
    }
}
