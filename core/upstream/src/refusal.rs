//! What it means when an upstream refuses a request: which era its words belong to. Decides nothing.

use toolgate_wire::{Version, code, splice};

use crate::{Answer, Reply, UpstreamError, UpstreamErrorKind};

/// A request that was not executed: the upstream answered 4xx, or with an error that only says how to ask.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The JSON-RPC error's code.
    pub(crate) code: Option<i64>,
    /// The versions the upstream says it speaks, those that are known here.
    pub(crate) supported: Vec<Version>,
    /// Whether the session was refused before the request was looked at: the error carries no id and speaks of sessions.
    pub(crate) about_session: bool,
}

impl Refusal {
    pub(crate) fn of(answer: &Result<Answer, UpstreamError>) -> Option<Self> {
        match answer {
            Ok(Answer::Reply(reply)) => Self::of_reply(reply),
            Err(UpstreamError { kind: UpstreamErrorKind::Status(status @ 400..=499), .. }) => {
                Some(Self { status: *status, ..Self::default() })
            }
            Ok(Answer::Stream(_)) | Err(_) => None,
        }
    }

    pub(crate) fn of_reply(reply: &Reply) -> Option<Self> {
        let error = error_of(reply)?;
        let refusal = Self {
            status: reply.status.as_u16(),
            code: error_code(error),
            supported: supported(error),
            about_session: !has_id(reply) && error_message(error).to_ascii_lowercase().contains("session"),
        };
        (reply.status.is_client_error() || refusal.is_modern()).then_some(refusal)
    }

    /// Whether only a server of the modern era answers so.
    pub(crate) fn is_modern(&self) -> bool {
        matches!(self.code, Some(-32099..=code::HEADER_MISMATCH))
    }

    /// Whether the version was refused.
    pub(crate) fn is_of_version(&self) -> bool {
        self.code == Some(code::UNSUPPORTED_PROTOCOL_VERSION)
    }

    /// Whether a server of the other era may answer so.
    pub(crate) fn is_of_another_era(&self) -> bool {
        !self.is_modern() && is_of_another_era(self.status)
    }
}

/// Whether a server answers with this status what it does not understand at all.
pub(crate) fn is_of_another_era(status: u16) -> bool {
    matches!(status, 400 | 404 | 405 | 406 | 415 | 422)
}

fn has_id(reply: &Reply) -> bool {
    reply.message.get(reply.id.clone()) != Some(b"null")
}

/// The error's raw JSON.
pub(crate) fn error_of(reply: &Reply) -> Option<&str> {
    text(reply, reply.error.clone()?)
}

/// The result's raw JSON.
pub(crate) fn result_of(reply: &Reply) -> Option<&str> {
    text(reply, reply.result.clone()?)
}

fn text(reply: &Reply, span: std::ops::Range<usize>) -> Option<&str> {
    std::str::from_utf8(reply.message.get(span)?).ok()
}

pub(crate) fn error_code(error: &str) -> Option<i64> {
    splice::value(error, "code")?.parse().ok()
}

/// The error's message, fit to be shown: short, and without control characters.
pub(crate) fn error_message(error: &str) -> String {
    let message = splice::value(error, "message").and_then(splice::string).unwrap_or_default();
    shown(&message)
}

/// At most 200 characters of `text`, none of which controls a terminal or a log.
pub(crate) fn shown(text: &str) -> String {
    let hidden = |c: &char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if hidden(&c) { ' ' } else { c }).take(200).collect()
}

/// The strings of the array `array` is, decoded.
pub(crate) fn versions(array: &str) -> Vec<Version> {
    let string = |span: toolgate_wire::Span| splice::string(&array[span]).and_then(|text| Version::parse(&text));
    splice::elements(array).take(64).filter_map(string).collect()
}

fn supported(error: &str) -> Vec<Version> {
    let data = splice::value(error, "data").unwrap_or_default();
    splice::value(data, "supported").map(versions).unwrap_or_default()
}
