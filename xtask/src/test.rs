//! `cargo xtask test`: everything, or the parts named, in the order of what fails soonest.

mod demo;
mod deploy;
mod e2e;
mod report;
mod rust;

use std::process::ExitCode;

use report::{Report, Tally};

use crate::{
    install, needs,
    problem::{Problem, Result},
    target::Target,
};

/// A part by its name and what it does.
type Part = (&'static str, fn(&mut Report, Option<Target>));

const PARTS: [Part; 10] = [
    ("fmt", |report, _| report.part("fmt", rust::fmt)),
    ("clippy", |report, _| rust::clippy(report)),
    ("deny", |report, _| report.part("deny", rust::deny)),
    ("sandbox", |report, _| report.part("sandbox", rust::sandbox)),
    ("unit", |report, _| report.part("unit", rust::unit)),
    ("contracts", |report, _| rust::contracts(report)),
    ("demo", |report, _| report.part("demo", demo::demo)),
    ("e2e", e2e::run),
    ("conformance", e2e::conformance),
    ("deploy", |report, _| deploy::parts(report)),
];

/// Runs the parts named, or all.
pub(crate) fn run(names: &[String], target: Option<Target>) -> Result<ExitCode> {
    let unknown = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name));
    if let Some(name) = unknown {
        let parts = PARTS.map(|(part, _)| part).join(", ");
        return Err(Problem::new(format!("there is no part {name:?}: {parts}")));
    }
    needs::check(&needs::ALL)?;
    let mut report = Report::default();
    report.part("install", || {
        install::rust()?;
        install::npm()?;
        Ok(Tally::none())
    });
    for (name, part) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            part(&mut report, target);
        }
        // The rest would only hide what failed.
        if report.failed() {
            break;
        }
    }
    Ok(report.close())
}
