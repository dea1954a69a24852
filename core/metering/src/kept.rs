//! What an instance keeps of one tenant: slices of its leased limits, and what is still to be told.

use std::{collections::BTreeMap, time::Duration};

use toolgate_ledger::{Escrow, Moment, Report};
use toolgate_model::Amount;
use toolgate_ports::{AccountId, EntryId, Refused, Settlement, Then};

use crate::outbox::{Haste, Outbox};

/// The most accounts that are remembered without a slice, for how fast they were spent.
const MAX_IDLE: usize = 2_000;

/// The most refusals that are remembered. Beyond it all are forgotten.
const MAX_REFUSALS: usize = 1_000;
/// How long a refusal that stands is remembered at most, in milliseconds: the limit may be changed meanwhile.
const REMEMBERED: u64 = 5_000;

/// A refusal that the ledger would only repeat.
#[derive(Debug)]
struct Refusal {
    /// What was asked for, and what was allowed then.
    need: Amount,
    allowed: Amount,
    refused: Refused,
    since: Moment,
    /// For how long it stands, in milliseconds.
    stands: u64,
}

/// What is kept of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) outbox: Outbox,
    escrows: BTreeMap<AccountId, Escrow>,
    refusals: BTreeMap<AccountId, Refusal>,
    /// A task is telling, and is gone if it is still telling then, in ticks.
    pub(crate) telling: u64,
    pub(crate) keeper: Keeper,
}

/// The task that gives back what is not used.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    /// The one that is on duty; another goes home.
    pub(crate) number: u64,
    /// From when on, in ticks, another may come: the request that this one belongs to may have ended, and it with it.
    pub(crate) relieved_at: u64,
}

/// A call charged to a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) account: AccountId,
    pub(crate) slice: EntryId,
    pub(crate) amount: Amount,
}

impl Kept {
    /// Charges a call to a slice of `account`, if one has enough.
    pub(crate) fn spend(&mut self, account: &AccountId, need: Amount, now: Moment) -> Option<Spent> {
        let slice = self.escrows.get_mut(account)?.spend(need, now)?;
        Some(Spent { account: account.clone(), slice, amount: need })
    }

    /// What slices of `account` have left, and the most that one of them has.
    pub(crate) fn held(&self, account: &AccountId, now: Moment) -> (Amount, Amount) {
        self.escrows.get(account).map(|escrow| escrow.held(now)).unwrap_or_default()
    }

    /// How large a slice of `account` to ask for. What is held of it and is too little goes back.
    pub(crate) fn want(&mut self, account: &AccountId, need: Amount, now: Moment, hold: u64) -> Amount {
        if self.escrows.len() >= MAX_IDLE {
            self.escrows.retain(|_, escrow| !escrow.is_empty());
        }
        let escrow = self.escrows.entry(account.clone()).or_default();
        for report in escrow.give_back_rests(now, need) {
            self.outbox.add(settlement(account, report, hold), Haste::Now);
        }
        escrow.want(need)
    }

    /// Takes a slice in.
    pub(crate) fn add(&mut self, spent: &Spent, amount: Amount, millis: u64, asked: Moment, close: Then) {
        let escrow = self.escrows.entry(spent.account.clone()).or_default();
        escrow.add(spent.slice, amount, spent.amount, millis, asked, close);
    }

    /// A call that was charged to a slice is over.
    pub(crate) fn settle(&mut self, spent: &Spent, charge: Amount, hold: u64) {
        let Some(escrow) = self.escrows.get_mut(&spent.account) else { return };
        if let Some(report) = escrow.settle(spent.slice, spent.amount, charge) {
            self.outbox.add(settlement(&spent.account, report, hold), Haste::Now);
        }
    }

    /// Remembers a refusal that stands, so that whoever calls again and again asks the ledger once in a while.
    pub(crate) fn refuse(
        &mut self,
        account: &AccountId,
        (need, allowed): (Amount, Amount),
        refused: &Refused,
        since: Moment,
    ) {
        if !refused.stands {
            return;
        }
        if self.refusals.len() >= MAX_REFUSALS {
            self.refusals.clear();
        }
        let stands = refused.resets_at.map_or(REMEMBERED, |then| then.millis_since(refused.at).min(REMEMBERED));
        let refused = *refused;
        self.refusals.insert(account.clone(), Refusal { need, allowed, refused, since, stands });
    }

    /// Whether the ledger would refuse as much of `account` again, as far as is known.
    pub(crate) fn refused(
        &mut self,
        account: &AccountId,
        need: Amount,
        allowed: Amount,
        now: Moment,
    ) -> Option<Refused> {
        let known = self.refusals.get(account)?;
        let age = now.millis_since(known.since);
        if age >= known.stands || allowed != known.allowed {
            self.refusals.remove(account);
            return None;
        }
        let at = known.refused.at.plus_millis(age);
        (need >= known.need).then_some(Refused { at, ..known.refused })
    }

    /// Gives back what has ended, and what was not used for `linger` milliseconds.
    pub(crate) fn give_back(&mut self, now: Moment, linger: u64, hold: u64) {
        for (account, escrow) in &mut self.escrows {
            for report in escrow.give_back(now, linger) {
                self.outbox.add(settlement(account, report, hold), Haste::Now);
            }
        }
    }

    /// When the keeper has to look again; nothing, if there is nothing to keep.
    pub(crate) fn next_look(&self, now: Moment, linger: u64) -> Option<Duration> {
        let slices = self.escrows.values().filter_map(|escrow| escrow.next_return(now, linger)).min();
        let waiting = (!self.outbox.is_empty()).then_some(linger);
        // Never at once: what is due was given back just now.
        slices.into_iter().chain(waiting).min().map(|millis| Duration::from_millis(millis.max(1)))
    }

    /// Whether it can be forgotten.
    pub(crate) fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.escrows.values().all(Escrow::is_empty)
    }
}

fn settlement(account: &AccountId, report: Report, hold: u64) -> Settlement {
    let Report { id, charge, then } = report;
    Settlement { account: account.clone(), id, charge, then: then.unwrap_or(Then::Hold(hold)), void: None }
}
