//! What a caller hands the client and gets back from it. Only data.

use std::{cell::RefCell, fmt, ops::Range, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use toolgate_model::{EraPolicy, Network, Revision, ServerId, TenantId};
use toolgate_wire::{Era, Version, splice};

use crate::UpstreamError;

/// An upstream server as it is spoken to.
#[derive(Clone)]
pub struct Endpoint {
    /// Whose server it is.
    pub tenant: TenantId,
    /// Which.
    pub server: ServerId,
    /// The revision that last wrote its record: part of every key under which something is remembered about it.
    pub revision: Revision,
    /// Where its MCP endpoint is, as [`crate::check_url`] gave it.
    pub uri: Uri,
    /// Where it may be.
    pub network: Network,
    /// The era it is spoken to in.
    pub era: EraPolicy,
    /// Headers sent with every request to it, in the clear. They go to its own origin only.
    pub headers: HeaderMap,
}

impl fmt::Debug for Endpoint {
    /// Without header values: they are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("tenant", &self.tenant)
            .field("server", &self.server)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// What is known of an upstream's protocol. Serialises to be stored beside its catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredVerdict", into = "StoredVerdict")]
pub struct Verdict {
    /// The era it speaks.
    pub era: Era,
    /// The version used with it.
    pub version: Version,
    /// What it says of itself (`serverInfo`), raw JSON. Unverified.
    pub server_info: Option<String>,
    /// What it tells a model about its use (`instructions`). Unverified.
    pub instructions: Option<String>,
    /// What it says it can do (`capabilities`): a raw object. `None` if it was never asked.
    pub capabilities: Option<String>,
    /// How it is reached.
    pub transport: Transport,
}

impl Verdict {
    /// Whether the server says it has `capability` (`prompts`), or was never asked what it has.
    #[must_use]
    pub fn may_have(&self, capability: &str) -> bool {
        self.capabilities.as_deref().is_none_or(|known| splice::value(known, capability).is_some())
    }

    /// Whether the server says that `capability` has `feature` (`resources`, `subscribe`).
    #[must_use]
    pub fn has(&self, capability: &str, feature: &str) -> bool {
        let known = self.capabilities.as_deref().and_then(|known| splice::value(known, capability));
        known.and_then(|known| splice::value(known, feature)) == Some("true")
    }
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Streamable HTTP: from 2025-03-26.
    #[default]
    StreamableHttp,
    /// HTTP+SSE: 2024-11-05.
    HttpSse,
}

/// A [`Verdict`] as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredVerdict {
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_info: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capabilities: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
}

const HTTP_SSE: &str = "http+sse";

impl From<Verdict> for StoredVerdict {
    fn from(verdict: Verdict) -> Self {
        Self {
            version: verdict.version.as_str().to_owned(),
            server_info: verdict.server_info,
            instructions: verdict.instructions,
            capabilities: verdict.capabilities,
            transport: (verdict.transport == Transport::HttpSse).then(|| HTTP_SSE.to_owned()),
        }
    }
}

impl TryFrom<StoredVerdict> for Verdict {
    type Error = String;

    fn try_from(stored: StoredVerdict) -> Result<Self, String> {
        let version = Version::parse(&stored.version).ok_or_else(|| format!("unknown version {:?}", stored.version))?;
        let sse = stored.transport.as_deref() == Some(HTTP_SSE);
        Ok(Self {
            era: version.era(),
            version,
            server_info: stored.server_info,
            instructions: stored.instructions,
            capabilities: stored.capabilities,
            transport: if sse { Transport::HttpSse } else { Transport::StreamableHttp },
        })
    }
}

/// All items of one kind that one upstream lists.
#[derive(Debug, Clone)]
pub struct ItemList {
    /// The raw JSON of each, byte for byte, in the upstream's order.
    pub items: Vec<Bytes>,
    /// How long it counts as fresh; the least of its pages.
    pub ttl_ms: Option<u64>,
    /// What was learned of the server on the way.
    pub verdict: Verdict,
}

/// A session with a legacy server, as it can be kept elsewhere: in a sealed handle that a client holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRef {
    /// Its id, if the server has sessions.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The version agreed on.
    #[serde(rename = "v")]
    pub version: String,
    /// Where to post, if the server is reached by HTTP+SSE.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
}

/// On whose behalf something is asked.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Names the principal (and its client session): part of the key of every upstream session.
    pub partition: &'a str,
    /// What a server may ask of the client while it runs: a raw object, in the shape that both eras share. `None`: nothing.
    pub capabilities: Option<&'a str>,
    /// What the client says of itself, raw JSON.
    pub client_info: Option<&'a str>,
    /// The session with this server that the client's own session remembers.
    pub session: Option<&'a SessionRef>,
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

/// What was sent last within a session with a legacy server: the session and the raw id. Whoever gives up waiting cancels it there.
pub type Sent = RefCell<Option<(SessionRef, String)>>;

/// One request on a client's behalf.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The method.
    pub method: &'static str,
    /// The raw params; what they name is already in the upstream's words, `_meta` is as the client sent it.
    pub params: &'a str,
    /// What the request is about, for `Mcp-Name`.
    pub name: Option<&'a str>,
    /// The raw id to send to a legacy server within a session that only this client has, so that what the client says of its
    /// request later can be passed on. `None`: one of the gateway's own.
    pub id: Option<&'a str>,
    /// The client's era.
    pub from: Era,
    /// On whose behalf.
    pub caller: Caller<'a>,
    /// `Mcp-Param-*` headers, to be passed on to a modern upstream.
    pub param_headers: &'a HeaderMap,
    /// The least severe log level wanted (a raw string), where `_meta` does not say it in the server's way.
    pub log_level: Option<&'a str>,
    /// Whether asking twice could do something twice.
    pub effect: Effect,
    /// What the operator allows this request, in the place of what is allowed everybody.
    pub allowed: Allowed,
    /// Where to note what was sent.
    pub sent: Option<&'a Sent>,
}

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// How long it may take altogether; its answer may then begin, and go on, as late as that.
    pub time: Option<Duration>,
    /// How long its answer may be, in bytes.
    pub bytes: Option<usize>,
}

/// Whether a request may do something in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: it may be made again if its answer was lost.
    Reads,
    /// It may act: it is never made twice.
    MayAct,
}

impl fmt::Debug for Call<'_> {
    /// Without arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("from", &self.from).finish_non_exhaustive()
    }
}

/// One JSON-RPC response of an upstream. Its id is the client's own: the gateway splices in its client's.
#[derive(Clone)]
pub struct Reply {
    /// The HTTP status it came with.
    pub status: StatusCode,
    /// The message, byte for byte.
    pub message: Bytes,
    /// Where the id's value is in it.
    pub id: Range<usize>,
    /// Where the result is.
    pub result: Option<Range<usize>>,
    /// Where the error is.
    pub error: Option<Range<usize>>,
}

impl fmt::Debug for Reply {
    /// Without the message: it is the tool's result.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.message.len())
            .finish_non_exhaustive()
    }
}

/// A message that arrives on a stream.
#[derive(Debug, Clone)]
pub enum Item {
    /// A notification, as it came.
    Notification(Bytes),
    /// A request of the server's own, as it came.
    Request(Bytes),
    /// The response; nothing comes after it.
    Reply(Reply),
}

/// An event of a stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// From where the stream can be resumed after it.
    pub id: Option<String>,
    /// The milliseconds to wait before resuming.
    pub retry: Option<u64>,
    /// The message; nothing if the event only says where to resume from.
    pub item: Option<Item>,
}

/// Events as they arrive. It ends after its [`Item::Reply`], after its first error, or without either where the server ended it
/// in a way that lets it be resumed. Dropping it ends the exchange.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, UpstreamError>>>>;

/// An answer that is coming.
pub struct AnswerStream {
    /// The session it comes within, if the server is a legacy one.
    pub session: Option<SessionRef>,
    /// The raw id of the request towards the server.
    pub id: String,
    /// Its events.
    pub events: EventStream,
}

impl fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream").finish_non_exhaustive()
    }
}

/// An upstream's answer to a call.
pub enum Answer {
    /// It came whole.
    Reply(Reply),
    /// It is coming.
    Stream(AnswerStream),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => reply.fmt(f),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}
