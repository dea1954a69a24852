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
const SECONDS: &str = "3";

/// What is asked, in the order of the table: the title, how many tools the upstream has, and whether one is called.
const CASES: [(&str, usize, Ask); 3] = [
    ("tools/call, 3 tools registered", 3, Ask::Call),
    ("tools/call, 701 tools registered", 701, Ask::Call),
    ("tools/list, 701 tools, warm", 701, Ask::List),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
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

    fn start(&self, name: &str, args: &[&str]) -> Result<Announced> {
        Announced::start(command(self.program(name)).args(args))
    }
}

/// Whom is asked, and whose cost is counted.
struct Subject {
    name: &'static str,
    url: String,
    key: String,
    tool: &'static str,
    pid: u32,
    /// The client's.
    era: &'static str,
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
        let figures = |subject: &Subject| -> Result<[f64; 3]> {
            let found = measure(&programs.program("load"), subject, Ask::Call, "1")?;
            Ok(["p50_us", "p99_us", "cpu_us"].map(|name| found[name].as_f64().unwrap_or_default()))
        };
        let [base, p99, cpu] = figures(&subject("", &direct, "", "echo", upstream.group.id()))?;
        println!("{:20} {base:>10.0} {p99:>10.0} {:>14} {cpu:>10.1}", format!("{client}, direct"), "");
        for server in ["modern", "legacy"] {
            let (url, key) = toolgate.tenant_with(&format!("{client}-{server}"), "bench", &direct, server)?;
            let [p50, p99, cpu] = figures(&subject("Toolgate", &url, &key, "bench__echo", toolgate.pid()))?;
            let cell = format!("{client} to {server}");
            println!("{cell:20} {p50:>10.0} {p99:>10.0} {:>14.0} {cpu:>10.1}", p50 - base);
        }
    }
    Ok(())
}

pub(super) fn run() -> Result<()> {
    let programs = Programs::build()?;
    build::local()?;
    for (title, tools, ask) in CASES {
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
            &[plain("direct", &upstream), plain("plain proxy", &proxy), through],
        )?;
    }
    Ok(())
}

fn table(load: &Path, title: &str, ask: Ask, subjects: &[Subject]) -> Result<()> {
    println!("\n{title}");
    println!(
        "{:12} {:>5} {:>10} {:>10} {:>10} {:>10} {:>8} {:>9}",
        "", "conns", "CPU µs", "per s", "p50 µs", "p99 µs", "peak MB", "bytes"
    );
    for connections in CONNECTIONS {
        for subject in subjects {
            let figures = measure(load, subject, ask, connections)?;
            let number = |name: &str| figures[name].as_f64().unwrap_or_default();
            println!(
                "{:12} {connections:>5} {:>10.1} {:>10.0} {:>10.0} {:>10.0} {:>8.1} {:>9}",
                subject.name,
                number("cpu_us"),
                number("per_second"),
                number("p50_us"),
                number("p99_us"),
                number("peak_kb") / 1024.0,
                figures["bytes"],
            );
        }
    }
    Ok(())
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
