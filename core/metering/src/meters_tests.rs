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
fn who_calls_again_and_again_asks_the_ledger_once_in_a_while() {
    let world = World::new(&json!({"calls": calls(2)}));
    (0..2).for_each(|_| world.run(world.take()).unwrap().settle(&usd(0)));
    world.platform.settle();
    let before = world.platform.ledger.operations();
    for _ in 0..1_000 {
        let NotGranted::Denied(denied) = world.run(world.take()).unwrap_err() else { panic!("not denied") };
        assert!(denied.left.is_zero() && denied.retry_after > Some(Duration::from_secs(23 * 3_600)));
        world.pass(10);
    }
    assert_eq!(world.platform.ledger.operations() - before, 2, "every five seconds");
}

#[test]
fn a_refusal_is_forgotten_when_its_limit_is_changed_or_something_may_be_given_back() {
    let mut world = World::new(&json!({"calls": calls(1)}));
    let running = world.run(world.take()).unwrap();
    assert!(world.run(world.take()).is_err());
    running.void();
    world.platform.settle();
    world.run(world.take()).unwrap().settle(&usd(0));
    world.platform.settle();
    assert!(world.run(world.take()).is_err());
    world.limits[0].record.spec.amount = Amount::at_most(2);
    assert!(world.run(world.take()).is_ok());
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
    let applied = applied(&world.limits, &call);
    let mut asking = Asking::new(&world.meters, &scope, &call, &applied);
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

fn leased(amount: u64) -> Value {
    json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": amount, "window": "day", "mode": "leased"})
}

impl World {
    /// Another instance of the same platform.
    fn another(&self) -> Self {
        Self {
            platform: Rc::clone(&self.platform),
            meters: Meters::new(Rc::clone(&self.platform), &Limits::default()),
            limits: self.limits.clone(),
            tenant: self.tenant.clone(),
            key: self.key.clone(),
            server: self.server.clone(),
            idempotency: None,
            estimate: Cell::new(self.estimate.get()),
        }
    }

    fn pass(&self, millis: u64) {
        self.run(self.platform.clock.sleep(Duration::from_millis(millis)));
    }

    /// Calls until it is refused; how often it was let through.
    fn exhaust(&self) -> u64 {
        let mut granted = 0;
        while let Ok(permit) = self.run(self.take()) {
            permit.settle(&self.estimate.get());
            granted += 1;
        }
        granted
    }
}

#[test]
fn a_thousand_calls_a_minute_ask_the_ledger_rarely() {
    for (mode, most) in [("leased", 0.05), ("strict", 1.1)] {
        let mut limit = leased(1_000_000);
        limit["mode"] = json!(mode);
        let world = World::new(&json!({"l": limit}));
        for _ in 0..5_000 {
            world.run(world.take()).unwrap().settle(&usd(0));
            world.pass(60);
        }
        world.platform.settle();
        let trips = world.platform.ledger.operations() as f64 / 5_000.0;
        println!("{mode}: {trips} round trips per call");
        assert!(trips <= most, "{mode}: {trips}");
        assert_eq!(world.stands("l"), (5_000, 0, 0, 995_000));
    }
}

#[test]
fn a_leased_budget_is_spent_to_its_last_by_however_many() {
    let one = World::new(&json!({"l": leased(300)}));
    let instances = [one.another(), one.another(), one];
    let mut granted = 0;
    loop {
        let before = granted;
        for world in &instances {
            if let Ok(permit) = world.run(world.take()) {
                permit.settle(&usd(0));
                granted += 1;
            }
        }
        if granted == before {
            break;
        }
    }
    assert!((250..=300).contains(&granted), "{granted}");
    instances[0].platform.settle();
    let rest: u64 = instances.iter().map(World::exhaust).sum();
    assert_eq!(granted + rest, 300, "what one instance held and did not use, others can use after it");
}

#[test]
fn what_an_instance_held_that_ended_is_spent_and_not_handed_out_again() {
    let one = World::new(&json!({"l": leased(300)}));
    let other = one.another();
    one.run(one.take()).unwrap().settle(&usd(0));
    let held = one.stands("l").2;
    assert!(held > 1);
    // Its keeper never runs: the tasks are this world's to run, and it forgets them.
    one.platform.forget_tasks();
    drop(one);
    other.pass(600_000);
    assert_eq!(other.exhaust(), 300 - held);
}

#[test]
fn without_a_keeper_slices_go_back_with_the_next_call() {
    let world = World::new(&json!({"l": leased(300)}));
    let meters = Meters::new(Rc::clone(&world.platform), &Limits { lease_linger: Duration::ZERO, ..Limits::default() });
    let world = World { meters, ..world };
    world.run(world.take()).unwrap().settle(&usd(0));
    world.pass(60_000);
    assert_eq!(world.platform.ledger.operations(), 1, "nothing happens in the background");
    world.run(world.take()).unwrap().settle(&usd(0));
    assert_eq!((world.platform.ledger.operations(), world.stands("l").0), (2, 1), "it goes along with the next slice");
}

#[test]
fn calls_that_outlast_their_slice_cost_what_they_cost() {
    let mut limit = money(1_000);
    limit["mode"] = json!("leased");
    let world = World::new(&json!({"l": limit}));
    let long = world.run(world.take()).unwrap();
    world.run(world.take()).unwrap().settle(&usd(3));
    world.pass(60_000);
    assert_eq!(world.stands("l"), (0, 13, 0, 987), "given back but for what was spent and what may be");
    long.settle(&usd(4));
    world.platform.settle();
    assert_eq!(world.stands("l"), (7, 0, 0, 993));
}

#[test]
fn a_refusal_gives_back_what_was_taken_from_slices() {
    let world = World::new(&json!({"l": leased(300), "m": money(20)}));
    let permits: Vec<_> = (0..2).map(|_| world.run(world.take()).unwrap()).collect();
    assert!(world.run(world.take()).is_err());
    permits.into_iter().for_each(|permit| permit.settle(&usd(10)));
    world.platform.settle();
    assert_eq!(world.stands("l"), (2, 0, 0, 298));
}

#[test]
fn a_call_with_an_idempotency_key_is_counted_strictly() {
    let mut world = World::new(&json!({"l": leased(300)}));
    world.run(world.take()).unwrap().settle(&usd(0));
    world.idempotency = Some(IdempotencyKey::new("attempt-1").unwrap());
    world.run(world.take()).unwrap().settle(&usd(0));
    world.run(world.take()).unwrap().settle(&usd(0));
    world.platform.settle();
    assert_eq!(world.stands("l"), (2, 0, 0, 298));
}

#[test]
fn a_leased_rate_lets_through_what_a_strict_one_does() {
    let rate =
        json!({"scope": {}, "kind": "rate", "unit": "calls", "amount": 60, "window": "minute", "mode": "leased"});
    let world = World::new(&json!({"l": rate}));
    let mut granted = world.exhaust();
    assert!((50..=60).contains(&granted), "{granted}");
    for _ in 0..60 {
        world.pass(1_000);
        granted += world.exhaust();
    }
    assert!((110..=120).contains(&granted), "{granted} in a minute, and a full bucket");
}

#[test]
fn the_rest_of_a_slice_survives_a_lost_ledger() {
    let world = World::new(&json!({"l": leased(300)}));
    let first = world.run(world.take()).unwrap();
    world.platform.ledger.set_fault(Some(LedgerFault::Down));
    let while_down = world.exhaust();
    assert_eq!(while_down, 7, "a first slice is worth eight calls");
    drop(first);
    world.platform.ledger.set_fault(None);
    world.platform.settle();
    assert_eq!(world.stands("l"), (8, 0, 0, 292));
}

#[test]
fn what_is_foreseen_is_what_a_call_then_finds_and_nothing_is_taken() {
    let world = World::new(&json!({"calls": calls(2), "money": money(25), "cap": {
        "scope": {}, "kind": "concurrency", "unit": "calls", "amount": 1, "mode": "strict"
    }}));
    let forecast = || world.run(world.meters.foresee(&world.limits, &world.call(), None)).unwrap();
    for left in [[2, 1, 25], [1, 1, 15]] {
        let found = forecast();
        let mut lefts: Vec<(String, u64)> =
            found.limits.iter().map(|one| (one.limit.to_string(), one.left.get())).collect();
        lefts.sort();
        let [calls, cap, money] = left;
        let expected = [("calls", calls), ("cap", cap), ("money", money)];
        assert_eq!(lefts, expected.map(|(limit, left)| (limit.to_owned(), left)));
        assert!(found.denied.is_none() && found.limits.iter().all(|one| one.enough));
        world.run(world.take()).unwrap().settle(&usd(10));
        world.platform.settle();
    }
    let (found, NotGranted::Denied(denied)) = (forecast(), world.run(world.take()).unwrap_err()) else {
        panic!("the ledger answers")
    };
    assert_eq!(found.denied.as_deref(), Some(&*denied));
    let then = found.denied.unwrap().resets_at.unwrap();
    let later = world.run(world.meters.foresee(&world.limits, &world.call(), Some(then))).unwrap();
    assert!(later.denied.is_none() && later.limits.iter().all(|one| one.enough), "{later:?}");
    assert_eq!(world.stands("calls"), (2, 0, 0, 0));
}

#[test]
fn what_an_instance_holds_is_left_to_it_and_not_to_others() {
    let mut leased = calls(100);
    leased["mode"] = json!("leased");
    let world = World::new(&json!({"calls": leased}));
    world.run(world.take()).unwrap().settle(&usd(0));
    let (_, _, slice, left) = world.stands("calls");
    assert!(slice > 1, "a slice was taken");
    let of = |meters: &Rc<Meters<MemoryPlatform>>| {
        world.run(meters.foresee(&world.limits, &world.call(), None)).unwrap().limits[0].left.get()
    };
    assert_eq!(of(&world.meters), left + slice - 1);
    assert_eq!(of(&Meters::new(Rc::clone(&world.platform), &Limits::default())), left);
}

#[test]
fn a_ledger_that_is_lost_foresees_nothing() {
    let world = World::new(&json!({"calls": calls(2)}));
    world.platform.ledger.set_fault(Some(LedgerFault::Down));
    assert!(world.run(world.meters.foresee(&world.limits, &world.call(), None)).is_err());
}
