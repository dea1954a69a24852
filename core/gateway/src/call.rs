//! `tools/call`: find the tool, ask the decision point, pass the call on and its answer back, byte for byte.

use std::{collections::VecDeque, ops::Range};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use toolgate_catalogue::{Route, Routed};
use toolgate_ports::{Body, Platform};
use toolgate_upstream::{Answer, Call, Caller, Reply, UpstreamError};
use toolgate_wire::{Era, Message, code as rpc, reply, splice};

use crate::{Gateway, answer, code, line::Line, line::Outcome, mcp::Context, stream};

/// The headers that carry arguments (`x-mcp-header`), to be passed on.
const PARAM_PREFIX: &str = "mcp-param-";
/// The longest name that is repeated in an error.
const MAX_NAME_SHOWN: usize = 128;

impl<P: Platform> Gateway<P> {
    pub(crate) async fn call_tool(&self, context: &Context<'_, P>, message: &Message<'_>) -> Response<Body> {
        let id = message.id().unwrap_or("null");
        let Some((params, name_span, name)) = name_of(message) else {
            context.line.outcome(Outcome::BadRequest);
            let words = "Invalid params: name must be a string";
            return answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, words, None);
        };
        context.line.tool(&name);
        let principal = match context.identity.principal(self.platform.clock()) {
            Ok(principal) => principal,
            Err(refusal) => return crate::identity::NotAdmitted::Over(refusal).answer(context.line.as_ref()),
        };
        let snapshot = &context.identity.snapshot;
        let routed = match self.aggregate.route(principal, snapshot, context.of, &name, context.scope).await {
            Route::To(routed) => routed,
            Route::Unknown { server, rule } => {
                if let Some(server) = &server {
                    context.line.server(server);
                }
                context.line.rule(rule);
                context.line.outcome(Outcome::Unknown);
                return unknown(id, &name);
            }
            Route::Unavailable(failure) => return failed(id, &failure.error, context.line),
        };
        context.line.server(&routed.server.id);
        context.line.rule(routed.rule.as_str());
        let renamed = (routed.tool != name).then(|| {
            let mut quoted = String::with_capacity(routed.tool.len() + 2);
            splice::quote_into(&mut quoted, &routed.tool);
            splice::Edit::new(params).replace(name_span, quoted).finish()
        });
        self.pass_on(context, id, &routed, renamed.as_deref().unwrap_or(params)).await
    }

    async fn pass_on(&self, context: &Context<'_, P>, id: &str, routed: &Routed, params: &str) -> Response<Body> {
        let Some(endpoint) = routed.endpoint() else { return unknown(id, &routed.tool) };
        let param_headers =
            if context.era == Era::Modern { params_of(&context.head.headers) } else { HeaderMap::new() };
        let call = Call {
            params,
            name: &routed.tool,
            from: context.era,
            caller: Caller {
                partition: &context.partition,
                capabilities: context.capabilities,
                client_info: context.client_info,
            },
            param_headers: &param_headers,
        };
        let began = context.line.ticks();
        let answer = self.client.call(endpoint, Some(&routed.catalogue.verdict), call).await;
        context.line.upstream_since(began);
        match answer {
            Err(error) => failed(id, &error, context.line),
            Ok(Answer::Reply(reply)) => whole(id, context.era, &reply, context.line),
            Ok(Answer::Stream(items)) => {
                let streamed = stream::Streamed {
                    id: id.to_owned(),
                    era: context.era,
                    line: std::rc::Rc::clone(context.line),
                    platform: std::rc::Rc::clone(&self.platform),
                };
                if context.may_stream() { streamed.events(items) } else { streamed.last(items).await }
            }
        }
    }
}

/// The params, where the name stands in them, and the name.
fn name_of<'a>(message: &Message<'a>) -> Option<(&'a str, Range<usize>, String)> {
    let params = message.params()?;
    let span = splice::member(params, "name")?;
    let name = splice::string(&params[span.clone()])?.into_owned();
    Some((params, span, name))
}

fn params_of(headers: &HeaderMap) -> HeaderMap {
    let is_param = |name: &http::HeaderName| name.as_str().starts_with(PARAM_PREFIX);
    headers.iter().filter(|(name, _)| is_param(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// There is no such tool, or not for this client: the same words for both.
fn unknown(id: &str, name: &str) -> Response<Body> {
    let shown: String = name.chars().take(MAX_NAME_SHOWN).collect();
    answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &format!("Unknown tool: {shown}"), None)
}

fn failed<P: Platform>(id: &str, error: &UpstreamError, line: &Line<P>) -> Response<Body> {
    answer::json(StatusCode::OK, failure(id, error, line))
}

/// The JSON-RPC error that stands for a failed upstream; the log gets the operator's words.
pub(crate) fn failure<P: Platform>(id: &str, error: &UpstreamError, line: &Line<P>) -> String {
    line.server(&error.server);
    line.outcome(Outcome::UpstreamFailed);
    line.detail(error.to_string());
    let (code, kind, words) = code::of_upstream(&error.kind);
    let data = format!("{{\"server\":\"{}\",\"step\":\"{}\",\"kind\":\"{kind}\"}}", error.server, error.step);
    reply::error(Some(id), code, &format!("The server {:?} {words}.", error.server.as_str()), Some(&data))
}

fn whole<P: Platform>(id: &str, era: Era, reply: &Reply, line: &Line<P>) -> Response<Body> {
    // A modern server says with the status what kind of error it is; a legacy client expects errors under 200.
    let status = if era == Era::Modern && reply.error.is_some() { reply.status } else { StatusCode::OK };
    answer::of(status, answer::JSON, Body::Parts(for_client(id, era, reply, line)))
}

/// An upstream's response as this client is to get it: with the client's id, and in its era's form. All else is as it came.
pub(crate) fn for_client<P: Platform>(id: &str, era: Era, reply: &Reply, line: &Line<P>) -> VecDeque<Bytes> {
    line.outcome(if reply.error.is_some() { Outcome::ToolError } else { Outcome::Ok });
    let mut edits = vec![(reply.id.clone(), Bytes::copy_from_slice(id.as_bytes()))];
    if let Some(result) = &reply.result {
        let text = std::str::from_utf8(&reply.message[result.clone()]).unwrap_or("{}");
        let result_type = splice::value(text, "resultType");
        match era {
            Era::Modern if result_type.is_none() => edits.push((result.start + 1..result.start + 1, complete(text))),
            Era::Legacy if result_type == Some("\"input_required\"") => return needs_input(id, line),
            _ => {}
        }
    }
    spliced(&reply.message, edits)
}

fn complete(object: &str) -> Bytes {
    let empty = splice::members(object).next().is_none();
    Bytes::from_static(if empty { b"\"resultType\":\"complete\"" } else { b"\"resultType\":\"complete\"," })
}

fn needs_input<P: Platform>(id: &str, line: &Line<P>) -> VecDeque<Bytes> {
    line.outcome(Outcome::UpstreamFailed);
    let words = "The tool asks for input while it runs, which this client did not declare to be able to give.";
    VecDeque::from([reply::error(Some(id), code::UPSTREAM_NEEDS_INPUT, words, None).into()])
}

/// `message` with some of its bytes replaced, without copying the others.
fn spliced(message: &Bytes, mut edits: Vec<(Range<usize>, Bytes)>) -> VecDeque<Bytes> {
    edits.sort_by_key(|(span, _)| span.start);
    let mut parts = VecDeque::with_capacity(2 * edits.len() + 1);
    let mut at = 0;
    for (span, with) in edits {
        parts.push_back(message.slice(at..span.start));
        parts.push_back(with);
        at = span.end;
    }
    parts.push_back(message.slice(at..));
    parts
}
