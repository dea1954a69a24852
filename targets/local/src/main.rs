//! Toolgate on one machine: the gateway with an embedded store, and the operator's command line.
//!
//! This crate turns sockets, a file and the process's environment into what the core wants. It must never decide anything
//! about a request: no protocol, no tenant, no key is known here but by the demo, which uses the same doors as everybody.

mod cli;
mod data_dir;
mod database;
mod demo;
mod ledger;
mod log;
mod mailbox;
mod operator;
mod platform;
mod serve;
mod server;
mod store;
#[cfg(test)]
mod test_dir;

use std::process::ExitCode;

use clap::Parser;

use self::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explained(&error),
    };
    let served = |served: Result<(), serve::ServeError>| served.map(|()| ExitCode::SUCCESS).map_err(|e| e.to_string());
    let result = match cli.command {
        None => served(serve::run(&cli.serve)),
        Some(Command::Serve(arguments)) => served(serve::run(&arguments)),
        Some(Command::Operate(command)) => operator::run(*command).map_err(|e| e.to_string()),
    };
    log::flush();
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("toolgate: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks to be told, or what is wrong with it. That is 1, and not clap's 2: with 2 `toolgate plan` says that
/// something differs.
fn explained(error: &clap::Error) -> ExitCode {
    // Where the terminal is closed nobody wants to know.
    let _ = error.print();
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
