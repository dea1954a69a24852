//! What the engine is and is not: the same for the build script, which compiles the module, and for the program that loads it.

/// The most stack an instance may use natively, in bytes. The guest's own stack, of 1 MiB, is used up before.
pub(crate) const STACK: usize = 4 << 20;

/// The engine's configuration.
pub(crate) fn configuration() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config.async_stack_size(STACK);
    config.max_wasm_stack(STACK);
    config.memory_init_cow(true);
    // Nobody reads where in the module a trap was: these tables would be a seventh of what is shipped.
    config.wasm_backtrace_max_frames(None);
    config.generate_address_map(false);
    config.native_unwind_info(false);
    config
}
