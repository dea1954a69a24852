//! The sandbox's module: made from its sources, and compared with the one in the repository.
//!
//! The module is in the repository, because making it takes minutes and a target for WebAssembly, which nobody needs who only builds the gateway. That it
//! is what its sources say is tested: the same compiler makes the same bytes, wherever the repository is.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

use crate::{
    command::{cargo, run},
    install, places,
    problem::{Problem, Result},
};

const GUEST: &str = "sandbox/guest";
const TARGET: &str = "wasm32-unknown-unknown";
/// The guest's stack, in bytes: used up before a host's own (V8 has about as much), so that the same nesting is too deep everywhere.
const STACK: u32 = 1 << 20;
/// The most memory an instance can be given, in bytes.
const MEMORY: u32 = 64 << 20;

/// The module in the repository.
pub(crate) fn module() -> PathBuf {
    places::root().join("sandbox/sandbox.wasm")
}

/// Makes the module from its sources and puts it into the repository.
pub(crate) fn write() -> Result<()> {
    let made = make()?;
    let changed = fs::read(module()).ok().as_deref() != Some(made.as_slice());
    fs::write(module(), &made)?;
    println!("{} {}", hex::encode(Sha256::digest(&made)), if changed { "changed" } else { "as it was" });
    if changed {
        // What programs cost has changed with it.
        let record = ["--release", "--locked", "--package", "toolgate-sandbox-wasmtime", "--test", "hosts"];
        run(cargo().arg("test").args(record).env("TOOLGATE_RECORD", "1"))?;
    }
    Ok(())
}

/// Whether the module in the repository is what its sources make. What was found so once is not made again.
pub(crate) fn check() -> Result<()> {
    let found = fs::read(module())?;
    let stamp = places::cache()?.join(format!("sandbox-{}", &stamp(&found)?[..32]));
    if stamp.exists() {
        return Ok(());
    }
    let made = make()?;
    if made != found {
        let (made, found) = (hex::encode(Sha256::digest(&made)), hex::encode(Sha256::digest(&found)));
        return Err(Problem::new(format!(
            "sandbox/sandbox.wasm is {found} and its sources make {made}: run `cargo xtask sandbox` and commit what changed"
        )));
    }
    Ok(fs::write(stamp, "")?)
}

/// `cargo` in the guest's folder: it is a workspace of its own.
pub(crate) fn guest(cargo: &mut Command) -> &mut Command {
    cargo.current_dir(places::root().join(GUEST))
}

/// The guest's lints.
pub(crate) fn lint() -> Result<()> {
    let mut clippy = cargo();
    guest(&mut clippy).args(["clippy", "--quiet", "--release", "--locked", "--target", TARGET, "--target-dir"]);
    run(clippy.arg(target()).env("RUSTFLAGS", flags()?).args(["--", "--deny", "warnings"]))
}

fn target() -> PathBuf {
    places::target_dir().join("sandbox")
}

/// The module as its sources make it.
fn make() -> Result<Vec<u8>> {
    install::rust()?;
    let out = target();
    let mut build = cargo();
    guest(&mut build).args(["build", "--quiet", "--release", "--locked", "--target", TARGET, "--target-dir"]);
    // Instead of the flags in .cargo/config.toml, which are the Worker's.
    run(build.arg(&out).env("RUSTFLAGS", flags()?))?;
    let guest = out.join(TARGET).join("release/toolgate_sandbox_guest.wasm");
    let finished = out.join("sandbox.wasm");
    let build = ["--locked", "--package", "toolgate-sandbox-build", "--features", "guest", "--"];
    run(cargo().args(["run", "--quiet"]).args(build).arg(guest).arg(&finished))?;
    Ok(fs::read(finished)?)
}

fn flags() -> Result<String> {
    let home =
        env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")));
    let home = home.ok_or_else(|| Problem::new("neither CARGO_HOME nor HOME is set"))?;
    Ok(format!(
        "--cfg getrandom_backend=\"custom\" -C link-arg=-zstack-size={STACK} -C link-arg=--max-memory={MEMORY} \
         --remap-path-prefix={}=/cargo --remap-path-prefix={}=/toolgate",
        home.display(),
        places::root().display()
    ))
}

/// Stands for the module, its sources and the compiler.
fn stamp(module: &[u8]) -> Result<String> {
    let mut hash = Sha256::new_with_prefix(module);
    hash.update(fs::read(places::root().join("rust-toolchain.toml"))?);
    for folder in [GUEST, "sandbox/build"] {
        let mut files = Vec::new();
        collect(&places::root().join(folder), &mut files)?;
        files.sort();
        for file in files {
            hash.update(file.to_string_lossy().as_bytes());
            hash.update(fs::read(file)?);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
