//! What the gateway's own tools answer.

use std::rc::Rc;

use futures_util::{StreamExt, stream};
use http::StatusCode;
use serde_json::Value;
use toolgate_catalogue::Unavailable;
use toolgate_codemode::{ExecuteArguments, Guide, MetaTool, Told};
use toolgate_ports::Platform;
use toolgate_upstream::{Answer, AnswerStream, Event, Item, Reply};
use toolgate_wire::{reply, splice};

use crate::{context::Context, core::Core};

impl<P: Platform> Core<P> {
    /// Answers a call of `tool` as a modern server would.
    pub(crate) async fn own_answer(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        id: &str,
        tool: MetaTool,
        params: &str,
    ) -> Answer {
        let arguments = splice::value(params, "arguments").unwrap_or("{}");
        if !matches!(tool, MetaTool::Execute | MetaTool::ExecuteToolCode) {
            return Answer::Reply(replied(id, &self.told(context, tool, arguments).await));
        }
        let code = match ExecuteArguments::parse(arguments) {
            Ok(arguments) => arguments.code.into_owned(),
            Err(text) => return Answer::Reply(replied(id, &failed(&text))),
        };
        let (core, context, params) = (Rc::clone(self), Rc::clone(context), params.to_owned());
        let reply_id = id.to_owned();
        // As a stream, a client sees that it lives; and when nobody reads it any more, the program ends.
        let run = async move {
            let reply = replied(&reply_id, &core.executed(&context, code, &params).await);
            Ok(Event { id: None, retry: None, item: Some(Item::Reply(reply)) })
        };
        Answer::Stream(AnswerStream { session: None, id: id.to_owned(), events: stream::once(run).boxed_local() })
    }

    /// What is known of tools.
    async fn told(&self, context: &Context<P>, tool: MetaTool, arguments: &str) -> String {
        let Ok(principal) = context.principal(self.platform.clock()) else { return failed(NO_LONGER) };
        let shelf = self.shelf(context, principal).await;
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
        let seat = context.seat();
        let observed = |server: &str, tool: &str| self.observations.of(&seat, server, tool);
        let told = Guide::new(&shelf.visible).with_observed(&observed).tell(tool, &arguments);
        let mut told = told.unwrap_or_else(|| Told { text: "This tool answers nothing.".to_owned(), is_error: true });
        if matches!(tool, MetaTool::Search | MetaTool::ListToolFiles) {
            told.text.push_str(&missing(&shelf.unavailable));
        }
        result(&told)
    }
}

/// The key, or its tenant, was let in and is no longer good.
pub(super) const NO_LONGER: &str = "The key is not accepted any more.";

/// Which servers' tools are not among what is told.
fn missing(unavailable: &[Unavailable]) -> String {
    let servers: Vec<&str> =
        unavailable.iter().filter(|one| !one.listed).map(|one| one.server.as_str()).take(20).collect();
    if servers.is_empty() {
        String::new()
    } else {
        format!("\n\nUnreachable now, so not included: {}", servers.join(", "))
    }
}

/// The result of a tool that could not do it, and why.
pub(super) fn failed(text: &str) -> String {
    result(&Told { text: text.to_owned(), is_error: true })
}

/// A tool's result that is one text.
fn result(told: &Told) -> String {
    let is_error = if told.is_error { ",\"isError\":true" } else { "" };
    format!(
        "{{\"resultType\":\"complete\",\"content\":[{{\"type\":\"text\",\"text\":{}}}]{is_error}}}",
        splice::quote(&told.text)
    )
}

/// A response with this raw id and result.
fn replied(id: &str, result: &str) -> Reply {
    let message = reply::result(id, result);
    let [id, result] = splice::find(&message, ["id", "result"]);
    Reply { status: StatusCode::OK, id: id.unwrap_or(0..0), result, error: None, message: message.into() }
}
