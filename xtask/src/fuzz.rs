//! `cargo xtask fuzz`: looks for inputs for which something does not hold that must (`tests/invariants`), for some time each.

use crate::{
    command::{asked, command, run},
    install, places,
    problem::{Problem, Result},
};

/// How long a target is tried where nobody says.
const SECONDS: u64 = 60;
const NIGHTLY: &str = "nightly";

/// Tries the targets named, or all, for `seconds` each.
pub(crate) fn run_targets(names: &[String], seconds: Option<u64>) -> Result<()> {
    let all = targets()?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        return Err(Problem::new(format!("there is no target {unknown:?}: {}", all.join(", "))));
    }
    if asked(command("rustc").env("RUSTUP_TOOLCHAIN", NIGHTLY).arg("--version")).is_none() {
        return Err(Problem::new(
            "the fuzzer needs a nightly compiler: rustup toolchain install nightly --profile minimal --no-self-update",
        ));
    }
    for name in all.iter().filter(|name| names.is_empty() || names.contains(name)) {
        fuzz(name, seconds.unwrap_or(SECONDS))?;
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(places::root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn fuzz(target: &str, seconds: u64) -> Result<()> {
    eprintln!("\n== {target}, for {seconds} s");
    let dir = places::root().join("fuzz");
    let found = dir.join("found").join(target);
    std::fs::create_dir_all(&found)?;
    let mut fuzzer = command(install::python("tools")?.join("cargo-fuzz"));
    fuzzer
        .current_dir(&dir)
        .env("RUSTUP_TOOLCHAIN", NIGHTLY)
        // Of the toolchain that runs this program.
        .env_remove("CARGO")
        .env_remove("RUSTC")
        // Nothing of what is tried is unsafe: a sanitizer would find nothing, and take five times as long.
        .args(["fuzz", "run", "--fuzz-dir", ".", "--sanitizer", "none", target])
        .arg(&found)
        .arg(dir.join("corpus").join(target))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .args(["-max_len=2048", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    run(&mut fuzzer).map_err(|problem| {
        Problem::new(format!(
            "{problem}\nWhat it found is in fuzz/artifacts/{target}. Keep it in fuzz/corpus/{target} under a name that says what it \
             is, so that every test run tries it, and mend what it shows."
        ))
    })
}
