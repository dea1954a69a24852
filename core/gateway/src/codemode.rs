//! The tools of the gateway's own, which lead to all others: `search`, `call`, `execute`, and those of the Bifrost profile.
//!
//! To the rest of the gateway they are tools of a modern server: they are priced, limited, logged, streamed and cancelled as any other.
//! What a program calls goes through the same door as what a client calls ([`nested`]). This module must never decide who may call a tool.

mod list;
mod nested;
mod observed;
mod own;
mod pause;
mod program;

use std::rc::Rc;

use toolgate_catalogue::{Place, Shelf};
use toolgate_codemode::{AUTO_TOKENS, CallArguments, Guide, MetaTool, Shown, ToolRef};
use toolgate_model::{ToolRules, ToolsMode};
use toolgate_policy::Principal;
use toolgate_ports::Platform;
use toolgate_upstream::{Effect, Transport, Verdict};
use toolgate_wire::{Era, LATEST_MODERN, splice};

pub(crate) use nested::Nested;
pub(crate) use observed::Observations;

use crate::{
    approval::Approval,
    context::Context,
    core::Core,
    forward::{Forwarded, Target},
    translate::About,
};

/// What the modes show that say it without looking at the tools.
const fn shown_by(mode: ToolsMode) -> Shown {
    Shown::of(mode, usize::MAX, AUTO_TOKENS)
}

impl<P: Platform> Core<P> {
    /// What `context` may find. Its waiting is the log line's.
    async fn shelf(&self, context: &Context<P>, principal: Principal<'_>) -> Shelf {
        let snapshot = &context.identity.snapshot;
        let shelf = self.aggregate.shelf(principal, snapshot, context.place(), &context.scope).await;
        context.line.upstream(shelf.waited_us);
        shelf
    }

    /// The tool of the gateway's own that `name` means to this client, if it means one.
    pub(crate) async fn own_tool(
        &self,
        context: &Context<P>,
        principal: Principal<'_>,
        name: &str,
    ) -> Option<MetaTool> {
        let mode = context.tools_mode();
        if mode.is_direct() {
            return None;
        }
        let tool = MetaTool::named(name)?;
        let shown = match (mode, context.place()) {
            // A server's own names may be the same. In the whole of a tenant none is.
            (ToolsMode::Auto, Place::Server(_) | Place::View(_)) => {
                let shelf = self.shelf(context, principal).await;
                Shown::of(mode, shelf.visible.definition_tokens(), AUTO_TOKENS)
            }
            _ => shown_by(mode),
        };
        matches!(shown, Shown::Through(tools) if tools.contains(&tool)).then_some(tool)
    }

    /// The params of the call that a call of `call` means.
    ///
    /// # Errors
    /// What is wrong with it, in words for the model.
    pub(crate) async fn meant(
        &self,
        context: &Context<P>,
        principal: Principal<'_>,
        params: &str,
    ) -> Result<String, String> {
        let arguments = splice::value(params, "arguments").unwrap_or("{}");
        let call = CallArguments::parse(arguments)?;
        let shelf = self.shelf(context, principal).await;
        let ToolRef { server, tool } = Guide::new(&shelf.visible).resolve(&call.tool).map_err(|e| e.to_string())?;
        let name = shelf.called(server, tool).ok_or_else(|| format!("there is no tool {:?}", call.tool))?;
        let given = call.arguments.map_or("{}", serde_json::value::RawValue::get);
        let whole = 0..params.len();
        let edit =
            splice::Edit::new(params).remove_member(whole.clone(), "name").remove_member(whole.clone(), "arguments");
        let edit = edit.insert_first(whole.clone(), "arguments", given.to_owned());
        Ok(edit.insert_first(whole, "name", splice::quote(name)).finish())
    }
}

/// A call of a tool of the gateway's own, as a request that goes to a server.
pub(crate) fn own_target<P: Platform>(context: &Context<P>, tool: MetaTool, params: &str) -> Target {
    let server = Rc::clone(&context.identity.snapshot.own);
    Target {
        method: Forwarded::Tool.method(),
        name: Some(tool.name().to_owned()),
        params: params.to_owned(),
        headers: http::HeaderMap::new(),
        about: About::Tool,
        effect: Effect::MayAct,
        uri: None,
        rule: "own-tool".to_owned(),
        rules: Rc::clone(server.rules(tool.name())) as Rc<ToolRules>,
        verdict: Rc::new(modern()),
        server,
        approval: Approval::NotNeeded,
        own: Some(tool),
    }
}

/// What the gateway speaks as a server.
const fn modern() -> Verdict {
    Verdict {
        era: Era::Modern,
        version: LATEST_MODERN,
        server_info: None,
        instructions: None,
        capabilities: None,
        transport: Transport::StreamableHttp,
    }
}
