//! What is still to be told to the ledger. It is kept until the ledger has answered: a request's end may end the task that tells it.

use std::{collections::BTreeMap, time::Duration};

use toolgate_ports::{AccountId, EntryId, Settlement};

/// The most that waits. Beyond it the first is dropped: it then counts as spent, or expires.
const MAX_WAITING: usize = 10_000;
/// What was told so long ago, and is not known to be heard, was told by a task that is gone.
pub(crate) const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

/// Whether it matters when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// Something becomes free by it.
    Now,
    /// It only confirms what the ledger takes for true anyway.
    Whenever,
}

#[derive(Debug)]
struct Waiting {
    settlement: Settlement,
    haste: Haste,
    /// Grows when it is replaced by something newer.
    version: u64,
    told_at: Option<u64>,
}

type Key = (AccountId, EntryId);

/// What waits, of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: BTreeMap<Key, Waiting>,
    version: u64,
}

/// What is being told.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) settlements: Vec<Settlement>,
    versions: Vec<(Key, u64)>,
}

impl Outbox {
    /// Adds what is to be told. Of one entry only the newest matters.
    pub(crate) fn add(&mut self, settlement: Settlement, haste: Haste) {
        self.version += 1;
        let key = (settlement.account.clone(), settlement.id);
        let known = self.waiting.get(&key).map(|known| known.haste);
        let haste = if known == Some(Haste::Now) { Haste::Now } else { haste };
        self.waiting.insert(key, Waiting { settlement, haste, version: self.version, told_at: None });
        if self.waiting.len() > MAX_WAITING {
            let dropped = self.waiting.pop_first();
            tracing::warn!(
                target: "toolgate::metering", account = dropped.map(|((account, _), _)| account.to_string()),
                "the ledger has not answered for so long that a settlement is dropped: the call counts at its estimate"
            );
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether something waits that nobody is telling.
    pub(crate) fn is_due(&self, ticks: u64, haste: Haste) -> bool {
        self.waiting
            .values()
            .any(|one| !one.is_being_told(ticks) && (haste == Haste::Whenever || one.haste == Haste::Now))
    }

    /// The next to be told, at most `most`; of these accounts, if any are named.
    pub(crate) fn next(&mut self, ticks: u64, most: usize, of: Option<&[&AccountId]>) -> Batch {
        let mut batch = Batch::default();
        let due = self.waiting.iter_mut().filter(|((account, _), one)| {
            !one.is_being_told(ticks) && of.is_none_or(|accounts| accounts.contains(&account))
        });
        for (key, one) in due.take(most) {
            one.told_at = Some(ticks);
            batch.versions.push((key.clone(), one.version));
            batch.settlements.push(one.settlement.clone());
        }
        batch
    }

    /// The ledger has answered.
    pub(crate) fn told(&mut self, batch: &Batch) {
        for (key, version) in &batch.versions {
            if self.waiting.get(key).is_some_and(|one| one.version == *version) {
                self.waiting.remove(key);
            }
        }
    }

    /// The ledger has not answered.
    pub(crate) fn not_told(&mut self, batch: &Batch) {
        for (key, version) in &batch.versions {
            if let Some(one) = self.waiting.get_mut(key).filter(|one| one.version == *version) {
                one.told_at = None;
            }
        }
    }
}

impl Waiting {
    fn is_being_told(&self, ticks: u64) -> bool {
        self.told_at.is_some_and(|at| Duration::from_micros(ticks.saturating_sub(at)) < ANSWERED_WITHIN)
    }
}
