//! One seed, from its first call to its last expiry.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

use toolgate_model::TenantId;
use toolgate_testkit::MemoryLedger;

use crate::{
    bug::Bug,
    instance::{Freezes, Instance},
    network::Network,
    oracle::Oracle,
    plan::{Plan, Weather},
    random::Dice,
    tasks::Tasks,
    time::Time,
};

/// A world that takes more steps than this does not come to rest.
const MOST_STEPS: u64 = 300_000;
/// Of a thousand messages in foul weather.
const FAULTS: u64 = 80;
/// Of a thousand steps in a storm.
const BLOWS: u64 = 6;
/// The most instances that ever are.
const MOST_INSTANCES: usize = 8;

/// What came of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was wrong, if anything was.
    pub violation: Option<String>,
    /// How many calls were let through.
    pub granted: u64,
    /// How many were refused.
    pub denied: u64,
    /// How many times a task ran.
    pub steps: u64,
}

/// Plays `seed`, with a mistake in it if one is named. The same seed plays the same way, always.
#[must_use]
pub fn run(seed: u64, bug: Option<Bug>) -> Outcome {
    let broken = || Outcome { violation: Some("the world can't be made".into()), granted: 0, denied: 0, steps: 0 };
    World::new(seed, bug, None).map_or_else(broken, World::play)
}

/// Plays `seed` and says what happened in it, each line with the time in microseconds.
#[must_use]
pub fn diary(seed: u64, bug: Option<Bug>) -> Vec<String> {
    let Some(world) = World::new(seed, bug, Some(RefCell::default())) else { return Vec::new() };
    let network = Rc::clone(&world.network);
    network.note(|| format!("{:?}", network.plan));
    let outcome = world.play();
    network.note(|| format!("{outcome:?}"));
    network.diary.as_ref().map(RefCell::take).unwrap_or_default()
}

struct World {
    network: Rc<Network>,
    tenant: TenantId,
    instances: Vec<Instance>,
    dead: BTreeSet<usize>,
    frozen: Rc<RefCell<BTreeSet<usize>>>,
    steps: u64,
}

impl World {
    fn new(seed: u64, bug: Option<Bug>, diary: Option<RefCell<Vec<String>>>) -> Option<Self> {
        let dice = Dice::new(seed);
        let plan = Plan::new(&dice);
        let faults = Cell::new(if plan.weather == Weather::Fair { 0 } else { FAULTS });
        let network = Rc::new(Network {
            time: Rc::new(Time::new(&dice)),
            dice,
            plan,
            tasks: Rc::new(Tasks::default()),
            ledger: MemoryLedger::default(),
            oracle: Rc::new(RefCell::new(Oracle::default())),
            bug,
            faults,
            diary,
        });
        let (tenant, instances) = (TenantId::new("acme").ok()?, Vec::new());
        let mut world = Self { network, tenant, instances, dead: BTreeSet::new(), frozen: Rc::default(), steps: 0 };
        for _ in 0..world.network.plan.instances {
            world.start()?;
        }
        Some(world)
    }

    fn start(&mut self) -> Option<()> {
        let instance = Instance::new(&self.network, self.instances.len(), &self.tenant)?;
        instance.begin();
        self.instances.push(instance);
        Some(())
    }

    fn play(mut self) -> Outcome {
        self.until_it_rests();
        // The weather clears; whoever lives makes one more call, and gives back what it holds.
        self.network.faults.set(0);
        for instance in &self.instances {
            if !self.dead.contains(&instance.number) {
                instance.call_comes();
            }
        }
        self.until_it_rests();
        let quiet =
            self.network.plan.hold.max(self.network.plan.lease) + 1_000 + 2 * self.network.plan.skew.unwrap_or(0);
        let time = Rc::clone(&self.network.time);
        self.network.tasks.spawn(None, Box::pin(async move { time.sleep(quiet).await }));
        self.until_it_rests();
        let mut oracle = self.network.oracle.borrow_mut();
        if oracle.violation.is_none() {
            oracle.finish(&self.network, &self.tenant);
        }
        Outcome {
            violation: oracle.violation.take(),
            granted: oracle.granted,
            denied: oracle.denied,
            steps: self.steps,
        }
    }

    /// Until nothing runs and nothing waits, or something is wrong.
    fn until_it_rests(&mut self) {
        loop {
            if self.network.oracle.borrow().violation.is_some() {
                return;
            }
            if self.network.plan.weather == Weather::Storm && self.network.faults.get() > 0 {
                self.blow();
            }
            let frozen = Rc::clone(&self.frozen);
            let ran = self.network.tasks.step(&self.network.dice, |instance| frozen.borrow().contains(&instance));
            if !ran && !self.network.time.advance() {
                return;
            }
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return self.network.oracle.borrow_mut().wrong(|| "it does not come to rest".into());
            }
        }
    }

    /// Something may happen to an instance.
    fn blow(&mut self) {
        let dice = self.network.dice.clone();
        if !dice.chance(BLOWS) || self.instances.is_empty() {
            return;
        }
        let instance = dice.one_of(&self.instances);
        if self.dead.contains(&instance.number) {
            return;
        }
        match dice.between(0, 4) {
            0 => self.kill(&instance),
            1 if self.instances.len() < MOST_INSTANCES => {
                let _ = self.start();
            }
            2 | 3 => self.freeze(&instance),
            _ if instance.freezes == Freezes::WallClock => self.set_clock(&instance),
            _ => {}
        }
    }

    fn kill(&mut self, instance: &Instance) {
        self.network.note(|| format!("instance {} dies", instance.number));
        self.network.tasks.kill(instance.number);
        self.network.oracle.borrow_mut().killed(instance.number);
        self.dead.insert(instance.number);
        // As often as not it is replaced.
        if self.instances.len() < MOST_INSTANCES && self.network.dice.chance(500) {
            let _ = self.start();
        }
    }

    fn freeze(&self, instance: &Instance) {
        if !self.frozen.borrow_mut().insert(instance.number) {
            return;
        }
        let (network, frozen) = (Rc::clone(&self.network), Rc::clone(&self.frozen));
        let (instance, millis) = (instance.clone(), self.network.dice.one_of(&[50, 3_000, 40_000]));
        self.network.note(|| format!("instance {} freezes for {millis} ms", instance.number));
        self.network.tasks.spawn(
            None,
            Box::pin(async move {
                let began = network.time.micros();
                network.time.sleep(millis).await;
                if instance.freezes == Freezes::Ticks {
                    instance.clocks.stood_still(network.time.micros() - began);
                }
                frozen.borrow_mut().remove(&instance.number);
            }),
        );
    }

    fn set_clock(&self, instance: &Instance) {
        let dice = &self.network.dice;
        let ahead = match self.network.plan.skew {
            Some(skew) => dice.between(0, skew).cast_signed(),
            None => dice.between(0, 200_000).cast_signed() - 100_000,
        };
        self.network.note(|| format!("instance {}'s clock is set", instance.number));
        instance.clocks.set(ahead);
    }
}
