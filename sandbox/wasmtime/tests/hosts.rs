//! The programs that every host runs, in wasmtime; and what must hold of a host whatever it runs.

#![allow(clippy::unwrap_used, reason = "in a test, also in its helpers")]

use std::time::Duration;

use toolgate_ports::{Clock, LocalFuture};
use toolgate_sandbox_wasmtime::WasmtimeSandbox;
use toolgate_testkit::programs::{Case, HOSTILE, LANGUAGE, as_expected, cases, kind, line_of, run_fixture, told};

/// Outcomes, gas and memory as they are recorded: `TOOLGATE_RECORD=1` writes them anew.
const OUTCOMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../programs/outcomes.txt");

fn sandbox() -> WasmtimeSandbox {
    WasmtimeSandbox::new(2, 100)
}

/// Time that does not pass.
struct Still;

impl Clock for Still {
    fn now(&self) -> toolgate_model::Timestamp {
        toolgate_model::Timestamp::from_millis(0)
    }
    fn ticks(&self) -> u64 {
        0
    }
    fn sleep(&self, _: Duration) -> LocalFuture<()> {
        Box::pin(std::future::pending())
    }
}

fn run(sandbox: &WasmtimeSandbox, code: &str) -> toolgate_sandbox::Report {
    futures_executor::block_on(run_fixture(sandbox, &Still, code))
}

/// What this process's threads have used of processors, in nanoseconds.
fn processor_time() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let used = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    used.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
}

fn all() -> Vec<Case> {
    [LANGUAGE, HOSTILE].into_iter().flat_map(cases).collect()
}

#[test]
fn programs_end_as_they_should_and_as_on_every_host() {
    let sandbox = sandbox();
    let (mut wrong, mut lines) = (Vec::new(), Vec::new());
    for case in all() {
        let begin = processor_time();
        let report = run(&sandbox, &case.code);
        if std::env::var_os("TOOLGATE_TIMES").is_some() {
            eprintln!(
                "{:8.1} ms {:>11} gas {:>9} {}",
                (processor_time() - begin) as f64 / 1e6,
                report.gas,
                report.memory,
                case.name
            );
        }
        if !as_expected(&case, &report) {
            wrong.push(format!("{} => {}, not {}: {}", case.name, kind(&report), case.expected, told(&report)));
        }
        lines.push(format!("{} | {}\n", case.name, line_of(&report)));
    }
    if std::env::var_os("TOOLGATE_RECORD").is_some() {
        std::fs::write(OUTCOMES, lines.concat()).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let recorded = std::fs::read_to_string(OUTCOMES).unwrap();
    for (recorded, line) in recorded.lines().zip(&lines) {
        assert_eq!(recorded, line.trim_end());
    }
    assert_eq!(recorded.lines().count(), lines.len());
}

#[test]
fn an_instance_finds_nothing_that_an_earlier_one_left() {
    let sandbox = sandbox();
    let leave = "globalThis.left = 'secret-5fc1'; Object.prototype.left = 'secret-5fc1'; Array.prototype.left = 1; ToolError.left = 1";
    for end in ["; 1", "; null.x", "; for (;;);", "; await new Promise(() => {})"] {
        run(&sandbox, &format!("{leave}{end}"));
        let report = run(&sandbox, "[typeof globalThis.left, typeof ({}).left, typeof [].left, Math.random()]");
        let told = told(&report);
        assert!(told.contains(r#"["undefined","undefined","undefined",0.5665615751722809]"#), "{told}");
    }
}

#[test]
fn programs_at_the_same_time_do_not_affect_each_other() {
    let sandbox = sandbox();
    let alone = line_of(&run(&sandbox, STEPS));
    let hostile = ["for (;;);", "let s = 'x'; for (;;) s += s", "const f = () => [1].map(f); f()", "null.x"];
    let others: Vec<_> = (0..4)
        .map(|index| {
            let (sandbox, code) = (sandbox.clone(), hostile[index]);
            std::thread::spawn(move || (0..5).map(|_| line_of(&run(&sandbox, code))).collect::<Vec<_>>())
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(line_of(&run(&sandbox, STEPS)), alone);
    }
    for other in others {
        let lines = other.join().unwrap();
        assert!(lines.iter().all(|line| *line == lines[0]), "{lines:?}");
    }
}

/// A program of several steps.
const STEPS: &str = "const all = []; for (let i = 0; i < 5; i++) all.push(await github.list_issues({ i })); return all";

#[test]
fn two_thousand_programs_leave_memory_as_it_was() {
    let sandbox = sandbox();
    let some = || {
        for index in 0..200 {
            let code = match index {
                0 | 100 => "let s = 'x'; for (;;) s += s",
                index if index % 10 == 0 => "null.x",
                _ => STEPS,
            };
            run(&sandbox, code);
        }
    };
    some();
    let before = resident();
    (0..10).for_each(|_| some());
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
}

/// What this process holds, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn where_as_many_are_open_as_may_be_the_next_is_refused() {
    use toolgate_ports::{Sandbox, SandboxError};
    let sandbox = WasmtimeSandbox::new(1, 2);
    let open = [sandbox.open(), sandbox.open()];
    assert!(matches!(sandbox.open(), Err(SandboxError::Busy)));
    drop(open);
    assert!(sandbox.open().is_ok());
}

#[test]
fn a_program_that_nobody_waits_for_any_more_gives_its_place_back() {
    use futures_executor::block_on;
    use futures_util::future::poll_immediate;
    let sandbox = WasmtimeSandbox::new(1, 1);
    let mut dropped = Box::pin(run_fixture(&sandbox, &Still, "for (;;);"));
    assert!(block_on(poll_immediate(dropped.as_mut())).is_none());
    drop(dropped);
    // The thread that ran it comes back when the gas is gone; the place is free when it is.
    let mut refused = 0;
    while kind(&run(&sandbox, "1")) == "busy" {
        refused += 1;
        std::thread::yield_now();
    }
    assert!(refused > 0, "it held its place while it ran");
}
