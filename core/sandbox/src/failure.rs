//! Why a program failed, in words for the agent that wrote it.

use std::fmt;

use toolgate_ports::{SandboxError, Trap};

use crate::Limits;

/// Why a program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Of which kind it is.
    pub kind: Kind,
    /// What happened.
    pub message: String,
    /// The line of the source, from one.
    pub line: Option<u32>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The tool whose error it is, if it is one's, as the program calls it.
    pub tool: Option<String>,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The program is not JavaScript.
    Syntax,
    /// It threw something that it did not catch.
    Runtime,
    /// A tool's error was not caught.
    Tool,
    /// It would use more than it may.
    Limit(Limit),
    /// It waits for something that never comes.
    Deadlock,
    /// Run again, it made other calls than it had made.
    Diverged,
    /// Too many programs run at the same time. A later try may find room.
    Busy,
    /// The sandbox itself failed.
    Internal,
}

/// What a program would use too much of: the fields of [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::gas`]
    Gas,
    /// [`Limits::memory`]
    Memory,
    /// Nesting: of brackets, of calls, of data. The same for all.
    Stack,
    /// [`Limits::time`]
    Time,
    /// [`Limits::calls`]
    Calls,
    /// [`Limits::source`]
    Source,
    /// [`Limits::result`]
    Result,
}

impl Kind {
    /// As the guest names it.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "syntax" => Self::Syntax,
            "runtime" => Self::Runtime,
            "tool" => Self::Tool,
            "calls" => Self::Limit(Limit::Calls),
            "result" => Self::Limit(Limit::Result),
            "deadlock" => Self::Deadlock,
            _ => Self::Internal,
        }
    }

    /// One word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Runtime => "runtime",
            Self::Tool => "tool",
            Self::Limit(_) => "limit",
            Self::Deadlock => "deadlock",
            Self::Diverged => "diverged",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }
}

impl Limit {
    /// One word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gas => "gas",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Time => "time",
            Self::Calls => "calls",
            Self::Source => "source",
            Self::Result => "result",
        }
    }
}

/// `limit:gas`, or the kind's one word.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "limit:{}", limit.name()),
            kind => f.write_str(kind.name()),
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: String) -> Self {
        Self { kind, message, line: None, hint: None, tool: None }
    }

    fn hinted(kind: Kind, message: String, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..Self::new(kind, message) }
    }

    pub(crate) fn internal(message: &str) -> Self {
        Self::new(Kind::Internal, format!("the sandbox failed: {message}"))
    }

    pub(crate) fn unopened(error: &SandboxError) -> Self {
        match error {
            SandboxError::Busy => Self::hinted(Kind::Busy, error.to_string(), "Nothing was executed; try again."),
            SandboxError::Unavailable(_) => Self::internal(&error.to_string()),
        }
    }

    pub(crate) fn trapped(trap: &Trap, limits: &Limits) -> Self {
        match trap {
            Trap::Gas => Self::limit(
                Limit::Gas,
                format!("the program computes for too long (the limit `gas` is {})", limits.gas),
                "Do less in one program: fetch less, filter early, leave out nested loops and complicated regular expressions.",
            ),
            Trap::Memory => Self::limit(
                Limit::Memory,
                format!(
                    "the program needs more memory than it may have (the limit `memory` is {} bytes)",
                    limits.memory
                ),
                "Keep less at a time: fetch pages and keep only the fields that are needed. A function that calls itself without an end comes here too.",
            ),
            Trap::Stack => Self::limit(
                Limit::Stack,
                "something is nested too deeply: brackets in the source, calls within calls, or data".to_owned(),
                "Use a loop instead of recursion, and several statements instead of one long expression.",
            ),
            Trap::Broken(what) => Self::internal(what),
        }
    }

    pub(crate) fn source(length: usize, limits: &Limits) -> Self {
        Self::limit(
            Limit::Source,
            format!("the program has {length} bytes (the limit `source` is {})", limits.source),
            "Leave data out of the program: fetch it with a tool.",
        )
    }

    pub(crate) fn time(limits: &Limits) -> Self {
        Self::limit(
            Limit::Time,
            format!("the program is not done after {} ms (the limit `time`)", limits.time.as_millis()),
            "Make fewer calls, or make them at the same time with `Promise.all`.",
        )
    }

    pub(crate) fn diverged(message: String) -> Self {
        Self::hinted(Kind::Diverged, message, "Run the program anew.")
    }

    fn limit(limit: Limit, message: String, hint: &str) -> Self {
        Self::hinted(Kind::Limit(limit), message, hint)
    }
}
