//! One gateway instance: its meters, and the calls that come to it.

use std::{cell::RefCell, rc::Rc, time::Duration};

use toolgate_metering::{Call, IdempotencyKey, Meters, NotGranted, Permit, Price};
use toolgate_model::{Amount, KeyId, Limit, LimitKind, Limits, MicroUsd, Selector, ServerId, TenantId, Unit};
use toolgate_ports::{AccountId, Background, LocalFuture, Platform, Scope};
use toolgate_testkit::{MemoryMailbox, MemoryStore, ScriptedFetch};

use crate::{
    bug::Bug,
    network::{Heard, Line, Network},
    oracle::Part,
    plan::Weather,
    random::Dice,
    time::Clocks,
};

/// What an instance is handed.
pub(crate) struct SimPlatform {
    store: MemoryStore,
    fetch: ScriptedFetch,
    mailbox: MemoryMailbox,
    line: Line,
    clocks: Clocks,
    dice: Dice,
}

impl Platform for SimPlatform {
    type Store = MemoryStore;
    type Fetch = ScriptedFetch;
    type Mailbox = MemoryMailbox;
    type Ledger = Line;
    type Clock = Clocks;
    type Random = Dice;

    fn store(&self) -> &MemoryStore {
        &self.store
    }
    fn fetch(&self) -> &ScriptedFetch {
        &self.fetch
    }
    fn mailbox(&self) -> &MemoryMailbox {
        &self.mailbox
    }
    fn ledger(&self) -> &Line {
        &self.line
    }
    fn clock(&self) -> &Clocks {
        &self.clocks
    }
    fn random(&self) -> &Dice {
        &self.dice
    }
    fn operations(&self) -> u64 {
        0
    }
}

/// Tasks of one instance.
struct Chores {
    network: Rc<Network>,
    instance: usize,
}

impl Background for Chores {
    fn spawn(&self, task: LocalFuture<()>) {
        self.network.tasks.spawn(Some(self.instance), task);
    }

    fn lasts(&self) -> bool {
        true
    }
}

/// An instance, to be shared by its tasks.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) number: usize,
    pub(crate) clocks: Clocks,
    /// It freezes and its ticks stand still then; or its wall clock is set.
    pub(crate) freezes: Freezes,
    network: Rc<Network>,
    meters: Rc<Meters<SimPlatform>>,
    scope: Scope,
    heard: Rc<RefCell<Option<Heard>>>,
    tenant: TenantId,
    keys: Rc<[KeyId]>,
    server: ServerId,
}

/// Which of an instance's clocks can't be relied on. Of one of them always can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freezes {
    Ticks,
    WallClock,
}

impl Instance {
    pub(crate) fn new(network: &Rc<Network>, number: usize, tenant: &TenantId) -> Option<Self> {
        let (dice, plan) = (network.dice.clone(), &network.plan);
        let ahead = match (plan.weather, plan.skew) {
            (Weather::Storm, None) => dice.between(0, 200_000).cast_signed() - 100_000,
            (_, Some(skew)) => dice.between(0, skew).cast_signed(),
            _ => 0,
        };
        let clocks = Clocks::new(Rc::clone(&network.time), ahead);
        if network.bug == Some(Bug::ALeaseEndsByTheWallClock) {
            clocks.stop_ticks();
        }
        let heard = Rc::default();
        let line =
            Line { network: Rc::clone(network), instance: number, clocks: clocks.clone(), heard: Rc::clone(&heard) };
        let platform = Rc::new(SimPlatform {
            store: MemoryStore::default(),
            fetch: ScriptedFetch::default(),
            mailbox: MemoryMailbox::default(),
            line,
            clocks: clocks.clone(),
            dice: dice.clone(),
        });
        let limits = Limits {
            reservation: Duration::from_millis(plan.hold),
            lease: Duration::from_millis(plan.lease),
            lease_linger: Duration::from_millis(plan.linger),
            ..Limits::default()
        };
        Some(Self {
            number,
            clocks,
            freezes: dice.one_of(&[Freezes::Ticks, Freezes::WallClock]),
            network: Rc::clone(network),
            meters: Meters::new(platform, &limits),
            scope: Scope { background: Rc::new(Chores { network: Rc::clone(network), instance: number }) },
            heard,
            tenant: tenant.clone(),
            keys: [1, 2].into_iter().map(|n| KeyId::new(&format!("{n:016}"))).collect::<Result<_, _>>().ok()?,
            server: ServerId::new("github").ok()?,
        })
    }

    /// Calls come, one after the other or at the same time.
    pub(crate) fn begin(&self) {
        let this = self.clone();
        self.scope.background.spawn(Box::pin(async move {
            for _ in 0..this.network.plan.calls {
                this.network.time.sleep(this.network.dice.between(0, this.network.plan.pause)).await;
                this.call_comes();
            }
        }));
    }

    /// One call, in a task of its own.
    pub(crate) fn call_comes(&self) {
        let this = self.clone();
        self.scope.background.spawn(Box::pin(async move { this.call().await }));
    }

    async fn call(&self) {
        let dice = &self.network.dice;
        let number = dice.next();
        let key = dice.one_of(&self.keys);
        let price =
            |most: u64| Price { micro_usd: MicroUsd(Amount::at_most(dice.between(0, most))), ..Price::default() };
        let estimate = price(40);
        let idempotency = dice.chance(100).then(|| IdempotencyKey::new(&dice.between(0, 3).to_string()).ok()).flatten();
        let call = Call {
            tenant: &self.tenant,
            key: &key,
            team: None,
            user: None,
            server: &self.server,
            tool: Some("create"),
            estimate,
            idempotency: idempotency.as_ref(),
        };
        let parts = self.parts(&key, estimate);
        let patience = if dice.chance(30) && idempotency.is_none() {
            dice.between(0, self.network.plan.delay)
        } else {
            u64::MAX / 4_000
        };
        let began = self.network.time.millis();
        let taken = {
            let take = std::pin::pin!(self.meters.take(&self.network.plan.limits, &call, &self.scope));
            first(take, self.network.time.sleep(patience)).await
        };
        let heard = self.heard.take();
        match taken {
            Some(Ok(permit)) => {
                let counted: Vec<Part> =
                    parts.iter().filter(|part| !permit.uncounted().contains(&part.limit.id)).cloned().collect();
                let uncounted: Vec<Part> =
                    parts.into_iter().filter(|part| permit.uncounted().contains(&part.limit.id)).collect();
                let who = (number, self.number);
                {
                    let mut oracle = self.network.oracle.borrow_mut();
                    oracle.let_through(&self.network, &self.tenant, who, &counted, (began, heard.as_ref()));
                    oracle.forgive(&uncounted);
                }
                self.network.note(|| format!("instance {}: call {number} is let through: {heard:?}", self.number));
                self.network.time.sleep(self.duration()).await;
                self.end(number, permit, estimate, price(60), idempotency.is_some());
            }
            Some(Err(NotGranted::Ledger(lost))) => {
                let mut oracle = self.network.oracle.borrow_mut();
                if self.network.plan.weather == Weather::Fair {
                    oracle.wrong(|| format!("the ledger is lost in fair weather: {lost}"));
                }
                if idempotency.is_some() {
                    oracle.forgive(&parts);
                }
            }
            Some(Err(NotGranted::Denied(_))) => self.network.oracle.borrow_mut().denied += 1,
            None => {}
        }
    }

    fn duration(&self) -> u64 {
        let (dice, plan) = (&self.network.dice, &self.network.plan);
        if dice.chance(20) { dice.between(0, plan.hold * 2) } else { dice.between(0, plan.duration) }
    }

    fn end(&self, number: u64, permit: Permit<SimPlatform>, estimate: Price, actual: Price, keyed: bool) {
        let how = self.network.dice.between(0, 9);
        let cost = match how {
            0 if !keyed => Price::default(),
            1 => estimate,
            _ => actual,
        };
        let void = how == 0 && !keyed;
        self.network.note(|| format!("instance {}: call {number} is over: {how}, {cost:?}", self.number));
        self.network.oracle.borrow_mut().over(number, |limit| match limit.record.spec.unit {
            Unit::Calls => u64::from(!void),
            _ => cost.micro_usd.0.get(),
        });
        match how {
            0 if !keyed => permit.void(),
            1 => drop(permit),
            _ => permit.settle(&actual),
        }
    }

    /// The limits that apply, and their accounts: here every limit does.
    fn parts(&self, key: &KeyId, estimate: Price) -> Vec<Part> {
        let part = |limit: &Limit| {
            let spec = &limit.record.spec;
            let holder = match spec.scope.key {
                Some(Selector::Every) => format!("key={key}"),
                _ => String::new(),
            };
            let estimate = match (spec.kind, spec.unit) {
                (LimitKind::Budget | LimitKind::Rate, Unit::MicroUsd) => estimate.micro_usd.0.get(),
                _ => 1,
            };
            Part { limit: limit.clone(), account: AccountId::new(&limit.id, spec, &holder), estimate }
        };
        self.network.plan.limits.iter().map(part).filter(|part| part.estimate > 0).collect()
    }
}

/// What `future` gives, unless `patience` is over first: then it is dropped.
async fn first<T>(future: impl Future<Output = T> + Unpin, patience: impl Future<Output = ()>) -> Option<T> {
    let (mut future, mut patience) = (future, Box::pin(patience));
    std::future::poll_fn(move |context| {
        use std::{pin::Pin, task::Poll};
        if let Poll::Ready(value) = Pin::new(&mut future).poll(context) {
            return Poll::Ready(Some(value));
        }
        patience.as_mut().poll(context).map(|()| None)
    })
    .await
}
