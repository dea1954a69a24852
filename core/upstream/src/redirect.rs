//! Which redirects are followed: those that keep the method and the origin. Judges; sends nothing.

use http::{HeaderMap, StatusCode, Uri, header::LOCATION};
use toolgate_model::Network;

use crate::address::check_url;

/// How often in a row one request is sent elsewhere.
pub(crate) const MAX_REDIRECTS: usize = 2;

/// Where a redirect leads, or why it is not followed. The reason names the target's host and nothing else of it: the
/// rest may be a secret.
pub(crate) fn target(from: &Uri, status: StatusCode, headers: &HeaderMap, network: Network) -> Result<Uri, String> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location =
        location.ok_or_else(|| format!("it answered HTTP {} without saying where to go", status.as_u16()))?;
    let resolved = resolve(from, location);
    let host = resolved.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    let refused = |reason: &str| {
        let host = host.as_deref().unwrap_or("a place that is no URL");
        format!("it redirects (HTTP {}) to {host}, {reason}", status.as_u16())
    };
    if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return Err(refused("in a way that is not followed: give the URL it redirects to as the server's \"url\""));
    }
    let uri = check_url(&resolved, network).map_err(|_| refused("where the server may not be"))?;
    if origin(&uri) != origin(from) {
        return Err(refused(
            "which is another origin, and that is not followed: give the URL it redirects to as the server's \"url\"",
        ));
    }
    Ok(uri)
}

/// What a server at `from` means by `reference`, if that may be a server in `network` and keeps the origin.
pub(crate) fn same_origin(from: &Uri, reference: &str, network: Network) -> Option<Uri> {
    let uri = check_url(&resolve(from, reference), network).ok()?;
    (origin(&uri) == origin(from)).then_some(uri)
}

/// Whether the status asks to go elsewhere.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn origin(uri: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    (uri.scheme_str(), uri.host().map(str::to_ascii_lowercase), uri.port_u16().or(Some(default)))
}

/// `location` as an absolute URL. What comes out is checked like any other URL, so nothing needs to be refused here.
fn resolve(from: &Uri, location: &str) -> String {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map_or("", http::uri::Authority::as_str);
    if has_scheme(location) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') || location.is_empty() {
        format!("{scheme}://{authority}{}{location}", from.path())
    } else {
        let directory = from.path().rfind('/').map_or("/", |slash| &from.path()[..=slash]);
        format!("{scheme}://{authority}{directory}{location}")
    }
}

fn has_scheme(location: &str) -> bool {
    let before = location.split(['/', '?']).next().unwrap_or_default();
    before.split_once(':').is_some_and(|(scheme, _)| !scheme.is_empty())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn follow(status: u16, location: &str) -> Result<String, String> {
        let from = Uri::from_static("https://mcp.example.com/a/mcp?x=1");
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        target(&from, status, &headers, Network::Public).map(|uri| uri.to_string())
    }

    #[test]
    fn the_same_origin_is_followed() {
        for (location, expected) in [
            ("https://mcp.example.com/b", "https://mcp.example.com/b"),
            ("https://mcp.example.com:443/b", "https://mcp.example.com:443/b"),
            ("//mcp.example.com/b", "https://mcp.example.com/b"),
            ("/b?y=2#f", "https://mcp.example.com/b?y=2"),
            ("mcp/", "https://mcp.example.com/a/mcp/"),
            ("?y", "https://mcp.example.com/a/mcp?y"),
        ] {
            for status in [307, 308] {
                assert_eq!(follow(status, location).as_deref(), Ok(expected), "{location}");
            }
        }
    }

    #[test]
    fn nothing_else_is_followed() {
        for location in [
            "https://evil.example/b?token=secret",
            "http://mcp.example.com/b",
            "https://mcp.example.com:8443/b",
            "https://mcp.example.com@evil.example/",
            "//evil.example/",
            "/\\evil.example/",
            "https:\\\\evil.example",
            "https://127.0.0.1/",
            "http://169.254.169.254/latest",
            "https://localhost/",
            "javascript:alert(1)",
            "ftp://mcp.example.com/",
        ] {
            let error = follow(307, location).unwrap_err();
            assert!(!error.contains("secret") && !error.contains("token"), "{error}");
        }
        for status in [301, 302, 303] {
            assert!(follow(status, "/b").is_err(), "{status}");
        }
    }

    #[test]
    fn the_targets_host_is_named() {
        assert!(follow(302, "https://other.example/x").unwrap_err().contains("other.example"));
    }
}
