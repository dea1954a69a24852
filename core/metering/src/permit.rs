//! The right to make one call, and what becomes of what it took.

use std::{fmt, rc::Rc};

use toolgate_model::{Amount, LimitId, LimitKind, TenantId, Unit};
use toolgate_ports::{AccountId, EntryId, Platform, ReceiptId, Scope, Settlement};

use crate::{Meters, Price, asking::Copies, kept::Spent, outbox::Haste};

/// What one limit was charged.
#[derive(Debug)]
pub(crate) struct Charge {
    pub(crate) kind: LimitKind,
    pub(crate) unit: Unit,
    pub(crate) estimate: Amount,
    pub(crate) source: Source,
}

/// Where it was charged.
#[derive(Debug)]
pub(crate) enum Source {
    /// In the ledger.
    Entry(AccountId, EntryId),
    /// To a slice of this instance.
    Slice(Spent),
}

/// What there is to settle.
struct Open<P: Platform> {
    meters: Rc<Meters<P>>,
    tenant: TenantId,
    scope: Scope,
    charges: Vec<Charge>,
    receipt: Option<ReceiptId>,
    copies: Copies,
}

/// The right to make one call. Settle it with what the call cost, or void it if nothing was executed. Dropped, it has cost its estimate.
#[must_use = "dropped at once, the call has cost its estimate"]
pub struct Permit<P: Platform> {
    open: Option<Open<P>>,
    let_through: Vec<LimitId>,
}

impl<P: Platform> fmt::Debug for Permit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let charges = self.open.as_ref().map(|open| &open.charges);
        f.debug_struct("Permit").field("charges", &charges).field("let_through", &self.let_through).finish()
    }
}

impl<P: Platform> Permit<P> {
    /// For a call that no limit applies to.
    pub(crate) const fn free() -> Self {
        Self { open: None, let_through: Vec::new() }
    }

    pub(crate) fn new(
        meters: Rc<Meters<P>>,
        tenant: TenantId,
        scope: Scope,
        charges: Vec<Charge>,
        receipt: Option<ReceiptId>,
        copies: Copies,
    ) -> Self {
        let open = Open { meters, tenant, scope, charges, receipt, copies };
        Self { open: Some(open), let_through: Vec::new() }
    }

    pub(crate) fn let_through(mut self, limits: Vec<LimitId>) -> Self {
        self.let_through = limits;
        self
    }

    /// The limits that let the call through although the ledger could not be asked.
    #[must_use]
    pub fn uncounted(&self) -> &[LimitId] {
        &self.let_through
    }

    /// The call is over and cost `actual`; where that is more than its estimate, the estimate is charged.
    pub fn settle(mut self, actual: &Price) {
        self.close(Cost::Actual(actual));
    }

    /// Nothing was executed: everything is given back.
    pub fn void(mut self) {
        self.close(Cost::Nothing);
    }

    fn close(&mut self, cost: Cost<'_>) {
        let Some(Open { meters, tenant, scope, charges, receipt, copies }) = self.open.take() else { return };
        let void = matches!(cost, Cost::Nothing).then_some(receipt).flatten();
        let mut settlements = Vec::new();
        for charge in charges {
            let cost = cost.of(&charge);
            let (account, id) = match charge.source {
                Source::Slice(spent) => {
                    meters.with(&tenant, |kept| kept.settle(&spent, cost, meters.hold));
                    continue;
                }
                Source::Entry(account, id) => (account, id),
            };
            let frees = cost < charge.estimate || charge.kind == LimitKind::Concurrency;
            let haste = if frees { Haste::Now } else { Haste::Whenever };
            let void = void.clone().filter(|_| charge.kind == LimitKind::Budget);
            settlements.push((Settlement { account, id, charge: cost, then: copies.then(), void }, haste));
        }
        meters.tell(&tenant, &scope, settlements);
    }
}

/// What a call has cost.
#[derive(Clone, Copy)]
enum Cost<'a> {
    Actual(&'a Price),
    Estimate,
    Nothing,
}

impl Cost<'_> {
    fn of(&self, charge: &Charge) -> Amount {
        let actual = match (self, charge.unit) {
            (Self::Nothing, _) => Amount::ZERO,
            (Self::Estimate, _) | (Self::Actual(_), Unit::Calls) => charge.estimate,
            (Self::Actual(price), Unit::MicroUsd) => price.micro_usd.0,
            (Self::Actual(price), Unit::Tokens) => price.tokens,
        };
        actual.min(charge.estimate)
    }
}

impl<P: Platform> Drop for Permit<P> {
    fn drop(&mut self) {
        self.close(Cost::Estimate);
    }
}
