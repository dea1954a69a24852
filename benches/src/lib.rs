//! What is measured, apart from how: the inputs and the work, the same on every run.
//!
//! - `cargo bench -p toolgate-benches --bench wire` prints the time each case takes.
//! - `cargo run --release -p toolgate-benches --example wire_instructions` prints the instructions each takes, counted by
//!   `valgrind --tool=callgrind` (which must be installed): the same number on every run and every machine of a kind.
//!   With `<case> <n>` it only does the work of a case n times, for use under any other tool.
//!
//! A case may be named in both: `-- call`.
//!
//! The load bench (`cargo xtask bench load`) is made of three programs: `upstream`, an MCP server; `proxy`, which only
//! passes on; `load`, which asks and says what it cost.

mod gateway;
pub mod process;
pub mod serve;
mod wire;

pub use wire::Case;

/// Every case: of the wire crate, and of a whole request through the core.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = wire::cases();
    cases.extend(gateway::cases());
    cases
}
