//! One account: one small document. What is granted is charged at once; everything later can only lower the charge.

use serde::{Deserialize, Serialize};
use toolgate_model::{Amount, Timestamp};
use toolgate_ports::{
    AccountId, AccountUsage, Ask, BURIED_FOR, EntryId, Grant, Holder, LedgerError, PastWindow, Refused, Settlement,
    Terms, Then,
};

use crate::{
    bucket::{Bucket, Flow},
    budget::Budget,
    entry::{Entry, Held, sum},
};

/// The most entries of an account. Beyond it the oldest reservation counts as spent.
const MAX_OPEN: usize = 1_000;
/// The most slices among them.
const MAX_LEASES: usize = 500;
/// The most expired entries that are kept for a late report.
const MAX_EXPIRED: usize = 64;
/// How long they are kept after their window, in milliseconds, so that what is told of a window that is over comes to be true.
const LATE: u64 = 600_000;
/// The most ids that are remembered as used up.
const MAX_BURIED: usize = 200;
/// A slice is at most this part of what is left,
const SHARE: u64 = 4;
/// and at least so many times what is needed now: below, the last of a limit is spent strictly.
const FEW: u64 = 4;

/// What an account counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    /// Nothing was granted yet.
    #[serde(rename = "-")]
    Blank,
    #[serde(rename = "b")]
    Budget(Budget),
    #[serde(rename = "r")]
    Rate(Bucket),
    #[serde(rename = "c")]
    Concurrency,
}

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The latest time it has seen; it never goes back.
    #[serde(rename = "t")]
    seen: u64,
    #[serde(rename = "h", default, skip_serializing_if = "Holder::is_empty")]
    holder: Holder,
    #[serde(rename = "s")]
    state: State,
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<Entry>,
    /// Ids that open nothing any more, and until when that is remembered.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    buried: Vec<(EntryId, u64)>,
}

/// How an ask can be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It was, before.
    Open(Grant),
    /// What is needed, until then.
    Reserve { until: u64 },
    /// A slice, until then.
    Lease { amount: Amount, until: u64 },
}

/// Why an ask can't be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    pub(crate) left: Amount,
    pub(crate) resets_at: Option<u64>,
    pub(crate) at: u64,
    pub(crate) stands: bool,
}

impl Short {
    /// As the refusal of the ask with this number.
    pub(crate) fn refused(self, ask: usize) -> Refused {
        let Self { left, resets_at, at, stands } = self;
        let (resets_at, at) = (resets_at.map(Timestamp::from_millis), Timestamp::from_millis(at));
        Refused { ask, left, resets_at, at, stands }
    }
}

/// For how long what is granted stays open, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    pub(crate) hold: u64,
    pub(crate) lease: u64,
}

impl Default for Account {
    fn default() -> Self {
        Self { seen: 0, holder: Holder::default(), state: State::Blank, open: Vec::new(), buried: Vec::new() }
    }
}

impl Account {
    /// Brings the account to `now`, or to the latest time it has seen, and to what `terms` say, if they are given.
    pub(crate) fn advance(&mut self, now: u64, terms: Option<&Terms>) -> Result<(), LedgerError> {
        self.seen = self.seen.max(now);
        self.buried.retain(|(_, until)| *until > self.seen);
        self.flow();
        if let Some(terms) = terms {
            self.agree(terms)?;
        }
        if let State::Budget(budget) = &mut self.state {
            budget.advance(self.seen);
        }
        self.drop_expired();
        Ok(())
    }

    /// Lets a bucket fill up to now. A slice keeps its room until it expires, and not longer.
    fn flow(&mut self) {
        let State::Rate(bucket) = &mut self.state else { return };
        let mut ends: Vec<u64> = self.open.iter().filter(|e| e.held == Held::Leased).map(|e| e.until).collect();
        ends.sort_unstable();
        for at in ends.into_iter().filter(|end| *end < self.seen).chain([self.seen]) {
            // Up to `at`: what expires at `at` still holds its room before.
            let held = sum(&self.open, Held::Leased, at.saturating_sub(1));
            bucket.advance(at, held);
            let room = bucket.room(held).get();
            self.open.iter_mut().for_each(|entry| entry.mark = entry.mark.min(room));
        }
    }

    fn agree(&mut self, terms: &Terms) -> Result<(), LedgerError> {
        let held = sum(&self.open, Held::Leased, self.seen);
        match (&mut self.state, terms) {
            (State::Blank, _) => self.state = State::new(terms, self.seen),
            (State::Budget(budget), Terms::Budget { window, .. }) if budget.window() == window.as_ref() => {}
            (State::Rate(bucket), Terms::Rate { amount, millis, burst }) => {
                bucket.tune(Flow { amount: *amount, millis: *millis, burst: *burst }, held);
            }
            (State::Concurrency, Terms::Concurrency { .. }) => {}
            _ => return Err(LedgerError::Refused("the account counts something else".into())),
        }
        Ok(())
    }

    /// Of budgets, expired entries stay while their window lasts and a while longer, so that a late report corrects them.
    fn drop_expired(&mut self) {
        let now = self.seen;
        let State::Budget(budget) = &self.state else {
            self.open.retain(|entry| entry.is_live(now));
            return;
        };
        let since = budget.since(now);
        self.open.retain(|entry| entry.mark >= since || entry.until.saturating_add(LATE) > now);
        while self.open.iter().filter(|entry| !entry.is_live(now)).count() > MAX_EXPIRED {
            self.drop_oldest(|entry| !entry.is_live(now));
        }
    }

    fn drop_oldest(&mut self, which: impl Fn(&Entry) -> bool) {
        let candidates = self.open.iter().enumerate().filter(|(_, entry)| which(entry));
        if let Some((at, _)) = candidates.min_by_key(|(_, entry)| entry.until) {
            self.open.remove(at);
        }
    }

    /// What may be taken now.
    pub(crate) fn left(&self, terms: &Terms) -> Amount {
        match &self.state {
            State::Budget(budget) => terms.allowed().minus(budget.used(self.seen)),
            State::Rate(bucket) => bucket.level(),
            State::Concurrency | State::Blank => terms.allowed().minus(sum(&self.open, Held::Reserved, self.seen)),
        }
    }

    /// Whether `ask` can be granted. The account was advanced, to the ask's terms.
    pub(crate) fn plan(&self, id: EntryId, ask: &Ask, lengths: Lengths) -> Result<Result<Plan, Short>, LedgerError> {
        if self.buried.iter().any(|(buried, _)| *buried == id) {
            return Err(LedgerError::Refused("this take was given up".into()));
        }
        if let Some(entry) = self.open.iter().find(|entry| entry.id == id) {
            return Ok(Ok(Plan::Open(self.granted(entry))));
        }
        if let Some(short) = self.short_of(ask) {
            return Ok(Err(short));
        }
        Ok(Ok(self
            .slice(ask, self.left(&ask.terms), lengths.lease)
            .unwrap_or(Plan::Reserve { until: self.seen.saturating_add(lengths.hold) })))
    }

    /// Why there is not enough for `ask`, if so. The account was advanced, to the ask's terms.
    pub(crate) fn short_of(&self, ask: &Ask) -> Option<Short> {
        let left = self.left(&ask.terms);
        let stands = self.open.is_empty() || ask.need > ask.terms.allowed();
        let short = || Short { left, resets_at: self.resets_at(ask), at: self.seen, stands };
        (ask.need > left).then(short)
    }

    fn granted(&self, entry: &Entry) -> Grant {
        match entry.held {
            Held::Reserved => Grant::Reserved,
            Held::Leased => Grant::Leased { amount: entry.amount, millis: entry.until.saturating_sub(self.seen) },
        }
    }

    fn slice(&self, ask: &Ask, left: Amount, length: u64) -> Option<Plan> {
        let amount = ask.want.min(Amount::at_most(left.get() / SHARE));
        let leases = self.open.iter().filter(|entry| entry.held == Held::Leased).count();
        let until = match &self.state {
            State::Budget(budget) => budget.lease_until(self.seen, length),
            State::Rate(_) => self.seen.saturating_add(length),
            State::Concurrency | State::Blank => return None,
        };
        let worth_it = amount >= ask.need.times(FEW) && !amount.is_zero() && until > self.seen && leases < MAX_LEASES;
        worth_it.then_some(Plan::Lease { amount, until })
    }

    fn resets_at(&self, ask: &Ask) -> Option<u64> {
        match &self.state {
            State::Budget(budget) => budget.resets_at(self.seen, ask.need, ask.terms.allowed()),
            State::Rate(bucket) => bucket.filled_at(ask.need),
            State::Concurrency | State::Blank => None,
        }
    }

    /// Grants `ask` as planned.
    pub(crate) fn grant(&mut self, id: EntryId, ask: &Ask, plan: Plan) -> Grant {
        let (held, amount, until) = match plan {
            Plan::Open(grant) => return grant,
            Plan::Reserve { until } => (Held::Reserved, ask.need, until),
            Plan::Lease { amount, until } => (Held::Leased, amount, until),
        };
        if self.holder.is_empty() {
            self.holder.clone_from(&ask.holder);
        }
        let mark = self.charge(held, amount, until);
        if self.open.len() >= MAX_OPEN {
            let now = self.seen;
            self.drop_oldest(|entry| !entry.is_live_lease(now));
        }
        let entry = Entry { id, held, amount, until, mark };
        let grant = self.granted(&entry);
        self.open.push(entry);
        grant
    }

    fn charge(&mut self, held: Held, amount: Amount, until: u64) -> u64 {
        match &mut self.state {
            State::Budget(budget) => {
                let slot = match held {
                    Held::Reserved => budget.slot(self.seen),
                    Held::Leased => budget.lease_slot(until),
                };
                budget.charge(slot, amount);
                slot
            }
            State::Rate(bucket) => {
                bucket.take(amount);
                bucket.room(sum(&self.open, Held::Leased, self.seen)).get()
            }
            State::Concurrency | State::Blank => 0,
        }
    }

    /// Closes, gives back or holds an entry. Says whether anything changed. The account was advanced.
    pub(crate) fn settle(&mut self, settlement: &Settlement, charge: Amount) -> bool {
        let buried = settlement.then == Then::Bury && self.bury(settlement.id);
        let Some(at) = self.open.iter().position(|entry| entry.id == settlement.id) else { return buried };
        let entry = self.open.remove(at);
        let charge = charge.min(entry.amount);
        let mark = self.recharge(&entry, charge);
        if let Then::Hold(millis) = settlement.then {
            let until = self.seen.saturating_add(millis);
            self.open.push(Entry { id: entry.id, held: Held::Reserved, amount: charge, until, mark });
        }
        true
    }

    /// Lowers what `entry`, which is not among the open ones any more, is charged with. Gives its mark from now on.
    fn recharge(&mut self, entry: &Entry, charge: Amount) -> u64 {
        let less = entry.amount.minus(charge);
        let leased = entry.is_live_lease(self.seen);
        let held = sum(&self.open, Held::Leased, self.seen);
        match &mut self.state {
            // What was spent of a slice was spent by now, so that is where it counts, and not at the slice's end.
            State::Budget(budget) if leased => {
                let slot = budget.lease_slot(self.seen);
                budget.discharge(entry.mark, entry.amount);
                budget.charge(slot, charge);
                slot
            }
            State::Budget(budget) => {
                budget.discharge(entry.mark, less);
                entry.mark
            }
            // A slice has kept its room.
            State::Rate(bucket) if leased => {
                bucket.put_back(less);
                bucket.room(held).get()
            }
            State::Rate(bucket) => {
                bucket.put_back(less.min(Amount::at_most(entry.mark)));
                // Had this not been taken, the others would have found so much less room.
                self.open.iter_mut().for_each(|other| other.mark = other.mark.saturating_sub(less.get()));
                entry.mark.saturating_sub(less.get())
            }
            State::Concurrency | State::Blank => 0,
        }
    }

    fn bury(&mut self, id: EntryId) -> bool {
        if self.buried.iter().any(|(buried, _)| *buried == id) {
            return false;
        }
        if self.buried.len() >= MAX_BURIED {
            self.buried.remove(0);
        }
        self.buried.push((id, self.seen.saturating_add(BURIED_FOR)));
        true
    }

    /// What the account holds. It was advanced.
    pub(crate) fn usage(&self, account: AccountId, terms: &Terms) -> AccountUsage {
        let (reserved, leased) = (self.counted(Held::Reserved), self.counted(Held::Leased));
        let left = self.left(terms);
        let (mut from, mut to, mut past) = (None, None, Vec::new());
        let used = match &self.state {
            State::Budget(budget) => {
                from = budget.span().map(|span| Timestamp::from_millis(span.from));
                to = budget.span().map(|span| Timestamp::from_millis(span.to));
                let before = budget.past().into_iter();
                past =
                    before.map(|(from, settled)| PastWindow { from: Timestamp::from_millis(from), settled }).collect();
                budget.used(self.seen)
            }
            State::Rate(bucket) => bucket.burst().minus(bucket.level()),
            State::Concurrency | State::Blank => reserved,
        };
        // What a bucket's reservations took may have flowed in again.
        let reserved = reserved.min(used.minus(leased));
        let settled = used.minus(reserved).minus(leased);
        AccountUsage { account, holder: self.holder.clone(), from, to, settled, reserved, leased, left, past }
    }

    /// What the live entries of one kind are charged with that count now.
    fn counted(&self, held: Held) -> Amount {
        let since = if let State::Budget(budget) = &self.state { budget.since(self.seen) } else { 0 };
        let counted = self.open.iter().filter(|e| e.held == held && e.is_live(self.seen) && e.mark >= since);
        counted.fold(Amount::ZERO, |sum, entry| sum.plus(entry.amount))
    }

    /// From when on it is worth nothing, in milliseconds; `None` if that never comes.
    pub(crate) fn expires(&self) -> Option<u64> {
        let own = match &self.state {
            State::Budget(budget) => budget.expires()?,
            State::Rate(bucket) => bucket.expires()?,
            State::Concurrency | State::Blank => self.seen,
        };
        let open = self.open.iter().map(|entry| entry.until).chain(self.buried.iter().map(|(_, until)| *until));
        Some(open.fold(own, u64::max))
    }
}

impl State {
    fn new(terms: &Terms, now: u64) -> Self {
        match terms {
            Terms::Budget { window, .. } => Self::Budget(Budget::new(window.clone())),
            Terms::Rate { amount, millis, burst } => {
                Self::Rate(Bucket::new(Flow { amount: *amount, millis: *millis, burst: *burst }, now))
            }
            Terms::Concurrency { .. } => Self::Concurrency,
        }
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
