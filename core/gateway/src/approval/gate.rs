//! A client's call that needs an approval, on its way to its server.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Response, StatusCode};
use toolgate_model::{ApprovalId, WaitingCall};
use toolgate_ports::{Body, Platform};
use toolgate_upstream::{Answer, AnswerStream, Event, Item, Reply};
use toolgate_wire::{Era, reply, splice};

use super::{
    Answered, Approval, Question, logged, not_approved,
    question::{State, answered},
};
use crate::{
    answer,
    context::Context,
    core::Core,
    forward::{Target, digest},
    handle::Waiting,
    line::Outcome,
    translate::{as_reply, needs},
};

/// Where a call that needs an approval stands.
pub(crate) enum Gate {
    /// It may go on.
    Open,
    /// Its client is asked on the stream of the answer.
    Ask(Question),
    /// This is its answer.
    Closed(Response<Body>),
}

impl<P: Platform> Core<P> {
    /// Sees to the approval that `target` needs.
    pub(crate) async fn gate(&self, context: &Context<P>, id: &str, target: &mut Target) -> Gate {
        let Approval::Needed(call) = target.approval.clone() else { return Gate::Open };
        context.line.rule(call.rule.as_str());
        let approval = context.approval_id(&["call", &digest(target)]);
        // What waits at a legacy server was let through before it got there. What is not held there is made again: once more than operators
        // have allowed, but not without the person who answers.
        let waits = self.waiting_at_its_server(context, target);
        if waits.is_some_and(|waiting| waiting.mailbox.is_some() || context.person_decides()) {
            target.approval = Approval::Given(Some(call));
            return Gate::Open;
        }
        match (context.person_decides(), context.era) {
            (true, Era::Modern) => self.ask_modern_person(context, id, target, (&approval, &call)),
            (true, Era::Legacy) => {
                logged(context, &approval, "asked", &"the person at the client");
                Gate::Ask(self.question(context, &approval, std::slice::from_ref(&*call)))
            }
            (false, _) => self.ask_operators(context, id, target, (&approval, &call)).await,
        }
    }

    /// A modern client brings the answer with the call, made again. Where the server then asks for something itself, that the call was
    /// approved travels with the server's state.
    fn ask_modern_person(
        &self,
        context: &Context<P>,
        id: &str,
        target: &mut Target,
        (approval, call): (&ApprovalId, &Rc<WaitingCall>),
    ) -> Gate {
        let whole = 0..target.params.len();
        match self.open_approval(context, (approval, std::slice::from_ref(call)), &target.params) {
            Some(State { given: Some(inner), .. }) => {
                let mut edit = splice::Edit::new(&target.params).remove_member(whole.clone(), "requestState");
                if !inner.is_empty() {
                    edit = edit.insert_first(whole, "requestState", inner);
                }
                target.params = edit.finish();
                target.approval = Approval::Given(Some(Rc::clone(call)));
                return Gate::Open;
            }
            Some(_) => match answered(&target.params) {
                Answered::Yes => {
                    logged(context, approval, "approved", &"the person at the client");
                    let edit = splice::Edit::new(&target.params).remove_member(whole.clone(), "requestState");
                    target.params = edit.remove_member(whole, "inputResponses").finish();
                    target.approval = Approval::Given(Some(Rc::clone(call)));
                    return Gate::Open;
                }
                Answered::No => return Gate::Closed(declined(context, id, approval)),
                Answered::Nothing => {}
            },
            None => logged(context, approval, "asked", &"the person at the client"),
        }
        context.line.outcome(Outcome::Ok);
        let question = self.question(context, approval, std::slice::from_ref(call));
        Gate::Closed(answer::json(StatusCode::OK, reply::result(id, &question.result())))
    }

    /// What the client brings of a call that waits at a legacy server, if it does.
    fn waiting_at_its_server(&self, context: &Context<P>, target: &Target) -> Option<Waiting> {
        let state = splice::value(&target.params, "requestState").and_then(splice::string)?;
        let waiting = (context.era, target.era()) == (Era::Modern, Era::Legacy);
        waiting.then(|| self.open_waiting(context, &state, &digest(target)))?
    }

    /// What operators have said of the call; if nothing, it is written down for them.
    async fn ask_operators(
        &self,
        context: &Context<P>,
        id: &str,
        target: &mut Target,
        (approval, call): (&ApprovalId, &Rc<WaitingCall>),
    ) -> Gate {
        let tenant = &context.identity.snapshot.tenant;
        let failed = |error: &dyn std::fmt::Display| {
            context.line.detail(error.to_string());
            Gate::Closed(not_approved(context, id, &format!("This call needs an approval, and {error}."), None))
        };
        let entry = match self.entered(tenant, approval).await {
            Ok(entry) => entry,
            Err(error) => return failed(&error),
        };
        let waits = |status| {
            let words = format!(
                "This call waits for {}. Once approval {approval} is given, make the same call again.",
                context.approver()
            );
            Gate::Closed(not_approved(context, id, &words, Some((approval, status))))
        };
        let Some(entry) = entry else {
            if let Err(error) = self.enter(context, approval, std::slice::from_ref(&**call), None).await {
                return failed(&error);
            }
            logged(context, approval, "asked", &"operators");
            return waits("pending");
        };
        let Some(decided) = &entry.record.decided else { return waits("pending") };
        match self.take_out(tenant, approval, &entry).await {
            Ok(true) => {}
            Ok(false) => return waits("pending"),
            Err(error) => return failed(&error),
        }
        if decided.approved {
            logged(context, approval, "used", &decided.by);
            target.approval = Approval::Taken(Rc::new((approval.clone(), entry.record)));
            return Gate::Open;
        }
        let words = format!("{}.", decided.denial());
        Gate::Closed(not_approved(context, id, &words, Some((approval, "denied"))))
    }

    /// An approved call's answer. Where the server asks a modern client for something, the call is not over: its state carries on that it is
    /// approved, or what operators gave is put back, until the client has answered.
    pub(crate) async fn carrying_approval(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        target: &Target,
        answer: Answer,
    ) -> Answer {
        if (context.era, target.era()) != (Era::Modern, Era::Modern) {
            return answer;
        }
        match (&target.approval, answer) {
            (Approval::NotNeeded | Approval::Needed(_) | Approval::Given(None), answer) => answer,
            (approval, Answer::Reply(reply)) => {
                let id = context.approval_id(&["call", &digest(target)]);
                Answer::Reply(self.carrying(context, &id, approval, reply).await)
            }
            (approval, Answer::Stream(AnswerStream { session, id, events })) => {
                let of = (context.approval_id(&["call", &digest(target)]), approval.clone());
                let (core, context, of) = (Rc::clone(self), Rc::clone(context), Rc::new(of));
                let carried = move |event: Result<Event, _>| {
                    let (core, context, of) = (Rc::clone(&core), Rc::clone(&context), Rc::clone(&of));
                    async move {
                        match event {
                            Ok(Event { id, retry, item: Some(Item::Reply(reply)) }) => {
                                let reply = core.carrying(&context, &of.0, &of.1, reply).await;
                                Ok(Event { id, retry, item: Some(Item::Reply(reply)) })
                            }
                            other => other,
                        }
                    }
                };
                Answer::Stream(AnswerStream { session, id, events: events.then(carried).boxed_local() })
            }
        }
    }

    async fn carrying(&self, context: &Context<P>, id: &ApprovalId, approval: &Approval, reply: Reply) -> Reply {
        let Some(needed) = needs(&reply) else { return reply };
        let call = match approval {
            Approval::Given(Some(call)) => call,
            Approval::Taken(taken) => {
                self.put_back(&context.identity.snapshot.tenant, taken).await;
                return reply;
            }
            Approval::NotNeeded | Approval::Needed(_) | Approval::Given(None) => return reply,
        };
        let text = String::from_utf8_lossy(&reply.message);
        let Some(result) = reply.result.clone() else { return reply };
        let sealed =
            self.seal_approval(context, (id, std::slice::from_ref(call)), Some(needed.state.unwrap_or_default()));
        let sealed = splice::quote(&sealed);
        let edit = splice::Edit::new(&text).remove_member(result.clone(), "requestState");
        let message = Bytes::from(edit.insert_first(result, "requestState", sealed).finish());
        as_reply(reply.status, &message, self.config.limits.json_depth).unwrap_or(reply)
    }
}

/// The person at the client said no.
pub(crate) fn declined<P: Platform>(context: &Context<P>, id: &str, approval: &ApprovalId) -> Response<Body> {
    logged(context, approval, "denied", &"the person at the client");
    let words = "The person at the client did not allow this call.";
    not_approved(context, id, words, Some((approval, "denied")))
}
