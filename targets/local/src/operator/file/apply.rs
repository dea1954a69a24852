//! A plan, carried out one step after the other. The gateway refuses a step if what it changes is not any more as it was compared.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde_json::{Value, json};

use super::{
    FileError,
    document::Kind,
    plan::{Action, Plan, Step},
};
use crate::{cli::say, operator::client::Client};

/// Where new keys' secrets go.
enum Keys {
    Screen,
    File(File),
    /// With the rest, in the end.
    Answer(Vec<Value>),
}

/// Carries `plan` out, and says what was done.
pub(super) async fn run(
    client: &Client,
    plan: &Plan,
    keys_out: Option<&Path>,
    as_json: bool,
) -> Result<Value, FileError> {
    let mut keys = keys(plan, keys_out, as_json)?;
    let mut done = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let outcome = match step.ask() {
            Ok(ask) => client.send(&ask).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match outcome.and_then(|answer| keys.keep(step, &answer)) {
            Ok(()) if as_json => {}
            Ok(()) => say(&did(step)),
            Err(why) => return Err(FileError::Partly(account(&done, &why, &plan.steps[at..], keys))),
        }
        done.push(step);
    }
    let done: Vec<Value> = done.into_iter().map(|step| Value::from(did(step))).collect();
    Ok(match keys {
        Keys::Answer(made) => json!({"done": done, "keys": made}),
        Keys::Screen | Keys::File(_) => json!({"done": done}),
    })
}

fn keys(plan: &Plan, keys_out: Option<&Path>, as_json: bool) -> Result<Keys, FileError> {
    let makes_keys = plan.steps.iter().any(|step| step.kind == Kind::Key && step.action == Action::Create);
    match keys_out.filter(|_| makes_keys) {
        // A file that is there may be read by others, or hold other secrets.
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            file.map(Keys::File).map_err(|error| FileError::KeysOut(path.to_owned(), error))
        }
        None if as_json => Ok(Keys::Answer(Vec::new())),
        None => Ok(Keys::Screen),
    }
}

impl Keys {
    /// Keeps the secret that `answer` may hold: it is never given again.
    fn keep(&mut self, step: &Step, answer: &Value) -> Result<(), String> {
        let Some(secret) = answer["secret"].as_str() else { return Ok(()) };
        let (id, name) = (&answer["id"], &step.id);
        match self {
            Self::Screen => say(&format!("key {name} ({}): {secret}", id.as_str().unwrap_or_default())),
            Self::Answer(made) => made.push(json!({"name": name, "id": id, "secret": secret})),
            Self::File(file) => {
                let line = json!({"name": name, "id": id, "secret": secret});
                let written = writeln!(file, "{line}").and_then(|()| file.sync_all());
                written.map_err(|error| {
                    format!("its secret can't be written to the file of --keys-out ({error}): rotate the key")
                })?;
            }
        }
        Ok(())
    }
}

fn did(step: &Step) -> String {
    let what = match step.action {
        Action::Create => "created",
        Action::Change(_) => "changed",
        Action::Delete(_) => "deleted",
    };
    format!("{what} {}", step.name())
}

/// What was done, what failed and what is left, for people.
fn account(done: &[&Step], why: &str, left: &[Step], keys: Keys) -> String {
    let named = |steps: &mut dyn Iterator<Item = String>| match steps.collect::<Vec<_>>().join(", ") {
        nothing if nothing.is_empty() => "nothing".to_owned(),
        named => named,
    };
    let failed = left.first().map(Step::name).unwrap_or_default();
    let done = named(&mut done.iter().map(|step| did(step)));
    let rest = named(&mut left.iter().skip(1).map(Step::name));
    let mut account = format!(
        "{failed} failed: {why}\n  done before: {done}\n  not begun: {rest}\n  apply again: what is done is found done"
    );
    if let Keys::Answer(made) = keys {
        for key in made {
            account.push_str(&format!("\n  new key: {key}"));
        }
    }
    account
}
