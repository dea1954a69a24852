//! What must be on the machine before anything can be installed: Rust, Node, Python 3 and Java.

use crate::{
    command::{asked, command},
    problem::{Problem, Result},
};

/// A program the repository can't install.
pub(crate) struct Need {
    name: &'static str,
    ask: &'static [&'static str],
    why: &'static str,
}

pub(crate) const NODE: Need =
    Need { name: "Node 20 or newer with npm", ask: &["npm", "--version"], why: "the worker target and the tests" };
pub(crate) const PYTHON: Need = Need {
    name: "Python 3.11 or newer with venv",
    ask: &["python3", "-c", "import venv, ensurepip, tomllib"],
    why: "peers of the tests, and prebuilt tools",
};
pub(crate) const JAVA: Need = Need { name: "Java 17 or newer", ask: &["java", "-version"], why: "DynamoDB Local" };

/// Everything that `cargo xtask test` needs. Rust is here, or this would not run.
pub(crate) const ALL: [Need; 3] = [NODE, PYTHON, JAVA];

/// Says all that is missing at once.
pub(crate) fn check(needs: &[Need]) -> Result<()> {
    let missing: Vec<String> = needs
        .iter()
        .filter(|need| asked(command(need.ask[0]).args(&need.ask[1..])).is_none())
        .map(|need| format!("  {} (for {}; asked with `{}`)", need.name, need.why, need.ask.join(" ")))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem::new(format!("this machine lacks:\n{}\nInstall it and start again.", missing.join("\n"))))
}
