//! Where two requests of one exchange meet, wherever each of them is served: one leaves a letter, the other waits for it.
//!
//! It is used only where an answer has to reach an exchange that is already running: a legacy client's answer to what a modern
//! server asked, a modern client's answer to what a legacy server asked in the middle of a call. Nothing else may need it.

use std::time::Duration;

use bytes::Bytes;
use toolgate_model::TenantId;

use crate::StoreError;

/// A letter that nobody took for so long is gone.
pub const LETTER_LIFE: Duration = Duration::from_secs(900);
/// The longest letter, in bytes.
pub const MAX_LETTER: usize = 4 << 20;
/// The most letters under one name; the next is refused.
pub const MAX_LETTERS: usize = 64;

/// Letters under names. A name is unguessable and belongs to one exchange of one tenant.
pub trait Mailbox {
    /// Leaves a letter under `name`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] beyond [`MAX_LETTER`] and [`MAX_LETTERS`], [`StoreError::Unavailable`] if it could not be left.
    async fn put(&self, tenant: &TenantId, name: &str, letter: Bytes) -> Result<(), StoreError>;

    /// Takes the oldest letter under `name`, waiting up to `patience` for one. Each letter is given once. One reader waits
    /// under a name at a time. A letter on its way to a future that is dropped may be lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the mailbox does not answer.
    async fn take(&self, tenant: &TenantId, name: &str, patience: Duration) -> Result<Option<Bytes>, StoreError>;
}
