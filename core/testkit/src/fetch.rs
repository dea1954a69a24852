//! Upstreams as scripts: a closure answers each request.

use std::{cell::RefCell, fmt, rc::Rc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use toolgate_ports::{Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse, LocalFuture};

type Script = Rc<dyn Fn(FetchRequest) -> LocalFuture<Result<FetchResponse, FetchError>>>;

/// A way out that leads to a script. Until one is set, no connection can be made.
#[derive(Default)]
pub struct ScriptedFetch {
    script: RefCell<Option<Script>>,
    sent: RefCell<Vec<FetchRequest>>,
}

impl ScriptedFetch {
    /// Sets the script for all later requests.
    pub fn set(&self, script: impl Fn(FetchRequest) -> LocalFuture<Result<FetchResponse, FetchError>> + 'static) {
        *self.script.borrow_mut() = Some(Rc::new(script));
    }

    /// Sets a script that answers at once.
    pub fn answer(&self, script: impl Fn(FetchRequest) -> Result<FetchResponse, FetchError> + 'static) {
        self.set(move |request| Box::pin(std::future::ready(script(request))));
    }

    /// Everything sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<FetchRequest> {
        self.sent.borrow().clone()
    }
}

impl fmt::Debug for ScriptedFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptedFetch({} sent)", self.sent.borrow().len())
    }
}

impl Fetch for ScriptedFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.sent.borrow_mut().push(request.clone());
        let script = self.script.borrow().clone();
        match script {
            Some(script) => script(request).await,
            None => Err(FetchError::new(FetchErrorKind::Connect, "nothing listens there")),
        }
    }
}

/// A JSON answer.
#[must_use]
pub fn json_response(status: u16, body: impl Into<Bytes>) -> FetchResponse {
    response(status, "application/json", vec![Ok(body.into())])
}

/// An SSE answer, in the given pieces.
#[must_use]
pub fn sse_response(pieces: Vec<Result<Bytes, FetchError>>) -> FetchResponse {
    response(200, "text/event-stream", pieces)
}

fn response(status: u16, content_type: &'static str, pieces: Vec<Result<Bytes, FetchError>>) -> FetchResponse {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    FetchResponse { status, headers, body: stream::iter(pieces).boxed_local() }
}
