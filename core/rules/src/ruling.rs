//! What a policy says, and why.

use std::fmt;

use serde::Serialize;
use toolgate_model::{Effect, RuleName};

use crate::failure::Failure;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It may be seen and used.
    Allowed,
    /// It may not.
    Denied,
    /// It may be seen, and used once a person has approved.
    NeedsApproval,
}

/// Why.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// The rule holds.
    Holds,
    /// The rule may hold, once the arguments are known. Only for lists.
    MayHold,
    /// No `allow` rule holds.
    NothingAllows,
    /// The rule could not be evaluated, and so denies.
    Failed(Box<Failure>),
}

/// What a policy says of one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling<'p> {
    /// What was decided.
    pub outcome: Outcome,
    /// The rule that decided; none if no rule allows.
    pub rule: Option<&'p RuleName>,
    /// Why.
    pub why: Why,
    /// Whether a call is decided in the same way whatever its arguments are. Always so if they are known.
    pub certain: bool,
}

impl Ruling<'_> {
    /// Whether it may be seen.
    #[must_use]
    pub fn shows(&self) -> bool {
        self.outcome != Outcome::Denied
    }
}

/// The deciding rule as a log line names it: `allow:readers`, `deny:nights`, `approve:writes`, `maybe:readers` (a list), `failed:readers`,
/// `no-allow-rule`.
impl fmt::Display for Ruling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rule) = self.rule else { return f.write_str("no-allow-rule") };
        let what = match (&self.why, self.outcome) {
            (Why::Failed(_), _) => "failed",
            (Why::MayHold, _) => "maybe",
            (_, Outcome::Allowed) => "allow",
            (_, Outcome::Denied) => "deny",
            (_, Outcome::NeedsApproval) => "approve",
        };
        write!(f, "{what}:{rule}")
    }
}

/// How a rule came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Its condition is true.
    Holds,
    /// Its condition is false.
    DoesNotHold,
    /// It depends on arguments that are not known yet.
    Unknown,
    /// It could not be evaluated.
    Failed(Box<Failure>),
}

/// How one rule came out.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleVerdict<'p> {
    /// Its name.
    pub name: &'p RuleName,
    /// What it does if it holds.
    pub effect: Effect,
    /// How it came out.
    pub verdict: Verdict,
}

/// A decision with everything that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation<'p> {
    /// What [`Policy::decide`](crate::Policy::decide) says.
    pub ruling: Ruling<'p>,
    /// How each rule came out, in the order of the document.
    pub rules: Vec<RuleVerdict<'p>>,
    /// What it cost to evaluate all rules, in [units](crate::Bounds).
    pub cost: u64,
}

/// Puts verdicts together. The order of the rules says nothing about the outcome; of several rules that decide alike the first is named.
#[derive(Debug, Default)]
pub(crate) struct Settling<'p> {
    denied: Option<&'p RuleName>,
    failed: Option<(&'p RuleName, Box<Failure>)>,
    allowed: Option<&'p RuleName>,
    may_allow: Option<&'p RuleName>,
    approve: Option<&'p RuleName>,
    unknown: bool,
}

impl<'p> Settling<'p> {
    /// Takes one rule's verdict in; true if no other can change the ruling.
    pub(crate) fn settled_by(&mut self, rule: &'p RuleName, effect: Effect, verdict: Verdict) -> bool {
        match (effect, verdict) {
            (_, Verdict::DoesNotHold) => {}
            (_, Verdict::Failed(failure)) => {
                self.failed.get_or_insert((rule, failure));
            }
            (Effect::Deny, Verdict::Holds) => self.denied = Some(rule),
            (Effect::Allow, Verdict::Holds) => {
                self.allowed.get_or_insert(rule);
            }
            (Effect::Approve, Verdict::Holds) => {
                self.approve.get_or_insert(rule);
            }
            (Effect::Allow, Verdict::Unknown) => {
                self.may_allow.get_or_insert(rule);
                self.unknown = true;
            }
            (Effect::Deny | Effect::Approve, Verdict::Unknown) => self.unknown = true,
        }
        self.denied.is_some()
    }

    pub(crate) fn ruling(self) -> Ruling<'p> {
        let certainly = |outcome, rule, why| Ruling { outcome, rule, why, certain: true };
        if self.denied.is_some() {
            return certainly(Outcome::Denied, self.denied, Why::Holds);
        }
        if let Some((rule, failure)) = self.failed {
            return certainly(Outcome::Denied, Some(rule), Why::Failed(failure));
        }
        let certain = !self.unknown;
        match (self.allowed, self.may_allow, self.approve) {
            (None, None, _) => certainly(Outcome::Denied, None, Why::NothingAllows),
            (_, _, Some(_)) => Ruling { outcome: Outcome::NeedsApproval, rule: self.approve, why: Why::Holds, certain },
            (Some(_), _, None) => Ruling { outcome: Outcome::Allowed, rule: self.allowed, why: Why::Holds, certain },
            (None, Some(_), None) => {
                Ruling { outcome: Outcome::Allowed, rule: self.may_allow, why: Why::MayHold, certain }
            }
        }
    }
}
