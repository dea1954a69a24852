//! The client itself: which requests an operation takes, in which order, and what is remembered in between.

use std::{fmt, rc::Rc};

use toolgate_model::Limits;
use toolgate_ports::Platform;

use crate::{Answer, Call, Endpoint, Step, ToolList, UpstreamError, UpstreamErrorKind, Verdict};

/// Speaks to upstream servers. One per instance; what it remembers of them lives in it.
pub struct Client<P: Platform> {
    platform: Rc<P>,
    limits: Limits,
}

impl<P: Platform> fmt::Debug for Client<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl<P: Platform> Client<P> {
    /// A client on `platform` that remembers nothing yet.
    #[must_use]
    pub fn new(platform: Rc<P>, limits: Limits) -> Self {
        Self { platform, limits }
    }

    /// All tools of a server, page by page. `known` is what was stored of it earlier; it saves a probe.
    ///
    /// # Errors
    /// Says what went wrong at which step; a list that is not complete is an error.
    pub async fn list_tools(&self, endpoint: &Endpoint, known: Option<&Verdict>) -> Result<ToolList, UpstreamError> {
        let _ = (&self.platform, &self.limits, known);
        Err(not_yet(endpoint, Step::List))
    }

    /// Calls a tool. A call that may have been executed is never made again.
    ///
    /// # Errors
    /// Says what went wrong at which step. A JSON-RPC error of the upstream's is not an error but an [`Answer`].
    pub async fn call(
        &self,
        endpoint: &Endpoint,
        known: Option<&Verdict>,
        call: Call<'_>,
    ) -> Result<Answer, UpstreamError> {
        let _ = (known, call);
        Err(not_yet(endpoint, Step::Call))
    }

    /// Finds out which era and version a server speaks.
    ///
    /// # Errors
    /// Says why there is no verdict.
    pub async fn probe(&self, endpoint: &Endpoint) -> Result<Verdict, UpstreamError> {
        Err(not_yet(endpoint, Step::Probe))
    }
}

fn not_yet(endpoint: &Endpoint, step: Step) -> UpstreamError {
    UpstreamError {
        server: endpoint.server.clone(),
        step,
        kind: UpstreamErrorKind::Unreachable,
        message: "upstream servers can't be reached yet".into(),
    }
}
