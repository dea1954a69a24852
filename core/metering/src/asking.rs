//! One take on its way to the ledger. Whoever asks may be gone before the answer is there; what was taken is then given back.

use std::rc::Rc;

use toolgate_ledger::Moment;
use toolgate_model::Amount;
use toolgate_ports::{
    Grant, Ledger, LedgerError, MAX_SETTLEMENTS, Platform, Refused, Scope, Settlement, Take, Taken, Terms, Then,
};

use crate::{
    Call, Meters, Permit,
    applied::Applied,
    kept::Spent,
    outbox::{Batch, Haste},
    permit::{Charge, Source},
};

/// Whether a copy of a take may still be under way: the ledger has failed to answer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    None,
    Perhaps,
}

impl Copies {
    pub(crate) const fn then(self) -> Then {
        match self {
            Self::None => Then::Close,
            Self::Perhaps => Then::Bury,
        }
    }
}

/// A take, from when its call is charged to slices until it is known what it took besides.
pub(crate) struct Asking<'a, P: Platform> {
    meters: &'a Rc<Meters<P>>,
    scope: &'a Scope,
    call: &'a Call<'a>,
    applied: &'a [Applied<'a>],
    /// What was charged to slices, by the limit's place among the applied ones.
    spent: Vec<(usize, Spent)>,
    /// The places of those that the ledger is asked about.
    pub(crate) asked: Vec<usize>,
    take: Take,
    /// What is told along with it.
    told: Batch,
    copies: Copies,
    /// It may have taken something that nobody has a permit for.
    unresolved: Option<Unresolved>,
}

struct Unresolved;

impl<'a, P: Platform> Asking<'a, P> {
    /// Charges the call to slices, where there are any, and makes the take for the rest.
    pub(crate) fn new(
        meters: &'a Rc<Meters<P>>,
        scope: &'a Scope,
        call: &'a Call<'a>,
        applied: &'a [Applied<'a>],
    ) -> Self {
        let now = meters.moment();
        let take = Take {
            id: meters.fresh_id(),
            asks: Vec::new(),
            hold: meters.hold,
            lease: meters.lease,
            receipt: call.receipt(),
            settle: Vec::new(),
        };
        let (spent, asked) = (Vec::new(), Vec::new());
        let (told, copies, unresolved) = (Batch::default(), Copies::None, None);
        let mut asking = Self { meters, scope, call, applied, spent, asked, take, told, copies, unresolved };
        asking.charge_slices(now);
        if !asking.asked.is_empty() {
            asking.compose(now);
        }
        asking
    }

    fn charge_slices(&mut self, now: Moment) {
        for (place, one) in self.applied.iter().enumerate() {
            let spend = || self.meters.with(self.call.tenant, |kept| kept.spend(&one.account, one.need, now));
            match one.may_lease(self.call).then(spend).flatten() {
                Some(spent) => self.spent.push((place, spent)),
                None => self.asked.push(place),
            }
        }
    }

    fn compose(&mut self, now: Moment) {
        let asked = self.asked.iter().map(|place| &self.applied[*place]);
        let want = |one: &Applied<'_>| match one.may_lease(self.call) {
            true => self.meters.with(self.call.tenant, |kept| kept.want(&one.account, one.need, now, self.meters.hold)),
            false => Amount::ZERO,
        };
        let asks = asked.clone().map(|one| one.ask(want(one))).collect();
        let accounts: Vec<_> = asked.map(|one| &one.account).collect();
        // What waits to be told of the same accounts goes along.
        let told =
            self.meters.with(self.call.tenant, |kept| kept.outbox.next(now.ticks, MAX_SETTLEMENTS, Some(&accounts)));
        self.take.asks = asks;
        self.take.settle.clone_from(&told.settlements);
        self.told = told;
    }

    /// What the ledger would only say again: a refusal that it gave a moment ago, and that stands.
    pub(crate) fn refused_already(&self) -> Option<Refused> {
        if self.take.receipt.is_some() {
            // It may be a repetition, which is not charged.
            return None;
        }
        let now = self.meters.moment();
        let asks = self.asked.iter().zip(&self.take.asks).enumerate();
        self.meters.with(self.call.tenant, |kept| {
            asks.filter_map(|(number, (_, ask))| {
                let refused = kept.refused(&ask.account, ask.need, ask.terms.allowed(), now)?;
                Some(Refused { ask: number, ..refused })
            })
            .next()
        })
    }

    /// Asks the ledger, a second time if it does not answer the first, and takes in what it grants.
    pub(crate) async fn answer(&mut self) -> Result<Taken, LedgerError> {
        let ledger = self.meters.platform.ledger();
        self.unresolved = Some(Unresolved);
        let mut asked_at = self.meters.moment();
        let mut answer = ledger.take(self.call.tenant, &self.take).await;
        if answer.as_ref().is_err_and(LedgerError::is_retryable) {
            self.copies = Copies::Perhaps;
            asked_at = self.meters.moment();
            answer = ledger.take(self.call.tenant, &self.take).await;
        }
        if answer.is_ok() {
            let told = std::mem::take(&mut self.told);
            self.meters.with(self.call.tenant, |kept| kept.outbox.told(&told));
        }
        if self.copies == Copies::None && !matches!(answer, Ok(Taken::Granted(_))) {
            self.unresolved = None;
        }
        match &answer {
            Ok(Taken::Granted(grants)) => self.take_in(grants, asked_at),
            Ok(Taken::Refused(refused)) => self.remember(refused, asked_at),
            Err(_) => {}
        }
        answer
    }

    fn remember(&self, refused: &Refused, asked_at: Moment) {
        let Some(ask) = self.take.asks.get(refused.ask) else { return };
        let of = (ask.need, ask.terms.allowed());
        self.meters.with(self.call.tenant, |kept| kept.refuse(&ask.account, of, refused, asked_at));
    }

    /// Slices are spent from on the instance itself, from now on.
    fn take_in(&mut self, grants: &[Grant], asked_at: Moment) {
        let mut places = Vec::new();
        for (place, grant) in self.asked.drain(..).zip(grants) {
            let one = &self.applied[place];
            let spent = Spent { account: one.account.clone(), slice: self.take.id, amount: one.need };
            match *grant {
                Grant::Reserved => places.push(place),
                Grant::Repeated => {}
                Grant::Leased { amount, millis } => {
                    let close = self.copies.then();
                    self.meters.with(self.call.tenant, |kept| kept.add(&spent, amount, millis, asked_at, close));
                    self.take.asks.retain(|ask| ask.account != spent.account);
                    self.spent.push((place, spent));
                }
            }
        }
        self.asked = places;
    }

    /// What was taken belongs to a permit.
    pub(crate) fn permit(mut self) -> Permit<P> {
        self.unresolved = None;
        let charge = |place: usize, source: Source| {
            let spec = &self.applied[place].limit.record.spec;
            Charge { kind: spec.kind, unit: spec.unit, estimate: self.applied[place].need, source }
        };
        let entry = |place: usize| Source::Entry(self.applied[place].account.clone(), self.take.id);
        let mut charges: Vec<Charge> = self.asked.iter().map(|place| charge(*place, entry(*place))).collect();
        let spent = std::mem::take(&mut self.spent);
        charges.extend(spent.into_iter().map(|(place, spent)| charge(place, Source::Slice(spent))));
        let (meters, receipt) = (Rc::clone(self.meters), self.take.receipt.clone());
        Permit::new(meters, self.call.tenant.clone(), self.scope.clone(), charges, receipt, self.copies)
    }
}

impl<P: Platform> Drop for Asking<'_, P> {
    fn drop(&mut self) {
        let spent = std::mem::take(&mut self.spent);
        self.meters.with(self.call.tenant, |kept| {
            kept.outbox.not_told(&self.told);
            spent.iter().for_each(|(_, spent)| kept.settle(spent, Amount::ZERO, self.meters.hold));
        });
        let buried = self.take.asks.iter().map(|ask| {
            let budget = matches!(ask.terms, Terms::Budget { .. });
            let void = self.take.receipt.clone().filter(|_| budget);
            let (account, id) = (ask.account.clone(), self.take.id);
            (Settlement { account, id, charge: Amount::ZERO, then: Then::Bury, void }, Haste::Now)
        });
        let buried: Vec<_> = if self.unresolved.is_some() { buried.collect() } else { Vec::new() };
        self.meters.tell(self.call.tenant, self.scope, buried);
    }
}
