//! The repository's own commands. `cargo xtask` alone says which there are.
//!
//! It knows how Toolgate's parts are built, started and tested; it must never know what they do.

mod bench;
mod build;
mod command;
mod fuzz;
mod install;
mod live;
mod machine;
mod needs;
mod places;
mod problem;
mod sandbox;
mod sizes;
mod stage;
mod target;
mod test;
mod up;

use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};
use problem::{Problem, Result};
use target::Target;

const USAGE: &str = "\
cargo xtask test [part…] [--target local|worker|lambda]
    installs what it needs and runs everything, or the parts named:
    fmt clippy deny sandbox build unit contracts demo e2e conformance deploy   (--target: what a target has of them, on this one)
cargo xtask up local|worker|lambda [--port P] [--json]
    starts a target in its real runtime, with a fresh store, a tenant and a key; prints one line of JSON when ready,
    serves until it is ended. SIGHUP restarts the runtime on the same store and port, and prints the line again.
cargo xtask fuzz [target…] [--seconds N]
    looks for inputs for which something does not hold that must, for a minute each (needs a nightly compiler)
cargo xtask sandbox
    makes sandbox/sandbox.wasm, in which programs run, from its sources, and records anew what programs cost in it
cargo xtask bench [wire|load|cells|ledger|worker|sandbox|tokens]
cargo xtask sizes";

fn main() -> ExitCode {
    live::end_all_on_signals();
    let code = run(Parser::from_env()).unwrap_or_else(|problem| {
        eprintln!("xtask: {problem}");
        ExitCode::FAILURE
    });
    live::end_all();
    code
}

fn run(mut args: Parser) -> Result<ExitCode> {
    let command = match args.next()? {
        Some(Arg::Value(command)) => command.string()?,
        None | Some(Arg::Long("help") | Arg::Short('h')) => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        Some(other) => return Err(other.unexpected().into()),
    };
    let rest = Rest::read(args)?;
    match command.as_str() {
        "test" => test::run(&rest.words, rest.target),
        "up" => up::run(rest.only_word()?.parse()?, rest.port).map(|()| ExitCode::SUCCESS),
        "fuzz" => fuzz::run_targets(&rest.words, rest.seconds).map(|()| ExitCode::SUCCESS),
        "sandbox" => sandbox::write().map(|()| ExitCode::SUCCESS),
        "bench" => bench::run(&rest.words).map(|()| ExitCode::SUCCESS),
        "sizes" => sizes::run().map(|()| ExitCode::SUCCESS),
        _ => Err(Problem::new(format!("there is no command {command:?}\n\n{USAGE}"))),
    }
}

/// What follows the command.
#[derive(Default)]
struct Rest {
    words: Vec<String>,
    target: Option<Target>,
    port: u16,
    seconds: Option<u64>,
}

impl Rest {
    fn read(mut args: Parser) -> Result<Self> {
        let mut rest = Self::default();
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Value(word) => rest.words.push(word.string()?),
                Arg::Long("target") => rest.target = Some(args.value()?.string()?.parse()?),
                Arg::Long("port") => rest.port = args.value()?.parse()?,
                Arg::Long("seconds") => rest.seconds = Some(args.value()?.parse()?),
                // The line of JSON is printed anyway.
                Arg::Long("json") => {}
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(rest)
    }

    fn only_word(&self) -> Result<&str> {
        match self.words.as_slice() {
            [word] => Ok(word),
            _ => Err(Problem::new("name one target: local, worker or lambda")),
        }
    }
}
