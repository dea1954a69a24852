//! Deny by default, with the rule that decided, for the operator's log.

use std::fmt;

use toolgate_model::{Grant, Item, Revision, ServerId};
use toolgate_rules::{Outcome, Ruling};

use crate::{Access, Principal, Subject};

/// What allowed something.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowed<'a> {
    /// The grant that covers it.
    pub grant: &'a Grant,
    /// What the policy said, and at which revision, if there is one.
    pub ruling: Option<(Revision, Ruling<'a>)>,
}

impl Allowed<'_> {
    /// Whether a call needs a person's approval first.
    #[must_use]
    pub fn needs_approval(&self) -> bool {
        self.ruling.as_ref().is_some_and(|(_, ruling)| ruling.outcome == Outcome::NeedsApproval)
    }
}

/// What was decided, and by which rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision<'a> {
    /// It may be seen and used.
    Allowed(Allowed<'a>),
    /// No grant covers it.
    NoGrant,
    /// The view does not show it.
    NotInView,
    /// The server is set to be only read, and the tool does not say that it changes nothing.
    ReadOnly,
    /// The policy of this revision denies it.
    Policy(Revision, Ruling<'a>),
    /// The policy of this revision can't be used, so it allows nothing.
    NoPolicy(Revision),
}

impl<'a> Decision<'a> {
    /// Whether it may be seen and called.
    #[must_use]
    pub const fn allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// What allowed it, or the decision that denied it.
    ///
    /// # Errors
    /// The decision itself, if it is none that allows.
    pub fn into_allowed(self) -> Result<Allowed<'a>, Self> {
        match self {
            Self::Allowed(allowed) => Ok(allowed),
            denied => Err(denied),
        }
    }
}

/// The deciding rule as the log names it: `grant:github__*`, `policy@7:allow:readers`, `no-grant`, `policy@7:deny:nights`.
impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(Allowed { ruling: Some((revision, ruling)), .. }) | Self::Policy(revision, ruling) => {
                write!(f, "policy@{revision}:{ruling}")
            }
            Self::Allowed(Allowed { grant, ruling: None }) => write!(f, "grant:{grant}"),
            Self::NoGrant => f.write_str("no-grant"),
            Self::NotInView => f.write_str("not-in-view"),
            Self::ReadOnly => f.write_str("read-only"),
            Self::NoPolicy(revision) => write!(f, "policy@{revision}:unusable"),
        }
    }
}

/// May `principal` see and use `subject`?
#[must_use]
pub fn decide<'a>(principal: Principal<'a>, subject: &Subject<'a>) -> Decision<'a> {
    let grant = match permits(principal, subject.server, subject.item) {
        Ok(grant) => grant,
        Err(denied) => return denied,
    };
    if subject.access == Access::ReadOnly && !subject.only_reads() {
        return Decision::ReadOnly;
    }
    let Some(rules) = principal.rules else { return Decision::Allowed(Allowed { grant, ruling: None }) };
    let Some(ruling) = rules.decide(&subject.facts(&principal)) else { return Decision::NoPolicy(rules.revision()) };
    match ruling.outcome {
        Outcome::Denied => Decision::Policy(rules.revision(), ruling),
        Outcome::Allowed | Outcome::NeedsApproval => {
            Decision::Allowed(Allowed { grant, ruling: Some((rules.revision(), ruling)) })
        }
    }
}

/// The first half of [`decide`]: what grants and view say of a name, before anything is known of what it names. What it denies is denied;
/// what it does not deny is still to be decided.
///
/// # Errors
/// The decision that denies.
pub fn permits<'a>(principal: Principal<'a>, server: &ServerId, item: Item<'_>) -> Result<&'a Grant, Decision<'a>> {
    let granted = principal.key.grants.iter().find(|grant| grant.covers(server, item));
    let grant = granted.ok_or(Decision::NoGrant)?;
    let shown = principal.view().is_none_or(|view| view.servers.get(server).is_some_and(|shown| shown.shows(item)));
    if shown { Ok(grant) } else { Err(Decision::NotInView) }
}

/// Whether `principal` may see anything of `server` at all; a server for which this is false does not exist for it.
#[must_use]
pub fn touches(principal: Principal<'_>, server: &ServerId) -> bool {
    principal.view().is_none_or(|view| view.servers.contains_key(server))
        && principal.key.grants.iter().any(|grant| grant.touches(server))
}
