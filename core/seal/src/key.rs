//! Virtual keys: `tgk_<id>_<secret><check>`, all lower-case hexadecimal.
//!
//! The prefix makes a leaked key recognisable to scanners; the id names the record (and may be logged); the secret is 192
//! random bits; the check (four bytes of a hash over the rest) turns typing errors and guesses away without a look-up.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toolgate_model::KeyId;

/// What every virtual key begins with.
const PREFIX: &str = "tgk_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 24;
const CHECK_BYTES: usize = 4;
/// How many random bytes [`mint`] takes.
pub const KEY_RANDOM_BYTES: usize = ID_BYTES + SECRET_BYTES;

/// A new key: what is stored, and the secret that is shown once.
pub struct Minted {
    /// Its public part.
    pub id: KeyId,
    /// The whole key, for its owner.
    pub secret: String,
    /// What is stored instead of it.
    pub hash: String,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minted({})", self.id)
    }
}

/// Makes a key of random bytes.
#[must_use]
pub fn mint(random: &[u8; KEY_RANDOM_BYTES]) -> Minted {
    let (id, secret) = random.split_at(ID_BYTES);
    let id = hex::encode(id);
    let body = format!("{PREFIX}{id}_{}", hex::encode(secret));
    let secret = format!("{body}{}", check_of(&body));
    let hash = hash_of(&secret);
    #[expect(clippy::expect_used, reason = "sixteen hexadecimal digits were just made")]
    let id = KeyId::new(&id).expect("hexadecimal digits");
    Minted { id, secret, hash }
}

/// A key as a client presents it: well formed, its check right, its record not yet looked at.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    text: &'a str,
}

impl<'a> Presented<'a> {
    /// Takes `text` if it can be a key at all.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        const LEN: usize = PREFIX.len() + 2 * ID_BYTES + 1 + 2 * (SECRET_BYTES + CHECK_BYTES);
        if text.len() != LEN || !text.is_ascii() || !text.starts_with(PREFIX) {
            return None;
        }
        let (body, check) = text.split_at(LEN - 2 * CHECK_BYTES);
        (check_of(body) == check).then_some(Self { text })
    }

    /// Which key it says it is.
    #[must_use]
    pub fn id(&self) -> Option<KeyId> {
        KeyId::new(&self.text[PREFIX.len()..PREFIX.len() + 2 * ID_BYTES]).ok()
    }

    /// Whether it is the key whose hash was stored. Takes the same time whatever differs.
    #[must_use]
    pub fn matches(&self, stored_hash: &str) -> bool {
        hash_of(self.text).as_bytes().ct_eq(stored_hash.as_bytes()).into()
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(…)")
    }
}

// A key is 192 random bits, so one round of SHA-256 can't be searched; a slow hash would only cost every request.
fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

fn check_of(body: &str) -> String {
    let digest = Sha256::new().chain_update(b"toolgate key check").chain_update(body.as_bytes()).finalize();
    hex::encode(&digest[..CHECK_BYTES])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minted_key_is_taken_back_and_no_other_is() {
        let one = mint(&[7; KEY_RANDOM_BYTES]);
        let other = mint(&[8; KEY_RANDOM_BYTES]);
        let presented = Presented::parse(&one.secret).unwrap();
        assert_eq!(presented.id().unwrap(), one.id);
        assert!(presented.matches(&one.hash));
        assert!(!presented.matches(&other.hash));
        assert!(!one.hash.contains(&one.secret[21..40]));
    }

    proptest! {
        #[test]
        fn an_altered_key_is_refused_before_any_look_up(at in 0_usize..77, with in 0_u8..128) {
            let key = mint(&[9; KEY_RANDOM_BYTES]).secret;
            let mut bytes = key.clone().into_bytes();
            bytes[at] = with;
            let altered = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(Presented::parse(&altered).is_some(), altered == key);
        }

        #[test]
        fn any_text_is_taken_without_panic(text in ".{0,100}") {
            let _ = Presented::parse(&text);
        }
    }
}
