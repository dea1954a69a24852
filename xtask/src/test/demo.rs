//! The README's first command: what the demo prints is tried.

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
            .args(["--test", "--test-reporter=spec", "demo.test.mjs"])
            .env("TOOLGATE_BINARY", build::local()?),
    )?;
    Ok(Tally::read(&output, succeeded))
}
