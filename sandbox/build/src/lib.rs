//! The passes that make the sandbox's module from the compiled guest (`finish`, with the feature `guest`):
//!
//! 1. `snapshot`: the guest's `init` is run once, and the module begins where it ended.
//! 2. [`meter`]: every path through the code costs gas; who has none left is stopped.
//! 3. [`import_memory`]: the memory is given by the host, so that it can be used again for another instance.
//!
//! [`own_memory`] undoes the third, for hosts that make memory cheaply. All are functions from bytes to bytes, and give the same bytes for
//! the same input everywhere.

mod charges;
mod error;
mod memory;
mod meter;
#[cfg(feature = "guest")]
mod snapshot;
mod weights;

pub use error::PassError;
pub use memory::{import_memory, own_memory};
pub use meter::meter;
#[cfg(feature = "guest")]
pub use snapshot::snapshot;

/// The module that hosts run, from the compiled guest.
///
/// # Errors
/// If `guest` is not such a module, or its `init` fails.
#[cfg(feature = "guest")]
pub fn finish(guest: &[u8]) -> Result<Vec<u8>, PassError> {
    let module = import_memory(&meter(&snapshot(guest)?)?)?;
    wasmparser::Validator::new().validate_all(&module)?;
    Ok(module)
}
