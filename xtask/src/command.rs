//! Running programs to their end.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use crate::{
    live::Group,
    places,
    problem::{Problem, Result},
    stage::{self, Actor},
};

/// A command in the repository's root that reads nothing.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(places::root()).stdin(Stdio::null());
    command
}

/// `cargo` as it runs this program.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command` to its end, its output going to stderr.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    shown(command).map(|_| ())
}

/// Runs `command` to its end, shows its output on stderr as it comes, and gives it back.
pub(crate) fn shown(command: &mut Command) -> Result<String> {
    let (succeeded, output) = attempt(command)?;
    if succeeded { Ok(output) } else { Err(Problem::new(format!("{} failed", words(command)))) }
}

/// Like [`shown`], but a failure is no error: says whether `command` succeeded.
pub(crate) fn attempt(command: &mut Command) -> Result<(bool, String)> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::spawn(command)?;
    let actor = stage::actor();
    let errors = group.child().stderr.take().map(|pipe| thread::spawn(move || echo(pipe, &actor)));
    let mut output = group.child().stdout.take().map(|pipe| echo(pipe, &stage::actor())).unwrap_or_default();
    if let Some(errors) = errors {
        output += &errors.join().unwrap_or_default();
    }
    Ok((group.wait()?.success(), output))
}

/// What `command` prints, or `None` if it can't be run or fails. Shows nothing.
pub(crate) fn asked(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Shows `pipe` line by line, and keeps it.
pub(crate) fn echo(pipe: impl Read, shown: &Actor) -> String {
    let mut kept = String::new();
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        shown.say(&line);
        kept += &String::from_utf8_lossy(&line);
        line.clear();
    }
    kept
}

fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let args = command.get_args().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    format!("`{} {args}`", program.to_string_lossy())
}
