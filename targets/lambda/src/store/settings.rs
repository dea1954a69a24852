//! The store's settings: the table, and how DynamoDB is reached.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_http_client::{
    Builder as HttpClientBuilder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::DynamoStore;

/// The store can't be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing.
    #[error("{name} is not set: {remedy}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The roots that this binary was built with can't be used.
    #[error("the root certificates this binary was built with can't be used")]
    Trust,
}

const BY_LAMBDA: &str = "Lambda sets it for every function; elsewhere set it yourself";

/// DynamoDB answers in a few milliseconds; what takes this long is lost, and asked again.
const CONNECT: Duration = Duration::from_secs(1);
const ATTEMPT: Duration = Duration::from_secs(3);
const OPERATION: Duration = Duration::from_secs(8);
const ATTEMPTS: u32 = 3;

pub(super) fn store(get: impl Fn(&str) -> Option<String>) -> Result<DynamoStore, SettingsError> {
    let set = |name: &str| get(name).filter(|value| !value.is_empty());
    let must = |name, remedy| set(name).ok_or(SettingsError::Missing { name, remedy });
    let table = must("TOOLGATE_TABLE", "name the DynamoDB table that template.yaml creates")?;
    // Straight from the environment, without the SDK's chain of providers: it is the only source a function has, and an
    // instance ends before its credentials do.
    let credentials = Credentials::new(
        must("AWS_ACCESS_KEY_ID", BY_LAMBDA)?,
        must("AWS_SECRET_ACCESS_KEY", BY_LAMBDA)?,
        set("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let https =
        HttpClientBuilder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(trust()?).build_https();
    let config = Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(must("AWS_REGION", BY_LAMBDA)?))
        .credentials_provider(credentials)
        .http_client(https)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    let config = match set("TOOLGATE_DYNAMODB_ENDPOINT") {
        Some(endpoint) => config.endpoint_url(endpoint),
        None => config,
    };
    Ok(DynamoStore { client: Client::from_conf(config.build()), table })
}

/// The roots that this crate was built with, as for upstreams. The system's would be read from up to some hundred files,
/// which is most of what a start costs.
fn trust() -> Result<TlsContext, SettingsError> {
    let mut pem = String::new();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        STANDARD.encode_string(root, &mut pem);
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    let trusted = TlsContext::builder().with_trust_store(TrustStore::empty().with_pem_certificate(pem)).build();
    trusted.map_err(|_| SettingsError::Trust)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_setting_is_named_with_its_remedy() {
        let names = ["TOOLGATE_TABLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
        for missing in names {
            let error = store(|name| (name != missing && names.contains(&name)).then(|| "x".to_owned())).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{missing} is not set: ")), "{error}");
        }
        assert!(store(|name| names.contains(&name).then(|| "x".to_owned())).is_ok());
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = |name: &str| matches!(name, "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN");
        let store = store(|name| Some(if secret(name) { "hidden-value" } else { "shown" }.to_owned())).unwrap();
        let shown = format!("{store:?} {:?}", store.client.config());
        assert!(shown.contains("shown") && !shown.contains("hidden-value"));
    }
}
