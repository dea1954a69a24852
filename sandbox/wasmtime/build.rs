//! Compiles the sandbox's module for the target, so that the product has no compiler in it.
//!
//! The compiler is a build dependency: nothing has to be installed, and what loads the module is of the same version.

#[path = "src/configuration.rs"]
mod configuration;

use std::{env, error::Error, fs, path::Path};

use wasmtime::{Engine, OptLevel};

const MODULE: &str = "../sandbox.wasm";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={MODULE}");
    println!("cargo:rerun-if-changed=src/configuration.rs");
    let mut config = configuration::configuration();
    // Named, so that no instructions are used which this machine has and others of its kind have not.
    config.target(&env::var("TARGET")?)?;
    config.cranelift_opt_level(OptLevel::Speed);
    let module = toolgate_sandbox_build::own_memory(&fs::read(MODULE)?)?;
    let compiled = Engine::new(&config)?.precompile_module(&module)?;
    Ok(fs::write(Path::new(&env::var("OUT_DIR")?).join("sandbox.cwasm"), compiled)?)
}
