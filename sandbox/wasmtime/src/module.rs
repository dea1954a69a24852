//! The module, loaded once.

use std::sync::OnceLock;

use wasmtime::{Engine, InstanceAllocationStrategy, InstancePre, Linker, PoolingAllocationConfig};

use crate::configuration::configuration;

/// The module, compiled for this target by the build script.
static COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sandbox.cwasm"));

/// The most memory of an instance, in bytes: as the module declares it.
const MEMORY: usize = 64 << 20;

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
pub(crate) struct Module {
    /// How many instances there may be at once.
    most: usize,
    loaded: OnceLock<Result<InstancePre<()>, LoadError>>,
}

impl Module {
    /// The module, to be instantiated up to `most` times at once.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, loaded: OnceLock::new() }
    }

    /// The module, ready to be instantiated.
    pub(crate) fn get(&self) -> Result<&InstancePre<()>, LoadError> {
        let loaded = self.loaded.get_or_init(|| load(COMPILED, self.most).map_err(|error| LoadError::from(&error)));
        loaded.as_ref().map_err(Clone::clone)
    }
}

#[expect(unsafe_code, reason = "loading machine code is, whatever it does")]
fn load(compiled: &[u8], most: usize) -> wasmtime::Result<InstancePre<()>> {
    let mut configuration = configuration();
    configuration.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(u32::try_from(most)?)));
    let engine = Engine::new(&configuration)?;
    // SAFETY: the bytes are part of this program, put there by its own build from the module in this repository. wasmtime refuses what another
    // version of it made, or one configured differently.
    let module = unsafe { wasmtime::Module::deserialize(&engine, compiled) }?;
    Linker::new(&engine).instantiate_pre(&module)
}

/// Address space for `most` instances, taken once: one that ends gives its pages back, and leaves the next one its place.
fn pool(most: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(most).total_memories(most).total_tables(most).max_memory_size(MEMORY);
    pool
}
