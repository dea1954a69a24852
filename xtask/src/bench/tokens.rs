//! The token bench: what tools cost a model that lists them, and one that finds them and writes code. Real servers from npm and PyPI, which
//! are installed for it alone.

use std::env;

use serde_json::json;

use crate::{
    build,
    command::{command, run as run_command},
    install, places,
    problem::Result,
    target::Target,
};

pub(super) fn run() -> Result<()> {
    let program = build::release_binary("toolgate-bench-tokens", "toolgate-bench-tokens")?;
    install::npm_of(&places::root().join("benches/tokens"))?;
    let npm = install::npm_bin()?;
    let up = json!([env::current_exe()?, "up", Target::Local.to_string(), "--json"]);
    let mut bench = command(npm.join("node"));
    bench.arg("benches/tokens/main.mjs").env("PATH", places::path_with(&[npm])?);
    for name in ["atlassian", "excel", "peers"] {
        bench.env(format!("TOOLGATE_PYTHON_{}", name.to_uppercase()), install::python(name)?);
    }
    run_command(bench.env("TOOLGATE_CODEMODE", program).env("TOOLGATE_UP_COMMAND", up.to_string()))
}
