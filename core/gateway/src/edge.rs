//! The edge: which place a path names, and whether Host and Origin may be what they are.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use toolgate_ports::Body;

use crate::{
    answer,
    config::{Config, host_of},
};

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// An MCP endpoint: a tenant's (named here, or by the host), whole or of one server or view.
    Mcp { tenant: Option<&'a str>, part: Option<&'a str> },
    /// The admin API.
    Admin,
    /// Whether the instance lives.
    Health,
    /// Nothing.
    Nowhere,
}

impl<'a> Place<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        let (tenant, rest) = match path.strip_prefix("/t/").and_then(|rest| rest.split_once('/')) {
            Some((tenant, rest)) => (Some(tenant), rest),
            None => (None, path.strip_prefix('/').unwrap_or(path)),
        };
        match rest.strip_suffix('/').unwrap_or(rest) {
            "mcp" => Self::Mcp { tenant, part: None },
            "healthz" if tenant.is_none() => Self::Health,
            "admin/v1" if tenant.is_none() => Self::Admin,
            rest if tenant.is_none() && rest.starts_with("admin/v1/") => Self::Admin,
            rest => match rest.strip_prefix("mcp/") {
                Some(part) if !part.is_empty() && !part.contains('/') => Self::Mcp { tenant, part: Some(part) },
                _ => Self::Nowhere,
            },
        }
    }
}

/// Why a request goes no further.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) slug: &'static str,
    pub(crate) detail: String,
}

/// The authority that the client named: `Host`, or that of the request's absolute URI.
fn authority<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    match headers.get(header::HOST) {
        Some(host) => host.to_str().ok(),
        None => uri.authority().map(http::uri::Authority::as_str),
    }
}

/// The host that a request names, without its port.
pub(crate) fn host(head: &Parts) -> Option<&str> {
    authority(&head.headers, &head.uri).map(host_of)
}

/// The tenant that the host names: `acme` of `acme.<domain>`.
pub(crate) fn tenant_of_host(request: &Request<Body>, domain: Option<&str>) -> Option<String> {
    let host = host_of(authority(request.headers(), request.uri())?).to_ascii_lowercase();
    let tenant = host.strip_suffix(domain?)?.strip_suffix('.')?;
    (!tenant.is_empty()).then(|| tenant.to_owned())
}

/// Refuses a `Host` that is not allowed: the defence against DNS rebinding.
pub(crate) fn check_host(request: &Request<Body>, config: &Config) -> Result<(), Refused> {
    let host = authority(request.headers(), request.uri());
    if host.is_some_and(|host| config.allowed_hosts.allow(host)) {
        return Ok(());
    }
    let host: String = host.unwrap_or("").chars().take(100).collect();
    Err(Refused {
        status: StatusCode::FORBIDDEN,
        slug: "host-not-allowed",
        detail: format!(
            "The host {host:?} is not allowed: add it to TOOLGATE_ALLOWED_HOSTS if this gateway is reached under it."
        ),
    })
}

/// Refuses headers that are longer than anybody needs. A platform may have refused them before.
pub(crate) fn check_headers(headers: &HeaderMap, config: &Config) -> Result<(), Refused> {
    let limit = config.limits.request_headers;
    let length: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if length <= limit {
        return Ok(());
    }
    Err(Refused {
        status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        slug: "headers-too-long",
        detail: format!("The headers are longer than {limit} bytes."),
    })
}

/// Refuses a browser's `Origin` that is not allowed. Other clients send none.
pub(crate) fn check_origin(request: &Request<Body>, config: &Config) -> Result<(), Refused> {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
    if origin_allowed(origin, config) {
        return Ok(());
    }
    Err(Refused {
        status: StatusCode::FORBIDDEN,
        slug: "origin-not-allowed",
        detail:
            "The Origin is not allowed: add its host to TOOLGATE_ALLOWED_ORIGINS if pages there may use this gateway."
                .into(),
    })
}

fn origin_allowed(origin: &HeaderValue, config: &Config) -> bool {
    let host = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")));
    host.is_some_and(|host| !host.contains('/') && config.allowed_origins.allow(host))
}

/// What a browser asks before a request from another origin.
pub(crate) fn preflight(request: &Request<Body>, config: &Config) -> Response<Body> {
    if let Err(refused) = check_host(request, config).and_then(|()| check_origin(request, config)) {
        return answer::problem(refused.status, refused.slug, &refused.detail);
    }
    let mut response = answer::empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, DELETE, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    // The key is the authority, not the page: any header may be sent by a page that may send at all.
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(HeaderValue::from_static("*")));
    allow_origin(request.headers().get(header::ORIGIN), headers);
    response
}

/// Lets the page of an allowed `origin` read the answer.
pub(crate) fn allow_origin(origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("mcp-session-id, x-request-id, www-authenticate"),
    );
}

/// A header's value as text, if it is there and is visible ASCII.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let value = header_text(headers, &header::CONTENT_TYPE);
    value.is_some_and(|value| essence(value.as_bytes()).eq_ignore_ascii_case(b"application/json"))
}

/// A media type without its parameters.
fn essence(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    value[..end].trim_ascii()
}

/// Whether the client takes an answer as a stream of events.
pub(crate) fn accepts_events(headers: &HeaderMap) -> bool {
    const TYPES: [&[u8]; 3] = [b"text/event-stream", b"*/*", b"text/*"];
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(essence)
        .any(|range| TYPES.iter().any(|events| range.eq_ignore_ascii_case(events)))
}

/// A preflight is no request of a client's own.
pub(crate) fn is_preflight(method: &Method) -> bool {
    method == Method::OPTIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_their_places() {
        let mcp = |tenant, part| Place::Mcp { tenant, part };
        assert_eq!(Place::of("/mcp"), mcp(None, None));
        assert_eq!(Place::of("/mcp/"), mcp(None, None));
        assert_eq!(Place::of("/mcp/github"), mcp(None, Some("github")));
        assert_eq!(Place::of("/t/acme/mcp"), mcp(Some("acme"), None));
        assert_eq!(Place::of("/t/acme/mcp/github"), mcp(Some("acme"), Some("github")));
        assert_eq!(Place::of("/admin/v1/tenants"), Place::Admin);
        assert_eq!(Place::of("/healthz"), Place::Health);
        for nowhere in
            ["/", "", "/mcpx", "/mcp/a/b", "/t/acme", "/t/acme/admin/v1/tenants", "/admin/v10", "/t/acme/healthz"]
        {
            assert_eq!(Place::of(nowhere), Place::Nowhere, "{nowhere}");
        }
    }
}
