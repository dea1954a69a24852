//! Tasks: what a server goes on with after it answered. A client knows a task by a sealed id that says whose it is.

use std::{borrow::Cow, ops::Range, rc::Rc};

use http::{HeaderMap, Response, StatusCode};
use toolgate_model::ServerId;
use toolgate_ports::{Body, Platform};
use toolgate_upstream::{Answer, Effect};
use toolgate_wire::{Message, code as rpc, splice};

use crate::{
    answer,
    context::Context,
    core::Core,
    forward::Target,
    line::Outcome,
    refusal::failure,
    stream::Talk,
    translate::{About, member_at, needs},
};

const RELATED: &str = "io.modelcontextprotocol/related-task";
/// Where what a server says by itself names a task: as what it is about, or as what it belongs to.
const SAID: [&[&str]; 2] = [&["params", "taskId"], &["params", "_meta", RELATED, "taskId"]];
/// Where a client's answer to a server's request names the task that it belongs to.
const ANSWERED: &[&str] = &["result", "_meta", RELATED, "taskId"];

impl<P: Platform> Core<P> {
    /// What a server says, with the ids under which this client knows its tasks.
    pub(crate) fn with_sealed_tasks<'a>(&self, context: &Context<P>, server: &ServerId, text: &'a str) -> Cow<'a, str> {
        let mut edit = None;
        for span in SAID.iter().filter_map(|path| member_at(text, 0..text.len(), path)) {
            let Some(task) = splice::string(&text[span.clone()]) else { continue };
            let sealed = splice::quote(&self.seal_task(context, server, &task));
            edit = Some(edit.unwrap_or_else(|| splice::Edit::new(text)).replace(span, sealed));
        }
        edit.map_or(Cow::Borrowed(text), |edit| Cow::Owned(edit.finish()))
    }

    /// Where a client's answer names the task that it belongs to, and the raw id that the server knows it by.
    pub(crate) fn task_answered(&self, context: &Context<P>, text: &str) -> Option<(Range<usize>, String)> {
        let span = member_at(text, 0..text.len(), ANSWERED)?;
        let task = self.open_task(context, &splice::string(&text[span.clone()])?)?;
        Some((span, splice::quote(&task.task)))
    }

    /// A request about a task: it goes to the server whose task it is.
    pub(crate) async fn task(
        self: &Rc<Self>,
        context: Rc<Context<P>>,
        message: &Message<'_>,
        method: &'static str,
    ) -> Response<Body> {
        let id = message.id().unwrap_or("null").to_owned();
        let params = message.params().unwrap_or("{}");
        let principal = match self.admitted(&context) {
            Ok(principal) => principal,
            Err(refused) => return *refused,
        };
        let named =
            splice::member(params, "taskId").and_then(|span| Some((span.clone(), splice::string(&params[span])?)));
        let found = named.and_then(|(span, sealed)| Some((span, self.open_task(&context, &sealed)?)));
        let found = found.filter(|(_, task)| toolgate_policy::touches(principal, &task.server));
        let server = found.as_ref().and_then(|(_, task)| context.identity.snapshot.servers.get(&task.server));
        let (Some((span, task)), Some(server)) = (&found, server.filter(|server| server.enabled)) else {
            context.line.outcome(Outcome::Unknown);
            return answer::error(StatusCode::OK, Some(&id), rpc::INVALID_PARAMS, "Unknown task", None);
        };
        let verdict = self.aggregate.verdict(server, self.config.limits.catalogue_total).await;
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(failed) => return answer::json(StatusCode::OK, failure(&id, &failed.error, &context.line)),
        };
        context.line.server(&server.id);
        let target = Target {
            server: Rc::clone(server),
            verdict,
            method,
            name: Some(task.task.clone()),
            params: splice::Edit::new(params).replace(span.clone(), splice::quote(&task.task)).finish(),
            headers: HeaderMap::new(),
            about: About::Task,
            effect: if matches!(method, "tasks/get" | "tasks/result") { Effect::Reads } else { Effect::MayAct },
            uri: None,
            rule: "task".to_owned(),
            rules: Rc::clone(server.rules("")),
            approval: crate::approval::Approval::NotNeeded,
            own: None,
        };
        let frame = self.frame(&context, &id, &target).await;
        let began = context.line.ticks();
        let asked = self.ask(&context, &id, &target).await;
        context.line.upstream_since(began);
        match asked {
            Err(error) => answer::json(StatusCode::OK, failure(&id, &error, &context.line)),
            Ok(Answer::Reply(reply)) if needs(&reply).is_none() => {
                context.line.outcome(if reply.error.is_some() { Outcome::ToolError } else { Outcome::Ok });
                let body = frame.reply(&reply, &|task| self.seal_task(&context, &frame.server, task));
                answer::of(frame.status(&reply), answer::JSON, Body::Parts(body))
            }
            Ok(answer) => Talk { core: Rc::clone(self), context, target, frame, charge: None }.answer(answer).await,
        }
    }
}
