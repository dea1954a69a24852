//! `toolgate plan` and `toolgate apply`: one file per tenant says what there should be, and the gateway is compared with it or made so.

mod apply;
mod diff;
mod document;
mod plan;
mod report;
mod secrets;
mod tree;

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Map, Value};

use self::{
    document::{Document, Wrong},
    plan::{Plan, Prune},
    tree::Node,
};
use super::{
    OperateError,
    client::{Client, ClientArgs, ClientError},
};
use crate::cli::say;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 4 << 20;
/// What `plan` ends with where the gateway is not as the file says.
const DIFFERENT: u8 = 2;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    compared: Compared,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    compared: Compared,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
    /// Write the secrets of new keys to this file (made by this, for its owner alone) and not to the screen.
    #[arg(long, value_name = "FILE")]
    keys_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Compared {
    /// The file: YAML or JSON, with tenant, display_name, enabled, code, approvals, teams, limits, policy, servers, views, keys. What it leaves out altogether is left alone.
    file: PathBuf,
    #[command(flatten)]
    client: ClientArgs,
    /// Delete what the gateway has and the file, which speaks of its kind, has not.
    #[arg(long)]
    prune: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Why a file was not compared or applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{0}: {1}")]
    Read(PathBuf, io::Error),
    #[error("{0} is longer than {LONGEST} bytes")]
    TooLong(PathBuf),
    #[error("what the file says is not taken, and nothing was changed\n{}", told(.0, .1))]
    Wrong(PathBuf, Vec<Wrong>),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the gateway has {count} keys named {name:?}, and a file knows keys by their names: rename all but one")]
    SameName { name: String, count: usize },
    #[error("nothing was changed: give --yes, or run it where it can ask")]
    NotAsked,
    #[error("nothing was changed")]
    Declined,
    #[error("{0}: {1} (--keys-out names a file that is not there yet)")]
    KeysOut(PathBuf, io::Error),
    #[error("{0}")]
    Partly(String),
}

fn told(file: &Path, wrong: &[Wrong]) -> String {
    let lines = wrong.iter().map(|wrong| format!("{}:{}: {}", file.display(), wrong.line, wrong.detail));
    lines.collect::<Vec<_>>().join("\n")
}

/// Compares.
pub(super) fn plan(arguments: PlanArgs) -> Result<ExitCode, OperateError> {
    let Compared { file, client, prune, json } = arguments.compared;
    let client = Client::new(client)?;
    let plan = crate::server::runtime()?.block_on(compared(&client, &file, Prune::of(prune)))?;
    report::plan(&plan, &file, client.gateway(), json);
    Ok(if plan.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// Compares, asks, and applies.
pub(super) fn apply(arguments: ApplyArgs) -> Result<ExitCode, OperateError> {
    let ApplyArgs { compared: Compared { file, client, prune, json }, yes, keys_out } = arguments;
    let client = Client::new(client)?;
    let runtime = crate::server::runtime()?;
    let plan = runtime.block_on(compared(&client, &file, Prune::of(prune)))?;
    if !json {
        report::plan(&plan, &file, client.gateway(), false);
    }
    if !plan.is_empty() && !yes {
        confirm()?;
    }
    let done = runtime.block_on(apply::run(&client, &plan, keys_out.as_deref(), json))?;
    if json {
        say(&format!("{done:#}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn compared(client: &Client, file: &Path, prune: Prune) -> Result<Plan, FileError> {
    let wrong = |wrong| FileError::Wrong(file.to_owned(), wrong);
    let root = node(file)?;
    let document = Document::read(root, |name| std::env::var(name).ok()).map_err(wrong)?;
    match plan::make(client, &document, prune).await? {
        Ok(plan) => Ok(plan),
        Err(found) => Err(wrong(found)),
    }
}

fn node(file: &Path) -> Result<Node, FileError> {
    let failed = |error| FileError::Read(file.to_owned(), error);
    if std::fs::metadata(file).map_err(failed)?.len() > LONGEST {
        return Err(FileError::TooLong(file.to_owned()));
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    Node::parse(&text)
        .map_err(|error| FileError::Wrong(file.to_owned(), vec![Wrong { line: error.line, detail: error.detail }]))
}

/// Reads a file that holds one object.
pub(super) fn read_object(file: &Path) -> Result<Map<String, Value>, FileError> {
    match node(file)?.value() {
        Value::Object(members) => Ok(members),
        _ => Err(FileError::Wrong(file.to_owned(), vec![Wrong { line: 1, detail: "write a map".to_owned() }])),
    }
}

fn confirm() -> Result<(), FileError> {
    if !io::stdin().is_terminal() {
        return Err(FileError::NotAsked);
    }
    let mut screen = io::stderr().lock();
    let _ = write!(screen, "Apply this? Only \"yes\" does. ").and_then(|()| screen.flush());
    let mut answer = String::new();
    match io::stdin().read_line(&mut answer) {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        _ => Err(FileError::Declined),
    }
}
