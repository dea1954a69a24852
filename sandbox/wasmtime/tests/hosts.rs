//! The programs that every host runs, in wasmtime; and what must hold of a host whatever it runs.

use std::time::Duration;

use toolgate_ports::{Clock, LocalFuture};
use toolgate_sandbox_wasmtime::WasmtimeSandbox;
use toolgate_testkit::programs::{Case, HOSTILE, LANGUAGE, as_expected, cases, kind, line_of, run_fixture};

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
            wrong.push(format!(
                "{} => {}, not {}: {}",
                case.name,
                kind(&report),
                case.expected,
                report.told(&toolgate_sandbox::Limits::default())
            ));
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
