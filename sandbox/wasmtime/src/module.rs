//! The module, loaded once.

use std::sync::OnceLock;

use wasmtime::{Engine, InstancePre, Linker};

use crate::configuration::configuration;

/// The module, compiled for this target by the build script.
static COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sandbox.cwasm"));

/// Why the module can't be used.
#[derive(Debug, Clone)]
pub(crate) struct LoadError(String);

impl From<&wasmtime::Error> for LoadError {
    fn from(error: &wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the sandbox's module can't be loaded: {}", self.0)
    }
}

impl std::error::Error for LoadError {}

/// The module of a process.
#[derive(Default)]
pub(crate) struct Module(OnceLock<Result<InstancePre<()>, LoadError>>);

impl Module {
    /// The module, ready to be instantiated.
    pub(crate) fn get(&self) -> Result<&InstancePre<()>, LoadError> {
        let loaded = self.0.get_or_init(|| load(COMPILED).map_err(|error| LoadError::from(&error)));
        loaded.as_ref().map_err(Clone::clone)
    }
}

#[expect(unsafe_code, reason = "loading machine code is, whatever it does")]
fn load(compiled: &[u8]) -> wasmtime::Result<InstancePre<()>> {
    let engine = Engine::new(&configuration())?;
    // SAFETY: the bytes are part of this program, put there by its own build from the module in this repository. wasmtime refuses what another
    // version of it made, or one configured differently.
    let module = unsafe { wasmtime::Module::deserialize(&engine, compiled) }?;
    Linker::new(&engine).instantiate_pre(&module)
}
