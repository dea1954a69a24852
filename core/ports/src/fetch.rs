//! The way out: one HTTP exchange with an upstream.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use toolgate_model::Network;

use crate::ByteStream;

/// One request to an upstream. The core has checked the URI's scheme and any literal address in it against `network`;
/// the platform checks every address that a name resolves to, and connects to one it has checked.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// GET, POST or DELETE.
    pub method: Method,
    /// Absolute, http or https.
    pub uri: Uri,
    /// All headers but `host` and `content-length`, which the platform sets.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
    /// Where the server may be.
    pub network: Network,
}

/// The beginning of an upstream's answer, and its body as it arrives.
pub struct FetchResponse {
    /// The status as it came. A redirect is an answer like any other: the platform follows none.
    pub status: StatusCode,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body as it arrives. Dropping it ends the exchange.
    pub body: ByteStream,
}

impl fmt::Debug for FetchResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What went wrong on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchErrorKind {
    /// The name does not resolve.
    Resolve,
    /// The address is one that this server may not be at (its `network` setting).
    Forbidden,
    /// No connection could be made. Nothing was sent.
    Connect,
    /// TLS failed. Nothing was sent.
    Tls,
    /// The connection ended, or what came was not HTTP. The request may have been acted on.
    Broken,
}

/// An exchange failed. `message` is for the operator; it names no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What went wrong.
    pub kind: FetchErrorKind,
    /// In words.
    pub message: String,
}

impl FetchError {
    /// An error of `kind`, said in `message`.
    #[must_use]
    pub fn new(kind: FetchErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The way out. Dropping the future, or the body it gave, ends the exchange.
pub trait Fetch {
    /// Sends `request` and waits for the beginning of its answer. Follows no redirect, stores no cookie, retries nothing
    /// that may have been acted on.
    ///
    /// # Errors
    /// Says whether anything can have been sent ([`FetchErrorKind`]).
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError>;
}
