//! What an operating system hands the core: sockets with checked addresses ([`HttpFetch`]), the clock ([`SystemClock`])
//! and randomness ([`SystemRandom`]). Shared by the targets that run on one.
//!
//! Futures run on a tokio `LocalSet`. This crate must never know a store, a setting or what a request means.

mod clock;
mod fetch;
mod random;

pub use clock::{SystemClock, now};
pub use fetch::HttpFetch;
pub use random::SystemRandom;
