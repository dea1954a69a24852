//! What one program may use.

use std::time::Duration;

/// The bounds of one program. [`Limits::default`] is what every target starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Units of gas, over all steps: some 5 million to a millisecond of a processor.
    pub gas: u64,
    /// Bytes of memory, the interpreter's own 2.5 MiB included; at most 64 MiB.
    pub memory: u32,
    /// Bytes of source.
    pub source: usize,
    /// Calls of tools, in all.
    pub calls: u32,
    /// Calls of tools at the same time; more wait. (A Worker has six connections per request.)
    pub parallel: usize,
    /// Bytes of one call's arguments as JSON.
    pub arguments: usize,
    /// Bytes of one call's result. A longer one is an error that the program can catch.
    pub tool_result: usize,
    /// Bytes of all calls' results, taken together. What exceeds it is an error that the program can catch.
    pub tool_results: usize,
    /// Bytes of the program's own result as JSON.
    pub result: usize,
    /// Bytes of logs; the rest is cut off, and the cut is marked.
    pub logs: usize,
    /// From the start to the end, waiting for calls included.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gas: 1_000_000_000,
            memory: 24 << 20,
            source: 64 << 10,
            calls: 50,
            parallel: 6,
            arguments: 256 << 10,
            tool_result: 2 << 20,
            tool_results: 8 << 20,
            result: 1 << 20,
            logs: 16 << 10,
            time: Duration::from_secs(60),
        }
    }
}
