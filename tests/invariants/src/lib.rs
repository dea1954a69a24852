//! What must hold for every input, each as a function of bytes that panics where it does not: the fuzzer (`fuzz/`) looks for such
//! bytes, and every test run tries those that it has kept. Second opinions come from `serde_json` and from readers that are slow
//! and plain.
//!
//! An input is made of parts with [`SEPARATOR`] between them, so that a person can write one. This crate must never depend on a
//! fuzzer.

#![allow(clippy::unwrap_used, reason = "a test")]

mod answer;
mod envelope;
mod header;
mod json;
mod names;
mod param_header;
mod request;
mod sealed;
mod splice;
mod sse;
mod world;

/// Stands between the parts of an input: U+001E, which no JSON text and no header can hold.
pub const SEPARATOR: u8 = 0x1e;

/// What must hold, as a function of an input.
pub type Invariant = fn(&[u8]);

/// All of them by the names of their fuzz targets.
pub const ALL: [(&str, Invariant); 9] = [
    ("answer", answer::check),
    ("envelope", envelope::check),
    ("header", header::check),
    ("names", names::check),
    ("param_header", param_header::check),
    ("request", request::check),
    ("sealed", sealed::check),
    ("splice", splice::check),
    ("sse", sse::check),
];

/// Checks the invariant called `name`.
///
/// # Panics
/// If it does not hold for `input`, or if there is none of that name.
pub fn check(name: &str, input: &[u8]) {
    let (_, invariant) = ALL.iter().find(|(known, _)| *known == name).unwrap();
    invariant(input);
}

/// The parts of an input; what is missing is empty, what is too much belongs to the last.
fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut split = input.splitn(N, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| split.next().unwrap_or_default())
}

/// The parts of an input, where each is text.
fn texts<const N: usize>(input: &[u8]) -> Option<[&str; N]> {
    let parts = parts::<N>(input).map(std::str::from_utf8);
    parts.iter().all(Result::is_ok).then(|| parts.map(Result::unwrap_or_default))
}
