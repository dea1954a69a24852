//! Lists of tools, prompts, resources and templates: what the principal sees, a page at a time.

use std::{collections::VecDeque, rc::Rc};

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
        if kind == ItemKind::Tool
            && let Some(own) = Box::pin(self.own_list(context, principal, id)).await
        {
            return own;
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
            Ok(page) => answer::of(StatusCode::OK, answer::JSON, body(id, context.era, kind, listed, page)),
            Err(error) => invalid(&format!("Invalid params: {error}")),
        }
    }
}

/// The answer in three parts: the tools themselves are never copied.
fn body(id: &str, era: Era, kind: ItemKind, listed: Offered, page: PageOf) -> Body {
    let Offered { unavailable, ttl_ms, ambiguous, .. } = listed;
    let said = Said { next_cursor: page.next_cursor, ttl_ms, unavailable, ambiguous };
    let (before, after) = said.around(id, era, member_of(kind));
    Body::Parts(VecDeque::from([Bytes::from(before), page.items, Bytes::from(after)]))
}

/// What is said of a list beside its items.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) next_cursor: Option<String>,
    /// For how long it stays true.
    pub(crate) ttl_ms: u64,
    /// The servers whose part is missing or old.
    pub(crate) unavailable: Rc<[Unavailable]>,
    /// Names that are left out.
    pub(crate) ambiguous: Vec<String>,
}

impl Said {
    /// What comes before the items, which are the result's `member`, and what comes after them.
    pub(crate) fn around(&self, id: &str, era: Era, member: &str) -> (String, String) {
        let result_type = if era == Era::Modern { "\"resultType\":\"complete\"," } else { "" };
        let before = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{{result_type}\"{member}\":[");
        let mut after = String::from("]");
        if let Some(cursor) = &self.next_cursor {
            after.push_str(",\"nextCursor\":");
            splice::quote_into(&mut after, cursor);
        }
        let mut metas = Vec::new();
        if era == Era::Modern {
            after.push_str(&format!(",\"ttlMs\":{},\"cacheScope\":\"private\"", self.ttl_ms));
            metas.push(format!("\"{}\":{SERVER_INFO}", meta::SERVER_INFO));
        }
        if !self.unavailable.is_empty() {
            let servers: Vec<String> = self.unavailable.iter().map(unavailable).collect();
            metas.push(format!("\"{PARTIAL}\":{{\"unavailable\":[{}]}}", servers.join(",")));
        }
        if !self.ambiguous.is_empty() {
            let names: Vec<String> = self.ambiguous.iter().map(|name| splice::quote(name)).collect();
            metas.push(format!("\"{AMBIGUOUS}\":[{}]", names.join(",")));
        }
        if !metas.is_empty() {
            after.push_str(&format!(",\"_meta\":{{{}}}", metas.join(",")));
        }
        after.push_str("}}");
        (before, after)
    }
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
