//! One take on its way to the ledger. Whoever asks may be gone before the answer is there; what was taken is then given back.

use std::rc::Rc;

use toolgate_model::Amount;
use toolgate_ports::{
    Clock, Ledger, LedgerError, MAX_SETTLEMENTS, Platform, Scope, Settlement, Take, Taken, Terms, Then,
};

use crate::{
    Call, Meters, Permit,
    applied::Applied,
    outbox::{Batch, Haste},
    permit::Charge,
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

/// A take, from when it is asked for until it is known what it took.
pub(crate) struct Asking<'a, P: Platform> {
    meters: &'a Rc<Meters<P>>,
    scope: &'a Scope,
    call: &'a Call<'a>,
    pub(crate) take: Take,
    /// What is told along with it.
    told: Batch,
    copies: Copies,
    /// It may have taken something that nobody has a permit for.
    unresolved: Option<Unresolved>,
}

struct Unresolved;

impl<'a, P: Platform> Asking<'a, P> {
    pub(crate) fn new(
        meters: &'a Rc<Meters<P>>,
        scope: &'a Scope,
        call: &'a Call<'a>,
        applied: &[Applied<'_>],
    ) -> Self {
        let accounts: Vec<_> = applied.iter().map(|one| &one.account).collect();
        let ticks = meters.platform.clock().ticks();
        // What waits to be told of the same accounts goes along.
        let told = meters.with(call.tenant, |kept| kept.outbox.next(ticks, MAX_SETTLEMENTS, Some(&accounts)));
        let take = Take {
            id: meters.fresh_id(),
            asks: applied.iter().map(|one| one.ask(Amount::ZERO)).collect(),
            hold: meters.hold,
            lease: meters.lease,
            receipt: call.receipt(),
            settle: told.settlements.clone(),
        };
        Self { meters, scope, call, take, told, copies: Copies::None, unresolved: None }
    }

    /// Asks the ledger, a second time if it does not answer the first.
    pub(crate) async fn answer(&mut self) -> Result<Taken, LedgerError> {
        let ledger = self.meters.platform.ledger();
        self.unresolved = Some(Unresolved);
        let mut answer = ledger.take(self.call.tenant, &self.take).await;
        if answer.as_ref().is_err_and(LedgerError::is_retryable) {
            self.copies = Copies::Perhaps;
            answer = ledger.take(self.call.tenant, &self.take).await;
        }
        if answer.is_ok() {
            let told = std::mem::take(&mut self.told);
            self.meters.with(self.call.tenant, |kept| kept.outbox.told(&told));
        }
        if self.copies == Copies::None && !matches!(answer, Ok(Taken::Granted(_))) {
            self.unresolved = None;
        }
        answer
    }

    /// What was taken belongs to a permit.
    pub(crate) fn permit(mut self, charges: Vec<Charge>) -> Permit<P> {
        self.unresolved = None;
        let (meters, receipt) = (Rc::clone(self.meters), self.take.receipt.clone());
        Permit::new(meters, self.call.tenant.clone(), self.scope.clone(), charges, receipt, self.copies)
    }
}

impl<P: Platform> Drop for Asking<'_, P> {
    fn drop(&mut self) {
        self.meters.with(self.call.tenant, |kept| kept.outbox.not_told(&self.told));
        if self.unresolved.is_none() {
            return;
        }
        let buried = self.take.asks.iter().map(|ask| {
            let budget = matches!(ask.terms, Terms::Budget { .. });
            let void = self.take.receipt.clone().filter(|_| budget);
            let (account, id) = (ask.account.clone(), self.take.id);
            (Settlement { account, id, charge: Amount::ZERO, then: Then::Bury, void }, Haste::Now)
        });
        self.meters.tell(self.call.tenant, self.scope, buried);
    }
}
