//! A tenant's policy, as its record says, ready to decide. One that can't be used allows nothing.

use toolgate_model::{PolicyDocument, Revision};
use toolgate_rules::{Bounds, Explanation, Facts, Needs, Policy, Ruling};

use crate::{Principal, Subject};

/// A policy and the revision that wrote it.
#[derive(Debug, Clone)]
pub struct Rules {
    revision: Revision,
    policy: Option<Policy>,
}

impl Rules {
    /// Of a stored document. It was checked when it was saved; if it can't be compiled now (a later release wrote it), it allows nothing.
    #[must_use]
    pub fn of(revision: Revision, document: &PolicyDocument) -> Self {
        Self { revision, policy: Policy::compile(document, Bounds::default()).ok() }
    }

    /// Of a record that can't even be read: it allows nothing.
    #[must_use]
    pub const fn unreadable(revision: Revision) -> Self {
        Self { revision, policy: None }
    }

    /// The revision that wrote it.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The policy, if it can be used.
    #[must_use]
    pub const fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    pub(crate) fn needs(&self) -> Needs {
        self.policy.as_ref().map(Policy::needs).unwrap_or_default()
    }

    /// What it says of `subject`, and how each of its rules comes out; nothing, if it can't be used.
    #[must_use]
    pub fn explain<'a>(&'a self, principal: Principal<'a>, subject: &Subject<'a>) -> Option<Explanation<'a>> {
        self.policy.as_ref().map(|policy| policy.explain(&subject.facts(&principal)))
    }

    /// What it says; nothing, if it can't be used.
    pub(crate) fn decide(&self, facts: &Facts<'_>) -> Option<Ruling<'_>> {
        self.policy.as_ref().map(|policy| policy.decide(facts))
    }
}
