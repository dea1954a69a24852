//! A Lambda Runtime API and function URL on loopback, for running the built function as Lambda does: HTTP becomes events,
//! one at a time per instance; instances are started when all are busy, and kept.
//!
//! It knows Lambda's side of the contract and nothing of what the function does. Not modelled: that Lambda freezes an idle
//! instance, its limits on sizes and time, and its access control.

mod answer;
mod event;
mod front;
mod instance;
mod measure;
mod pool;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::LocalSet,
};

use crate::pool::Pool;

/// Runs a Lambda function's binary on this machine.
#[derive(Debug, Parser)]
#[command(about, version)]
struct Args {
    /// The function's binary.
    #[arg(long)]
    bootstrap: PathBuf,
    /// The port of the function URL on 127.0.0.1; 0 is any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Instead of serving, start the function this many times and print what a start and a warm event cost.
    #[arg(long, value_name = "TIMES")]
    measure: Option<usize>,
}

/// What ends this program.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Measure(#[from] measure::MeasureError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&Ended::Io(error)),
    };
    match LocalSet::new().block_on(&runtime, run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &Ended) -> ExitCode {
    eprintln!("toolgate-test-lambda-runtime: {error}");
    ExitCode::FAILURE
}

async fn run(args: Args) -> Result<(), Ended> {
    match args.measure {
        Some(times) => Ok(measure::run(&args.bootstrap, times).await?),
        None => serve(args.bootstrap, args.port).await,
    }
}

/// Serves until it is told to end. Instances end with the pool that is dropped here.
async fn serve(bootstrap: PathBuf, port: u16) -> Result<(), Ended> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!(r#"{{"listening":"{}"}}"#, listener.local_addr()?);
    let pool = Pool::new(bootstrap);
    tokio::select! {
        ended = front::serve(listener, pool) => Ok(ended?),
        _ = terminated.recv() => Ok(()),
        _ = interrupted.recv() => Ok(()),
    }
}
