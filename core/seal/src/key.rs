//! Secrets that are shown once: virtual keys, `tgk_<id>_<secret><check>`, and operators' tokens, `tgo_<id>_<secret><check>`; all
//! lower-case hexadecimal.
//!
//! The prefix makes a leaked one recognisable to scanners; the id names the record (and may be logged); the secret is 192
//! random bits; the check (four bytes of a hash over the rest, prefix included) turns typing errors and guesses away without a look-up.

use std::{fmt, marker::PhantomData, str::FromStr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toolgate_model::{IdError, KeyId, OperatorId};

const ID_BYTES: usize = 8;
const CHECK_BYTES: usize = 4;
/// How many random bytes a new secret takes, its id left as it is.
pub const SECRET_RANDOM_BYTES: usize = 24;
/// How many random bytes [`Minted::new`] takes.
pub const KEY_RANDOM_BYTES: usize = ID_BYTES + SECRET_RANDOM_BYTES;

/// What holds a secret: its id has [`ID_BYTES`] bytes, in hexadecimal.
pub trait Holder: FromStr<Err = IdError> + fmt::Display {
    /// What its secrets begin with.
    const PREFIX: &'static str;
}

impl Holder for KeyId {
    const PREFIX: &'static str = "tgk_";
}

impl Holder for OperatorId {
    const PREFIX: &'static str = "tgo_";
}

/// A new secret: what is stored, and what is shown once.
pub struct Minted<I> {
    /// Its public part.
    pub id: I,
    /// The whole, for its owner.
    pub secret: String,
    /// What is stored instead of it.
    pub hash: String,
}

impl<I: Holder> fmt::Debug for Minted<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minted({})", self.id)
    }
}

impl<I: Holder> Minted<I> {
    /// Makes an id and its secret of random bytes.
    #[must_use]
    pub fn new(random: &[u8; KEY_RANDOM_BYTES]) -> Self {
        let (id, rest) = random.split_at(ID_BYTES);
        let mut secret = [0; SECRET_RANDOM_BYTES];
        secret.copy_from_slice(rest);
        #[expect(clippy::expect_used, reason = "sixteen hexadecimal digits were just made")]
        let id = hex::encode(id).parse().expect("hexadecimal digits");
        Self::renewed(id, &secret)
    }

    /// Makes another secret for `id`.
    #[must_use]
    pub fn renewed(id: I, random: &[u8; SECRET_RANDOM_BYTES]) -> Self {
        let body = format!("{}{id}_{}", I::PREFIX, hex::encode(random));
        let secret = format!("{body}{}", check_of(&body));
        let hash = hash_of(&secret);
        Self { id, secret, hash }
    }
}

/// Makes a virtual key of random bytes.
#[must_use]
pub fn mint(random: &[u8; KEY_RANDOM_BYTES]) -> Minted<KeyId> {
    Minted::new(random)
}

/// A secret as it is presented: well formed, its check right, its record not yet looked at.
pub struct PresentedSecret<'a, I> {
    text: &'a str,
    holder: PhantomData<I>,
}

/// A virtual key as a client presents it.
pub type Presented<'a> = PresentedSecret<'a, KeyId>;
/// A token as an operator presents it.
pub type PresentedToken<'a> = PresentedSecret<'a, OperatorId>;

impl<'a, I: Holder> PresentedSecret<'a, I> {
    /// Takes `text` if it can be such a secret at all.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let len = I::PREFIX.len() + 2 * ID_BYTES + 1 + 2 * (SECRET_RANDOM_BYTES + CHECK_BYTES);
        if text.len() != len || !text.is_ascii() || !text.starts_with(I::PREFIX) {
            return None;
        }
        let (body, check) = text.split_at(len - 2 * CHECK_BYTES);
        (check_of(body) == check).then_some(Self { text, holder: PhantomData })
    }

    /// Whose it says it is.
    #[must_use]
    pub fn id(&self) -> Option<I> {
        self.text[I::PREFIX.len()..I::PREFIX.len() + 2 * ID_BYTES].parse().ok()
    }

    /// Whether it is the one whose hash was stored. Takes the same time whatever differs.
    #[must_use]
    pub fn matches(&self, stored_hash: &str) -> bool {
        let mut stored = [0; 32];
        let readable = hex::decode_to_slice(stored_hash, &mut stored).is_ok();
        readable & bool::from(Sha256::digest(self.text.as_bytes()).ct_eq(&stored))
    }
}

impl<I> fmt::Debug for PresentedSecret<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(…)")
    }
}

// A secret is 192 random bits, so one round of SHA-256 can't be searched; a slow hash would only cost every request.
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

    #[test]
    fn a_renewed_secret_keeps_the_id_and_nothing_else() {
        let before = mint(&[7; KEY_RANDOM_BYTES]);
        let after = Minted::renewed(before.id.clone(), &[8; SECRET_RANDOM_BYTES]);
        assert_eq!(Presented::parse(&after.secret).unwrap().id(), Some(before.id));
        assert!(!Presented::parse(&after.secret).unwrap().matches(&before.hash));
    }

    #[test]
    fn a_key_is_no_token_and_a_token_no_key() {
        let key = mint(&[7; KEY_RANDOM_BYTES]).secret;
        let token = Minted::<OperatorId>::new(&[7; KEY_RANDOM_BYTES]).secret;
        assert!(token.starts_with("tgo_") && PresentedToken::parse(&token).is_some());
        assert!(Presented::parse(&token).is_none() && PresentedToken::parse(&key).is_none());
        assert!(PresentedToken::parse(&key.replace("tgk_", "tgo_")).is_none());
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
            let _ = PresentedToken::parse(&text);
        }
    }
}
