use std::{cell::Cell, future::Future};

use futures_util::future::{join_all, poll_immediate};
use serde_json::{Value, json};
use toolgate_model::{Amount, KeyId, LimitRecord, LimitSpec, MicroUsd, ServerId, Timestamp};
use toolgate_testkit::{LedgerFault, MemoryPlatform};

use super::*;
use crate::{IdempotencyKey, Price};

struct World {
    platform: Rc<MemoryPlatform>,
    meters: Rc<Meters<MemoryPlatform>>,
    limits: Vec<Limit>,
    tenant: TenantId,
    key: KeyId,
    server: ServerId,
    idempotency: Option<IdempotencyKey>,
    estimate: Cell<Price>,
}

fn usd(number: u64) -> Price {
    Price { micro_usd: MicroUsd(Amount::at_most(number)), tokens: Amount::ZERO }
}

impl World {
    fn new(limits: &Value) -> Self {
        let platform = MemoryPlatform::new();
        let meters = Meters::new(Rc::clone(&platform), &Limits::default());
        let read = |(id, limit): (&String, &Value)| {
            let spec = LimitSpec::read(limit.as_object().unwrap()).unwrap();
            let now = Timestamp::from_millis(0);
            let record = LimitRecord { spec, enabled: true, created_at: now, updated_at: now };
            Limit { id: LimitId::new(id).unwrap(), record }
        };
        Self {
            platform,
            meters,
            limits: limits.as_object().unwrap().iter().map(read).collect(),
            tenant: TenantId::new("acme").unwrap(),
            key: KeyId::new("0000000000000001").unwrap(),
            server: ServerId::new("github").unwrap(),
            idempotency: None,
            estimate: Cell::new(usd(10)),
        }
    }

    fn call(&self) -> Call<'_> {
        Call {
            tenant: &self.tenant,
            key: &self.key,
            team: None,
            user: None,
            server: &self.server,
            tool: Some("create"),
            estimate: self.estimate.get(),
            idempotency: self.idempotency.as_ref(),
        }
    }

    async fn take(&self) -> Result<Permit<MemoryPlatform>, NotGranted> {
        let scope = self.platform.scope();
        self.meters.take(&self.limits, &self.call(), &scope).await
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.platform.run(future)
    }

    /// Settled, reserved, leased, left of the limit's first account.
    fn stands(&self, id: &str) -> (u64, u64, u64, u64) {
        let limit = self.limits.iter().find(|limit| limit.id.as_str() == id).unwrap();
        let usage = self.platform.ledger.usage(&self.tenant, &limit.id, &limit.record.spec, None, 1);
        let usage = self.run(usage).unwrap();
        usage.accounts.first().map_or((0, 0, 0, limit.record.spec.amount.get()), |usage| {
            (usage.settled.get(), usage.reserved.get(), usage.leased.get(), usage.left.get())
        })
    }
}

fn calls(amount: u64) -> Value {
    json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": amount, "window": "day"})
}

fn money(amount: u64) -> Value {
    json!({"scope": {"key": "*"}, "kind": "budget", "unit": "micro_usd", "amount": amount, "window": "day"})
}

#[test]
fn where_no_limit_applies_the_ledger_is_not_asked() {
    let world = World::new(&json!({"other": {
        "scope": {"server": "gitlab"}, "kind": "budget", "unit": "calls", "amount": 0
    }}));
    world.run(world.take()).unwrap().settle(&usd(1));
    world.platform.settle();
    assert_eq!(world.platform.ledger.operations(), 0);
}

#[test]
fn a_call_costs_what_it_cost_in_the_end() {
    let world = World::new(&json!({"calls": calls(3), "money": money(100)}));
    let permit = world.run(world.take()).unwrap();
    assert_eq!((world.stands("calls"), world.stands("money")), ((0, 1, 0, 2), (0, 10, 0, 90)));
    permit.settle(&usd(4));
    world.platform.settle();
    assert_eq!((world.stands("calls"), world.stands("money")), ((1, 0, 0, 2), (4, 0, 0, 96)));
}

#[test]
fn dropped_it_costs_its_estimate_and_voided_nothing() {
    let both = json!({"scope": {}, "kind": "concurrency", "unit": "calls", "amount": 1});
    let world = World::new(&json!({"calls": calls(3), "money": money(100), "both": both}));
    let permit = world.run(world.take()).unwrap();
    let denied = world.run(world.take()).unwrap_err();
    assert!(denied.to_string().contains("1 call at the same time; 0 calls left"), "{denied}");
    drop(permit);
    world.platform.settle();
    assert_eq!(
        (world.stands("calls"), world.stands("money"), world.stands("both").3),
        ((1, 0, 0, 2), (10, 0, 0, 90), 1)
    );
    world.run(world.take()).unwrap().void();
    world.platform.settle();
    assert_eq!(
        (world.stands("calls"), world.stands("money"), world.stands("both").3),
        ((1, 0, 0, 2), (10, 0, 0, 90), 1)
    );
}

#[test]
fn a_refusal_names_what_refused_and_takes_nothing() {
    let world = World::new(&json!({"calls": calls(3), "money": money(15)}));
    let _running = world.run(world.take()).unwrap();
    let NotGranted::Denied(denied) = world.run(world.take()).unwrap_err() else { panic!("not denied") };
    assert_eq!((denied.limit.as_str(), denied.scope.as_str()), ("money", "key 0000000000000001"));
    assert_eq!(
        (denied.need.get(), denied.left.get(), denied.retry_after),
        (10, 5, Some(Duration::from_secs(24 * 3_600)))
    );
    assert_eq!(
        denied.to_string(),
        "The limit \"money\" allows key 0000000000000001 $0.000015 per day; $0.000005 left, and this call needs $0.000010; \
         try again at 2026-11-23T00:00:00Z"
    );
    assert_eq!(world.stands("calls"), (0, 1, 0, 2));
}

#[test]
fn what_confirms_an_estimate_goes_along_with_the_next_call_or_later_in_the_background() {
    let world = World::new(&json!({"calls": calls(100)}));
    for _ in 0..20 {
        world.run(world.take()).unwrap().settle(&usd(0));
    }
    assert_eq!(world.platform.ledger.operations(), 20, "one operation per call");
    world.platform.settle();
    assert_eq!((world.platform.ledger.operations(), world.stands("calls")), (21, (20, 0, 0, 80)));
}

#[test]
fn a_lost_answer_charges_once() {
    let world = World::new(&json!({"money": money(100)}));
    world.platform.ledger.set_fault(Some(LedgerFault::AnswersLost));
    assert!(matches!(world.run(world.take()), Err(NotGranted::Ledger(_))));
    assert_eq!(world.stands_after_fault("money"), (0, 10, 0, 90));
    world.platform.settle();
    assert_eq!(world.stands("money"), (0, 0, 0, 100), "what was taken for nothing is given back");
}

impl World {
    fn stands_after_fault(&self, id: &str) -> (u64, u64, u64, u64) {
        self.platform.ledger.set_fault(None);
        self.stands(id)
    }
}

#[test]
fn a_lost_ledger_refuses_unless_every_limit_it_is_asked_about_lets_through() {
    let mut open = calls(5);
    open["fail_open"] = json!(true);
    let world = World::new(&json!({"open": open, "closed": money(100)}));
    world.platform.ledger.set_fault(Some(LedgerFault::Down));
    let NotGranted::Ledger(lost) = world.run(world.take()).unwrap_err() else { panic!("not the ledger") };
    assert_eq!(lost.limits.iter().map(LimitId::as_str).collect::<Vec<_>>(), ["closed", "open"]);
    let world = World::new(&json!({"open": open}));
    world.platform.ledger.set_fault(Some(LedgerFault::Down));
    let permit = world.run(world.take()).unwrap();
    assert_eq!(permit.uncounted().iter().map(LimitId::as_str).collect::<Vec<_>>(), ["open"]);
    permit.settle(&usd(0));
    assert_eq!(world.stands_after_fault("open"), (0, 0, 0, 5));
}

#[test]
fn who_stops_asking_leaves_nothing_behind() {
    let world = World::new(&json!({"money": money(100)}));
    let scope = world.platform.scope();
    let call = world.call();
    let mut asking = Asking::new(&world.meters, &scope, &call, &applied(&world.limits, &call));
    assert!(world.run(poll_immediate(asking.answer())).is_some());
    assert_eq!(world.stands("money"), (0, 10, 0, 90));
    drop(asking);
    world.platform.settle();
    assert_eq!(world.stands("money"), (0, 0, 0, 100));
}

#[test]
fn an_idempotency_key_charges_a_repeated_call_once() {
    let mut world = World::new(&json!({"money": money(100)}));
    world.idempotency = Some(IdempotencyKey::new("attempt-1").unwrap());
    world.run(world.take()).unwrap().settle(&usd(7));
    world.run(world.take()).unwrap().settle(&usd(7));
    world.platform.settle();
    assert_eq!(world.stands("money"), (7, 0, 0, 93));
    world.idempotency = Some(IdempotencyKey::new("attempt-2").unwrap());
    world.run(world.take()).unwrap().settle(&usd(7));
    world.platform.settle();
    assert_eq!(world.stands("money"), (14, 0, 0, 86));
    for bad in ["", "a b", "ü", &"x".repeat(256)] {
        assert!(IdempotencyKey::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn settlements_are_told_together_and_until_they_are_heard() {
    let world = World::new(&json!({"money": money(10_000)}));
    let permits = world.run(join_all((0..50).map(|_| world.take())));
    let before = world.platform.ledger.operations();
    world.platform.ledger.set_fault(Some(LedgerFault::Down));
    permits.into_iter().for_each(|permit| permit.unwrap().settle(&usd(1)));
    world.run(world.platform.clock.sleep(Duration::from_millis(100)));
    assert_eq!((world.platform.ledger.operations() - before, world.stands_after_fault("money").1), (1, 500));
    world.platform.settle();
    assert_eq!(world.stands("money"), (50, 0, 0, 9_950));
}

#[test]
fn what_a_call_cost_beyond_its_estimate_is_not_charged() {
    let world = World::new(&json!({"money": money(100)}));
    world.run(world.take()).unwrap().settle(&usd(50));
    world.platform.settle();
    assert_eq!(world.stands("money"), (10, 0, 0, 90));
}
