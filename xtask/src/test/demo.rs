//! The local binary as people use it: what the demo prints is tried, and the operator's command line.

use super::report::Tally;
use crate::{
    build,
    command::{attempt, command},
    install, places,
    problem::Result,
};

pub(super) fn demo() -> Result<Tally> {
    let node = install::npm_bin()?.join("node");
    let (succeeded, output) = attempt(
        command(node)
            .current_dir(places::tests())
            .args(["--test", "--test-reporter=spec", "demo.test.mjs", "operator.test.mjs"])
            .env("TOOLGATE_BINARY", build::local()?),
    )?;
    Ok(Tally::read(&output, succeeded))
}
