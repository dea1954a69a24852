//! A client's call that needs an approval, on its way to its server.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Response, StatusCode};
use toolgate_model::{ApprovalId, ApprovalRecord, WaitingCall};
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
    line::Outcome,
    translate::{as_reply, needs},
};

/// Where a call that needs an approval stands.
pub(crate) enum Gate {
    /// It may go on, and uses up what operators have said, if it was they who were asked.
    Open(Option<Box<(ApprovalId, ApprovalRecord)>>),
    /// Its client is asked on the stream of the answer.
    Ask(Question),
    /// This is its answer.
    Closed(Response<Body>),
}

impl<P: Platform> Core<P> {
    /// Sees to the approval that `target` needs.
    pub(crate) async fn gate(&self, context: &Context<P>, id: &str, target: &mut Target) -> Gate {
        let Approval::Needed(call) = target.approval.clone() else { return Gate::Open(None) };
        context.line.rule(call.rule.as_str());
        let approval = context.approval_id(&["call", &digest(target)]);
        let brought = match context.era {
            Era::Modern => self.open_approval(context, (&approval, std::slice::from_ref(&*call)), &target.params),
            Era::Legacy => None,
        };
        match &brought {
            // The server asks for something itself: that the call was approved has travelled with the server's state.
            Some(State { given: Some(inner), .. }) => {
                let whole = 0..target.params.len();
                let mut edit = splice::Edit::new(&target.params).remove_member(whole.clone(), "requestState");
                if !inner.is_empty() {
                    edit = edit.insert_first(whole, "requestState", inner.clone());
                }
                target.params = edit.finish();
                target.approval = Approval::Given(Some(call));
                return Gate::Open(None);
            }
            // What waits at a legacy server was let through before it got there.
            None if self.waits_at_its_server(context, target) => {
                target.approval = Approval::Given(Some(call));
                return Gate::Open(None);
            }
            _ => {}
        }
        match (context.person_decides(), context.era) {
            (true, Era::Modern) => {
                let answer = brought.map(|_| answered(&target.params));
                self.ask_modern_person(context, id, target, (&approval, &call), answer)
            }
            (true, Era::Legacy) => {
                logged(context, &approval, "asked", &"the person at the client");
                Gate::Ask(self.question(context, &approval, std::slice::from_ref(&*call)))
            }
            (false, _) => self.ask_operators(context, id, target, (&approval, &call)).await,
        }
    }

    /// A modern client brings the answer with the call, made again; none, if the person was not asked yet.
    fn ask_modern_person(
        &self,
        context: &Context<P>,
        id: &str,
        target: &mut Target,
        (approval, call): (&ApprovalId, &Rc<WaitingCall>),
        answer: Option<Answered>,
    ) -> Gate {
        match answer {
            Some(Answered::Yes) => {
                logged(context, approval, "approved", &"the person at the client");
                let whole = 0..target.params.len();
                let edit = splice::Edit::new(&target.params).remove_member(whole.clone(), "requestState");
                target.params = edit.remove_member(whole, "inputResponses").finish();
                target.approval = Approval::Given(Some(Rc::clone(call)));
                return Gate::Open(None);
            }
            Some(Answered::No) => return Gate::Closed(declined(context, id, approval)),
            Some(Answered::Nothing) => {}
            None => logged(context, approval, "asked", &"the person at the client"),
        }
        context.line.outcome(Outcome::Ok);
        let question = self.question(context, approval, std::slice::from_ref(call));
        Gate::Closed(answer::json(StatusCode::OK, reply::result(id, &question.result())))
    }

    fn waits_at_its_server(&self, context: &Context<P>, target: &Target) -> bool {
        let state = splice::value(&target.params, "requestState").and_then(splice::string);
        target.era() == Era::Legacy
            && state.is_some_and(|state| self.open_waiting(context, &state, &digest(target)).is_some())
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
            target.approval = Approval::Given(Some(Rc::clone(call)));
            return Gate::Open(Some(Box::new((approval.clone(), entry.record))));
        }
        let words = format!("{}.", decided.denial());
        Gate::Closed(not_approved(context, id, &words, Some((approval, "denied"))))
    }

    /// An approved call's answer: where the server asks a modern client for something, its state carries on that it is approved.
    pub(crate) fn carrying_approval(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        target: &Target,
        answer: Answer,
    ) -> Answer {
        let Approval::Given(Some(call)) = &target.approval else { return answer };
        if (context.era, target.era()) != (Era::Modern, Era::Modern) {
            return answer;
        }
        let approval = context.approval_id(&["call", &digest(target)]);
        let call = Rc::clone(call);
        match answer {
            Answer::Reply(reply) => Answer::Reply(self.carrying(context, (&approval, &call), reply)),
            Answer::Stream(AnswerStream { session, id, events }) => {
                let (core, context) = (Rc::clone(self), Rc::clone(context));
                let carried = move |event: Result<Event, _>| {
                    event.map(|event| Event {
                        item: event.item.map(|item| match item {
                            Item::Reply(reply) => Item::Reply(core.carrying(&context, (&approval, &call), reply)),
                            other => other,
                        }),
                        ..event
                    })
                };
                Answer::Stream(AnswerStream { session, id, events: events.map(carried).boxed_local() })
            }
        }
    }

    fn carrying(&self, context: &Context<P>, (approval, call): (&ApprovalId, &WaitingCall), reply: Reply) -> Reply {
        let Some(needed) = needs(&reply) else { return reply };
        let text = String::from_utf8_lossy(&reply.message);
        let Some(result) = reply.result.clone() else { return reply };
        let sealed =
            self.seal_approval(context, (approval, std::slice::from_ref(call)), Some(needed.state.unwrap_or_default()));
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
