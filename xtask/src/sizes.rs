//! `cargo xtask sizes`: how big each target is, how long it takes to start and what it holds in memory then.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    build,
    command::{asked, command, shown},
    machine, places,
    problem::{Problem, Result},
    sandbox,
    up::Announced,
};

const STARTS: usize = 20;

pub(crate) fn run() -> Result<()> {
    println!("{}\n", machine::name());
    println!("{:44} {:>10}", "", "target");
    sandbox()?;
    local()?;
    worker()?;
    lambda()
}

/// What programs run in: part of the Worker's upload as it is, and of the other targets compiled.
fn sandbox() -> Result<()> {
    row("sandbox: module", &megabytes(fs::metadata(sandbox::module())?.len()), "");
    row("sandbox: module, gzip", &megabytes(compressed(&sandbox::module())?), "");
    Ok(())
}

/// How long a file is after `gzip -9`.
fn compressed(file: &Path) -> Result<u64> {
    let packed = std::process::Command::new("gzip").args(["-9", "-c"]).arg(file).output()?;
    Ok(packed.stdout.len() as u64)
}

fn row(what: &str, value: &str, target: &str) {
    println!("{what:30} {value:>13} {target:>10}");
}

fn local() -> Result<()> {
    let binary = build::local()?;
    let data = places::scratch("sizes")?;
    // The first start makes the database; the others are what a restart takes.
    start(&binary, &data)?;
    let mut starts = (0..STARTS).map(|_| start(&binary, &data)).collect::<Result<Vec<_>>>()?;
    starts.sort_unstable();
    let (took, resident) = starts[STARTS / 2];
    row("local: binary", &megabytes(fs::metadata(&binary)?.len()), "");
    row("local: exec to serving", &format!("{:.1} ms", took.as_secs_f64() * 1000.0), "10 ms");
    row("local: memory then", &megabytes(resident), "");
    Ok(())
}

/// How long the local target takes until it serves, and how much memory it holds then.
fn start(binary: &Path, data: &Path) -> Result<(Duration, u64)> {
    let begin = Instant::now();
    let running = Announced::start(
        command(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--no-demo", "--announce-json", "--data"])
            .arg(data)
            .env("TOOLGATE_MASTER_KEY", "0".repeat(64))
            .stderr(std::process::Stdio::null()),
    )?;
    let took = begin.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", running.group.id())).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes =
        resident.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    Ok((took, kilobytes.unwrap_or_default() * 1024))
}

/// As wrangler counts it, which is as Cloudflare does.
fn worker() -> Result<()> {
    let mut wrangler = command(places::npm_bin("wrangler"));
    let out = places::target_dir().join("wrangler");
    let said = shown(build::worker_env(&mut wrangler)?.args(["deploy", "--dry-run", "--outdir"]).arg(out))?;
    let upload = said.lines().find_map(|line| line.split_once("gzip: "));
    let (_, size) = upload.ok_or_else(|| Problem::new("wrangler did not say how big the worker is"))?;
    row("worker: bundle, gzip", size.trim(), "2600 KiB");
    Ok(())
}

fn lambda() -> Result<()> {
    let (runtime, bootstrap) = (build::lambda_runtime()?, build::lambda()?);
    let line = asked(command(runtime).arg("--bootstrap").arg(&bootstrap).args(["--measure", &STARTS.to_string()]));
    let line = line.ok_or_else(|| Problem::new("the function did not start"))?;
    let figures: Value = serde_json::from_str(&line)?;
    let milliseconds = |name: &str| format!("{:.1} ms", figures[name].as_f64().unwrap_or_default());
    let memory = |name: &str| megabytes(figures[name].as_u64().unwrap_or_default());
    row("lambda: binary", &megabytes(fs::metadata(&bootstrap)?.len()), "");
    row("lambda: binary, gzip", &megabytes(compressed(&bootstrap)?), "8 MB");
    row("lambda: exec to first poll", &milliseconds("exec_to_next_ms"), "10 ms");
    row("lambda: memory then", &memory("rss_bytes"), "12 MB");
    row("lambda: memory when warm", &memory("rss_warm_bytes"), "12 MB");
    row("lambda: a warm event", &milliseconds("warm_event_ms"), "");
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes * 10 / 1_000_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
