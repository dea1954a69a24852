//! What can go wrong with an upstream, said so that an operator knows which server, at which step, and why. Holds no
//! argument, no result and no configured header value.

use std::{fmt, time::Duration};

use toolgate_model::ServerId;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Reaching the server at all.
    Connect,
    /// Asking `server/discover` to learn its era.
    Probe,
    /// The legacy handshake.
    Initialize,
    /// Fetching a list.
    List,
    /// Asking for something that only reads.
    Read,
    /// Calling a tool, or anything else that may act.
    Call,
    /// Listening for what it has to say by itself.
    Listen,
}

impl Step {
    /// As it stands in messages and log lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Probe => "probe",
            Self::Initialize => "initialize",
            Self::List => "list",
            Self::Read => "read",
            Self::Call => "call",
            Self::Listen => "listen",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamErrorKind {
    /// No connection could be made; nothing was sent.
    Unreachable,
    /// The server is at an address that its `network` setting does not allow; nothing was sent.
    Forbidden,
    /// It took too long.
    Timeout,
    /// The connection or the stream ended before the answer was complete.
    Closed,
    /// The answer is longer than the gateway takes.
    TooLarge,
    /// The answer is not JSON.
    NotJson,
    /// The answer breaks the protocol: another id, not a message, a list that is none.
    Protocol,
    /// It redirected to where the gateway does not follow.
    Redirect,
    /// It answered with this HTTP status and no JSON-RPC error.
    Status(u16),
    /// It failed so often that it is left alone for now; nothing was sent.
    Resting {
        /// When it is asked again.
        retry_after: Duration,
    },
    /// It answered the handshake or the list with a JSON-RPC error.
    Rejected {
        /// The error's code.
        code: i64,
        /// The error's message, shortened and without control characters.
        message: String,
    },
}

/// An exchange with an upstream failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("server {server:?} failed at {step}: {message}", server = .server.as_str())]
pub struct UpstreamError {
    /// Which server.
    pub server: ServerId,
    /// While doing what.
    pub step: Step,
    /// In which way.
    pub kind: UpstreamErrorKind,
    /// In words, with what to do about it where that is known.
    pub message: String,
}

impl UpstreamError {
    /// Whether the same request can be made again without being executed twice, and may then succeed.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self.kind {
            UpstreamErrorKind::Unreachable | UpstreamErrorKind::Resting { .. } => true,
            UpstreamErrorKind::Timeout
            | UpstreamErrorKind::Closed
            | UpstreamErrorKind::Status(408 | 425 | 429 | 500..=599) => self.step != Step::Call,
            _ => false,
        }
    }
}
