//! What a request that was done is answered with.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use toolgate_model::{Revision, Timestamp};
use toolgate_ports::{Body, RecordKey};

use crate::{
    condition::etag,
    problem::{Kind, Problem},
};

/// Says in the answer to a dry run what would have become of the record: `created`, `changed` or `same`.
const DRY_RUN: HeaderName = HeaderName::from_static("toolgate-dry-run");

/// What the gateway keeps of some records beside what it keeps of each.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Further {
    /// Until when a rotated key's earlier secret is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous_expires_at: Option<Timestamp>,
    /// Who saved a policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) saved_by: Option<String>,
}

/// A record as it is shown: its id, its settable fields, and what the gateway keeps of it.
#[derive(Debug, Serialize)]
pub(crate) struct View<'a, S> {
    pub(crate) id: &'a str,
    #[serde(flatten)]
    pub(crate) fields: S,
    /// The answer to what made it has it, and nothing else ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<&'a str>,
    #[serde(flatten)]
    pub(crate) further: Further,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) revision: Revision,
}

/// An answer, before it is HTTP.
pub(crate) struct Answer {
    status: StatusCode,
    body: Option<Vec<u8>>,
    revision: Option<Revision>,
    location: Option<String>,
    /// What a dry run would have changed.
    tried: Option<&'static str>,
    /// The record that was changed, for the log.
    pub(crate) changed: Option<RecordKey>,
}

impl Answer {
    /// Shows `view`.
    pub(crate) fn show(status: StatusCode, view: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(view).map_err(|e| Problem::new(Kind::StoreFailed, e.to_string()))?;
        Ok(Self { status, body: Some(body), revision: None, location: None, tried: None, changed: None })
    }

    /// Nothing to show.
    pub(crate) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, revision: None, location: None, tried: None, changed: None }
    }

    /// What is shown is a record at `revision`.
    pub(crate) fn at(self, revision: Revision) -> Self {
        Self { revision: Some(revision), ..self }
    }

    /// What was created is at `path`.
    pub(crate) fn located(self, path: String) -> Self {
        Self { location: Some(path), ..self }
    }

    /// Nothing was changed; this is what would have been.
    pub(crate) fn tried(self, change: &'static str) -> Self {
        Self { tried: Some(change), ..self }
    }

    /// `record` was changed.
    pub(crate) fn changed(self, record: RecordKey) -> Self {
        Self { changed: Some(record), ..self }
    }

    /// As HTTP.
    pub(crate) fn response(self) -> Response<Body> {
        let mut response = Response::new(self.body.map_or(Body::Empty, |body| Body::Full(Bytes::from(body))));
        *response.status_mut() = self.status;
        let json = matches!(response.body(), Body::Full(_)).then(|| "application/json".to_owned());
        let tag = self.revision.map(etag);
        let tried = self.tried.map(str::to_owned);
        let named =
            [(header::CONTENT_TYPE, json), (header::ETAG, tag), (header::LOCATION, self.location), (DRY_RUN, tried)];
        for (name, value) in named {
            if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(&value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
