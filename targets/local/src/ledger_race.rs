//! Processes that race for one limit in one file, some of which are ended in the middle.

use std::{
    env,
    io::{BufRead, BufReader, Write, stdout},
    path::Path,
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::mpsc,
    thread,
};

use tokio::task::{JoinSet, LocalSet};
use toolgate_model::Mode;
use toolgate_native::{SystemClock, SystemRandom};
use toolgate_ports::Scope;
use toolgate_simulation::race::{ALLOWED, Race, RacePlatform};

use super::SqliteLedger;
use crate::{platform::LocalTasks, test_dir::TestDir};

/// Names the file, in the environment of a process that takes part.
const FILE: &str = "TOOLGATE_RACE_FILE";
const MODE: &str = "TOOLGATE_RACE_MODE";
const PROCESSES: usize = 4;
/// In each process.
const CLIENTS: usize = 4;
/// What a process says when a call is let through.
const THROUGH: &str = "let through";

fn race(mode: Mode) -> Rc<Race> {
    Rc::new(Race::new("race", mode).unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future)
}

/// Some clients, each an instance of its own.
async fn run_clients(ledger: SqliteLedger, mode: Mode) {
    let (race, mut clients) = (race(mode), JoinSet::new());
    for _ in 0..CLIENTS {
        let (race, ledger) = (Rc::clone(&race), ledger.clone());
        clients.spawn_local(async move {
            let platform = RacePlatform::new(ledger, SystemClock::new(), SystemRandom);
            let meters = Race::meters(Rc::clone(&platform));
            let scope = Scope { background: Rc::new(LocalTasks) };
            let through = || {
                // All of it before the next call: what is told is at most what was let through.
                let mut out = stdout().lock();
                writeln!(out, "{THROUGH}").and_then(|()| out.flush()).unwrap();
            };
            race.client(&*platform, &meters, &scope, through).await.unwrap();
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

/// Does nothing, unless it is the process of a race.
#[test]
fn takes_part_in_a_race() {
    let (Ok(file), Ok(mode)) = (env::var(FILE), env::var(MODE)) else { return };
    let mode = if mode == "leased" { Mode::Leased } else { Mode::Strict };
    block_on(run_clients(SqliteLedger::at(file.into()), mode));
}

fn start(file: &Path, mode: Mode, told: &mpsc::Sender<usize>, number: usize) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "ledger::race::takes_part_in_a_race", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .env(MODE, mode.as_str())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, told) = (BufReader::new(child.stdout.take().unwrap()).lines(), told.clone());
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if line.contains(THROUGH) {
                let _ = told.send(number);
            }
        }
    });
    child
}

/// Runs a race in a fresh file; `ending` so many processes when a third is granted. How many calls were let through.
fn through(dir: &TestDir, mode: Mode, ending: usize) -> u64 {
    let file = dir.path("ledger.db");
    // So that they don't all want to make it.
    block_on(async { SqliteLedger::at(file.clone()).with(|_| Ok(())) }).unwrap();
    let (told, tell) = mpsc::channel();
    let mut children: Vec<Child> = (0..PROCESSES).map(|number| start(&file, mode, &told, number)).collect();
    drop(told);
    let mut granted = 0;
    for _ in tell {
        granted += 1;
        if granted == ALLOWED / 3 {
            children.iter_mut().take(ending).for_each(|child| child.kill().unwrap());
        }
    }
    for child in &mut children {
        child.wait().unwrap();
    }
    granted
}

fn settled(dir: &TestDir, mode: Mode) -> u64 {
    let ledger = SqliteLedger::at(dir.path("ledger.db"));
    let usage = block_on(race(mode).usage(&ledger)).unwrap();
    assert!(usage.leased.is_zero() || mode == Mode::Strict);
    usage.settled.get() + usage.reserved.get()
}

/// Whoever comes after gets nothing.
fn nothing_is_left(dir: &TestDir, mode: Mode) {
    let (told, tell) = mpsc::channel();
    start(&dir.path("ledger.db"), mode, &told, 0).wait().unwrap();
    drop(told);
    assert_eq!(tell.iter().count(), 0);
    assert_eq!(settled(dir, mode), ALLOWED);
}

#[test]
fn sixteen_clients_in_four_processes_are_let_through_exactly_as_often_as_allowed() {
    for mode in [Mode::Strict, Mode::Leased] {
        let dir = TestDir::new();
        assert_eq!(through(&dir, mode, 0), ALLOWED, "{mode}");
        assert_eq!(settled(&dir, mode), ALLOWED, "{mode}");
    }
}

#[test]
fn processes_that_are_killed_free_nothing_that_may_have_been_spent() {
    for mode in [Mode::Strict, Mode::Leased] {
        let dir = TestDir::new();
        let granted = through(&dir, mode, 2);
        // Strictly, at most the calls are lost that were under way.
        let least = if mode == Mode::Strict { ALLOWED - 2 * CLIENTS as u64 } else { ALLOWED / 3 };
        assert!((least..=ALLOWED).contains(&granted), "{mode}: {granted}");
        nothing_is_left(&dir, mode);
    }
}
