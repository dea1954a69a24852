//! The sandbox bench: the same programs in wasmtime, in workerd, in the interpreter without a sandbox, and in V8.

use std::fs;

use serde_json::Value;

use crate::{
    command::{asked, cargo, command},
    install, places,
    problem::{Problem, Result},
};

/// The programs in `benches/sandbox`, and before them what each needs.
const PROGRAMS: [(&str, &str); 5] = [
    ("instance", "instance, nothing run in it"),
    ("nothing", "instance, and an empty program"),
    ("small", "small program with a call"),
    ("filter", "1,000 rows filtered and grouped"),
    ("json", "1 MB of JSON in and out"),
];

pub(super) fn run() -> Result<()> {
    let rows = places::scratch("bench-sandbox")?.join("megabyte.json");
    fs::write(&rows, megabyte())?;
    let wasmtime = figures(
        cargo()
            .args(["run", "--quiet", "--release", "--locked", "--package", "toolgate-sandbox-wasmtime"])
            .args(["--example", "bench"]),
    )?;
    let manifest = places::root().join("benches/boa/Cargo.toml");
    let mut boa = cargo();
    boa.args(["run", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    boa.arg("--target-dir").arg(places::target_dir().join("bench-boa"));
    let boa = figures(boa.arg("--").arg(places::root().join("benches/sandbox")).arg(&rows))?;
    let node = figures(command(install::npm_bin()?.join("node")).arg("benches/worker/sandbox.mjs").arg(&rows))?;
    println!(
        "{:32} {:>10} {:>10} {:>10} {:>10} {:>12}",
        "ms of a processor", "wasmtime", "workerd", "plain boa", "plain V8", "gas"
    );
    for (name, what) in PROGRAMS {
        let cell = |of: &Value| of[name].as_f64().map_or_else(String::new, |figure| format!("{figure:.3}"));
        let gas = wasmtime[format!("{name} gas")].as_f64().map_or_else(String::new, |gas| gas.to_string());
        println!(
            "{what:32} {:>10} {:>10} {:>10} {:>10} {gas:>12}",
            cell(&wasmtime),
            cell(&node["workerd"]),
            cell(&boa),
            cell(&node["v8"])
        );
    }
    let first = |of: &Value, name: &str| of[name].as_f64().unwrap_or_default();
    println!("\nwasmtime: loading the module takes {:.1} ms, once in a process", first(&wasmtime, "load"));
    println!("workerd: the first program in an isolate takes {:.1} ms", first(&node["workerd"], "first"));
    Ok(())
}

/// The last line that a bench prints, as JSON.
fn figures(bench: &mut std::process::Command) -> Result<Value> {
    let said = asked(bench).ok_or_else(|| Problem::new(format!("{bench:?} failed")))?;
    Ok(serde_json::from_str(said.lines().last().unwrap_or_default())?)
}

/// Rows as a list of issues has them, until they are a megabyte.
fn megabyte() -> String {
    let row = |index: usize| {
        serde_json::json!({
            "id": index, "title": format!("Issue number {index} about something"), "state": if index.is_multiple_of(3) { "closed" } else { "open" },
            "user": {"login": format!("user{}", index % 17), "id": index % 17}, "labels": ["bug", format!("area-{}", index % 7)],
            "comments": index * 7 % 31, "body": "Some words that describe what the matter is, and what was seen; and some more of them, to be as long as such text is.",
            "url": format!("https://example.com/issues/{index}"),
        })
    };
    let rows: Vec<Value> = (0..3_400).map(row).collect();
    Value::from(rows).to_string()
}
