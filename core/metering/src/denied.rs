//! Why a call was not let through, in words for the caller.

use std::{fmt, time::Duration};

use toolgate_model::{Amount, LimitId, LimitKind, LimitSpec, MicroUsd, Timestamp, Unit, Window};
use toolgate_ports::{LedgerError, Refused};

use crate::applied::{Applied, in_words};

/// A limit has not enough left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Which.
    pub limit: LimitId,
    /// What it sits on: `key 0123456789abcdef, tool github__create_issue`.
    pub scope: String,
    /// What kind of limit it is.
    pub kind: LimitKind,
    /// What it counts.
    pub unit: Unit,
    /// How much it allows.
    pub amount: Amount,
    /// Over what.
    pub window: Option<Window>,
    /// What the call needs of it.
    pub need: Amount,
    /// What is left of it.
    pub left: Amount,
    /// When there will be enough. `None` if that can't be said, or never.
    pub resets_at: Option<Timestamp>,
    /// How long that is from now on the ledger's clock.
    pub retry_after: Option<Duration>,
}

/// The ledger can't be asked, and not all limits that it was asked about let a call through then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error} (asked about the limits {})", listed(.limits))]
pub struct LedgerLost {
    /// What it said.
    pub error: LedgerError,
    /// What it was asked about.
    pub limits: Vec<LimitId>,
}

/// Why there is no permit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    /// A limit has not enough left.
    #[error("{0}")]
    Denied(Box<Denied>),
    /// The ledger can't be asked.
    #[error(transparent)]
    Ledger(Box<LedgerLost>),
}

pub(crate) fn listed(limits: &[LimitId]) -> String {
    limits.iter().map(LimitId::as_str).collect::<Vec<_>>().join(", ")
}

impl Denied {
    pub(crate) fn new(applied: &Applied<'_>, refused: &Refused) -> Self {
        let LimitSpec { scope, kind, unit, amount, window, .. } = &applied.limit.record.spec;
        Self {
            limit: applied.limit.id.clone(),
            scope: in_words(scope, &applied.holder),
            kind: *kind,
            unit: *unit,
            amount: *amount,
            window: window.clone(),
            need: applied.need,
            left: refused.left,
            resets_at: refused.resets_at,
            retry_after: refused.resets_at.map(|then| Duration::from_millis(then.millis_since(refused.at))),
        }
    }
}

/// So much of a unit, as people write it.
struct Of(Amount, Unit);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(amount, unit) = self;
        match (unit, amount.get()) {
            (Unit::MicroUsd, _) => MicroUsd(*amount).fmt(f),
            (Unit::Calls, 1) => f.write_str("1 call"),
            (Unit::Calls, _) => write!(f, "{amount} calls"),
            (Unit::Tokens, 1) => f.write_str("1 token"),
            (Unit::Tokens, _) => write!(f, "{amount} tokens"),
        }
    }
}

/// Without a full stop, so that more can follow.
impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = Of(self.amount, self.unit);
        write!(f, "The limit {:?} allows {} ", self.limit.as_str(), self.scope)?;
        match (self.kind, &self.window) {
            (LimitKind::Concurrency, _) => write!(f, "{allowed} at the same time")?,
            (_, Some(window)) => write!(f, "{allowed} per {window}")?,
            (_, None) => write!(f, "{allowed} altogether")?,
        }
        let (need, left) = (Of(self.need, self.unit), Of(self.left, self.unit));
        write!(f, "; {left} left, and this call needs {need}")?;
        match self.resets_at {
            Some(then) => write!(f, "; try again at {then}"),
            None if self.kind == LimitKind::Concurrency => f.write_str("; try again when another call is over"),
            None => f.write_str("; it does not come back by waiting"),
        }
    }
}
