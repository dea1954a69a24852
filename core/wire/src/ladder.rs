//! Which era a request belongs to, and whether it may go on: the decisions between content type and dispatch.
//!
//! What comes before (HTTP method, host, origin, authentication, content type) and after (sessions, capabilities of a
//! method, whether a tool exists) is the caller's. Must never look at a session.

use std::{borrow::Cow, fmt::Display};

use http::StatusCode;

use crate::{
    Kind, LATEST_LEGACY, Message, MessageError, Meta, MetaError, SUPPORTED_MODERN, Span, Version, code, header,
    meta::{self, RawMeta},
    reply, splice,
    version::UNSAID,
};

/// The headers that have a say, as they came. `None` where there is none.
#[derive(Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `MCP-Protocol-Version`.
    pub protocol_version: Option<&'a str>,
    /// `Mcp-Method`.
    pub method: Option<&'a str>,
    /// `Mcp-Name`.
    pub name: Option<&'a str>,
    /// `Mcp-Session-Id`. Never looked at here: a modern request ignores it, and of a legacy one the caller checks it.
    pub session: Option<&'a str>,
}

/// Leaves the session out: it is a secret.
impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Headers")
            .field("protocol_version", &self.protocol_version)
            .field("method", &self.method)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How much of a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most containers within each other.
    pub depth: usize,
    /// The most messages in a batch.
    pub batch: usize,
}

/// What a body is, once it may go on.
#[derive(Clone, Debug)]
pub enum Classified<'a> {
    /// A request that stands alone.
    Modern(ModernRequest<'a>),
    /// The first request of a session.
    Initialize(Initialize<'a>),
    /// A request within a session, or one that should be.
    Legacy {
        /// What the version header says; 2025-03-26 where it says nothing.
        version: Version,
        /// The request.
        message: Message<'a>,
    },
    /// A notification: nothing to answer but 202.
    Notification(Message<'a>),
    /// An answer to a request of the server's own: nothing to answer but 202. Only the legacy era knows it.
    Response(Message<'a>),
    /// Several messages at once, each to be parsed; only 2025-03-26 knows them.
    Batch(Vec<&'a [u8]>),
}

/// A request of the modern era whose headers and `_meta` agree.
#[derive(Clone, Debug)]
pub struct ModernRequest<'a> {
    /// The request.
    pub message: Message<'a>,
    /// The revision it speaks.
    pub version: Version,
    /// What its `_meta` says.
    pub meta: Meta<'a>,
    /// Its method.
    pub method: ModernMethod,
    /// What it is about, where its method names one thing.
    pub target: Option<Target<'a>>,
}

/// What a request is about: `params.name`, `params.uri` or `params.taskId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The name, decoded.
    pub name: Cow<'a, str>,
    /// Where it stands in the message, quotes included: what a router replaces.
    pub span: Span,
}

impl<'a> Target<'a> {
    /// What `params.<member>` of a message names; `None` if that is no string. The first, if it is there twice
    /// ([`classify`] refuses such a request).
    #[must_use]
    pub fn of(message: &Message<'a>, member: &str) -> Option<Self> {
        let (params, base) = (message.params()?, message.params_span()?.start);
        let span = splice::member(params, member)?;
        let name = splice::string(&params[span.clone()])?;
        Some(Self { name, span: base + span.start..base + span.end })
    }
}

/// A legacy `initialize`.
#[derive(Clone, Debug)]
pub struct Initialize<'a> {
    /// The request.
    pub message: Message<'a>,
    /// The revision the client asks for, as it wrote it.
    pub requested: Option<Cow<'a, str>>,
    /// The revision to answer: the one asked for if it has a handshake and is known, else the newest that has one.
    pub answered: Version,
    /// The client's capabilities: a raw object.
    pub capabilities: Option<&'a str>,
    /// The client's name for itself: a raw object.
    pub client_info: Option<&'a str>,
}

/// The methods of a modern request: the core's, and those of the tasks extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModernMethod {
    /// `server/discover`.
    ServerDiscover,
    /// `tools/list`.
    ToolsList,
    /// `tools/call`.
    ToolsCall,
    /// `resources/list`.
    ResourcesList,
    /// `resources/templates/list`.
    ResourcesTemplatesList,
    /// `resources/read`.
    ResourcesRead,
    /// `prompts/list`.
    PromptsList,
    /// `prompts/get`.
    PromptsGet,
    /// `completion/complete`.
    CompletionComplete,
    /// `subscriptions/listen`.
    SubscriptionsListen,
    /// `tasks/get`.
    TasksGet,
    /// `tasks/update`.
    TasksUpdate,
    /// `tasks/cancel`.
    TasksCancel,
}

impl ModernMethod {
    /// Every method.
    pub const ALL: [Self; 13] = [
        Self::ServerDiscover,
        Self::ToolsList,
        Self::ToolsCall,
        Self::ResourcesList,
        Self::ResourcesTemplatesList,
        Self::ResourcesRead,
        Self::PromptsList,
        Self::PromptsGet,
        Self::CompletionComplete,
        Self::SubscriptionsListen,
        Self::TasksGet,
        Self::TasksUpdate,
        Self::TasksCancel,
    ];

    /// The method, as the wire carries it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDiscover => "server/discover",
            Self::ToolsList => "tools/list",
            Self::ToolsCall => "tools/call",
            Self::ResourcesList => "resources/list",
            Self::ResourcesTemplatesList => "resources/templates/list",
            Self::ResourcesRead => "resources/read",
            Self::PromptsList => "prompts/list",
            Self::PromptsGet => "prompts/get",
            Self::CompletionComplete => "completion/complete",
            Self::SubscriptionsListen => "subscriptions/listen",
            Self::TasksGet => "tasks/get",
            Self::TasksUpdate => "tasks/update",
            Self::TasksCancel => "tasks/cancel",
        }
    }

    /// The method with exactly this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// The member of `params` that says what a request with this method is about.
    #[must_use]
    pub const fn names(self) -> Option<&'static str> {
        match self {
            Self::ToolsCall | Self::PromptsGet => Some("name"),
            Self::ResourcesRead => Some("uri"),
            Self::TasksGet | Self::TasksUpdate | Self::TasksCancel => Some("taskId"),
            Self::ServerDiscover
            | Self::ToolsList
            | Self::ResourcesList
            | Self::ResourcesTemplatesList
            | Self::PromptsList
            | Self::CompletionComplete
            | Self::SubscriptionsListen => None,
        }
    }
}

/// Why a body may not go on, as it is to be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON-RPC error code.
    pub code: i64,
    /// What to say.
    pub message: String,
    /// Raw JSON to go with it.
    pub data: Option<String>,
    /// The raw id of the request, where it could be read.
    pub id: Option<String>,
}

impl Refusal {
    /// The answer's body.
    #[must_use]
    pub fn body(&self) -> String {
        reply::error(self.id.as_deref(), self.code, &self.message, self.data.as_deref())
    }

    fn new(code: i64, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into(), data: None, id: None }
    }

    fn to(self, id: Option<&str>) -> Self {
        Self { id: id.map(str::to_owned), ..self }
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        let message = match &error {
            MessageError::NotAMessage { .. } => format!("Invalid request: {error}"),
            MessageError::NotUtf8 | MessageError::NotJson { .. } | MessageError::TooDeep { .. } => {
                format!("Parse error: the body is {error}")
            }
            MessageError::Batch | MessageError::EmptyBatch | MessageError::BatchTooLong { .. } => {
                format!("Invalid request: the body is {error}")
            }
        };
        let code = match error {
            MessageError::NotUtf8 | MessageError::NotJson { .. } | MessageError::TooDeep { .. } => code::PARSE_ERROR,
            _ => code::INVALID_REQUEST,
        };
        let MessageError::NotAMessage { id, .. } = error else { return Self::new(code, message) };
        Self { id, ..Self::new(code, message) }
    }
}

impl From<MetaError> for Refusal {
    fn from(error: MetaError) -> Self {
        Self::new(code::INVALID_PARAMS, format!("Invalid params: {error}"))
    }
}

/// Decides what `body` is, and whether it may go on.
pub fn classify<'a>(headers: &Headers<'_>, body: &'a [u8], bounds: Bounds) -> Result<Classified<'a>, Refusal> {
    let version = VersionHeader::read(headers.protocol_version);
    if crate::is_batch(body) {
        return batch(version, body, bounds);
    }
    one(headers, version, body, bounds)
}

/// Decides what one entry of a [`Classified::Batch`] is: what [`classify`] would decide if it had come alone in revision
/// 2025-03-26, and never a batch.
pub fn classify_entry(entry: &[u8], bounds: Bounds) -> Result<Classified<'_>, Refusal> {
    one(&Headers::default(), VersionHeader::Legacy(Version::V2025_03_26), entry, bounds)
}

/// What the version header says.
#[derive(Clone, Copy)]
enum VersionHeader<'a> {
    Absent,
    Legacy(Version),
    /// A modern revision, or one nobody knows.
    Other(&'a str),
}

impl<'a> VersionHeader<'a> {
    fn read(raw: Option<&'a str>) -> Self {
        let Some(raw) = raw else { return Self::Absent };
        let value = raw.trim_matches([' ', '\t']);
        match Version::parse(value).filter(|version| version.era() == crate::Era::Legacy) {
            Some(version) => Self::Legacy(version),
            None => Self::Other(value),
        }
    }

    fn text(self) -> Option<&'a str> {
        match self {
            Self::Absent => None,
            Self::Legacy(version) => Some(version.as_str()),
            Self::Other(text) => Some(text),
        }
    }
}

fn batch<'a>(version: VersionHeader<'_>, body: &'a [u8], bounds: Bounds) -> Result<Classified<'a>, Refusal> {
    let entries = crate::split_batch(body, bounds.depth, bounds.batch);
    match version {
        VersionHeader::Absent | VersionHeader::Legacy(Version::V2025_03_26) => Ok(Classified::Batch(entries?)),
        _ => match entries {
            Err(error @ (MessageError::NotUtf8 | MessageError::NotJson { .. } | MessageError::TooDeep { .. })) => {
                Err(error.into())
            }
            _ => Err(Refusal::new(
                code::INVALID_REQUEST,
                "Invalid request: the body is a batch (an array); only revision 2025-03-26 knows batches, so send one \
                 message per request",
            )),
        },
    }
}

fn one<'a>(
    headers: &Headers<'_>,
    version: VersionHeader<'_>,
    body: &'a [u8],
    bounds: Bounds,
) -> Result<Classified<'a>, Refusal> {
    let message = Message::parse(body, bounds.depth)?;
    match message.kind() {
        Kind::Request => {}
        Kind::Notification => return Ok(Classified::Notification(message)),
        Kind::Response => return Ok(Classified::Response(message)),
    }
    let id = message.id();
    request(headers, version, message).map_err(|refusal| refusal.to(id))
}

fn request<'a>(
    headers: &Headers<'_>,
    version: VersionHeader<'_>,
    message: Message<'a>,
) -> Result<Classified<'a>, Refusal> {
    let params = Params::scan(&message)?;
    // A `_meta` that can't be read is a modern request's fault, and nothing to a legacy one.
    let meta = params.meta.map(RawMeta::scan).transpose();
    let modern_meta = matches!(&meta, Ok(Some(meta)) if meta.protocol_version.is_some());
    if modern_meta || matches!(version, VersionHeader::Other(_)) {
        return modern(headers, version, message, meta?.unwrap_or_default(), params);
    }
    if message.method() == Some("initialize") {
        return Ok(Classified::Initialize(initialize(message)));
    }
    let version = if let VersionHeader::Legacy(version) = version { version } else { UNSAID };
    Ok(Classified::Legacy { version, message })
}

fn modern<'a>(
    headers: &Headers<'_>,
    version: VersionHeader<'_>,
    message: Message<'a>,
    meta: RawMeta<'a>,
    params: Params<'a>,
) -> Result<Classified<'a>, Refusal> {
    let meta = complete(meta)?;
    let version = agreed_version(version, meta.protocol_version.as_deref().unwrap_or_default())?;
    let text = message.method().unwrap_or_default();
    check_method(headers.method, text)?;
    let Some(method) = ModernMethod::parse(text) else { return Err(unknown_method(text)) };
    let target = params.target(method, headers.name)?;
    Ok(Classified::Modern(ModernRequest { message, version, meta, method, target }))
}

/// The first rung: everything a modern request must say about itself.
fn complete(meta: RawMeta<'_>) -> Result<Meta<'_>, Refusal> {
    let meta = meta.typed()?;
    let missing = match (&meta.protocol_version, meta.client_capabilities) {
        (Some(_), Some(_)) => return Ok(meta),
        (None, Some(_)) => meta::PROTOCOL_VERSION.to_owned(),
        (Some(_), None) => meta::CLIENT_CAPABILITIES.to_owned(),
        (None, None) => format!("{} and {}", meta::PROTOCOL_VERSION, meta::CLIENT_CAPABILITIES),
    };
    Err(Refusal::new(code::INVALID_PARAMS, format!("Invalid params: params._meta lacks {missing}")))
}

/// The second and third: header and `_meta` name the same revision, and it is spoken here.
fn agreed_version(header: VersionHeader<'_>, asked: &str) -> Result<Version, Refusal> {
    let Some(said) = header.text() else {
        return Err(mismatch(format!(
            "the MCP-Protocol-Version header is missing; expected {}, as in params._meta",
            shown(asked)
        )));
    };
    if said != asked {
        return Err(mismatch(format!(
            "the MCP-Protocol-Version header says {} and params._meta says {}",
            shown(said),
            shown(asked)
        )));
    }
    if let Some(version) = Version::parse(asked).filter(|version| version.era() == crate::Era::Modern) {
        return Ok(version);
    }
    let supported = SUPPORTED_MODERN.iter().map(|version| splice::quote(version)).collect::<Vec<_>>().join(",");
    let requested = splice::quote(cut(asked));
    Err(Refusal {
        data: Some(format!(r#"{{"supported":[{supported}],"requested":{requested}}}"#)),
        ..Refusal::new(
            code::UNSUPPORTED_PROTOCOL_VERSION,
            format!("Unsupported protocol version {}; supported: {}", shown(asked), SUPPORTED_MODERN.join(", ")),
        )
    })
}

/// The fourth: `Mcp-Method` says what the body says.
fn check_method(header: Option<&str>, method: &str) -> Result<(), Refusal> {
    let Some(said) = header else {
        return Err(mismatch(format!("the Mcp-Method header is missing; expected {}", shown(method))));
    };
    let said = said.trim_matches([' ', '\t']);
    if said == method {
        return Ok(());
    }
    Err(mismatch(format!("the Mcp-Method header says {} and the body says {}", shown(said), shown(method))))
}

fn unknown_method(method: &str) -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        ..Refusal::new(code::METHOD_NOT_FOUND, format!("Method not found: {}", shown(method)))
    }
}

fn mismatch(what: impl Display) -> Refusal {
    Refusal::new(code::HEADER_MISMATCH, format!("Header mismatch: {what}"))
}

/// The members of `params` that decide something. Each may be there once at most: whoever decides and whoever acts
/// must see the same one.
#[derive(Clone, Debug, Default)]
struct Params<'a> {
    base: usize,
    text: &'a str,
    meta: Option<&'a str>,
    name: Option<Span>,
    uri: Option<Span>,
    task_id: Option<Span>,
}

/// What else of `params` somebody decides by.
const ONCE: [&str; 7] = ["arguments", "ref", "cursor", "level", "notifications", "requestState", "inputResponses"];
/// What a `ref` points with.
const ONCE_IN_REF: [&str; 3] = ["type", "name", "uri"];

impl<'a> Params<'a> {
    fn scan(message: &Message<'a>) -> Result<Self, Refusal> {
        let (Some(text), Some(span)) = (message.params(), message.params_span()) else { return Ok(Self::default()) };
        let mut found = Self { base: span.start, text, ..Self::default() };
        let mut once = Once::of(&ONCE);
        for member in splice::members(text) {
            let span = member.value_span;
            let earlier = match &*member.name {
                "_meta" => found.meta.replace(&text[span]).is_some(),
                "name" => found.name.replace(span).is_some(),
                "uri" => found.uri.replace(span).is_some(),
                "taskId" => found.task_id.replace(span).is_some(),
                "ref" if is_any_twice(&text[span.clone()], &ONCE_IN_REF) => return Err(twice("ref.type, name or uri")),
                other => once.met(other),
            };
            if earlier {
                return Err(twice(&member.name));
            }
        }
        Ok(found)
    }

    /// The fifth rung: `Mcp-Name` says what the body is about, where a method is about something.
    fn target(self, method: ModernMethod, header: Option<&str>) -> Result<Option<Target<'a>>, Refusal> {
        let Some(member) = method.names() else { return Ok(None) };
        let span = match member {
            "name" => self.name,
            "uri" => self.uri,
            _ => self.task_id,
        };
        let named = span.and_then(|span| Some((splice::string(&self.text[span.clone()])?, span)));
        let Some(raw) = header else {
            let expected = named.map(|(name, _)| format!("; expected {}", shown(&name))).unwrap_or_default();
            return Err(mismatch(format!("the Mcp-Name header is missing{expected}, as in params.{member}")));
        };
        let Some((name, span)) = named else {
            return Err(Refusal::new(
                code::INVALID_PARAMS,
                format!("Invalid params: params.{member} must be a string"),
            ));
        };
        let Some(said) = header::decode_value(raw) else {
            return Err(mismatch("the Mcp-Name header is malformed; expected plain ASCII or =?base64?…?="));
        };
        if said != name {
            let (said, name) = (shown(&said), shown(&name));
            return Err(mismatch(format!("the Mcp-Name header says {said} and params.{member} says {name}")));
        }
        Ok(Some(Target { name, span: self.base + span.start..self.base + span.end }))
    }
}

fn twice(member: &str) -> Refusal {
    Refusal::new(code::INVALID_PARAMS, format!("Invalid params: params.{member} is there twice"))
}

/// Which of some names were met.
struct Once {
    names: &'static [&'static str],
    met: u32,
}

impl Once {
    const fn of(names: &'static [&'static str]) -> Self {
        Self { names, met: 0 }
    }

    /// Whether `name` is one of them and was met before.
    fn met(&mut self, name: &str) -> bool {
        let bit = self.names.iter().position(|known| *known == name).map_or(0, |at| 1 << at);
        let before = self.met & bit != 0;
        self.met |= bit;
        before
    }
}

fn is_any_twice(object: &str, names: &'static [&'static str]) -> bool {
    let mut once = Once::of(names);
    splice::members(object).any(|member| once.met(&member.name))
}

fn initialize(message: Message<'_>) -> Initialize<'_> {
    let member = |name| message.params().and_then(|params| splice::value(params, name));
    let object = |name| member(name).filter(|raw| raw.starts_with('{'));
    let requested = member("protocolVersion").and_then(splice::string);
    let known = requested.as_deref().and_then(Version::parse).filter(|version| version.era() == crate::Era::Legacy);
    Initialize {
        requested,
        answered: known.unwrap_or(LATEST_LEGACY),
        capabilities: object("capabilities"),
        client_info: object("clientInfo"),
        message,
    }
}

/// The most of a value from outside that a message repeats.
const SHOWN: usize = 64;

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(SHOWN)]
}

/// A value from outside, as a message repeats it.
fn shown(value: &str) -> String {
    let kept = cut(value);
    format!("{kept:?}{}", if kept.len() < value.len() { "…" } else { "" })
}

#[cfg(test)]
mod tests;
