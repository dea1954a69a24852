//! `Mcp-Param-*`: arguments that travel in headers, too.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use toolgate_catalogue::{ParamHeader, Routed};
use toolgate_ports::Platform;
use toolgate_wire::{Era, code as rpc, header::decode_value};

use crate::{answer, context::Context, line::Outcome, refusal::Refused};

/// The headers that carry arguments (`x-mcp-header`), to be passed on.
const PARAM_PREFIX: &str = "mcp-param-";
/// `Mcp-Param-*` towards a modern server: a modern client's own, or those that the tool's schema asks for.
pub(crate) fn param_headers<P: Platform>(context: &Context<P>, routed: &Routed, arguments: Option<&str>) -> HeaderMap {
    if routed.arguments.is_empty() {
        let headers = &context.head.headers;
        let is_param = |name: &HeaderName| name.as_str().starts_with(PARAM_PREFIX);
        return headers
            .iter()
            .filter(|(name, _)| is_param(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
    }
    made_headers(&routed.headers, arguments)
}

/// The headers that a tool's schema asks for.
pub(crate) fn made_headers(wanted: &[ParamHeader], arguments: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in wanted {
        let Some(value) = arguments.and_then(|arguments| header.value(arguments)) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(header.name.as_str()), HeaderValue::try_from(&*value)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Refuses a modern client's `Mcp-Param-*` that do not say what its arguments say. A modern server that gets both as they came sees to
/// it itself, and knows its schema better.
pub(crate) fn check_param_headers<P: Platform>(
    context: &Context<P>,
    id: &str,
    routed: &Routed,
    arguments: Option<&str>,
) -> Result<(), Refused> {
    let checks = !(routed.verdict.era == Era::Modern && routed.arguments.is_empty());
    for header in routed.headers.iter().filter(|_| checks) {
        let said = context.head.headers.get(&header.name).map(|value| value.to_str().ok().and_then(decode_value));
        let arguments = arguments.unwrap_or("{}");
        let agree = match &said {
            None => header.value(arguments).is_none(),
            Some(said) => said.as_ref().is_some_and(|said| header.agrees(said, arguments)),
        };
        if !agree {
            context.line.outcome(Outcome::BadRequest);
            let words = format!("Header mismatch: {} is not what the arguments say", header.name);
            return Err(Box::new(answer::error(StatusCode::BAD_REQUEST, Some(id), rpc::HEADER_MISMATCH, &words, None)));
        }
    }
    Ok(())
}
