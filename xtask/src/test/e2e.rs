//! The end-to-end suite, and the official conformance suite, against each target. A suite starts its subject by a command it is
//! given, reads where it is, and never knows what it is.

use std::env;

use serde_json::json;

use super::report::Tally;
use crate::{
    command::{attempt, command},
    install, places,
    problem::Result,
    target::Target,
};

pub(super) fn suite(target: Target) -> Result<Tally> {
    against(target, "e2e/main.mjs")
}

pub(super) fn conformance(target: Target) -> Result<Tally> {
    against(target, "conformance/main.mjs")
}

fn against(target: Target, file: &str) -> Result<Tally> {
    let (peers, bridge) = (install::python("peers")?, install::python("bridge")?);
    let up = json!([env::current_exe()?, "up", target.to_string(), "--json"]);
    let npm = install::npm_bin()?;
    let (succeeded, output) = attempt(
        command(npm.join("node"))
            .current_dir(places::tests())
            .args(["--test-reporter=spec", file])
            .env("PATH", places::path_with(&[npm])?)
            .env("TOOLGATE_UP_COMMAND", up.to_string())
            .env("TOOLGATE_PYTHON", peers.join("python3"))
            .env("TOOLGATE_BRIDGE", bridge.join("mcp-proxy")),
    )?;
    Ok(Tally::read(&output, succeeded))
}
