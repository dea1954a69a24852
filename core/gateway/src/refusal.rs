//! Why a request goes nowhere, in words for whoever asked.

use http::{Response, StatusCode};
use toolgate_model::ItemKind;
use toolgate_ports::{Body, Platform};
use toolgate_upstream::{UpstreamError, UpstreamErrorKind};
use toolgate_wire::{code as rpc, reply, splice};

use crate::{
    answer, code,
    context::Context,
    line::{Line, Outcome},
};

/// The longest name that is repeated in an error.
const MAX_NAME_SHOWN: usize = 128;

/// Why a request goes nowhere, as it is answered.
pub(crate) type Refused = Box<Response<Body>>;

pub(crate) fn invalid<P: Platform>(context: &Context<P>, id: &str, words: &str) -> Refused {
    context.line.outcome_unless_set(Outcome::BadRequest);
    let words = format!("Invalid params: {words}");
    Box::new(answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &words, None))
}

pub(crate) fn shown(name: &str) -> String {
    name.chars().take(MAX_NAME_SHOWN).collect()
}

/// There is no such thing, or not for this client: the same words for both.
pub(crate) fn unknown(id: &str, kind: ItemKind, name: &str) -> Refused {
    let what = if kind == ItemKind::Tool { "tool" } else { "prompt" };
    let words = format!("Unknown {what}: {}", shown(name));
    Box::new(answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &words, None))
}

pub(crate) fn unknown_resource(id: &str, uri: &str) -> Response<Body> {
    let data = format!("{{\"uri\":{}}}", splice::quote(&uri.chars().take(2_048).collect::<String>()));
    answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, "Resource not found", Some(&data))
}

pub(crate) fn failed<P: Platform>(id: &str, error: &UpstreamError, line: &Line<P>) -> Response<Body> {
    answer::json(StatusCode::OK, failure(id, error, line))
}

/// The JSON-RPC error that stands for a failed upstream; the log gets the operator's words.
pub(crate) fn failure<P: Platform>(id: &str, error: &UpstreamError, line: &Line<P>) -> String {
    line.server(&error.server);
    line.outcome(Outcome::UpstreamFailed);
    line.detail(error.to_string());
    let (code, kind, words) = code::of_upstream(&error.kind);
    let retry = match error.kind {
        UpstreamErrorKind::Resting { retry_after } => format!(",\"retry_after_ms\":{}", retry_after.as_millis()),
        _ => String::new(),
    };
    let data = format!("{{\"server\":\"{}\",\"step\":\"{}\",\"kind\":\"{kind}\"{retry}}}", error.server, error.step);
    reply::error(Some(id), code, &format!("The server {:?} {words}.", error.server.as_str()), Some(&data))
}
