//! Where an upstream may be. Judges URLs and addresses by their text and bits; resolves nothing, connects to nothing.
//!
//! A URL is taken apart here more narrowly than any platform's parser would, so that no platform can read another host
//! in it than was judged: only visible ASCII, no user, no backslash, no percent sign in the host, and a host that could be
//! read as an IPv4 address must be one in plain dotted form.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::Uri;
use toolgate_model::Network;

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;

/// The rule that a URL breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlRule {
    /// It is too long.
    Length,
    /// It is not an absolute URL of plain visible ASCII.
    Syntax,
    /// It is neither http nor https.
    Scheme,
    /// It is http where only https is allowed.
    Https,
    /// It holds a user name or a password.
    UserInfo,
    /// It holds a fragment.
    Fragment,
    /// Its port is not one.
    Port,
    /// Its host is neither a domain name nor an address.
    Host,
    /// Its host is a name that this `network` does not allow.
    Name,
    /// Its host is an address that this `network` does not allow.
    Address,
}

impl UrlRule {
    const fn text(self) -> &'static str {
        match self {
            Self::Length => "it is longer than 2048 bytes",
            Self::Syntax => {
                "it is not an absolute URL: write \"https://host/path\" in visible ASCII characters, without a backslash"
            }
            Self::Scheme => "it must begin with https:// (or http://, for a private or loopback server)",
            Self::Https => "http is allowed only to private and loopback servers: write https",
            Self::UserInfo => "it must hold no user name or password: set a header instead",
            Self::Fragment => "it must hold no fragment (\"#\")",
            Self::Port => "its port must be a number from 1 to 65535",
            Self::Host => {
                "its host must be a domain name, an IPv4 address in plain dotted form or an IPv6 address in brackets"
            }
            Self::Name => "its host is a name of a private network or of this machine",
            Self::Address => "its host is an address that is not public, or not allowed at all",
        }
    }

    /// Whether another value of the server's `network` setting could change the answer.
    const fn depends_on_network(self) -> bool {
        matches!(self, Self::Https | Self::Name | Self::Address)
    }
}

/// Why a URL can't be a server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlError {
    /// The rule it breaks.
    pub rule: UrlRule,
    /// The setting it was judged by.
    pub network: Network,
}

impl std::error::Error for UrlError {}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the URL can't be used: {}", self.rule.text())?;
        if self.rule.depends_on_network() {
            write!(f, " (the server's setting \"network\" is {:?})", network_name(self.network))?;
        }
        Ok(())
    }
}

/// The setting's value as it is written.
pub(crate) const fn network_name(network: Network) -> &'static str {
    match network {
        Network::Public => "public",
        Network::Private => "private",
        Network::Loopback => "loopback",
    }
}

/// Checks that `url` can be a server's MCP endpoint where the server may be in `network`.
///
/// # Errors
/// Names the rule it breaks, and the setting that decides it.
pub fn check_url(url: &str, network: Network) -> Result<Uri, UrlError> {
    let error = |rule| UrlError { rule, network };
    let host = host_of(url).map_err(error)?;
    check_host(host, network).map_err(error)?;
    let uri: Uri = url.parse().map_err(|_| error(UrlRule::Syntax))?;
    // Two readers must agree before anything is believed.
    if uri.host() != Some(host) {
        return Err(error(UrlRule::Syntax));
    }
    check_uri(&uri, network)?;
    Ok(uri)
}

/// Checks once more, right before a request, what [`check_url`] gave; `network` may have been narrowed since.
pub(crate) fn check_uri(uri: &Uri, network: Network) -> Result<(), UrlError> {
    let rule = match (uri.scheme_str(), uri.host()) {
        (Some("http"), _) if network == Network::Public => Err(UrlRule::Https),
        (Some("https" | "http"), Some(host)) => check_host(host, network),
        _ => Err(UrlRule::Syntax),
    };
    rule.map_err(|rule| UrlError { rule, network })
}

/// The host as it stands in `url`, which is otherwise well formed.
fn host_of(url: &str) -> Result<&str, UrlRule> {
    if url.len() > MAX_URL {
        return Err(UrlRule::Length);
    }
    if !url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(UrlRule::Syntax);
    }
    let (scheme, rest) = url.split_once("://").ok_or(UrlRule::Syntax)?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlRule::Scheme);
    }
    if rest.contains('#') {
        return Err(UrlRule::Fragment);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlRule::UserInfo);
    }
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => (&authority[..colon], Some(&authority[colon + 1..])),
        _ => (authority, None),
    };
    match port {
        Some(port) if !is_port(port) => Err(UrlRule::Port),
        _ if host.is_empty() => Err(UrlRule::Host),
        _ => Ok(host),
    }
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

fn check_host(host: &str, network: Network) -> Result<(), UrlRule> {
    let address = match host.strip_prefix('[') {
        Some(rest) => Some(bracketed(rest)?.into()),
        None if !is_name(host) => return Err(UrlRule::Host),
        None if ends_in_a_number(host) => Some(host.parse::<Ipv4Addr>().map_err(|_| UrlRule::Host)?.into()),
        None => None,
    };
    match address {
        Some(address) if address_allowed(address, network) => Ok(()),
        Some(_) => Err(UrlRule::Address),
        None if name_allowed(host, network) => Ok(()),
        None => Err(UrlRule::Name),
    }
}

fn bracketed(rest: &str) -> Result<Ipv6Addr, UrlRule> {
    rest.strip_suffix(']').and_then(|inner| inner.parse().ok()).ok_or(UrlRule::Host)
}

/// Labels of letters, digits, `-` and `_`; no empty one, so no dot at the end either.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// Whether the URL standard takes `host` for an IPv4 address (or fails because it is no good one).
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|b| b.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a server may be called `host`, before anything is known of its address.
fn name_allowed(host: &str, network: Network) -> bool {
    const PRIVATE: &[&str] = &["local", "localdomain", "internal", "home.arpa"];
    if is_or_is_below(host, "localhost") {
        return network == Network::Loopback;
    }
    let private = !host.contains('.') || PRIVATE.iter().any(|suffix| is_or_is_below(host, suffix));
    !private || network != Network::Public
}

fn is_or_is_below(host: &str, domain: &str) -> bool {
    let Some(at) = host.len().checked_sub(domain.len()) else { return false };
    host.as_bytes()[at..].eq_ignore_ascii_case(domain.as_bytes()) && (at == 0 || host.as_bytes()[at - 1] == b'.')
}

/// Whether a server whose setting is `network` may be at `addr`. Platforms ask it for every address a name resolves to,
/// and connect to one that it allowed.
#[must_use]
pub fn address_allowed(addr: IpAddr, network: Network) -> bool {
    let reach = match addr {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    };
    match reach {
        Reach::Public => true,
        Reach::Private => network != Network::Public,
        Reach::Loopback => network == Network::Loopback,
        Reach::Never => false,
    }
}

/// From where an address can be reached, as the IANA registries of special-purpose addresses say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    Loopback,
    Never,
}

fn reach_v4(addr: Ipv4Addr) -> Reach {
    match addr.octets() {
        octets if is_never_v4(octets) => Reach::Never,
        [127, ..] => Reach::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

fn is_never_v4(octets: [u8; 4]) -> bool {
    let metadata = matches!(octets, [169, 254, ..] | [168, 63, 129, 16] | [100, 100, 100, 200]);
    let documentation = matches!(octets, [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]);
    // Protocol assignments, 6to4 relays, benchmarking.
    let infrastructure = matches!(octets, [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..]);
    // "This network"; multicast, reserved, broadcast.
    let no_unicast = matches!(octets, [0 | 224..=255, ..]);
    metadata || documentation || infrastructure || no_unicast
}

fn reach_v6(addr: Ipv6Addr) -> Reach {
    if addr == Ipv6Addr::LOCALHOST {
        return Reach::Loopback;
    }
    match addr.segments() {
        // An IPv4 address in IPv6 clothes: mapped, or translated by the network (NAT64).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => reach_v4(embedded(high, low)),
        segments if is_never_v6(segments) => Reach::Never,
        [0xfc00..=0xfdff, ..] => Reach::Private,
        [0x2000..=0x3fff, ..] => Reach::Public,
        // All the rest: unspecified, IPv4-compatible, local NAT64, link-local, site-local, multicast, unassigned.
        _ => Reach::Never,
    }
}

/// What is within the public or private ranges, and yet never a server's.
fn is_never_v6(segments: [u16; 8]) -> bool {
    // Amazon's and Google's, in unique local addresses.
    let metadata = matches!(segments, [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]);
    let documentation = matches!(segments, [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..]);
    // Protocol assignments (Teredo, benchmarking, ORCHID), 6to4.
    let infrastructure = matches!(segments, [0x2001, 0..=0x1ff, ..] | [0x2002, ..]);
    metadata || documentation || infrastructure
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
