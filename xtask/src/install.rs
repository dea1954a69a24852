//! What the commands install, each step skipped when it is done already.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{
    command::{asked, cargo, command, run},
    places,
    problem::{Problem, Result},
};

const WORKER_BUILD: &str = "0.8.7";
const WASM_BINDGEN: &str = "0.2.130";
const WASM: &str = "wasm32-unknown-unknown";

/// The compiler's parts that `rust-toolchain.toml` names.
pub(crate) fn rust() -> Result<()> {
    if rust_is_complete() {
        return Ok(());
    }
    eprintln!("xtask: installing the toolchain that rust-toolchain.toml names");
    // Without a name it takes everything from the file, unless the variable names a toolchain, as cargo's proxy makes it; without
    // --no-self-update it might replace rustup itself.
    let mut rustup = command("rustup");
    rustup.env_remove("RUSTUP_TOOLCHAIN").args(["toolchain", "install", "--no-self-update"]);
    run(&mut rustup).map_err(|problem| {
        Problem::new(format!(
            "{problem}\nToolgate needs clippy, rustfmt and the target {WASM}: install them by hand, or install rustup."
        ))
    })
}

fn rust_is_complete() -> bool {
    let libs = asked(command("rustc").args(["--print", "target-libdir", "--target", WASM]));
    libs.is_some_and(|dir| Path::new(&dir).is_dir())
        && asked(cargo().args(["clippy", "--version"])).is_some()
        && asked(cargo().args(["fmt", "--version"])).is_some()
}

/// One at a time installs packages of npm, Python environments, and the Worker's tools.
static NPM: Mutex<()> = Mutex::new(());
static PYTHON: Mutex<()> = Mutex::new(());
static WORKER_TOOLS: Mutex<()> = Mutex::new(());

fn alone(turn: &Mutex<()>) -> MutexGuard<'_, ()> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All environments of Python that tests need.
pub(crate) fn pythons() -> Result<()> {
    ["tools", "peers", "bridge", "sam"].into_iter().try_for_each(|name| python(name).map(drop))
}

/// What `tests/package-lock.json` names, in `tests/node_modules`.
pub(crate) fn npm() -> Result<()> {
    npm_of(&places::tests())
}

/// What `package-lock.json` in `folder` names, in its `node_modules`.
pub(crate) fn npm_of(folder: &Path) -> Result<()> {
    let _alone = alone(&NPM);
    let lock = fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.toolgate-stamp");
    if fs::read(&stamp).is_ok_and(|found| found == lock) {
        return Ok(());
    }
    eprintln!("xtask: installing {}", folder.join("node_modules").display());
    // No package of these needs its install script.
    let flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(command("npm").current_dir(folder).args(flags))?;
    Ok(fs::write(stamp, lock)?)
}

/// The folder of the programs that npm installed; `node` among them.
pub(crate) fn npm_bin() -> Result<PathBuf> {
    npm()?;
    Ok(places::tests().join("node_modules/.bin"))
}

/// The programs of the Python environment that `tests/requirements-<name>.txt` describes.
pub(crate) fn python(name: &str) -> Result<PathBuf> {
    let _alone = alone(&PYTHON);
    let file = places::tests().join(format!("requirements-{name}.txt"));
    let hash = hex::encode(Sha256::digest(fs::read(&file)?));
    let dir = places::cache()?.join(format!("python-{name}-{}", &hash[..12]));
    let stamp = dir.join("complete");
    if !stamp.exists() {
        eprintln!("xtask: installing {} in {}", file.display(), dir.display());
        run(command("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
        let flags = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
        run(command(dir.join("bin/pip")).args(flags).arg(&file))?;
        fs::write(stamp, "")?;
    }
    Ok(dir.join("bin"))
}

/// `worker-build` and `wasm-bindgen`, for which no registry has binaries.
pub(crate) fn worker_tools() -> Result<PathBuf> {
    let _alone = alone(&WORKER_TOOLS);
    let dir = places::cache()?.join(format!("tools-wb{WORKER_BUILD}-wbg{WASM_BINDGEN}"));
    let bin = dir.join("bin");
    if ["worker-build", "wasm-bindgen"].iter().all(|name| bin.join(name).exists()) {
        return Ok(bin);
    }
    eprintln!("xtask: compiling worker-build and wasm-bindgen into {}, once", dir.display());
    let scratch = dir.join("build");
    // Unoptimised: they run for a second, and compile in half the time. Together: they share most of their crates.
    run(cargo()
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .arg("install")
        .args([format!("worker-build@{WORKER_BUILD}"), format!("wasm-bindgen-cli@{WASM_BINDGEN}")])
        .arg("--root")
        .arg(&dir)
        .arg("--target-dir")
        .arg(&scratch))?;
    let _ = fs::remove_dir_all(scratch);
    Ok(bin)
}
