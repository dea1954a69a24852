//! Deny by default, with the rule that decided, for the operator's log.

use std::fmt;

use toolgate_model::{Grant, Item, KeyId, KeyRecord, ServerId, TenantRecord, Timestamp, ViewRecord};

/// Who asks: a key of a tenant that [`admit`] let in, and the view it asks through.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    key: &'a KeyRecord,
    view: Option<&'a ViewRecord>,
}

impl<'a> Principal<'a> {
    /// The same principal, asking through `view`: it may use what both the key and the view allow.
    #[must_use]
    pub const fn through(self, view: Option<&'a ViewRecord>) -> Self {
        Self { view, ..self }
    }

    /// The view it asks through.
    #[must_use]
    pub const fn view(&self) -> Option<&'a ViewRecord> {
        self.view
    }

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
    Ok(Principal { key, view: None })
}

/// What was decided, and by which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// A grant covers it.
    Allowed(&'a Grant),
    /// No grant covers it.
    NoGrant,
    /// The view does not show it.
    NotInView,
}

impl Decision<'_> {
    /// Whether it may be seen and called.
    #[must_use]
    pub const fn allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// The rule that denied, as the log names it.
    #[must_use]
    pub const fn denied(self) -> Option<&'static str> {
        match self {
            Self::Allowed(_) => None,
            Self::NoGrant => Some("no-grant"),
            Self::NotInView => Some("not-in-view"),
        }
    }
}

/// The deciding rule as the log names it.
impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(grant) => write!(f, "grant:{grant}"),
            Self::NoGrant | Self::NotInView => f.write_str(self.denied().unwrap_or_default()),
        }
    }
}

/// May `principal` see and use `item` of `server`?
#[must_use]
pub fn decide<'a>(principal: Principal<'a>, server: &ServerId, item: Item<'_>) -> Decision<'a> {
    let Some(grant) = principal.key.grants.iter().find(|grant| grant.covers(server, item)) else {
        return Decision::NoGrant;
    };
    let shown = |view: &ViewRecord| view.servers.get(server).is_some_and(|shown| shown.shows(item));
    if principal.view.is_none_or(shown) { Decision::Allowed(grant) } else { Decision::NotInView }
}

/// Whether `principal` may see anything of `server` at all; a server for which this is false does not exist for it.
#[must_use]
pub fn touches(principal: Principal<'_>, server: &ServerId) -> bool {
    principal.view.is_none_or(|view| view.servers.contains_key(server))
        && principal.key.grants.iter().any(|grant| grant.touches(server))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use toolgate_model::{Prefix, ViewServer};

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
            previous: None,
            grants: grants.iter().map(|g| g.parse().unwrap()).collect(),
            labels: BTreeMap::new(),
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
        assert_eq!(decide(who, &a, Item::Tool("x")).to_string(), "grant:a__x");
        assert_eq!(decide(who, &b, Item::Tool("anything")).to_string(), "grant:b__*");
        assert_eq!(decide(who, &a, Item::Tool("y")).to_string(), "no-grant");
    }

    fn view(server: &ServerId, tools: &[&str]) -> ViewRecord {
        let shown = ViewServer {
            tools: tools.iter().map(|&tool| tool.to_owned()).collect(),
            prompts: Vec::new(),
            resources: Vec::new(),
            rename: BTreeMap::new(),
            arguments: BTreeMap::new(),
        };
        ViewRecord {
            display_name: None,
            prefix: Prefix::Always,
            servers: BTreeMap::from([(server.clone(), shown)]),
            enabled: true,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_view_shows_what_it_names_of_what_is_granted() {
        let (a, b) = (ServerId::new("a").unwrap(), ServerId::new("b").unwrap());
        let (key, tenant, view) = (key(&["*"]), tenant(), view(&a, &["x"]));
        let who = admit(&tenant, &key, Timestamp::default()).unwrap().through(Some(&view));
        assert_eq!(decide(who, &a, Item::Tool("x")).to_string(), "grant:*");
        for (server, item) in [(&a, Item::Tool("y")), (&a, Item::Prompt("x")), (&b, Item::Tool("x"))] {
            assert_eq!(decide(who, server, item), Decision::NotInView, "{item:?}");
        }
        assert!(touches(who, &a) && !touches(who, &b));
    }

    proptest! {
        #[test]
        fn a_view_never_adds_to_what_is_granted(
            grants in prop::collection::vec("(\\*|[ab]__(\\*|[xy]))", 0..4), shown in prop::collection::vec("[*xy]", 0..3),
            tool in "[xy]",
        ) {
            let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            let a = ServerId::new("a").unwrap();
            let (key, tenant, view) = (key(&grants), tenant(), view(&a, &shown));
            let who = admit(&tenant, &key, Timestamp::default()).unwrap();
            for server in [a, ServerId::new("b").unwrap()] {
                let through = decide(who.through(Some(&view)), &server, Item::Tool(&tool)).allowed();
                prop_assert!(!through || decide(who, &server, Item::Tool(&tool)).allowed());
            }
        }

        #[test]
        fn nothing_granted_means_nothing_allowed(server in "[a-z]{1,4}", tool in "[a-z]{1,4}") {
            let key = key(&[]);
            let tenant = tenant();
            let who = admit(&tenant, &key, Timestamp::default()).unwrap();
            let server = ServerId::new(&server).unwrap();
            prop_assert!(!decide(who, &server, Item::Tool(&tool)).allowed());
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
            let before = decide(admit(&tenant, &narrow, Timestamp::default()).unwrap(), &server, Item::Tool(&tool)).allowed();
            let who = admit(&tenant, &wide, Timestamp::default()).unwrap();
            prop_assert!(!before || decide(who, &server, Item::Tool(&tool)).allowed());
            prop_assert!(!decide(who, &server, Item::Tool(&tool)).allowed() || touches(who, &server));
        }
    }
}
