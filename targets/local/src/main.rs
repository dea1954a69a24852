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
    let cli = Cli::parse();
    let result = match cli.command {
        None => serve::run(&cli.serve).map_err(|e| e.to_string()),
        Some(Command::Serve(arguments)) => serve::run(&arguments).map_err(|e| e.to_string()),
        Some(Command::Operate(command)) => operator::run(command).map_err(|e| e.to_string()),
    };
    log::flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("toolgate: {message}");
            ExitCode::FAILURE
        }
    }
}
