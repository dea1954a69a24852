//! Secrets: virtual keys and operators' tokens (mint and check), the owner's token, and sealed handles (AEAD) that pass through clients or
//! the store and come back unaltered or not at all.
//!
//! Draws no randomness (it is given) and knows no protocol. Nothing here prints a secret: `Debug` of every type is blank.

mod handle;
mod key;
mod token;

pub use handle::{MasterKey, MasterKeyError, OpenError, Purpose, Sealer};
pub use key::{
    Holder, KEY_RANDOM_BYTES, Minted, Presented, PresentedSecret, PresentedToken, SECRET_RANDOM_BYTES, mint,
};
pub use token::{OperatorToken, WeakToken};
