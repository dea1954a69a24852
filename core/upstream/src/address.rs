//! Where an upstream may be. Judges URLs and addresses; resolves and connects to nothing.

use std::net::IpAddr;

use http::Uri;
use toolgate_model::Network;

/// The rule that a URL breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlRule {
    /// It does not parse.
    Syntax,
}

/// Why a URL can't be a server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the URL can't be used: {problem}")]
pub struct UrlError {
    /// The rule it breaks.
    pub rule: UrlRule,
    problem: String,
}

/// Checks that `url` can be a server's MCP endpoint where the server may be in `network`.
///
/// # Errors
/// Names the rule it breaks, and the setting that decides it.
pub fn check_url(url: &str, network: Network) -> Result<Uri, UrlError> {
    let _ = network;
    url.parse().map_err(|_| UrlError { rule: UrlRule::Syntax, problem: "it does not parse".into() })
}

/// Whether a server whose setting is `network` may be at `addr`.
#[must_use]
pub fn address_allowed(addr: IpAddr, network: Network) -> bool {
    let _ = (addr, network);
    false
}
