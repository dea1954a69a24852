//! What can be wrong with a module.

use std::convert::Infallible;

use wasm_encoder::reencode;

/// Why a pass can't do its work.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The bytes are no WebAssembly module.
    #[error("not a valid module: {0}")]
    Module(#[from] wasmparser::BinaryReaderError),
    /// They can't be written again.
    #[error("the module can't be written: {0}")]
    Write(#[from] reencode::Error<Infallible>),
    /// The guest can't be run.
    #[cfg(feature = "guest")]
    #[error("the guest can't be run: {0}")]
    Run(#[from] wasmi::Error),
    /// The module has not the form that the guest has.
    #[error("the module is not the guest: {0}")]
    Form(&'static str),
}
