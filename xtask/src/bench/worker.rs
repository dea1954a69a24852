//! The worker bench: Toolgate in workerd beside a Worker that only proxies, and beside an empty one.

use super::load::Programs;
use crate::{
    build,
    command::{command, run as run_command},
    install,
    problem::Result,
};

pub(super) fn run() -> Result<()> {
    let programs = Programs::build()?;
    let built = build::worker()?;
    let node = install::npm_bin()?.join("node");
    run_command(
        command(node)
            .arg("benches/worker/bench.mjs")
            .arg(built)
            .arg(programs.program("upstream"))
            .arg(programs.program("load")),
    )
}
