//! Lists of tools, prompts, resources and templates: what the principal sees, a page at a time.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{Response, StatusCode};
use toolgate_catalogue::{Offered, Outputs, PageOf, Unavailable};
use toolgate_model::ItemKind;
use toolgate_ports::{Body, Platform};
use toolgate_wire::{Era, Message, code as rpc, meta, splice};

use crate::{
    answer, code,
    context::{Context, Where},
    core::Core,
    greet::SERVER_INFO,
    line::Outcome,
};

/// The `_meta` member that names the servers whose part of a list is missing or old.
const PARTIAL: &str = "io.toolgate/partial";

/// The `_meta` member that names what is left out of a list because several servers have it under one name.
const AMBIGUOUS: &str = "io.toolgate/ambiguous";

/// The member of a result that holds items of `kind`.
const fn member_of(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tools",
        ItemKind::Prompt => "prompts",
        ItemKind::Resource => "resources",
        ItemKind::Template => "resourceTemplates",
    }
}

impl<P: Platform> Core<P> {
    pub(crate) async fn list(&self, context: &Context<P>, message: &Message<'_>, kind: ItemKind) -> Response<Body> {
        let id = message.id().unwrap_or("null");
        let invalid = |words: &str| answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, words, None);
        let cursor = match message.params().and_then(|params| splice::value(params, "cursor")) {
            None | Some("null") => None,
            Some(raw) => match splice::string(raw) {
                Some(cursor) => Some(cursor),
                None => return invalid("Invalid params: cursor must be a string"),
            },
        };
        let principal = match self.admitted(context) {
            Ok(principal) => principal,
            Err(refused) => return *refused,
        };
        if let Where::Server(server) = &context.place {
            context.line.server(server);
        }
        let snapshot = &context.identity.snapshot;
        let outputs = if context.era == Era::Modern { Outputs::Any } else { Outputs::Objects };
        let listed = self.aggregate.list(principal, snapshot, context.place(), kind, outputs, &context.scope).await;
        context.line.upstream(listed.waited_us);
        context.line.outcome(Outcome::Ok);
        if let Some(first) = listed.unavailable.first() {
            context.line.detail(first.error.to_string());
        }
        match listed.listing.page(cursor.as_deref(), self.config.limits.page_tools) {
            Ok(page) => answer::of(StatusCode::OK, answer::JSON, body(id, context.era, kind, &listed, page)),
            Err(error) => invalid(&format!("Invalid params: {error}")),
        }
    }
}

/// The answer in three parts: the tools themselves are never copied.
fn body(id: &str, era: Era, kind: ItemKind, listed: &Offered, page: PageOf) -> Body {
    let result_type = if era == Era::Modern { "\"resultType\":\"complete\"," } else { "" };
    let before = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{{result_type}\"{}\":[", member_of(kind));
    let mut after = String::from("]");
    if let Some(cursor) = &page.next_cursor {
        after.push_str(",\"nextCursor\":");
        splice::quote_into(&mut after, cursor);
    }
    let mut metas = Vec::new();
    if era == Era::Modern {
        after.push_str(&format!(",\"ttlMs\":{},\"cacheScope\":\"private\"", listed.ttl_ms));
        metas.push(format!("\"{}\":{SERVER_INFO}", meta::SERVER_INFO));
    }
    if !listed.unavailable.is_empty() {
        let servers: Vec<String> = listed.unavailable.iter().map(unavailable).collect();
        metas.push(format!("\"{PARTIAL}\":{{\"unavailable\":[{}]}}", servers.join(",")));
    }
    if !listed.ambiguous.is_empty() {
        let names: Vec<String> = listed.ambiguous.iter().map(|name| splice::quote(name)).collect();
        metas.push(format!("\"{AMBIGUOUS}\":[{}]", names.join(",")));
    }
    if !metas.is_empty() {
        after.push_str(&format!(",\"_meta\":{{{}}}", metas.join(",")));
    }
    after.push_str("}}");
    Body::Parts(VecDeque::from([Bytes::from(before), page.items, Bytes::from(after)]))
}

fn unavailable(missing: &Unavailable) -> String {
    let (_, kind, words) = code::of_upstream(&missing.error.kind);
    format!(
        "{{\"server\":\"{}\",\"step\":\"{}\",\"kind\":\"{kind}\",\"message\":{},\"listed\":{}}}",
        missing.server,
        missing.error.step,
        splice::quote(&format!("The server {words}.")),
        missing.listed
    )
}
