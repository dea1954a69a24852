//! The `_meta` of a request: who asks, in which revision, with which capabilities. Must never judge what it reads.

use std::borrow::Cow;

use crate::splice;

/// The revision a modern request speaks.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client of a modern request can do.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The client's name for itself; never to be relied on.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// The least severe log level the client wants for this request.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The server's name for itself, in a result.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// The listen request a notification belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// What progress on this request is to be marked with.
pub const PROGRESS_TOKEN: &str = "progressToken";

/// A member of the wrong JSON type, or there twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member} {problem}")]
pub struct MetaError {
    /// The member, from `params` on.
    pub member: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// What a request's `_meta` says. Everything may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The revision.
    pub protocol_version: Option<Cow<'a, str>>,
    /// The client's capabilities: a raw object.
    pub client_capabilities: Option<&'a str>,
    /// The client's name: a raw object.
    pub client_info: Option<&'a str>,
    /// The log level: a raw string.
    pub log_level: Option<&'a str>,
    /// The progress token: a raw string or number.
    pub progress_token: Option<&'a str>,
}

impl<'a> Meta<'a> {
    /// Reads `params._meta`. No params and no `_meta` read as nothing said.
    pub fn read(params: Option<&'a str>) -> Result<Self, MetaError> {
        let Some(params) = params else { return Ok(Self::default()) };
        let mut found = None;
        for member in splice::members(params).filter(|member| member.name == "_meta") {
            if found.replace(&params[member.value_span]).is_some() {
                return Err(twice("params._meta"));
            }
        }
        found.map_or_else(|| Ok(Self::default()), |raw| RawMeta::scan(raw)?.typed())
    }
}

/// The members of a `_meta`, not yet looked into.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RawMeta<'a> {
    pub(crate) protocol_version: Option<&'a str>,
    client_capabilities: Option<&'a str>,
    client_info: Option<&'a str>,
    log_level: Option<&'a str>,
    progress_token: Option<&'a str>,
}

impl<'a> RawMeta<'a> {
    pub(crate) fn scan(raw: &'a str) -> Result<Self, MetaError> {
        if !raw.starts_with('{') {
            return Err(MetaError { member: "params._meta", problem: "must be an object" });
        }
        let mut found = Self::default();
        for member in splice::members(raw) {
            let (slot, name) = match &*member.name {
                PROTOCOL_VERSION => (&mut found.protocol_version, PROTOCOL_VERSION),
                CLIENT_CAPABILITIES => (&mut found.client_capabilities, CLIENT_CAPABILITIES),
                CLIENT_INFO => (&mut found.client_info, CLIENT_INFO),
                LOG_LEVEL => (&mut found.log_level, LOG_LEVEL),
                PROGRESS_TOKEN => (&mut found.progress_token, PROGRESS_TOKEN),
                _ => continue,
            };
            if slot.replace(&raw[member.value_span]).is_some() {
                return Err(twice(name));
            }
        }
        Ok(found)
    }

    pub(crate) fn typed(self) -> Result<Meta<'a>, MetaError> {
        let text = |raw: &'a str| {
            splice::string(raw).ok_or(MetaError { member: PROTOCOL_VERSION, problem: "must be a string" })
        };
        Ok(Meta {
            protocol_version: self.protocol_version.map(text).transpose()?,
            client_capabilities: typed(self.client_capabilities, CLIENT_CAPABILITIES, OBJECT)?,
            client_info: typed(self.client_info, CLIENT_INFO, OBJECT)?,
            log_level: typed(self.log_level, LOG_LEVEL, STRING)?,
            progress_token: typed(self.progress_token, PROGRESS_TOKEN, TOKEN)?,
        })
    }
}

/// A JSON type: how its values begin, and what to say when one doesn't.
type Type = (fn(u8) -> bool, &'static str);

const OBJECT: Type = (|byte| byte == b'{', "must be an object");
const STRING: Type = (|byte| byte == b'"', "must be a string");
const TOKEN: Type = (|byte| byte == b'"' || byte == b'-' || byte.is_ascii_digit(), "must be a string or a number");

fn typed<'a>(raw: Option<&'a str>, member: &'static str, (fits, problem): Type) -> Result<Option<&'a str>, MetaError> {
    match raw {
        Some(raw) if !raw.bytes().next().is_some_and(fits) => Err(MetaError { member, problem }),
        raw => Ok(raw),
    }
}

fn twice(member: &'static str) -> MetaError {
    MetaError { member, problem: "is there twice" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_reads_as_nothing() {
        for params in [None, Some("{}"), Some(r#"{"_meta":{}}"#), Some(r#"{"_meta":{"x":1}}"#)] {
            assert_eq!(Meta::read(params), Ok(Meta::default()), "{params:?}");
        }
    }

    #[test]
    fn every_member_is_read_as_it_stands() {
        let params = r#"{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol/clientCapabilities":{ "x":{} },"io.modelcontextprotocol/clientInfo":{"name":"c"},
            "io.modelcontextprotocol/logLevel":"info","progressToken":1e1,"traceparent":"t"}}"#;
        let meta = Meta::read(Some(params)).unwrap();
        assert_eq!(meta.protocol_version.as_deref(), Some("2026-07-28"));
        assert_eq!(meta.client_capabilities, Some(r#"{ "x":{} }"#));
        assert_eq!(meta.client_info, Some(r#"{"name":"c"}"#));
        assert_eq!(meta.log_level, Some(r#""info""#));
        assert_eq!(meta.progress_token, Some("1e1"));
    }

    #[test]
    fn a_member_of_the_wrong_type_is_named() {
        for (meta, member, problem) in [
            ("[]", "params._meta", "must be an object"),
            (r#"{"io.modelcontextprotocol/protocolVersion":1}"#, PROTOCOL_VERSION, "must be a string"),
            (r#"{"io.modelcontextprotocol/protocolVersion":"\ud800"}"#, PROTOCOL_VERSION, "must be a string"),
            (r#"{"io.modelcontextprotocol/clientCapabilities":[]}"#, CLIENT_CAPABILITIES, "must be an object"),
            (r#"{"io.modelcontextprotocol/clientInfo":null}"#, CLIENT_INFO, "must be an object"),
            (r#"{"io.modelcontextprotocol/logLevel":3}"#, LOG_LEVEL, "must be a string"),
            (r#"{"progressToken":true}"#, PROGRESS_TOKEN, "must be a string or a number"),
            (r#"{"progressToken":1,"progress\u0054oken":2}"#, PROGRESS_TOKEN, "is there twice"),
        ] {
            let params = format!(r#"{{"_meta":{meta}}}"#);
            assert_eq!(Meta::read(Some(&params)), Err(MetaError { member, problem }), "{meta}");
        }
        let twice = Meta::read(Some(r#"{"_meta":{},"_meta":{}}"#));
        assert_eq!(twice, Err(MetaError { member: "params._meta", problem: "is there twice" }));
    }
}
