//! One instance's meters: takes before a call, tells the ledger after it.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc, time::Duration};

use toolgate_model::{Limit, LimitId, Limits, TenantId};
use toolgate_ports::{
    Clock, EntryId, Grant, Ledger, LedgerError, MAX_SETTLEMENTS, Platform, Random, Scope, Settlement, Taken,
};

use crate::{
    Call, Denied, LedgerLost, NotGranted, Permit,
    applied::{Applied, applied},
    asking::Asking,
    denied::listed,
    outbox::{ANSWERED_WITHIN, Batch, Haste, Outbox},
    permit::Charge,
};

/// How often the ledger is told the same before it is left for the next occasion.
const TELLINGS: u32 = 4;
/// How long is waited before it is told a second time; four times as long before each further.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A task that is so much late is gone: it was ended with its request.
const LATE: Duration = Duration::from_secs(5);
/// How many tenants an instance keeps account of. Beyond it those with nothing to tell are forgotten.
const MAX_TENANTS: usize = 1_000;

/// The meters of one gateway instance.
pub struct Meters<P> {
    pub(crate) platform: Rc<P>,
    /// In milliseconds.
    pub(crate) hold: u64,
    /// In milliseconds.
    pub(crate) lease: u64,
    linger: Duration,
    tenants: RefCell<BTreeMap<TenantId, Tenant>>,
}

impl<P> fmt::Debug for Meters<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meters({} tenants)", self.tenants.borrow().len())
    }
}

/// What is kept of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Tenant {
    pub(crate) outbox: Outbox,
    /// A task waits until then, in ticks, to tell what can wait.
    lingering: u64,
    /// A task is telling, and is gone if it is still telling then.
    telling: u64,
}

impl<P: Platform> Meters<P> {
    /// Meters that hold nothing yet, with the lengths that `limits` say.
    #[must_use]
    pub fn new(platform: Rc<P>, limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            platform,
            hold: millis(limits.reservation),
            lease: millis(limits.lease),
            linger: limits.lease_linger,
            tenants: RefCell::default(),
        })
    }

    /// Takes what `call` costs at most from all of its tenant's `limits` that apply to it, or from none.
    ///
    /// # Errors
    /// [`NotGranted::Denied`] names the limit that has not enough left; [`NotGranted::Ledger`] if the ledger can't be asked.
    pub async fn take(
        self: &Rc<Self>,
        limits: &[Limit],
        call: &Call<'_>,
        scope: &Scope,
    ) -> Result<Permit<P>, NotGranted> {
        let applied = applied(limits, call);
        if applied.is_empty() {
            return Ok(Permit::free());
        }
        let mut asking = Asking::new(self, scope, call, &applied);
        let id = asking.take.id;
        match asking.answer().await {
            Ok(Taken::Granted(grants)) => {
                let charges = applied.iter().zip(grants).filter_map(|(one, grant)| charge(one, id, grant));
                Ok(asking.permit(charges.collect()))
            }
            Ok(Taken::Refused(refused)) => {
                let short = applied.get(refused.ask).unwrap_or(&applied[0]);
                Err(NotGranted::Denied(Box::new(Denied::new(short, &refused))))
            }
            Err(error) => {
                if let Some(open) = let_through(&applied, call.tenant, &error) {
                    let charges = applied.iter().filter_map(|one| charge(one, id, Grant::Reserved));
                    return Ok(asking.permit(charges.collect()).let_through(open));
                }
                let limits = applied.iter().map(|one| one.limit.id.clone()).collect();
                Err(NotGranted::Ledger(Box::new(LedgerLost { error, limits })))
            }
        }
    }

    pub(crate) fn fresh_id(&self) -> EntryId {
        let mut bytes = [0; 8];
        self.platform.random().fill(&mut bytes);
        EntryId(u64::from_be_bytes(bytes))
    }

    /// Puts settlements into the outbox, and sees to it that they are told.
    pub(crate) fn tell(
        self: &Rc<Self>,
        tenant: &TenantId,
        scope: &Scope,
        settlements: impl IntoIterator<Item = (Settlement, Haste)>,
    ) {
        let ticks = self.platform.clock().ticks();
        let due = self.with(tenant, |kept| {
            settlements.into_iter().for_each(|(settlement, haste)| kept.outbox.add(settlement, haste));
            kept.outbox.is_due(ticks, Haste::Now)
        });
        let (meters, tenant) = (Rc::clone(self), tenant.clone());
        if due {
            scope.background.spawn(Box::pin(async move { meters.flush(&tenant).await }));
        } else if !self.linger.is_zero() && self.begin_to_linger(&tenant, ticks) {
            scope.background.spawn(Box::pin(async move {
                meters.platform.clock().sleep(meters.linger).await;
                meters.with(&tenant, |kept| kept.lingering = 0);
                meters.flush(&tenant).await;
            }));
        }
    }

    /// Whether nobody does yet. (A task that should have ended was ended with its request.)
    fn begin_to_linger(&self, tenant: &TenantId, ticks: u64) -> bool {
        self.with(tenant, |kept| {
            let begins = kept.lingering <= ticks && !kept.outbox.is_empty();
            if begins {
                kept.lingering = later(ticks, self.linger + LATE);
            }
            begins
        })
    }

    /// Tells the ledger all that waits, unless another task does. What it does not take stays for the next occasion.
    async fn flush(&self, tenant: &TenantId) {
        let clock = self.platform.clock();
        if self.with(tenant, |kept| kept.telling > clock.ticks()) {
            return;
        }
        let (mut failures, mut pause) = (0, FIRST_PAUSE);
        while failures < TELLINGS {
            if failures > 0 {
                self.with(tenant, |kept| kept.telling = later(clock.ticks(), pause + LATE));
                clock.sleep(pause).await;
                pause *= 4;
            }
            let ticks = clock.ticks();
            let batch = self.with(tenant, |kept| {
                kept.telling = later(ticks, ANSWERED_WITHIN);
                kept.outbox.next(ticks, MAX_SETTLEMENTS, None)
            });
            if batch.settlements.is_empty() {
                break;
            }
            let answer = self.platform.ledger().settle(tenant, &batch.settlements).await;
            failures += u32::from(self.noted(tenant, &batch, answer).is_err());
        }
        self.with(tenant, |kept| kept.telling = 0);
    }

    fn noted(&self, tenant: &TenantId, batch: &Batch, answer: Result<(), LedgerError>) -> Result<(), LedgerError> {
        self.with(tenant, |kept| match &answer {
            Ok(()) => kept.outbox.told(batch),
            Err(error) if error.is_retryable() => kept.outbox.not_told(batch),
            Err(error) => {
                tracing::error!(
                    target: "toolgate::metering", %tenant, %error, settlements = batch.settlements.len(),
                    "the ledger does not take what calls have cost: they count at their estimates"
                );
                kept.outbox.told(batch);
            }
        });
        answer
    }

    pub(crate) fn with<T>(&self, tenant: &TenantId, look: impl FnOnce(&mut Tenant) -> T) -> T {
        let mut tenants = self.tenants.borrow_mut();
        if !tenants.contains_key(tenant) && tenants.len() >= MAX_TENANTS {
            tenants.retain(|_, kept| !kept.outbox.is_empty());
        }
        look(tenants.entry(tenant.clone()).or_default())
    }
}

/// So much after `ticks`, in ticks.
fn later(ticks: u64, duration: Duration) -> u64 {
    ticks.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is charged where, if anything is.
fn charge(applied: &Applied<'_>, id: EntryId, grant: Grant) -> Option<Charge> {
    let spec = &applied.limit.record.spec;
    let charge =
        Charge { account: applied.account.clone(), kind: spec.kind, unit: spec.unit, estimate: applied.need, id };
    (grant != Grant::Repeated).then_some(charge)
}

/// The limits that let a call through although the ledger can't be asked about them; nothing if one of them does not.
fn let_through(applied: &[Applied<'_>], tenant: &TenantId, error: &LedgerError) -> Option<Vec<LimitId>> {
    if !applied.iter().all(|one| one.limit.record.spec.fail_open) {
        return None;
    }
    let limits: Vec<LimitId> = applied.iter().map(|one| one.limit.id.clone()).collect();
    tracing::warn!(
        target: "toolgate::metering", %tenant, %error, limits = %listed(&limits),
        "the ledger can't be asked: a call goes through uncounted, because these limits are set to fail_open"
    );
    Some(limits)
}

#[cfg(test)]
#[path = "meters_tests.rs"]
mod tests;
