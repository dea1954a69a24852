//! The driver on the real module, interpreted, with time that passes when everything waits.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use toolgate_model::Timestamp;
use toolgate_ports::{Clock, Platform, Sandbox};
use toolgate_sandbox::{
    Call, CallResult, Dispatch, Dispatched, Ended, Kind, Limit, Limits, Log, Outcome, Program, Report, Server, Servers,
    Tool, run,
};
use toolgate_testkit::{InterpretedSandbox, MemoryPlatform, VirtualClock};

type Answer = Box<dyn Fn(&Call) -> (Duration, Dispatched)>;

/// Tools that take some time.
struct Tools {
    clock: VirtualClock,
    answer: Answer,
    under_way: Cell<usize>,
    most: Cell<usize>,
    executed: RefCell<Vec<u32>>,
}

impl Dispatch for Tools {
    async fn call(&self, call: &Call) -> Dispatched {
        self.under_way.set(self.under_way.get() + 1);
        self.most.set(self.most.get().max(self.under_way.get()));
        let (time, ended) = (self.answer)(call);
        self.clock.sleep(time).await;
        self.under_way.set(self.under_way.get() - 1);
        if ended != Dispatched::Pause {
            self.executed.borrow_mut().push(call.number);
        }
        ended
    }
}

struct World {
    platform: Rc<MemoryPlatform>,
    tools: Tools,
    limits: Limits,
}

fn world(answer: impl Fn(&Call) -> (Duration, Dispatched) + 'static) -> World {
    let platform = MemoryPlatform::new();
    let tools = Tools {
        clock: platform.clock.clone(),
        answer: Box::new(answer),
        under_way: Cell::new(0),
        most: Cell::new(0),
        executed: RefCell::default(),
    };
    World { platform, tools, limits: Limits::default() }
}

impl World {
    fn run(&self, code: &str) -> Report {
        self.run_again(code, Log::default())
    }

    fn run_again(&self, code: &str, log: Log) -> Report {
        let (platform, program) = (&self.platform, program(code));
        platform.run(run(platform.sandbox(), platform.clock(), &self.tools, &program, &self.limits, log))
    }
}

fn program(code: &str) -> Program {
    let tools = vec![Tool { ident: "get".to_owned(), name: "get".to_owned() }];
    let servers = Servers::new(&[Server { id: "s".to_owned(), ident: "s".to_owned(), tools }]);
    Program { code: code.to_owned(), seed: 7, now: Timestamp::from_millis(1_000), servers }
}

fn at_once(result: CallResult) -> (Duration, Dispatched) {
    (Duration::ZERO, Dispatched::Ended(result))
}

fn echo(call: &Call) -> CallResult {
    CallResult::Json(call.arguments.get().to_owned().into())
}

fn value(report: &Report) -> String {
    match &report.outcome {
        Outcome::Done { value, .. } => value.as_ref().map(|value| value.get().to_owned()).unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

fn failure(report: &Report) -> Kind {
    match &report.outcome {
        Outcome::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_more_calls_are_under_way_than_may_be() {
    let mut world = world(|call| (Duration::from_millis(10), Dispatched::Ended(echo(call))));
    world.limits.parallel = 3;
    let report = world.run("(await Promise.all(Array.from({length: 10}, (_, i) => s.get({i})))).map((r) => r.i)");
    assert_eq!(value(&report), "[0,1,2,3,4,5,6,7,8,9]");
    assert_eq!(world.tools.most.get(), 3);
    assert_eq!(report.calls.len(), 10);
}

#[test]
fn results_arrive_as_they_come() {
    // The first call takes longest.
    let world = world(|call| (Duration::from_millis(100 - u64::from(call.number) * 10), Dispatched::Ended(echo(call))));
    let report = world.run(
        "const order = []; await Promise.all([0, 1, 2].map(async (i) => { await s.get({i}); order.push(i) })); return order",
    );
    assert_eq!(value(&report), "[2,1,0]");
}

#[test]
fn a_program_that_takes_too_long_is_ended_and_its_calls_told() {
    let mut world =
        world(|call| (Duration::from_secs(if call.number == 0 { 1 } else { 100 }), Dispatched::Ended(echo(call))));
    world.limits.time = Duration::from_secs(10);
    let report = world.run("await s.get({}); console.log('one'); await s.get({}); return 1");
    assert_eq!(failure(&report), Kind::Limit(Limit::Time));
    assert_eq!(report.logs, ["one"]);
    let ended: Vec<Ended> = report.calls.iter().map(|call| call.ended).collect();
    assert_eq!(ended, [Ended::Succeeded, Ended::Unknown]);
    assert_eq!(world.platform.sandbox.open_instances(), 0);
}

#[test]
fn a_result_that_is_too_long_is_an_error_that_can_be_caught() {
    let mut world = world(|_| at_once(CallResult::Text("x".repeat(1_000))));
    world.limits.tool_result = 999;
    let report = world.run("try { await s.get({}) } catch (e) { return e.message }");
    assert!(value(&report).contains("tool_result"), "{report:?}");
}

#[test]
fn all_results_together_have_a_bound() {
    let mut world = world(|_| at_once(CallResult::Text("x".repeat(1_000))));
    world.limits.tool_results = 2_500;
    let report = world.run("(await Promise.allSettled([s.get(), s.get(), s.get()])).map((r) => r.status)");
    assert_eq!(value(&report), r#"["fulfilled","fulfilled","rejected"]"#);
}

#[test]
fn a_source_that_is_too_long_is_not_run() {
    let mut world = world(|call| at_once(echo(call)));
    world.limits.source = 10;
    let report = world.run("return 12345678");
    assert_eq!(failure(&report), Kind::Limit(Limit::Source));
}

#[test]
fn where_too_many_run_the_next_is_told() {
    let world = world(|call| at_once(echo(call)));
    let sandbox = InterpretedSandbox::new(1);
    let open = sandbox.open().unwrap();
    let platform = &world.platform;
    let run = |sandbox| {
        platform.run(run(sandbox, platform.clock(), &world.tools, &program("1"), &world.limits, Log::default()))
    };
    assert_eq!(failure(&run(&sandbox)), Kind::Busy);
    drop(open);
    assert_eq!(value(&run(&sandbox)), "1");
}

#[test]
fn gas_is_counted_over_all_steps() {
    let mut world = world(|call| at_once(echo(call)));
    let whole = world.run("for (let i = 0; i < 20; i++) await s.get({i})").gas;
    world.limits.gas = whole;
    assert_eq!(world.run("for (let i = 0; i < 20; i++) await s.get({i})").gas, whole);
    world.limits.gas = whole - 1;
    let report = world.run("for (let i = 0; i < 20; i++) await s.get({i})");
    assert_eq!(failure(&report), Kind::Limit(Limit::Gas));
    // What it did before is told.
    assert_eq!(report.calls.len(), 20);
}

#[test]
fn logs_survive_a_program_that_is_stopped() {
    let world = world(|call| at_once(echo(call)));
    let report = world.run("console.log('before'); for (;;);");
    assert_eq!((failure(&report), report.logs.as_slice()), (Kind::Limit(Limit::Gas), ["before".to_owned()].as_slice()));
}

const LONG: &str = "
const first = await s.get({step: 1, random: Math.random()});
const order = [];
await Promise.all([2, 3, 4].map(async (step) => { await s.get({step}); order.push(step); await s.get({after: step}) }));
return [first, order, Math.random()]";

#[test]
fn a_run_can_be_gone_through_again_without_a_call() {
    let slow_first = |call: &Call| (Duration::from_millis(100 - u64::from(call.number)), Dispatched::Ended(echo(call)));
    let world = world(slow_first);
    let first = world.run(LONG);
    let executed = world.tools.executed.take();
    assert_eq!(executed.len(), 7);
    let again = world.run_again(LONG, first.log.clone());
    assert_eq!(value(&again), value(&first));
    assert_eq!((again.gas, again.memory, &again.log), (first.gas, first.memory, &first.log));
    assert!(world.tools.executed.take().is_empty());
}

#[test]
fn a_run_that_was_cut_anywhere_ends_as_it_would_have() {
    let world = world(|call| at_once(echo(call)));
    let whole = world.run(LONG);
    for kept in 0..whole.log.0.len() {
        // A log ends with a step.
        if kept > 0 && whole.log.0[kept - 1].turn == whole.log.0[kept].turn {
            continue;
        }
        world.tools.executed.take();
        let again = world.run_again(LONG, Log(whole.log.0[..kept].to_vec()));
        assert_eq!(value(&again), value(&whole), "cut after {kept}");
        assert_eq!(world.tools.executed.take().len(), whole.log.0.len() - kept);
    }
}

#[test]
fn a_log_survives_being_stored() {
    let world = world(|call| {
        at_once(match call.number {
            0 => CallResult::Text("a \"text\"".to_owned()),
            1 => CallResult::Error("an error".to_owned()),
            _ => echo(call),
        })
    });
    let code = "const all = await Promise.allSettled([s.get(), s.get(), s.get()]); all.map((one) => one.value ?? one.reason.message)";
    let first = world.run(code);
    let stored = serde_json::to_string(&first.log).unwrap();
    let again = world.run_again(code, serde_json::from_str(&stored).unwrap());
    assert_eq!(value(&again), value(&first));
    assert_eq!(again.log, first.log);
}

#[test]
fn a_program_that_makes_other_calls_than_it_made_is_stopped() {
    let world = world(|call| at_once(echo(call)));
    let log = world.run("await s.get({a: 1}); await s.get({a: 2}); return 1").log;
    for other in ["await s.get({a: 1}); await s.get({a: 3})", "await s.get({a: 1})", "1"] {
        let report = world.run_again(other, log.clone());
        match report.outcome {
            Outcome::Failed(failure) => assert_eq!(failure.kind, Kind::Diverged, "{other}"),
            // It is done before the log is: what it did is what it had done.
            Outcome::Done { .. } => assert!(other == "1" || !other.contains("a: 3")),
            Outcome::Paused(_) => panic!("{other}"),
        }
    }
}

#[test]
fn a_call_that_needs_consent_pauses_and_goes_on_where_it_was() {
    let agreed = Rc::new(Cell::new(false));
    let seen = Rc::clone(&agreed);
    let world = world(move |call| {
        let dangerous = call.arguments.get().contains("delete");
        let ended = if dangerous && !seen.get() { Dispatched::Pause } else { Dispatched::Ended(echo(call)) };
        (Duration::from_millis(if dangerous { 1 } else { 50 }), ended)
    });
    let code = "const a = await s.get({a: 1}); const [b, c] = await Promise.all([s.get({delete: 2}), s.get({c: 3})]); return [a, b, c]";
    let paused = world.run(code);
    let Outcome::Paused(calls) = &paused.outcome else { panic!("{paused:?}") };
    assert_eq!(calls.iter().map(|call| call.arguments.get()).collect::<Vec<_>>(), [r#"{"delete":2}"#]);
    // What was under way was let to its end, and is not executed again.
    assert_eq!(world.tools.executed.take(), [0, 2]);
    agreed.set(true);
    let done = world.run_again(code, paused.log);
    assert_eq!(value(&done), r#"[{"a":1},{"delete":2},{"c":3}]"#);
    assert_eq!(world.tools.executed.take(), [1]);
}

#[test]
fn seeds_decide_what_is_random_and_nothing_else_does() {
    let world = world(|call| at_once(echo(call)));
    let code = "[Math.random(), Math.random(), Date.now()]";
    assert_eq!(value(&world.run(code)), value(&world.run(code)));
    let platform = &world.platform;
    let other = Program { seed: 8, ..program(code) };
    let other =
        platform.run(run(platform.sandbox(), platform.clock(), &world.tools, &other, &world.limits, Log::default()));
    assert_ne!(value(&other), value(&world.run(code)));
}
