//! `cargo xtask test`: everything, or the parts named. First what compiles, and fails soonest; then what runs, and mostly waits.
//!
//! Parts run side by side in lanes, because each uses a machine's cores for a part of its time only. In a lane one part follows
//! the other: they share a build, or a folder.

mod demo;
mod deploy;
mod e2e;
mod report;
mod rust;

use std::process::ExitCode;

use Target::{Lambda, Local, Worker};
use report::{Report, Tally};

use crate::{
    build, install, needs,
    problem::{Problem, Result},
    target::Target,
};

/// What can be asked for, in the order in which it begins.
const PARTS: [&str; 11] =
    ["fmt", "clippy", "deny", "sandbox", "build", "unit", "contracts", "demo", "e2e", "conformance", "deploy"];

/// Something that is run and reported by itself.
struct Job {
    /// What it is asked for by.
    part: &'static str,
    /// What of it this is.
    of: Of,
    run: fn() -> Result<Tally>,
}

#[derive(Clone, Copy)]
enum Of {
    All,
    Some(&'static str),
    Target(Target),
}

impl Job {
    const fn new(part: &'static str, of: Of, run: fn() -> Result<Tally>) -> Self {
        Self { part, of, run }
    }

    fn name(&self) -> String {
        match self.of {
            Of::All => self.part.to_owned(),
            Of::Some(what) => format!("{} {what}", self.part),
            Of::Target(target) => format!("{} {target}", self.part),
        }
    }

    fn is_for(&self, target: Option<Target>) -> bool {
        let Of::Target(its) = self.of else { return true };
        target.is_none_or(|only| only == its)
    }
}

type Lane = Vec<Job>;

/// Lanes of what compiles. Cargo does one build at a time in a folder: what shares one is in a lane.
fn builds() -> Vec<Lane> {
    vec![
        vec![
            Job::new("fmt", Of::All, rust::fmt),
            Job::new("clippy", Of::All, rust::clippy),
            Job::new("deny", Of::All, rust::deny),
            Job::new("build", Of::Some("tests"), rust::build),
            Job::new("sandbox", Of::All, rust::sandbox),
        ],
        vec![
            Job::new("clippy", Of::Target(Worker), rust::clippy_worker),
            Job::new("clippy", Of::Some("guest"), rust::clippy_guest),
            Job::new("build", Of::Target(Local), || build::local().map(|_| Tally::none())),
            Job::new("build", Of::Target(Worker), build_worker),
            Job::new("build", Of::Target(Lambda), build_lambda),
        ],
        vec![Job::new("build", Of::Some("environments"), || install::pythons().map(|()| Tally::none()))],
    ]
}

fn build_worker() -> Result<Tally> {
    build::worker()?;
    build::worker_contract()?;
    Ok(Tally::none())
}

fn build_lambda() -> Result<Tally> {
    build::lambda()?;
    build::lambda_runtime()?;
    Ok(Tally::none())
}

/// Lanes of what runs.
fn suites() -> Vec<Lane> {
    vec![
        vec![Job::new("unit", Of::All, rust::unit), Job::new("contracts", Of::Target(Worker), rust::contract_worker)],
        vec![
            Job::new("demo", Of::Target(Local), demo::demo),
            Job::new("e2e", Of::Target(Local), || e2e::suite(Local)),
            Job::new("conformance", Of::Target(Local), || e2e::conformance(Local)),
        ],
        vec![
            Job::new("e2e", Of::Target(Worker), || e2e::suite(Worker)),
            Job::new("conformance", Of::Target(Worker), || e2e::conformance(Worker)),
            Job::new("deploy", Of::Target(Worker), deploy::worker),
        ],
        vec![
            Job::new("contracts", Of::Target(Lambda), rust::contract_lambda),
            Job::new("e2e", Of::Target(Lambda), || e2e::suite(Lambda)),
            Job::new("conformance", Of::Target(Lambda), || e2e::conformance(Lambda)),
            Job::new("deploy", Of::Target(Lambda), deploy::lambda),
        ],
    ]
}

/// Runs the parts named, or all.
pub(crate) fn run(names: &[String], target: Option<Target>) -> Result<ExitCode> {
    if let Some(name) = names.iter().find(|name| !PARTS.contains(&name.as_str())) {
        return Err(Problem::new(format!("there is no part {name:?}: {}", PARTS.join(", "))));
    }
    needs::check(&needs::ALL)?;
    let wanted = |job: &Job| (names.is_empty() || names.iter().any(|name| name == job.part)) && job.is_for(target);
    let report = Report::default();
    report.part("install", install_first);
    for lanes in [builds(), suites()] {
        report.side_by_side(lanes, wanted);
    }
    Ok(report.close())
}

fn install_first() -> Result<Tally> {
    install::rust()?;
    install::npm()?;
    Ok(Tally::none())
}
