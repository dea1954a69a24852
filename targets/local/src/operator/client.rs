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
    #[error("{0}")]
    Refused(Box<Refusal>),
}

/// Why the gateway refused, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {said}")]
pub(crate) struct Refusal {
    pub(super) status: StatusCode,
    /// The problem's kind: `tenant-not-found`.
    pub(super) kind: String,
    said: String,
    /// What is wrong where in the body.
    pub(super) fields: Vec<(String, String)>,
}

/// What the gateway answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) etag: Option<String>,
    /// What a dry run would have done.
    pub(super) tried: Option<String>,
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

    /// Where it speaks to.
    pub(super) fn gateway(&self) -> &str {
        &self.base
    }

    /// Sends `ask`; of a list, all pages.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Value, ClientError> {
        if !ask.is_list() {
            return Ok(self.exchange(ask, ask.query()).await?.body);
        }
        let mut items = Vec::new();
        self.each(ask, |item| items.push(item)).await?;
        Ok(json!({"items": items}))
    }

    /// Sends `ask`, which is no list.
    pub(super) async fn answer(&self, ask: &Ask) -> Result<Answer, ClientError> {
        self.exchange(ask, ask.query()).await
    }

    /// Hands over all items of a list, page by page.
    pub(super) async fn each(&self, ask: &Ask, mut take: impl FnMut(Value)) -> Result<(), ClientError> {
        let mut query = ask.page(None);
        loop {
            let mut page = self.exchange(ask, &query).await?.body;
            let Value::Array(items) = page["items"].take() else { return Err(ClientError::NotJson) };
            items.into_iter().for_each(&mut take);
            let Some(cursor) = page["next_cursor"].as_str() else { return Ok(()) };
            query = ask.page(Some(cursor));
        }
    }

    async fn exchange(&self, ask: &Ask, query: &str) -> Result<Answer, ClientError> {
        let url = format!("{}{}{query}", self.base, ask.path());
        let uri: Uri = url.parse().map_err(|_| ClientError::BadUrl(self.base.clone()))?;
        if uri.authority().is_none() {
            return Err(ClientError::BadUrl(self.base.clone()));
        }
        let body = ask.body().map_or_else(Bytes::new, |body| body.to_string().into());
        let headers = self.headers(ask, body.is_empty());
        // Where their own gateway is, operators know.
        let network = Network::Loopback;
        let answer = self.fetch.fetch(FetchRequest { method: ask.method.clone(), uri, headers, body, network }).await?;
        let text = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, tried) = (text("etag"), text("toolgate-dry-run"));
        let bytes = collect(Body::Incoming(answer.body), LONGEST).await?;
        Ok(Answer { body: read(answer.status, &bytes)?, etag, tried })
    }

    fn headers(&self, ask: &Ask, empty: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        if !empty {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some((name, Ok(value))) = ask.condition().map(|(name, value)| (name, HeaderValue::from_str(value))) {
            headers.insert(name.clone(), value);
        }
        headers
    }
}

fn read(status: StatusCode, bytes: &[u8]) -> Result<Value, ClientError> {
    let answer = if bytes.is_empty() { Some(Value::Null) } else { serde_json::from_slice(bytes).ok() };
    if status.is_success() {
        return answer.ok_or(ClientError::NotJson);
    }
    Err(ClientError::Refused(Box::new(refusal(status, &answer.unwrap_or_default()))))
}

fn refusal(status: StatusCode, answer: &Value) -> Refusal {
    let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty());
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields: Vec<(String, String)> = errors.iter().filter_map(field).collect();
    let said = match fields.is_empty() {
        true => text("detail").or_else(|| text("title")).unwrap_or("the gateway does not say why").to_owned(),
        false => {
            let told = fields.iter().map(|(place, detail)| format!("{}: {detail}", place.trim_start_matches('/')));
            told.collect::<Vec<_>>().join("; ")
        }
    };
    let kind = text("type").and_then(|uri| uri.strip_prefix("urn:toolgate:problem:")).unwrap_or_default().to_owned();
    Refusal { status, kind, said, fields }
}

fn field(error: &Value) -> Option<(String, String)> {
    let place = error["pointer"].as_str().or_else(|| error["parameter"].as_str())?;
    Some((place.to_owned(), error["detail"].as_str()?.to_owned()))
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
        assert!(matches!(read(StatusCode::BAD_GATEWAY, b"<html>"), Err(ClientError::Refused(_))));
        assert!(read(StatusCode::NO_CONTENT, b"").unwrap().is_null());
    }
}
