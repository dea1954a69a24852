//! What a caller hands the client and gets back from it. Only data.

use std::{fmt, ops::Range, pin::Pin};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use toolgate_model::{EraPolicy, Network, Revision, ServerId, TenantId};
use toolgate_wire::{Era, Version};

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
}

/// A [`Verdict`] as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredVerdict {
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_info: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
}

impl From<Verdict> for StoredVerdict {
    fn from(verdict: Verdict) -> Self {
        Self {
            version: verdict.version.as_str().to_owned(),
            server_info: verdict.server_info,
            instructions: verdict.instructions,
        }
    }
}

impl TryFrom<StoredVerdict> for Verdict {
    type Error = String;

    fn try_from(stored: StoredVerdict) -> Result<Self, String> {
        let version = Version::parse(&stored.version).ok_or_else(|| format!("unknown version {:?}", stored.version))?;
        Ok(Self { era: version.era(), version, server_info: stored.server_info, instructions: stored.instructions })
    }
}

/// All tools of one upstream.
#[derive(Debug, Clone)]
pub struct ToolList {
    /// The raw JSON of each tool, byte for byte, in the upstream's order.
    pub tools: Vec<Bytes>,
    /// How long it counts as fresh; the least of its pages.
    pub ttl_ms: Option<u64>,
    /// What was learned of the server on the way.
    pub verdict: Verdict,
}

/// On whose behalf a call is made.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Names the principal (and its client session): part of the key of every upstream session.
    pub partition: &'a str,
    /// The client's capabilities, raw JSON.
    pub capabilities: Option<&'a str>,
    /// What the client says of itself, raw JSON.
    pub client_info: Option<&'a str>,
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

/// One `tools/call`.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The raw params; `params.name` is already the upstream's name of the tool, `_meta` is as the client sent it.
    pub params: &'a str,
    /// The upstream's name of the tool, for `Mcp-Name`.
    pub name: &'a str,
    /// The client's era.
    pub from: Era,
    /// On whose behalf.
    pub caller: Caller<'a>,
    /// `Mcp-Param-*` headers, to be passed on to a modern upstream.
    pub param_headers: &'a HeaderMap,
}

impl fmt::Debug for Call<'_> {
    /// Without arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("name", &self.name).field("from", &self.from).finish_non_exhaustive()
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

/// What arrives on a streamed answer.
#[derive(Debug, Clone)]
pub enum Item {
    /// A notification of the request's, as it came.
    Notification(Bytes),
    /// The response; nothing comes after it.
    Reply(Reply),
}

/// A streamed answer. It ends after its [`Item::Reply`] or its first error; dropping it ends the exchange.
pub type AnswerStream = Pin<Box<dyn Stream<Item = Result<Item, UpstreamError>>>>;

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
