//! Secrets: virtual keys (mint and check), the operator's token, and sealed handles (AEAD) that pass through clients or
//! the store and come back unaltered or not at all.
//!
//! Draws no randomness (it is given) and knows no protocol. Nothing here prints a secret: `Debug` of every type is blank.

mod handle;
mod key;
mod token;

pub use handle::{MasterKey, MasterKeyError, OpenError, Purpose, Sealer};
pub use key::{KEY_RANDOM_BYTES, Minted, Presented, mint};
pub use token::{OperatorToken, WeakToken};
