//! `cargo xtask bench`: what Toolgate costs, each table with the machine it was measured on.

mod load;
mod sandbox;
mod worker;

use crate::{
    command::{cargo, run as run_command},
    machine,
    problem::{Problem, Result},
};

/// A bench by its name.
type Part = (&'static str, fn() -> Result<()>);

const PARTS: [Part; 5] =
    [("wire", wire), ("load", load::run), ("cells", load::cells), ("worker", worker::run), ("sandbox", sandbox::run)];

/// Runs the benches named, or all.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(name) = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        return Err(Problem::new(format!("there is no bench {name:?}: wire, load, cells, worker, sandbox")));
    }
    println!("{}", machine::name());
    for (name, part) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
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
