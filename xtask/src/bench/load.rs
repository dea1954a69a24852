//! The load bench: an upstream asked directly, through a plain proxy, and through Toolgate with a key checked.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

use crate::{
    build,
    command::{asked, cargo, command, run as run_command},
    places,
    problem::{Problem, Result},
    target::Target,
    up::{Announced, Logs, Up},
};

const CONNECTIONS: [&str; 3] = ["1", "8", "32"];
const SECONDS: &str = "1";
/// How often each subject is measured, in turns with the others. Of each figure the best counts: whatever else runs on the machine can
/// only make it worse.
const ROUNDS: usize = 7;

/// What is asked, in the order of the table: the title, how many tools the upstream has, whether one is called, and how many times the
/// plain proxy's CPU it may take.
const CASES: [(&str, usize, Ask, f64); 3] = [
    ("tools/call, 3 tools registered", 3, Ask::Call, 1.5),
    ("tools/call, 701 tools registered", 701, Ask::Call, 1.5),
    ("tools/list, 701 tools, warm", 701, Ask::List, 1.0),
];
/// The most memory that Toolgate may hold, in megabytes.
const MEMORY: f64 = 20.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Call,
    List,
}

/// Where the bench's programs are.
pub(super) struct Programs {
    dir: PathBuf,
}

impl Programs {
    pub(super) fn build() -> Result<Self> {
        run_command(cargo().args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "toolgate-benches",
            "--bins",
        ]))?;
        Ok(Self { dir: places::target_dir().join("release") })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn start(&self, name: &str, args: &[&str]) -> Result<Announced> {
        Announced::start(command(self.program(name)).args(args))
    }
}

/// Whom is asked, and whose cost is counted.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) url: String,
    pub(super) key: String,
    pub(super) tool: &'static str,
    pub(super) pid: u32,
    /// The client's.
    pub(super) era: &'static str,
}

/// Each era's client of each era's server, beside the same client that asks the server directly.
pub(super) fn cells() -> Result<()> {
    let programs = Programs::build()?;
    build::local()?;
    let upstream = programs.start("upstream", &["--tools", "3"])?;
    let direct = format!("http://127.0.0.1:{}/mcp", upstream.port);
    let toolgate = Up::start(Target::Local, 0, Logs::Dropped)?;
    println!(
        "tools/call, 1 connection\n{:20} {:>10} {:>10} {:>14} {:>10}",
        "", "p50 µs", "p99 µs", "added p50 µs", "CPU µs"
    );
    for client in ["modern", "legacy"] {
        let subject = |name, url: &str, key: &str, tool, pid| Subject {
            name,
            url: url.to_owned(),
            key: key.to_owned(),
            tool,
            pid,
            era: client,
        };
        let figures = |subject: Subject| -> Result<[f64; 3]> {
            let [found] = &best(&programs.program("load"), &[subject], Ask::Call, "1")?[..] else {
                return Ok([0.0; 3]);
            };
            Ok([found.p50, found.p99, found.cpu])
        };
        let [base, p99, cpu] = figures(subject("", &direct, "", "echo", upstream.group.id()))?;
        println!("{:20} {base:>10.0} {p99:>10.0} {:>14} {cpu:>10.1}", format!("{client}, direct"), "");
        for server in ["modern", "legacy"] {
            let (url, key) = toolgate.tenant_with(&format!("{client}-{server}"), "bench", &direct, server)?;
            let [p50, p99, cpu] = figures(subject("Toolgate", &url, &key, "bench__echo", toolgate.pid()))?;
            let cell = format!("{client} to {server}");
            println!("{cell:20} {p50:>10.0} {p99:>10.0} {:>14.0} {cpu:>10.1}", p50 - base);
        }
    }
    Ok(())
}

pub(super) fn run() -> Result<()> {
    let programs = Programs::build()?;
    build::local()?;
    for (title, tools, ask, most) in CASES {
        let upstream = programs.start("upstream", &["--tools", &tools.to_string()])?;
        let to = format!("127.0.0.1:{}", upstream.port);
        let proxy = programs.start("proxy", &["--to", &to])?;
        let toolgate = Up::start(Target::Local, 0, Logs::Dropped)?;
        let (url, key) = toolgate.tenant_with("bench", "bench", &format!("http://{to}/mcp"), "auto")?;
        let plain = |name, started: &Announced| Subject {
            name,
            url: format!("http://127.0.0.1:{}/mcp", started.port),
            key: String::new(),
            tool: "echo",
            pid: started.group.id(),
            era: "modern",
        };
        let through = Subject { name: "Toolgate", url, key, tool: "bench__echo", pid: toolgate.pid(), era: "modern" };
        table(
            &programs.program("load"),
            title,
            ask,
            &[plain("direct", &upstream), plain(PROXY, &proxy), through],
            most,
        )?;
    }
    Ok(())
}

const PROXY: &str = "plain proxy";

fn table(load: &Path, title: &str, ask: Ask, subjects: &[Subject], most: f64) -> Result<()> {
    println!("\n{title}: the best of {ROUNDS} rounds of {SECONDS} s, in turns");
    println!(
        "{:12} {:>5} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8}",
        "", "conns", "CPU µs", "x proxy", "per s", "p50 µs", "p99 µs", "peak MB", "bytes"
    );
    let mut misses = Vec::new();
    for connections in CONNECTIONS {
        let found = best(load, subjects, ask, connections)?;
        let proxy =
            subjects.iter().zip(&found).find(|(subject, _)| subject.name == PROXY).map_or(0.0, |(_, it)| it.cpu);
        for (subject, Figures { cpu, per_second, p50, p99, peak, bytes }) in subjects.iter().zip(&found) {
            let ratio = cpu / proxy;
            println!(
                "{:12} {connections:>5} {cpu:>8.1} {ratio:>8.2} {per_second:>10.0} {p50:>8.0} {p99:>8.0} {peak:>8.1} {bytes:>8}",
                subject.name,
            );
            if !subject.key.is_empty() && ratio > most {
                misses.push(format!("{ratio:.2} x the proxy's CPU at {connections} connections"));
            }
            if !subject.key.is_empty() && *peak > MEMORY {
                misses.push(format!("{peak:.1} MB at {connections} connections"));
            }
        }
    }
    let verdict = if misses.is_empty() { "met".to_owned() } else { format!("missed: {}", misses.join(", ")) };
    println!("target for Toolgate: at most {most} x the proxy's CPU, at most {MEMORY} MB: {verdict}");
    Ok(())
}

/// What was measured of a subject.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    cpu: f64,
    per_second: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    peak: f64,
    bytes: u64,
}

impl Figures {
    fn of(found: &Value) -> Self {
        let number = |name: &str| found[name].as_f64().unwrap_or_default();
        Self {
            cpu: number("cpu_us"),
            per_second: number("per_second"),
            p50: number("p50_us"),
            p99: number("p99_us"),
            peak: number("peak_kb") / 1024.0,
            bytes: found["bytes"].as_u64().unwrap_or_default(),
        }
    }

    fn best(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.min(other.cpu),
            per_second: self.per_second.max(other.per_second),
            p50: self.p50.min(other.p50),
            p99: self.p99.min(other.p99),
            peak: self.peak.max(other.peak),
            bytes: other.bytes,
        }
    }
}

/// Each subject's figures, the best of all rounds but for memory, which is the most.
pub(super) fn best(load: &Path, subjects: &[Subject], ask: Ask, connections: &str) -> Result<Vec<Figures>> {
    let round = || -> Result<Vec<Figures>> {
        subjects.iter().map(|subject| Ok(Figures::of(&measure(load, subject, ask, connections)?))).collect()
    };
    let mut found = round()?;
    for _ in 1..ROUNDS {
        found = found.into_iter().zip(round()?).map(|(one, other)| one.best(other)).collect();
    }
    Ok(found)
}

fn measure(load: &Path, subject: &Subject, ask: Ask, connections: &str) -> Result<Value> {
    let mut command = command(load);
    command.args([
        "--url",
        &subject.url,
        "--key",
        &subject.key,
        "--pid",
        &subject.pid.to_string(),
        "--era",
        subject.era,
    ]);
    command.args(["--connections", connections, "--seconds", SECONDS]);
    match ask {
        Ask::Call => command.args(["--call", subject.tool]),
        Ask::List => command.arg("--list"),
    };
    command.stderr(Stdio::inherit());
    let line =
        asked(&mut command).ok_or_else(|| Problem::new(format!("{} did not answer as it should", subject.name)))?;
    Ok(serde_json::from_str(&line)?)
}
