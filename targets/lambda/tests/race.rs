//! Processes that race for one limit in DynamoDB (Amazon's DynamoDB Local), some of which are ended in the middle.
//! `cargo xtask test contracts` starts one, makes the table and sets the variables.

#![allow(clippy::unwrap_used, reason = "in a test, also in its helpers")]

use std::{
    env,
    io::{BufRead, BufReader, Write, stdout},
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::mpsc,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::task::{JoinSet, LocalSet, spawn_local};
use toolgate_lambda::store::{DynamoLedger, DynamoStore};
use toolgate_model::Mode;
use toolgate_native::{SystemClock, SystemRandom};
use toolgate_ports::{Background, LocalFuture, Scope};
use toolgate_simulation::race::{ALLOWED, Race, RacePlatform};

/// Names the tenant, in the environment of a process that takes part.
const TENANT: &str = "TOOLGATE_RACE_TENANT";
const MODE: &str = "TOOLGATE_RACE_MODE";
const PROCESSES: usize = 4;
/// In each process.
const CLIENTS: usize = 4;
/// What a process says when a call is let through.
const THROUGH: &str = "let through";

struct Tasks;

impl Background for Tasks {
    fn spawn(&self, task: LocalFuture<()>) {
        spawn_local(task);
    }

    fn lasts(&self) -> bool {
        true
    }
}

fn ledger() -> DynamoLedger {
    DynamoLedger::new(DynamoStore::from_vars(|name| env::var(name).ok()).unwrap())
}

fn race(tenant: &str, mode: Mode) -> Rc<Race> {
    Rc::new(Race::new(tenant, mode).unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future)
}

/// Some clients, each an instance of its own that knows nothing of the others.
async fn run_clients(tenant: &str, mode: Mode) {
    let (race, mut clients) = (race(tenant, mode), JoinSet::new());
    for _ in 0..CLIENTS {
        let race = Rc::clone(&race);
        clients.spawn_local(async move {
            let platform = RacePlatform::new(ledger(), SystemClock::new(), SystemRandom);
            let meters = Race::meters(Rc::clone(&platform));
            let scope = Scope { background: Rc::new(Tasks) };
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
    let (Ok(tenant), Ok(mode)) = (env::var(TENANT), env::var(MODE)) else { return };
    let mode = if mode == "leased" { Mode::Leased } else { Mode::Strict };
    block_on(run_clients(&tenant, mode));
}

fn start(tenant: &str, mode: Mode, told: &mpsc::Sender<usize>, number: usize) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "takes_part_in_a_race", "--nocapture", "--test-threads=1"])
        .env(TENANT, tenant)
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

/// Runs a race of a fresh tenant; `ending` so many processes when a third is granted. How many calls were let through, and whose race it was.
fn through(mode: Mode, ending: usize) -> (u64, String) {
    let tenant = format!("r{:x}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos());
    let (told, tell) = mpsc::channel();
    let mut children: Vec<Child> = (0..PROCESSES).map(|number| start(&tenant, mode, &told, number)).collect();
    drop(told);
    let mut granted = 0;
    for _ in tell {
        granted += 1;
        if granted == ALLOWED / 3 {
            children.iter_mut().take(ending).for_each(|child| child.kill().unwrap());
        }
    }
    for child in &mut children {
        assert!(child.wait().is_ok());
    }
    (granted, tenant)
}

fn charged(tenant: &str, mode: Mode) -> u64 {
    let usage = block_on(race(tenant, mode).usage(&ledger())).unwrap();
    usage.settled.get() + usage.reserved.get() + usage.leased.get()
}

#[test]
#[ignore = "needs a DynamoDB: TOOLGATE_DYNAMODB_ENDPOINT, TOOLGATE_TABLE and AWS_* name it"]
fn sixteen_clients_in_four_processes_are_let_through_exactly_as_often_as_allowed() {
    for mode in [Mode::Strict, Mode::Leased] {
        let (granted, tenant) = through(mode, 0);
        assert_eq!((granted, charged(&tenant, mode)), (ALLOWED, ALLOWED), "{mode}");
    }
}

#[test]
#[ignore = "needs a DynamoDB: TOOLGATE_DYNAMODB_ENDPOINT, TOOLGATE_TABLE and AWS_* name it"]
fn processes_that_are_killed_free_nothing_that_may_have_been_spent() {
    for mode in [Mode::Strict, Mode::Leased] {
        let (granted, tenant) = through(mode, 2);
        // Strictly, at most the calls are lost that were under way.
        let least = if mode == Mode::Strict { ALLOWED - 2 * CLIENTS as u64 } else { ALLOWED / 3 };
        assert!((least..=ALLOWED).contains(&granted), "{mode}: {granted}");
        let (told, tell) = mpsc::channel();
        start(&tenant, mode, &told, 0).wait().unwrap();
        drop(told);
        assert_eq!(
            (tell.iter().count(), charged(&tenant, mode)),
            (0, ALLOWED),
            "{mode}: whoever comes after gets nothing"
        );
    }
}
