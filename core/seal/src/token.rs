//! The owner's token for the admin API, as the gateway's settings hold it. There is no default one.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const MIN_LEN: usize = 24;

/// The owner's token, kept as a hash.
#[derive(Clone)]
pub struct OperatorToken([u8; 32]);

/// The token is too short to be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is shorter than {MIN_LEN} characters: make a random one, for example with `openssl rand -hex 32`")]
pub struct WeakToken;

impl OperatorToken {
    /// Takes a token of at least 24 characters.
    ///
    /// # Errors
    /// [`WeakToken`] if it is shorter.
    pub fn new(token: &str) -> Result<Self, WeakToken> {
        let token = token.trim();
        if token.len() < MIN_LEN { Err(WeakToken) } else { Ok(Self(Sha256::digest(token.as_bytes()).into())) }
    }

    /// Whether `presented` is the token. Takes the same time whatever differs.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        digest.ct_eq(&self.0).into()
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_matches() {
        let token = OperatorToken::new("0123456789abcdef0123456789abcdef").unwrap();
        assert!(token.matches("0123456789abcdef0123456789abcdef"));
        assert!(!token.matches("0123456789abcdef0123456789abcdeF"));
        assert!(!token.matches(""));
        assert_eq!(OperatorToken::new("secret").unwrap_err(), WeakToken);
    }
}
