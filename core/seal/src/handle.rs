//! Sealed handles: XChaCha20-Poly1305 over a purpose and a text that binds it (a tenant, a principal), so that what is
//! sealed for one use or one owner opens for no other.
//!
//! The key is made ready once, when an instance starts; sealing and opening derive nothing. Nonces are 192 random bits, so
//! that no counter has to be shared between instances.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 24;

/// The secret that everything sealed rests on.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// The text is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not 64 hexadecimal digits: make it with `openssl rand -hex 32`")]
pub struct MasterKeyError;

impl MasterKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`MasterKeyError`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, MasterKeyError> {
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|_| MasterKeyError)?;
        Ok(Self(key))
    }

    /// Of 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// What a handle is for. One made for one purpose does not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `Mcp-Session-Id` of a client.
    Session,
    /// A header value towards an upstream, in the store.
    UpstreamHeader,
    /// The id of a request that a server makes of a client: where the answer goes.
    ServerRequest,
    /// The id of an event: where a stream is taken up again.
    Event,
    /// `requestState` of a call that waits for input.
    RequestState,
    /// A task's id.
    Task,
    /// That a client was asked for an approval, or has given it.
    Approval,
    /// How a program goes on once its calls are approved, in the store.
    Program,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::UpstreamHeader => "upstream-header",
            Self::ServerRequest => "server-request",
            Self::Event => "event",
            Self::RequestState => "request-state",
            Self::Task => "task",
            Self::Approval => "approval",
            Self::Program => "program",
        }
    }
}

/// What came back is not what was sealed: altered, cut, made for another use or owner, or by another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open")]
pub struct OpenError;

/// Seals and opens, with a ready key.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    /// Begins the hash that nonces of equal contents come from.
    same: Sha256,
}

impl Sealer {
    /// Makes the key ready.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        // The master key is uniformly random; one labelled hash separates this use of it from any later one.
        let key = Sha256::new().chain_update(b"toolgate sealed handles v1").chain_update(master.0).finalize();
        let same = Sha256::new().chain_update(b"toolgate equal nonces v1").chain_update(master.0);
        Self { cipher: XChaCha20Poly1305::new(&key), same }
    }

    /// As [`Sealer::seal`], but what is equal is sealed equally, so that whoever holds two handles can compare them. For contents
    /// that nobody can guess: equality is all it gives away.
    #[must_use]
    pub fn seal_same(&self, purpose: Purpose, owner: &str, content: &[u8]) -> String {
        let aad = associated(purpose, owner);
        let length = u64::try_from(aad.len()).unwrap_or(u64::MAX).to_be_bytes();
        let hash = self.same.clone().chain_update(length).chain_update(aad).chain_update(content).finalize();
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&hash[..NONCE_BYTES]);
        self.seal(purpose, owner, content, nonce)
    }

    /// Seals `content` for `purpose`, bound to `owner`, as base64url text.
    ///
    /// # Panics
    /// Never: the cipher refuses only contents of over 256 GiB.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, owner: &str, content: &[u8], nonce: [u8; NONCE_BYTES]) -> String {
        let aad = associated(purpose, owner);
        #[expect(clippy::expect_used, reason = "contents are bounded far below the cipher's limit")]
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: content, aad: aad.as_bytes() })
            .expect("within the cipher's limit");
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Sealer::seal`] gave for the same purpose and owner.
    ///
    /// # Errors
    /// [`OpenError`], without saying why.
    pub fn open(&self, purpose: Purpose, owner: &str, sealed: &str) -> Result<Vec<u8>, OpenError> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| OpenError)?;
        let (nonce, content) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError)?;
        let aad = associated(purpose, owner);
        self.cipher
            .decrypt(XNonce::from_slice(nonce), Payload { msg: content, aad: aad.as_bytes() })
            .map_err(|_| OpenError)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

fn associated(purpose: Purpose, owner: &str) -> String {
    format!("{}\0{owner}", purpose.label())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(&MasterKey::from_bytes([1; 32]))
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_owner_only() {
        let sealed = sealer().seal(Purpose::Session, "acme/k1", b"content", [2; 24]);
        assert_eq!(sealer().open(Purpose::Session, "acme/k1", &sealed).unwrap(), b"content");
        assert!(sealer().open(Purpose::Session, "acme/k2", &sealed).is_err());
        assert!(sealer().open(Purpose::UpstreamHeader, "acme/k1", &sealed).is_err());
        assert!(Sealer::new(&MasterKey::from_bytes([3; 32])).open(Purpose::Session, "acme/k1", &sealed).is_err());
    }

    proptest! {
        #[test]
        fn an_altered_handle_never_opens(flip in 0_usize..400, bit in 0_u8..6) {
            let mut altered = sealer().seal(Purpose::Session, "o", &[5; 40], [6; 24]).into_bytes();
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let at = flip % altered.len();
            let value = alphabet.iter().position(|c| *c == altered[at]).unwrap();
            altered[at] = alphabet[value ^ (1 << bit)];
            prop_assert!(sealer().open(Purpose::Session, "o", std::str::from_utf8(&altered).unwrap()).is_err());
        }

        #[test]
        fn any_text_is_refused_without_panic(text in ".{0,200}") {
            prop_assert!(sealer().open(Purpose::Session, "o", &text).is_err());
        }
    }
}
