//! What a policy may need, when it is saved and when it is evaluated.

/// How deep a condition may nest. Fixed, since the stack that parser, checker and evaluator need depends on it: some tens of
/// kilobytes, of the megabyte that WebAssembly gives.
pub(crate) const MAX_DEPTH: usize = 40;
/// How many loops may stand in each other.
pub(crate) const MAX_LOOPS: usize = 3;
/// The longest regular expression, in bytes.
pub(crate) const MAX_PATTERN: usize = 512;
/// The longest description of a rule, in bytes.
pub(crate) const MAX_DESCRIPTION: usize = 1_024;

/// Bounds on policies. What is larger when a policy is saved is refused; what is larger when it is evaluated is an error, and denies.
///
/// Cost is counted in units: to look at a part of a condition costs 8, to look at a byte of a text 1. Natively a unit takes about
/// half a nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most rules in a policy.
    pub rules: usize,
    /// The longest condition, in bytes.
    pub condition_bytes: usize,
    /// The most parts (literals, names, operators, calls) of a condition.
    pub condition_parts: usize,
    /// The most regular expressions in a policy.
    pub patterns: usize,
    /// The most that a policy may cost when it is evaluated once, in units.
    pub cost: u64,
    /// The longest arguments that rules look at, in bytes of JSON.
    pub argument_bytes: usize,
    /// The most values and member names in those arguments.
    pub argument_nodes: usize,
    /// The longest description, title or label that rules look at, in bytes.
    pub text_bytes: usize,
    /// The most labels of a key.
    pub labels: usize,
    /// The longest text that `matches` looks at, in bytes.
    pub matched_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rules: 64,
            condition_bytes: 4 << 10,
            condition_parts: 1_000,
            patterns: 64,
            cost: 50_000_000,
            argument_bytes: 1 << 20,
            argument_nodes: 16_384,
            text_bytes: 16 << 10,
            labels: 64,
            matched_bytes: 8 << 10,
        }
    }
}
