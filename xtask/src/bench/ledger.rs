//! The ledger bench: what a limit adds to a call, strict and leased, on each target with its real ledger.

use serde_json::json;

use super::load::{Ask, Figures, Programs, Subject, best};
use crate::{
    problem::Result,
    target::Target,
    up::{Logs, Up},
};

/// A tenant by its limit's mode; the first has no limit.
const MODES: [&str; 3] = ["none", "strict", "leased"];

pub(super) fn run() -> Result<()> {
    let programs = Programs::build()?;
    let upstream = programs.start("upstream", &["--tools", "3"])?;
    let to = format!("http://127.0.0.1:{}/mcp", upstream.port);
    println!("tools/call, 1 connection, a limit of calls in a day");
    println!("{:8} {:8} {:>10} {:>10} {:>14}", "", "limit", "p50 µs", "p99 µs", "added p50 µs");
    for target in Target::ALL {
        let toolgate = Up::start(target, 0, Logs::Dropped)?;
        let subjects = MODES.map(|mode| subject(&toolgate, mode, &to)).into_iter().collect::<Result<Vec<_>>>()?;
        let found = best(&programs.program("load"), &subjects, Ask::Call, "1")?;
        let base = found.first().map_or(0.0, |none| none.p50);
        for (mode, Figures { p50, p99, .. }) in MODES.into_iter().zip(found) {
            println!("{:8} {mode:8} {p50:>10.0} {p99:>10.0} {:>14.0}", target.to_string(), p50 - base);
        }
    }
    Ok(())
}

fn subject(toolgate: &Up, mode: &'static str, upstream: &str) -> Result<Subject> {
    let (url, key) = toolgate.tenant_with(mode, "bench", upstream, "modern")?;
    if mode != MODES[0] {
        let (scope, amount) = (json!({"key": "*"}), 1_000_000_000_u64);
        let limit =
            json!({"scope": scope, "kind": "budget", "unit": "calls", "amount": amount, "window": "day", "mode": mode});
        toolgate.limit(mode, &limit)?;
    }
    Ok(Subject { name: mode, url, key, tool: "bench__echo", pid: toolgate.pid(), era: "modern" })
}
