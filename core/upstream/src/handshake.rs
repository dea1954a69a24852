//! Finding out what a server speaks: `server/discover` for the modern era, `initialize` for the legacy one. Remembers
//! nothing; the client does.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, Uri};
use toolgate_ports::Platform;
use toolgate_wire::{Era, LATEST_MODERN, Version, meta, splice};

use crate::{
    Answer, Endpoint, Item, Reply, Transport, UpstreamError, UpstreamErrorKind as Kind, Verdict,
    exchange::Exchange,
    header::{Head, MediaType, SESSION},
    memory::Session,
    refusal::{Refusal, error_code, error_message, error_of, result_of, shown, versions},
    request,
};

/// The longest text a server may say of itself to be kept, in bytes.
const MAX_SAID: usize = 16 << 10;
/// The longest session id, in bytes.
const MAX_SESSION_ID: usize = 1024;

/// What `server/discover` was answered.
pub(crate) enum Discovered {
    /// The server is modern.
    Modern(Verdict),
    /// It is not, or speaks no modern version that is spoken here.
    NotModern,
    /// It wants another version to be asked in.
    Again(Version),
}

impl<P: Platform> Exchange<P> {
    /// Asks `server/discover` in `version`.
    pub(crate) async fn discover(self, endpoint: &Endpoint, version: Version) -> Result<Discovered, UpstreamError> {
        let head = Head { version: Some(version), method: Some("server/discover"), ..Head::default() };
        let body = request::discover(&self.id, version);
        let reply = match self.request(endpoint, head, body).await {
            Ok(reply) => reply,
            Err(error) if says_nothing_modern(&error.kind) => return Ok(Discovered::NotModern),
            Err(error) => return Err(error),
        };
        match result_of(&reply) {
            Some(result) => Ok(discovered(result)),
            None => self.refused_discovery(&reply, version),
        }
    }

    fn refused_discovery(&self, reply: &Reply, version: Version) -> Result<Discovered, UpstreamError> {
        let refusal = Refusal::of_reply(reply).unwrap_or_default();
        if refusal.is_of_version() {
            return Ok(modern_of(&refusal.supported).map_or(Discovered::NotModern, Discovered::Again));
        }
        if refusal.is_modern() {
            return Ok(Discovered::Modern(verdict(version)));
        }
        let kind = Kind::Status(reply.status.as_u16());
        if reply.status.is_success() || says_nothing_modern(&kind) {
            return Ok(Discovered::NotModern);
        }
        Err(self.status(reply.status, &MediaType::Json))
    }

    /// Sends a request of the gateway's own and waits for its response.
    pub(crate) async fn request(
        &self,
        endpoint: &Endpoint,
        head: Head<'_>,
        body: String,
    ) -> Result<Reply, UpstreamError> {
        let response = self.send(endpoint, head, body.into()).await?;
        self.reply(self.again().answer(response).await?).await
    }

    /// The response, all that comes before it left out.
    pub(crate) async fn reply(&self, answer: Answer) -> Result<Reply, UpstreamError> {
        let mut stream = match answer {
            Answer::Reply(reply) => return Ok(reply),
            Answer::Stream(stream) => stream.events,
        };
        while let Some(event) = stream.next().await {
            if let Some(Item::Reply(reply)) = event?.item {
                return Ok(reply);
            }
        }
        Err(self.error(Kind::Closed, "its stream ended without a response"))
    }

    /// The legacy handshake's first half: `initialize`, declaring `capabilities` (a raw object).
    pub(crate) async fn initialize(
        &self,
        endpoint: &Endpoint,
        capabilities: &str,
    ) -> Result<(Verdict, Session), UpstreamError> {
        let body = request::initialize(&self.id, capabilities);
        let response = self.send(endpoint, Head::default(), body.into()).await?;
        let id = self.session_id(&response.headers)?;
        let reply = self.reply(self.again().answer(response).await?).await?;
        let verdict = self.initialized_as(&reply)?;
        Ok((verdict.clone(), Session::new(id, verdict.version)))
    }

    /// What a server said of itself in its answer to `initialize`.
    pub(crate) fn initialized_as(&self, reply: &Reply) -> Result<Verdict, UpstreamError> {
        let Some(result) = result_of(reply) else { return Err(self.rejected("initialize", reply)) };
        let chosen = splice::value(result, "protocolVersion").and_then(splice::string).unwrap_or_default();
        let version = Version::parse(&chosen).filter(|version| version.era() == Era::Legacy).ok_or_else(|| {
            let chosen = shown(&chosen);
            let hint = "if it speaks 2026-07-28, set the server's \"era\" to \"modern\"";
            self.error(Kind::Protocol, format!("it chose protocol version {chosen:?}, which can't be spoken; {hint}"))
        })?;
        Ok(Verdict { server_info: object(result, "serverInfo"), ..said(result, version) })
    }

    /// Its second half: `notifications/initialized`.
    pub(crate) async fn initialized(&self, endpoint: &Endpoint, session: &Session) -> Result<(), UpstreamError> {
        self.post(endpoint, endpoint.uri.clone(), session_head(session), request::INITIALIZED.into()).await
    }

    /// Sends a message that has no answer.
    pub(crate) async fn post(
        &self,
        endpoint: &Endpoint,
        to: Uri,
        head: Head<'_>,
        body: Bytes,
    ) -> Result<(), UpstreamError> {
        let mut response = self.send_to(endpoint, to, Method::POST, head, body).await?;
        if !response.status.is_success() {
            return Err(self.status(response.status, &MediaType::of(&response.headers)));
        }
        self.linger(&mut response.body).await;
        Ok(())
    }

    /// A JSON-RPC error in answer to something the gateway itself needs.
    pub(crate) fn rejected(&self, method: &str, reply: &Reply) -> UpstreamError {
        let error = error_of(reply).unwrap_or_default();
        let (code, message) = (error_code(error).unwrap_or_default(), error_message(error));
        let text = format!("it answered {method} with error {code}: {message}");
        self.error(Kind::Rejected { code, message }, text)
    }

    fn session_id(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, UpstreamError> {
        let Some(id) = headers.get(SESSION) else { return Ok(None) };
        let usable = (1..=MAX_SESSION_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
        let mut id = usable
            .then(|| id.clone())
            .ok_or_else(|| self.error(Kind::Protocol, "its session id is empty, too long or not visible ASCII"))?;
        id.set_sensitive(true);
        Ok(Some(id))
    }
}

/// The headers of whatever is sent within a session.
pub(crate) fn session_head(session: &Session) -> Head<'_> {
    // The header came with 2025-06-18.
    let version = Some(session.version).filter(|version| *version >= Version::V2025_06_18);
    Head { version, session: session.id.as_ref(), ..Head::default() }
}

/// A verdict that says nothing but the version.
pub(crate) const fn verdict(version: Version) -> Verdict {
    Verdict {
        era: version.era(),
        version,
        server_info: None,
        instructions: None,
        capabilities: None,
        transport: Transport::StreamableHttp,
    }
}

/// What `initialize` or `server/discover` was answered, but for the server's name, which each has elsewhere.
fn said(result: &str, version: Version) -> Verdict {
    Verdict {
        instructions: instructions(result),
        capabilities: Some(object(result, "capabilities").unwrap_or_else(|| "{}".to_owned())),
        ..verdict(version)
    }
}

/// What a modern result says of its server.
pub(crate) fn server_info(result: &str) -> Option<String> {
    object(splice::value(result, "_meta")?, meta::SERVER_INFO)
}

/// The best of `versions` that can be spoken in the modern envelope.
pub(crate) fn modern_of(versions: &[Version]) -> Option<Version> {
    versions.iter().copied().filter(|version| version.era() == Era::Modern && *version <= LATEST_MODERN).max()
}

fn discovered(result: &str) -> Discovered {
    let supported = splice::value(result, "supportedVersions").map(versions).unwrap_or_default();
    modern_of(&supported).map_or(Discovered::NotModern, |version| {
        Discovered::Modern(Verdict { server_info: server_info(result), ..said(result, version) })
    })
}

fn object(of: &str, name: &str) -> Option<String> {
    splice::value(of, name).filter(|raw| raw.starts_with('{') && raw.len() <= MAX_SAID).map(str::to_owned)
}

fn instructions(result: &str) -> Option<String> {
    let text = splice::string(splice::value(result, "instructions")?)?;
    (text.len() <= MAX_SAID).then(|| text.into_owned())
}

/// Whether `server/discover` failed as it does with a server that has never heard of it. What may pass (overload, want of
/// credentials) says nothing.
fn says_nothing_modern(kind: &Kind) -> bool {
    match kind {
        Kind::Status(status) => (400..=499).contains(status) && !matches!(status, 401 | 403 | 407 | 408 | 425 | 429),
        Kind::NotJson | Kind::Protocol => true,
        _ => false,
    }
}
