//! Which headers an operator may configure for a server, and the headers of the protocol itself.

/// Why a header can't be configured for a server. Never holds its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name is not a header name.
    #[error("{name:?} is not a header name: write letters, digits and '-'")]
    Name {
        /// The name, shortened.
        name: String,
    },
    /// The name belongs to HTTP or to the protocol.
    #[error("the header {name:?} can't be set for a server: the gateway sets it itself")]
    Reserved {
        /// The name.
        name: String,
    },
    /// The value can't stand in a header.
    #[error(
        "the value of the header {name:?} can't be sent: write at most 8192 visible ASCII characters or spaces, with no space at its ends"
    )]
    Value {
        /// The header's name.
        name: String,
    },
}

/// Longest value a configured header may have, in bytes.
const MAX_VALUE: usize = 8192;

/// Checks a header that an operator wants sent with every request to a server.
///
/// # Errors
/// Names the header and the rule it breaks, never its value.
pub fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    let shown: String = name.chars().take(80).collect();
    let lower = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name { name: shown.clone() })?;
    if name.len() > 128 {
        return Err(HeaderError::Name { name: shown });
    }
    if is_reserved(lower.as_str()) {
        return Err(HeaderError::Reserved { name: lower.as_str().to_owned() });
    }
    let bytes = value.as_bytes();
    let sendable = bytes.len() <= MAX_VALUE
        && bytes.iter().all(|b| (0x20..0x7f).contains(b))
        && bytes.first() != Some(&b' ')
        && bytes.last() != Some(&b' ');
    if sendable { Ok(()) } else { Err(HeaderError::Value { name: lower.as_str().to_owned() }) }
}

/// Whether HTTP, the protocol or the platform owns the header `name` (lower case).
pub(crate) fn is_reserved(name: &str) -> bool {
    const OWNED: &[&str] = &[
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "last-event-id",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    const PREFIXES: &[&str] = &["mcp-", "proxy-", "sec-", "cf-", "x-forwarded-"];
    OWNED.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
