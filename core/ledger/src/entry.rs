//! What is open in an account: a reservation of a call that is not over, or a slice that an instance holds.

use serde::{Deserialize, Serialize};
use toolgate_model::Amount;
use toolgate_ports::EntryId;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Held {
    /// By a call.
    #[serde(rename = "r")]
    Reserved,
    /// By an instance.
    #[serde(rename = "l")]
    Leased,
}

/// One entry. As JSON an array, because accounts hold many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    pub(crate) held: Held,
    /// What it is charged with.
    pub(crate) amount: Amount,
    /// When it expires, in milliseconds since 1970.
    pub(crate) until: u64,
    /// Of a budget: the slot that is charged. Of a rate: the least room that the bucket has had since. No more than that is given back, for the
    /// rest would have spilled over had it not been taken.
    pub(crate) mark: u64,
}

type Packed = (EntryId, Held, Amount, u64, u64);

impl From<Packed> for Entry {
    fn from((id, held, amount, until, mark): Packed) -> Self {
        Self { id, held, amount, until, mark }
    }
}

impl From<Entry> for Packed {
    fn from(Entry { id, held, amount, until, mark }: Entry) -> Self {
        (id, held, amount, until, mark)
    }
}

impl Entry {
    pub(crate) const fn is_live(&self, now: u64) -> bool {
        self.until > now
    }

    /// Whether an instance may be spending from it.
    pub(crate) fn is_live_lease(&self, now: u64) -> bool {
        self.held == Held::Leased && self.is_live(now)
    }
}

/// What the live entries of one kind are charged with, altogether.
pub(crate) fn sum(entries: &[Entry], held: Held, now: u64) -> Amount {
    let live = entries.iter().filter(|entry| entry.held == held && entry.is_live(now));
    live.fold(Amount::ZERO, |sum, entry| sum.plus(entry.amount))
}
