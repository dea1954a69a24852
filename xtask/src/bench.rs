//! `cargo xtask bench`: what Toolgate costs, each table with the machine it was measured on.

mod ledger;
mod load;
mod sandbox;
mod tokens;
mod worker;

use crate::{
    command::{cargo, run as run_command},
    machine,
    problem::{Problem, Result},
};

/// A bench by its name.
type Part = (&'static str, fn() -> Result<()>);

const PARTS: [Part; 7] = [
    ("wire", wire),
    ("load", load::run),
    ("cells", load::cells),
    ("ledger", ledger::run),
    ("worker", worker::run),
    ("sandbox", sandbox::run),
    ("tokens", tokens::run),
];

/// The one that installs hundreds of megabytes of other people's servers: it runs only where it is named.
const APART: &str = "tokens";

/// Runs the benches named, or all but the one that stands apart.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(name) = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        return Err(Problem::new(format!(
            "there is no bench {name:?}: wire, load, cells, ledger, worker, sandbox, tokens"
        )));
    }
    println!("{}", machine::name());
    for (name, part) in PARTS {
        if names.is_empty() && name != APART || names.iter().any(|wanted| wanted == name) {
            println!("\n== {name}");
            part()?;
        }
    }
    Ok(())
}

/// The wire crate in time, and in instructions where valgrind is installed.
fn wire() -> Result<()> {
    let package = ["--quiet", "--locked", "--package", "toolgate-benches"];
    run_command(cargo().arg("bench").args(package).args(["--bench", "wire"]))?;
    run_command(cargo().args(["run", "--release"]).args(package).args(["--example", "wire_instructions"]))
}
