//! Stands for the crate `regex`, which the validator of JSON Schema asks for (`[patch.crates-io]` in the workspace puts it there).
//!
//! It matches with the engine that rules match with, so that a Worker carries one engine and no table of Unicode: a pattern with a
//! property (`\p{L}`) is refused. Patterns come from upstreams: what they cost is bounded, by [`within`]. This crate must never know a
//! schema.

use std::cell::Cell;

pub use regex_lite::Error;
use regex_lite::RegexBuilder;

/// How large a compiled pattern may be, in bytes; each is counted as the first that it fits in.
const SIZES: [usize; 4] = [1 << 12, 1 << 14, 1 << 16, 1 << 18];

/// What compiling a byte is counted as, in bytes of text.
const COMPILING: u64 = 1 << 10;

thread_local! {
    /// What may still be spent: bytes of pattern times bytes of text.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Runs `part` with at most `work` for all its patterns: a match counts the bytes of the pattern, compiled, times the bytes of the
/// text, and compiling as much as a text of a kilobyte. `None` if that was not enough; what `part` found then means nothing.
pub fn within<T>(work: u64, part: impl FnOnce() -> T) -> Option<T> {
    let before = LEFT.replace(work);
    let found = part();
    let left = LEFT.replace(before);
    (left > 0).then_some(found)
}

/// Whether there is enough left for a pattern of `size` and so much text.
fn spend(size: u64, text: u64) -> bool {
    let left = LEFT.get().saturating_sub(size.saturating_mul(text));
    LEFT.set(left);
    left > 0
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    regex: regex_lite::Regex,
    size: u64,
}

impl Regex {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// If it is none that `regex-lite` knows, or too large, or more than is left ([`within`]).
    pub fn new(pattern: &str) -> Result<Self, Error> {
        let of_size = |size: usize| {
            let affordable = if spend(size as u64, COMPILING) { size } else { 0 };
            let regex = RegexBuilder::new(pattern).size_limit(affordable).build()?;
            Ok(Self { regex, size: size as u64 })
        };
        let [first, others @ ..] = SIZES;
        others.into_iter().fold(of_size(first), |found, size| found.or_else(|_| of_size(size)))
    }

    /// Whether it is somewhere in `text`. Where that may cost more than is left ([`within`]) it is not looked for.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        spend(self.size, text.len() as u64) && self.regex.is_match(text)
    }

    /// The pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }
}
