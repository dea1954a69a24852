//! One instance's meters: takes before a call, tells the ledger after it.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc, time::Duration};

use toolgate_ledger::Moment;
use toolgate_model::{Limit, LimitId, Limits, TenantId};
use toolgate_ports::{
    Clock, EntryId, Ledger, LedgerError, MAX_SETTLEMENTS, Platform, Random, Refused, Scope, Settlement, Taken,
};

use crate::{
    Call, Denied, LedgerLost, NotGranted, Permit,
    applied::{Applied, applied},
    asking::Asking,
    denied::listed,
    kept::Kept,
    outbox::{ANSWERED_WITHIN, Batch, Haste},
};

/// How often the ledger is told the same before it is left for the next occasion.
const TELLINGS: u32 = 4;
/// How long is waited before it is told a second time; four times as long before each further.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A task that is so much late is gone: it was ended with its request.
const LATE: Duration = Duration::from_secs(5);
/// After so long a keeper may be relieved by one of a newer request: a Worker ends what a request started half a minute after its answer.
const WATCH: Duration = Duration::from_secs(12);
/// How many tenants an instance keeps account of. Beyond it those with nothing to tell are forgotten.
const MAX_TENANTS: usize = 1_000;

/// The meters of one gateway instance.
pub struct Meters<P> {
    pub(crate) platform: Rc<P>,
    /// In milliseconds.
    pub(crate) hold: u64,
    /// In milliseconds.
    pub(crate) lease: u64,
    /// In milliseconds; zero if nothing lingers in the background.
    linger: u64,
    tenants: RefCell<BTreeMap<TenantId, Kept>>,
}

impl<P> fmt::Debug for Meters<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meters({} tenants)", self.tenants.borrow().len())
    }
}

impl<P: Platform> Meters<P> {
    /// Meters that hold nothing yet, with the lengths that `limits` say.
    #[must_use]
    pub fn new(platform: Rc<P>, limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            platform,
            hold: millis(limits.reservation),
            lease: millis(limits.lease),
            linger: millis(limits.lease_linger),
            tenants: RefCell::default(),
        })
    }

    /// Takes what `call` costs at most from all of its tenant's `limits` that apply to it, or from none. The ledger is asked once, and not
    /// at all if slices cover everything.
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
        self.return_what_ended(call.tenant);
        let mut asking = Asking::new(self, scope, call, &applied);
        let asked: Vec<&Applied<'_>> = asking.asked.iter().map(|place| &applied[*place]).collect();
        if asked.is_empty() {
            return Ok(asking.permit());
        }
        let denied = |refused: &Refused| {
            let short = asked.get(refused.ask).unwrap_or(&asked[0]);
            NotGranted::Denied(Box::new(Denied::new(short, refused)))
        };
        if let Some(refused) = asking.refused_already() {
            return Err(denied(&refused));
        }
        match asking.answer().await {
            Ok(Taken::Granted(_)) => Ok(asking.permit()),
            Ok(Taken::Refused(refused)) => Err(denied(&refused)),
            Err(error) => match let_through(&asked, call.tenant, &error) {
                Some(open) => Ok(asking.permit().let_through(open)),
                None => {
                    let limits = asked.iter().map(|one| one.limit.id.clone()).collect();
                    Err(NotGranted::Ledger(Box::new(LedgerLost { error, limits })))
                }
            },
        }
    }

    /// Where no keeper does, each call sees to what has ended.
    fn return_what_ended(&self, tenant: &TenantId) {
        if self.linger == 0 {
            let now = self.moment();
            self.with(tenant, |kept| kept.give_back(now, u64::MAX, self.hold));
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        let clock = self.platform.clock();
        Moment { wall: clock.now().as_millis(), ticks: clock.ticks() }
    }

    pub(crate) fn fresh_id(&self) -> EntryId {
        let mut bytes = [0; 8];
        self.platform.random().fill(&mut bytes);
        EntryId(u64::from_be_bytes(bytes))
    }

    /// Puts settlements into the outbox, and sees to it that they, and slices that are not used, are told.
    pub(crate) fn tell(
        self: &Rc<Self>,
        tenant: &TenantId,
        scope: &Scope,
        settlements: impl IntoIterator<Item = (Settlement, Haste)>,
    ) {
        let now = self.moment();
        let due = self.with(tenant, |kept| {
            settlements.into_iter().for_each(|(settlement, haste)| kept.outbox.add(settlement, haste));
            // Where nothing lingers, nothing waits for others to be told with it.
            let haste = if self.linger == 0 { Haste::Whenever } else { Haste::Now };
            kept.outbox.is_due(now.ticks, haste) && kept.telling <= now.ticks
        });
        if due {
            let (meters, tenant) = (Rc::clone(self), tenant.clone());
            scope.background.spawn(Box::pin(async move {
                // What it does not take now is told by the keeper, or with the next call.
                let _ = meters.flush(&tenant).await;
            }));
        }
        self.see_to_a_keeper(tenant, scope, now);
    }

    fn see_to_a_keeper(self: &Rc<Self>, tenant: &TenantId, scope: &Scope, now: Moment) {
        if self.linger == 0 {
            return;
        }
        let number = self.with(tenant, |kept| {
            if kept.keeper.relieved_at > now.ticks || kept.next_look(now, self.linger).is_none() {
                return None;
            }
            kept.keeper.relieved_at = later(now.ticks, WATCH);
            kept.keeper.number += 1;
            Some(kept.keeper.number)
        });
        if let Some(number) = number {
            let (meters, tenant) = (Rc::clone(self), tenant.clone());
            scope.background.spawn(Box::pin(async move { meters.keep(&tenant, number).await }));
        }
    }

    /// Gives back what is not used and tells what could wait, until nothing is left or somebody relieves it. Where the ledger takes nothing
    /// for as long as reservations last, there is no use in more: what is left waits for the next call.
    async fn keep(&self, tenant: &TenantId, number: u64) {
        let mut told_at = self.platform.clock().ticks();
        loop {
            let now = self.moment();
            let in_vain = now.ticks > later(told_at, Duration::from_millis(self.hold));
            let pause = self.with(tenant, |kept| match kept.next_look(now, self.linger) {
                Some(pause) if kept.keeper.number == number && !in_vain => Some(pause),
                Some(_) if in_vain => {
                    kept.keeper.relieved_at = 0;
                    None
                }
                Some(_) => None,
                None => {
                    kept.keeper.relieved_at = 0;
                    None
                }
            });
            let Some(pause) = pause else { return };
            self.platform.clock().sleep(pause).await;
            let now = self.moment();
            self.with(tenant, |kept| kept.give_back(now, self.linger, self.hold));
            if self.flush(tenant).await.is_ok() {
                told_at = self.platform.clock().ticks();
            }
        }
    }

    /// Tells the ledger all that waits, unless another task does. What it does not take stays for the next occasion.
    async fn flush(&self, tenant: &TenantId) -> Result<(), LedgerError> {
        let clock = self.platform.clock();
        if self.with(tenant, |kept| kept.telling > clock.ticks()) {
            return Ok(());
        }
        let mut last = Ok(());
        let (mut failures, mut pause) = (0, FIRST_PAUSE);
        while failures < TELLINGS {
            let ticks = clock.ticks();
            let batch = self.with(tenant, |kept| {
                kept.telling = later(ticks, ANSWERED_WITHIN);
                kept.outbox.next(ticks, MAX_SETTLEMENTS, None)
            });
            if batch.settlements.is_empty() {
                break;
            }
            let answer = self.platform.ledger().settle(tenant, &batch.settlements).await;
            last = self.noted(tenant, &batch, answer);
            if last.is_ok() {
                (failures, pause) = (0, FIRST_PAUSE);
                continue;
            }
            failures += 1;
            self.with(tenant, |kept| kept.telling = later(clock.ticks(), pause + LATE));
            clock.sleep(pause).await;
            pause *= 4;
        }
        self.with(tenant, |kept| kept.telling = 0);
        last
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

    pub(crate) fn with<T>(&self, tenant: &TenantId, look: impl FnOnce(&mut Kept) -> T) -> T {
        let mut tenants = self.tenants.borrow_mut();
        if !tenants.contains_key(tenant) && tenants.len() >= MAX_TENANTS {
            tenants.retain(|_, kept| !kept.is_idle());
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

/// The limits that let a call through although the ledger can't be asked about them; nothing if one of them does not.
fn let_through(asked: &[&Applied<'_>], tenant: &TenantId, error: &LedgerError) -> Option<Vec<LimitId>> {
    if !asked.iter().all(|one| one.limit.record.spec.fail_open) {
        return None;
    }
    let limits: Vec<LimitId> = asked.iter().map(|one| one.limit.id.clone()).collect();
    tracing::warn!(
        target: "toolgate::metering", %tenant, %error, limits = %listed(&limits),
        "the ledger can't be asked: a call goes through uncounted, because these limits are set to fail_open"
    );
    Some(limits)
}

#[cfg(test)]
#[path = "meters_tests.rs"]
mod tests;
