//! What is remembered of a call that has an idempotency key, so that its repetition is not charged again.

use serde::{Deserialize, Serialize};
use toolgate_ports::EntryId;

/// For how long, in milliseconds: a day.
const KEPT: u64 = 24 * 3_600_000;
/// How often a call may be repeated on one charge. A client that gives every call the same key pays for every eleventh.
const MAX_REPEATS: u32 = 10;

/// A receipt as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The take that was charged.
    #[serde(rename = "i")]
    by: EntryId,
    #[serde(rename = "n")]
    repeats: u32,
    #[serde(rename = "u")]
    until: u64,
}

impl Receipt {
    pub(crate) const fn new(by: EntryId, now: u64) -> Self {
        Self { by, repeats: 0, until: now.saturating_add(KEPT) }
    }

    /// Whether the take `id` repeats a call that was charged. Asked again, the take that was charged does not.
    pub(crate) fn covers(&self, id: EntryId, now: u64) -> bool {
        self.by != id && self.until > now && self.repeats < MAX_REPEATS
    }

    pub(crate) const fn repeat(&mut self) {
        self.repeats += 1;
    }

    pub(crate) fn is_by(&self, id: EntryId) -> bool {
        self.by == id
    }

    /// Whether somebody called on the strength of it.
    pub(crate) const fn was_used(&self) -> bool {
        self.repeats > 0
    }

    pub(crate) const fn expires(&self) -> u64 {
        self.until
    }
}
