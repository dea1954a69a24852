//! Which headers an operator may configure for a server, and the headers of the protocol itself.

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};
use toolgate_wire::{Version, header::encode_value};

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
    let lower = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name { name: shown.clone() })?;
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
        "host",
        "http2-settings",
        "keep-alive",
        "last-event-id",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    OWNED.contains(&name) || name.starts_with("mcp-") || name.starts_with("proxy-")
}

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// Where a legacy server names the session.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PARAM_PREFIX: &str = "mcp-param-";
const AGENT: &str = concat!("toolgate/", env!("CARGO_PKG_VERSION"));

/// What the headers of one request are made of.
#[derive(Clone, Copy, Default)]
pub(crate) struct Head<'a> {
    /// The version spoken, where one is agreed on.
    pub(crate) version: Option<Version>,
    /// The method, for a modern server.
    pub(crate) method: Option<&'static str>,
    /// What the request is about, for a modern server.
    pub(crate) name: Option<&'a str>,
    /// The session, with a legacy server that has one.
    pub(crate) session: Option<&'a HeaderValue>,
    /// Headers among which `Mcp-Param-*` are passed on.
    pub(crate) params: Option<&'a HeaderMap>,
    /// From where a stream is resumed.
    pub(crate) last_event_id: Option<&'a str>,
}

impl Head<'_> {
    /// All headers of the request. The protocol's own override the `configured` ones.
    pub(crate) fn headers(&self, configured: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(configured.len() + 8);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        copy(&mut headers, configured, |name| !is_reserved(name));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(id) = self.last_event_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT_ID, id);
        }
        if let Some(version) = self.version {
            headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(version.as_str()));
        }
        if let Some(method) = self.method {
            headers.insert(METHOD, HeaderValue::from_static(method));
        }
        if let Some(name) = self.name.and_then(|name| HeaderValue::from_str(&encode_value(name)).ok()) {
            headers.insert(NAME, name);
        }
        if let Some(session) = self.session {
            headers.insert(SESSION, session.clone());
        }
        if let Some(params) = self.params {
            copy(&mut headers, params, |name| name.starts_with(PARAM_PREFIX));
        }
        headers
    }
}

/// Copies what `wanted` names, in place of what was there under the same name.
fn copy(to: &mut HeaderMap, from: &HeaderMap, wanted: impl Fn(&str) -> bool) {
    for name in from.keys().filter(|name| wanted(name.as_str())) {
        to.remove(name);
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
}

/// What an answer says it is, parameters aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// Nothing is said.
    Unsaid,
    /// One JSON value.
    Json,
    /// A stream of events.
    Events,
    /// Anything else, shortened to what can be shown.
    Other(String),
}

impl MediaType {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().as_bytes();
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let essence = value[..end].trim_ascii();
        if essence.is_empty() {
            Self::Unsaid
        } else if essence.eq_ignore_ascii_case(b"application/json") {
            Self::Json
        } else if essence.eq_ignore_ascii_case(b"text/event-stream") {
            Self::Events
        } else {
            let shown = essence.iter().filter(|byte| byte.is_ascii_graphic()).take(60);
            Self::Other(shown.map(|byte| char::from(byte.to_ascii_lowercase())).collect())
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "no content type",
            Self::Json => "application/json",
            Self::Events => "text/event-stream",
            Self::Other(other) => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_others_own_are_refused() {
        for name in
            ["Host", "content-length", "ACCEPT", "Mcp-Session-Id", "mcp-param-x", "connection", "Proxy-Authorization"]
        {
            assert!(matches!(check_header(name, "x"), Err(HeaderError::Reserved { .. })), "{name}");
        }
        for name in ["authorization", "X-Api-Key", "cookie", "CF-Access-Client-Id", "user-agent"] {
            assert_eq!(check_header(name, "Bearer x y"), Ok(()), "{name}");
        }
        for name in ["", "a b", "a:b", "\u{e4}", &"x".repeat(129)] {
            assert!(matches!(check_header(name, "x"), Err(HeaderError::Name { .. })), "{name}");
        }
    }

    #[test]
    fn a_value_that_breaks_a_header_is_refused_and_not_repeated() {
        for value in ["secret\r\nHost: x", "secret\0", " secret", "secret ", "s\u{e4}cret", &"secret".repeat(2000)] {
            let error = check_header("x-api-key", value).unwrap_err();
            assert!(matches!(error, HeaderError::Value { .. }), "{value:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_protocols_headers_override_configured_ones() {
        let mut configured = HeaderMap::new();
        for (name, value) in
            [("accept", "x"), ("mcp-session-id", "x"), ("user-agent", "mine"), ("authorization", "Bearer t")]
        {
            configured.insert(name, HeaderValue::from_static(value));
        }
        let mut params = HeaderMap::new();
        params.insert("mcp-param-region", HeaderValue::from_static("eu"));
        params.insert("cookie", HeaderValue::from_static("x"));
        let head =
            Head { method: Some("tools/call"), name: Some("gr\u{fc}n"), params: Some(&params), ..Head::default() };
        let headers = head.headers(&configured);
        let get = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(get("accept").as_deref(), Some("application/json, text/event-stream"));
        assert_eq!(get("mcp-session-id"), None);
        assert_eq!(get("user-agent").as_deref(), Some("mine"));
        assert_eq!(get("authorization").as_deref(), Some("Bearer t"));
        assert_eq!(get("mcp-name").as_deref(), Some("=?base64?Z3LDvG4=?="));
        assert_eq!(get("mcp-param-region").as_deref(), Some("eu"));
        assert_eq!(get("cookie"), None);
    }
}
