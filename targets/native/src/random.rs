//! The system's randomness.

use toolgate_ports::Random;

/// The system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no key and no seal can be made: there is nothing to go on with"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives no random bytes");
    }
}
