//! The settings, read from named variables that every target has (environment, Worker vars and secrets).

use std::{ops::RangeInclusive, time::Duration};

use toolgate_model::Limits;
use toolgate_seal::{MasterKey, OperatorToken};

/// Everything an operator sets. Read once, when an instance starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// `TOOLGATE_DOMAIN`: tenants are its subdomains (`acme.<domain>`).
    pub domain: Option<String>,
    /// `TOOLGATE_ALLOWED_HOSTS`: hosts a request may name in `Host`.
    pub allowed_hosts: HostRules,
    /// `TOOLGATE_ALLOWED_ORIGINS`: hosts a browser's `Origin` may name; the allowed hosts where unset.
    pub allowed_origins: HostRules,
    /// `TOOLGATE_OPERATOR_TOKEN`: without it the admin API answers 503.
    pub operator_token: Option<OperatorToken>,
    /// `TOOLGATE_MASTER_KEY`: seals sessions and stored upstream credentials.
    pub master_key: MasterKey,
    /// The bounds on everything from outside.
    pub limits: Limits,
    /// `TOOLGATE_COUNTERS`: whether each answer says how often its request asked the store. For tests and for the curious.
    pub counters: bool,
}

/// A setting that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

impl Config {
    /// Reads the settings through `get`. `default_hosts` is what `TOOLGATE_ALLOWED_HOSTS` is where it is unset.
    ///
    /// # Errors
    /// Names the setting and what to write instead.
    pub fn from_vars(get: impl Fn(&str) -> Option<String>, default_hosts: &str) -> Result<Self, ConfigError> {
        let set = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let error = |name, problem: &dyn ToString| ConfigError { name, problem: problem.to_string() };
        let master_key = set("TOOLGATE_MASTER_KEY").ok_or_else(|| {
            error("TOOLGATE_MASTER_KEY", &"is not set: give it 64 random hexadecimal digits, kept secret")
        })?;
        let master_key = MasterKey::from_hex(&master_key).map_err(|e| error("TOOLGATE_MASTER_KEY", &e))?;
        let operator_token = set("TOOLGATE_OPERATOR_TOKEN")
            .map(|token| OperatorToken::new(&token).map_err(|e| error("TOOLGATE_OPERATOR_TOKEN", &e)))
            .transpose()?;
        let domain = set("TOOLGATE_DOMAIN").map(|domain| domain.trim().to_ascii_lowercase());
        let mut hosts = set("TOOLGATE_ALLOWED_HOSTS").unwrap_or_else(|| default_hosts.to_owned());
        if let Some(domain) = &domain {
            hosts = format!("{hosts},{domain},*.{domain}");
        }
        let allowed_hosts = HostRules::parse(&hosts).map_err(|e| error("TOOLGATE_ALLOWED_HOSTS", &e))?;
        let allowed_origins = match set("TOOLGATE_ALLOWED_ORIGINS") {
            Some(origins) => HostRules::parse(&origins).map_err(|e| error("TOOLGATE_ALLOWED_ORIGINS", &e))?,
            None => allowed_hosts.clone(),
        };
        let limits = limits(&set)?;
        let counters = set("TOOLGATE_COUNTERS").as_deref() == Some("1");
        Ok(Self { domain, allowed_hosts, allowed_origins, operator_token, master_key, limits, counters })
    }
}

/// The bounds that an operator may move, each within what makes sense.
fn limits(set: &impl Fn(&str) -> Option<String>) -> Result<Limits, ConfigError> {
    let number = |name: &'static str, range: RangeInclusive<u64>| -> Result<Option<u64>, ConfigError> {
        let Some(text) = set(name) else { return Ok(None) };
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        let problem = || format!("is not a whole number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| ConfigError { name, problem: problem() })
    };
    let mut limits = Limits::default();
    let millis = |into: &mut Duration, name, range| -> Result<(), ConfigError> {
        number(name, range).map(|found| *into = found.map_or(*into, Duration::from_millis))
    };
    millis(&mut limits.staleness, "TOOLGATE_STALENESS_MS", 1_000..=60_000)?;
    millis(&mut limits.upstream_first_byte, "TOOLGATE_UPSTREAM_TIMEOUT_MS", 100..=600_000)?;
    millis(&mut limits.upstream_idle, "TOOLGATE_UPSTREAM_IDLE_MS", 100..=3_600_000)?;
    millis(&mut limits.upstream_total, "TOOLGATE_UPSTREAM_TOTAL_MS", 100..=3_600_000)?;
    millis(&mut limits.listen, "TOOLGATE_SUBSCRIPTION_MS", 1_000..=3_600_000)?;
    millis(&mut limits.session_stream, "TOOLGATE_SESSION_STREAM_MS", 0..=3_600_000)?;
    millis(&mut limits.lease_linger, "TOOLGATE_LEASE_LINGER_MS", 0..=60_000)?;
    millis(&mut limits.input, "TOOLGATE_INPUT_WAIT_MS", 1_000..=900_000)?;
    millis(&mut limits.catalogue_ttl, "TOOLGATE_CATALOGUE_TTL_MS", 0..=86_400_000)?;
    millis(&mut limits.catalogue_total, "TOOLGATE_CATALOGUE_TIMEOUT_MS", 100..=60_000)?;
    let size = |into: &mut usize, name, range| -> Result<(), ConfigError> {
        number(name, range).map(|found| *into = found.and_then(|found| usize::try_from(found).ok()).unwrap_or(*into))
    };
    size(&mut limits.request_body, "TOOLGATE_REQUEST_BYTES", 1_024..=67_108_864)?;
    size(&mut limits.upstream_body, "TOOLGATE_UPSTREAM_BYTES", 1_024..=67_108_864)?;
    size(&mut limits.page_tools, "TOOLGATE_PAGE_TOOLS", 1..=10_000)?;
    Ok(limits)
}

/// Which hosts are allowed: exact names (`localhost`, `127.0.0.1`, `[::1]`) or all below a domain (`*.example.com`),
/// with any port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostRules {
    exact: Vec<String>,
    below: Vec<String>,
}

impl HostRules {
    /// Reads rules separated by commas.
    ///
    /// # Errors
    /// Shows the rule that can't be used.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        for rule in text.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            let rule = rule.to_ascii_lowercase();
            match rule.strip_prefix("*.") {
                Some(suffix) if is_host(suffix) => rules.below.push(format!(".{suffix}")),
                None if is_host(&rule) => rules.exact.push(rule),
                _ => {
                    return Err(format!(
                        "holds {rule:?}: write hosts like \"example.com\" or \"*.example.com\", without port"
                    ));
                }
            }
        }
        Ok(rules)
    }

    /// Whether `authority` (`host` or `host:port`) is allowed.
    #[must_use]
    pub fn allow(&self, authority: &str) -> bool {
        let host = host_of(authority);
        let ends_in = |suffix: &String| {
            let end = host.len().checked_sub(suffix.len()).filter(|start| *start > 0);
            end.and_then(|start| host.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
        };
        self.exact.iter().any(|exact| exact.eq_ignore_ascii_case(host)) || self.below.iter().any(ends_in)
    }
}

fn is_host(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let bracketed = inner.len() != text.len();
    !inner.is_empty()
        && inner
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') || (bracketed && b == b':'))
}

/// The host of `host:port`, brackets of an IPv6 literal kept.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_match_exactly_or_below_a_domain_with_any_port() {
        let rules = HostRules::parse("localhost, 127.0.0.1,[::1],*.example.com").unwrap();
        for good in ["localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:8080", "[::1]", "acme.example.com"] {
            assert!(rules.allow(good), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "evil.com",
            "evilexample.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com:80",
            ".example.com",
        ] {
            assert!(!rules.allow(bad), "{bad}");
        }
    }

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let key = "ab".repeat(32);
        let get = |name: &str| match vars.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => Some((*value).to_owned()),
            None => (name == "TOOLGATE_MASTER_KEY").then(|| key.clone()),
        };
        Config::from_vars(get, "localhost")
    }

    #[test]
    fn settings_are_read_and_a_bad_one_is_named() {
        let good = config(&[("TOOLGATE_STALENESS_MS", "5000"), ("TOOLGATE_DOMAIN", "example.com")]).unwrap();
        assert_eq!(good.limits.staleness, Duration::from_secs(5));
        assert!(good.allowed_hosts.allow("acme.example.com") && good.allowed_hosts.allow("localhost:1"));
        for (name, value) in [
            ("TOOLGATE_STALENESS_MS", "0"),
            ("TOOLGATE_STALENESS_MS", "ten"),
            ("TOOLGATE_MASTER_KEY", "secret"),
            ("TOOLGATE_OPERATOR_TOKEN", "short"),
            ("TOOLGATE_ALLOWED_HOSTS", "*"),
        ] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_rule_that_says_too_much_is_refused() {
        for bad in ["*", "*.", "http://x", "x:80", "a b"] {
            assert!(HostRules::parse(bad).is_err(), "{bad}");
        }
    }
}
