//! Building what is started, measured and deployed: one release build per target.

use std::{path::PathBuf, process::Command};

use crate::{
    command::{cargo, command, run},
    install, places,
    problem::Result,
};

/// The local target's binary.
pub(crate) fn local() -> Result<PathBuf> {
    release_binary("toolgate", "toolgate")
}

/// The Runtime API that runs the Lambda function on this machine.
pub(crate) fn lambda_runtime() -> Result<PathBuf> {
    release_binary("toolgate-test-lambda-runtime", "toolgate-test-lambda-runtime")
}

/// A binary of the workspace, as it is released.
pub(crate) fn release_binary(package: &str, name: &str) -> Result<PathBuf> {
    run(cargo().args(["build", "--quiet", "--release", "--locked", "--package", package, "--bin", name]))?;
    Ok(places::target_dir().join("release").join(name))
}

/// The function's binary, built as `sam build` builds it.
pub(crate) fn lambda() -> Result<PathBuf> {
    let tools = install::python("tools")?;
    let machine = if cfg!(target_arch = "aarch64") { "--arm64" } else { "--x86-64" };
    // Where its profile is (.cargo/config.toml).
    run(command(tools.join("cargo-lambda")).current_dir(places::root().join("targets/lambda")).args([
        "lambda",
        "build",
        "--release",
        machine,
        "--compiler",
        "cargo",
        "--package",
        "toolgate-lambda",
    ]))?;
    Ok(places::target_dir().join("lambda/toolgate-lambda/bootstrap"))
}

/// The worker's module and script, in `targets/worker/build`.
pub(crate) fn worker() -> Result<PathBuf> {
    run(worker_build()?.args(["--profile", "worker"]))?;
    Ok(worker_dir().join("build"))
}

/// The worker that runs the stores' contract, where its test looks for it (`targets/worker/contract.test.mjs`).
pub(crate) fn worker_contract() -> Result<()> {
    let out = places::target_dir().join("worker-contract");
    // What worker-build doesn't know it hands to cargo, and everything behind it: so that comes last.
    run(worker_build()?.args(["--dev", "--out-dir"]).arg(out).args(["--features", "contract"]))
}

fn worker_dir() -> PathBuf {
    places::root().join("targets/worker")
}

fn worker_build() -> Result<Command> {
    let mut build = command(install::worker_tools()?.join("worker-build"));
    worker_env(&mut build)?.current_dir(worker_dir());
    Ok(build)
}

/// What building the worker and running wrangler need in the environment: tools that were installed, no telephone.
pub(crate) fn worker_env(command: &mut Command) -> Result<&mut Command> {
    let path = places::path_with(&[install::worker_tools()?, install::npm_bin()?])?;
    Ok(command
        .env("PATH", path)
        .env("WASM_BINDGEN_BIN", "wasm-bindgen")
        .env("ESBUILD_BIN", "esbuild")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false"))
}
