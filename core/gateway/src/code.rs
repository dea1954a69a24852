//! The JSON-RPC error codes of the gateway's own. They are outside the range that JSON-RPC and MCP reserve
//! (-32768 to -32000) and end in the HTTP status that says nearly the same.

use toolgate_upstream::UpstreamErrorKind;

/// No key, or none that is accepted.
pub(crate) const UNAUTHORIZED: i64 = -31401;
/// The Host or Origin is not allowed.
pub(crate) const FORBIDDEN: i64 = -31403;
/// These are quiet hours.
pub(crate) const QUIET_HOURS: i64 = -31423;
/// A person has to approve the call, and has not, or not yet.
pub(crate) const NOT_APPROVED: i64 = -31425;
/// A limit has not enough left.
pub(crate) const LIMITED: i64 = -31429;
/// The arguments are to be checked, and can't be.
pub(crate) const UNCHECKABLE: i64 = -31424;
/// There is no such endpoint or session.
pub(crate) const NOT_FOUND: i64 = -31404;
/// This HTTP method is not for this endpoint.
pub(crate) const METHOD_NOT_ALLOWED: i64 = -31405;
/// The body is too long.
pub(crate) const TOO_LARGE: i64 = -31413;
/// The body is not said to be JSON.
pub(crate) const UNSUPPORTED_MEDIA_TYPE: i64 = -31415;
/// The gateway's own store does not answer.
pub(crate) const STORE_UNAVAILABLE: i64 = -31503;
/// The upstream can't be reached, or broke off, or failed.
pub(crate) const UPSTREAM_UNAVAILABLE: i64 = -31502;
/// The upstream took too long.
pub(crate) const UPSTREAM_TIMEOUT: i64 = -31504;
/// The upstream's answer is longer than the gateway takes.
pub(crate) const UPSTREAM_TOO_LARGE: i64 = -31513;
/// The upstream broke the protocol.
pub(crate) const UPSTREAM_PROTOCOL: i64 = -31520;
/// The upstream is, or sends, where its `network` setting does not allow.
pub(crate) const UPSTREAM_FORBIDDEN: i64 = -31530;
/// The upstream asks the client for input in a way this client can't answer.
pub(crate) const UPSTREAM_NEEDS_INPUT: i64 = -31540;

/// The code, the kind's name and the words for a client. What an operator needs beyond it is in the log: a client isn't told
/// where an upstream is.
pub(crate) fn of_upstream(kind: &UpstreamErrorKind) -> (i64, &'static str, String) {
    let (code, name, words) = match kind {
        UpstreamErrorKind::Unreachable => {
            (UPSTREAM_UNAVAILABLE, "unreachable", "can't be reached; nothing was executed")
        }
        UpstreamErrorKind::Closed => {
            (UPSTREAM_UNAVAILABLE, "closed", "ended the connection before its answer was complete; it may have acted")
        }
        UpstreamErrorKind::Timeout => (UPSTREAM_TIMEOUT, "timeout", "did not answer in time; it may have acted"),
        UpstreamErrorKind::TooLarge => {
            (UPSTREAM_TOO_LARGE, "too-large", "gave an answer longer than the gateway takes")
        }
        UpstreamErrorKind::NotJson => (UPSTREAM_PROTOCOL, "not-json", "gave an answer that is not JSON"),
        UpstreamErrorKind::Protocol => (UPSTREAM_PROTOCOL, "protocol", "gave an answer that breaks the protocol"),
        UpstreamErrorKind::Redirect => {
            (UPSTREAM_FORBIDDEN, "redirect", "redirects to where the gateway does not follow")
        }
        UpstreamErrorKind::Forbidden => {
            (UPSTREAM_FORBIDDEN, "forbidden", "is where its settings don't allow; nothing was executed")
        }
        UpstreamErrorKind::Resting { .. } => (
            UPSTREAM_UNAVAILABLE,
            "resting",
            "failed again and again and is left alone for a while; nothing was executed",
        ),
        UpstreamErrorKind::Status(status) => {
            return (UPSTREAM_UNAVAILABLE, "status", format!("answered with HTTP status {status}"));
        }
        UpstreamErrorKind::Rejected { code, .. } => {
            return (UPSTREAM_UNAVAILABLE, "rejected", format!("refused the gateway with error {code}"));
        }
    };
    (code, name, words.to_owned())
}
