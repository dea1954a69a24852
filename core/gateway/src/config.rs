//! The settings, read from named variables that every target has (environment, Worker vars and secrets).

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
        Ok(Self { domain, allowed_hosts, allowed_origins, operator_token, master_key, limits: Limits::default() })
    }
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
        let host = host_of(authority).to_ascii_lowercase();
        self.exact.contains(&host)
            || self.below.iter().any(|suffix| host.len() > suffix.len() && host.ends_with(suffix.as_str()))
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

    #[test]
    fn a_rule_that_says_too_much_is_refused() {
        for bad in ["*", "*.", "http://x", "x:80", "a b"] {
            assert!(HostRules::parse(bad).is_err(), "{bad}");
        }
    }
}
