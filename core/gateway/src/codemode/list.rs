//! The list of tools where a client is shown the gateway's own.

use http::{Response, StatusCode};
use toolgate_codemode::{AUTO_TOKENS, MetaTool, Shown};
use toolgate_model::ToolsMode;
use toolgate_policy::Principal;
use toolgate_ports::{Body, Platform};
use toolgate_wire::Era;

use super::shown_by;
use crate::{answer, context::Context, core::Core, line::Outcome, list::Said};

/// For how long a client may take the list for what it is, in milliseconds: it changes only with a setting.
const TTL_MS: u64 = 60_000;

impl<P: Platform> Core<P> {
    /// The list of the gateway's own tools, if that is what this client is shown.
    pub(crate) async fn own_list(
        &self,
        context: &Context<P>,
        principal: Principal<'_>,
        id: &str,
    ) -> Option<Response<Body>> {
        let mode = context.tools_mode();
        let (shown, said) = match mode {
            ToolsMode::Direct => return None,
            ToolsMode::Auto => {
                let shelf = self.shelf(context, principal).await;
                let shown = Shown::of(mode, shelf.visible.definition_tokens(), AUTO_TOKENS);
                (shown, Said { ttl_ms: shelf.ttl_ms, unavailable: shelf.unavailable, ..Said::default() })
            }
            ToolsMode::Search | ToolsMode::Code | ToolsMode::Bifrost => {
                (shown_by(mode), Said { ttl_ms: TTL_MS, ..Said::default() })
            }
        };
        let Shown::Through(tools) = shown else { return None };
        context.line.outcome(Outcome::Ok);
        Some(answer::json(StatusCode::OK, body(id, context.era, tools, &said)))
    }
}

fn body(id: &str, era: Era, tools: &[MetaTool], said: &Said) -> String {
    let definitions: Vec<&str> = tools.iter().map(|tool| tool.definition()).collect();
    let (before, after) = said.around(id, era, "tools");
    format!("{before}{}{after}", definitions.join(","))
}
