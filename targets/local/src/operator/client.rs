//! Speaks to the admin API of a gateway anywhere.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};
use toolgate_model::Network;
use toolgate_native::HttpFetch;
use toolgate_ports::{Body, BodyError, Fetch, FetchError, FetchRequest, collect};

use super::ask::Ask;
use crate::data_dir::{ADDRESS, DataDir, DataError, OPERATOR_TOKEN};

/// The longest answer that is read, in bytes.
const LONGEST: usize = 16 << 20;

#[derive(Debug, Args)]
pub(super) struct ClientArgs {
    /// The gateway. Unless given: the one that serves this data directory.
    #[arg(long, value_name = "URL", env = "TOOLGATE_URL", global = true)]
    gateway: Option<String>,
    /// The operator token. Unless given: the one in the data directory.
    #[arg(long, env = "TOOLGATE_OPERATOR_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// The data directory of the gateway on this machine.
    #[arg(long, value_name = "DIR", env = "TOOLGATE_DATA", default_value = ".toolgate", global = true)]
    data: PathBuf,
}

/// Why the gateway did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("there is no operator token: give --token or TOOLGATE_OPERATOR_TOKEN, or the data directory with --data")]
    NoToken,
    #[error("the operator token can't stand in a header")]
    BadToken,
    #[error("{0:?} is not the URL of a gateway: write \"https://host\" (--gateway)")]
    BadUrl(String),
    #[error("{0} (--gateway says where the gateway is)")]
    Fetch(#[from] FetchError),
    #[error("the gateway's answer can't be read: {0}")]
    Body(#[from] BodyError),
    #[error("the gateway's answer is not JSON: is that a Toolgate?")]
    NotJson,
    #[error("{status}: {said}")]
    Refused { status: StatusCode, said: String },
}

pub(super) struct Client {
    base: String,
    authorization: HeaderValue,
    fetch: HttpFetch,
}

impl Client {
    pub(super) fn new(arguments: ClientArgs) -> Result<Self, ClientError> {
        let data = DataDir::at(arguments.data);
        let kept = |given: Option<String>, name| given.map_or_else(|| data.read(name), |text| Ok(Some(text)));
        let base = kept(arguments.gateway, ADDRESS)?.unwrap_or_else(|| "http://127.0.0.1:8080".into());
        let token = kept(arguments.token, OPERATOR_TOKEN)?.ok_or(ClientError::NoToken)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ClientError::BadToken)?;
        authorization.set_sensitive(true);
        Ok(Self { base: base.trim_end_matches('/').to_owned(), authorization, fetch: HttpFetch::new() })
    }

    /// Sends `ask`; of a list, all pages.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Value, ClientError> {
        if !ask.is_list() {
            return self.exchange(ask, "").await;
        }
        let mut items = Vec::new();
        let mut query = "?limit=200".to_owned();
        loop {
            let mut page = self.exchange(ask, &query).await?;
            items.append(page["items"].as_array_mut().ok_or(ClientError::NotJson)?);
            let Some(cursor) = page["next_cursor"].as_str() else { return Ok(json!({"items": items})) };
            query = format!("?limit=200&cursor={cursor}");
        }
    }

    async fn exchange(&self, ask: &Ask, query: &str) -> Result<Value, ClientError> {
        let url = format!("{}{}{query}", self.base, ask.path());
        let uri: Uri = url.parse().map_err(|_| ClientError::BadUrl(self.base.clone()))?;
        if uri.authority().is_none() {
            return Err(ClientError::BadUrl(self.base.clone()));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        let body = ask.body().map_or_else(Bytes::new, |body| body.to_string().into());
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // Where their own gateway is, operators know.
        let network = Network::Loopback;
        let answer = self.fetch.fetch(FetchRequest { method: ask.method.clone(), uri, headers, body, network }).await?;
        let bytes = collect(Body::Incoming(answer.body), LONGEST).await?;
        read(answer.status, &bytes)
    }
}

fn read(status: StatusCode, bytes: &[u8]) -> Result<Value, ClientError> {
    let answer = if bytes.is_empty() { Some(Value::Null) } else { serde_json::from_slice(bytes).ok() };
    if status.is_success() {
        return answer.ok_or(ClientError::NotJson);
    }
    Err(ClientError::Refused { status, said: problem(&answer.unwrap_or_default()) })
}

fn problem(answer: &Value) -> String {
    let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty());
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let errors: Vec<String> = errors.iter().filter_map(field).collect();
    if !errors.is_empty() {
        return errors.join("; ");
    }
    text("detail").or_else(|| text("title")).unwrap_or("the gateway does not say why").to_owned()
}

fn field(error: &Value) -> Option<String> {
    let place = error["pointer"].as_str().or_else(|| error["parameter"].as_str())?;
    Some(format!("{}: {}", place.trim_start_matches('/'), error["detail"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_in_its_own_words() {
        let bytes = br#"{"title":"T","detail":"D","errors":[{"pointer":"/url","detail":"is missing"}]}"#;
        let error = read(StatusCode::BAD_REQUEST, bytes).unwrap_err();
        assert_eq!(error.to_string(), "400 Bad Request: url: is missing");
        let error = read(StatusCode::NOT_FOUND, br#"{"title":"T","detail":"D"}"#).unwrap_err();
        assert_eq!(error.to_string(), "404 Not Found: D");
        assert!(matches!(read(StatusCode::OK, b"<html>"), Err(ClientError::NotJson)));
        assert!(matches!(read(StatusCode::BAD_GATEWAY, b"<html>"), Err(ClientError::Refused { .. })));
        assert!(read(StatusCode::NO_CONTENT, b"").unwrap().is_null());
    }
}
