//! Programs that wait for an approval: set aside with what they know, and gone on with by whoever runs the same program again.

use serde::{Deserialize, Serialize};
use toolgate_codemode::{AnswerLimits, CallMade, ExecuteAnswer, Outcome, Paused};
use toolgate_model::{ApprovalId, Decided, SealedText, Timestamp, WaitingCall, Waits};
use toolgate_ports::{Clock, Platform, StoreError};
use toolgate_sandbox::{self as sandbox, Kind, Log, Report};
use toolgate_seal::Purpose;

use super::{
    own::failed,
    program::{answered, made},
};
use crate::{
    approval::{self, Answered, Entry},
    context::Context,
    core::Core,
};

/// The most that is kept of a program that waits, in bytes.
const MAX_STATE: usize = 192 << 10;

/// How a program goes on that had to wait.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) seed: u64,
    pub(super) now: Timestamp,
    pub(super) log: Log,
}

/// From where a program is run.
pub(super) enum From {
    /// From its beginning.
    Start,
    /// From where it waited, with what was decided.
    There(Box<State>, Vec<WaitingCall>, Decided),
    /// It is not run: this is the answer.
    Nowhere(String),
}

impl<P: Platform> Core<P> {
    /// From where the program that is known as `id` is to be run.
    pub(super) async fn from(&self, context: &Context<P>, id: &ApprovalId, params: &str) -> From {
        let tenant = &context.identity.snapshot.tenant;
        let unanswered = |error: StoreError| {
            context.line.detail(error.to_string());
            let text = "The gateway's store does not answer, and what waits for an approval is not known without it. Nothing was executed; try again in a moment.";
            From::Nowhere(failed(text))
        };
        let entry = match self.entered(tenant, id).await {
            Ok(Some(entry)) if entry.record.waits == Waits::Program => entry,
            Ok(_) => return From::Start,
            Err(error) => return unanswered(error),
        };
        let Some(decided) = self.decided(context, id, &entry, params) else {
            return From::Nowhere(self.paused(context, id, &entry.record.calls, &nothing_done()));
        };
        match self.take_out(tenant, id, &entry).await {
            Ok(true) => {}
            Ok(false) => {
                let text = "Another request has just resumed this program. Nothing was executed by this one.";
                return From::Nowhere(failed(text));
            }
            Err(error) => return unanswered(error),
        }
        approval::logged(context, id, if decided.approved { "resumed" } else { "denied" }, &decided.by);
        let state = entry.record.state.as_ref().and_then(|sealed| {
            let content = self.sealer.open(Purpose::Program, &context.owner(), &sealed.0).ok()?;
            serde_json::from_slice(&content).ok()
        });
        match state {
            Some(state) => From::There(Box::new(state), entry.record.calls, decided),
            None => {
                let text = "What this program had done can't be read any more (TOOLGATE_MASTER_KEY has changed). It was dropped; calls that it made have happened.";
                From::Nowhere(failed(text))
            }
        }
    }

    /// What was decided: by an operator, or now by the person at the client.
    fn decided(&self, context: &Context<P>, id: &ApprovalId, entry: &Entry, params: &str) -> Option<Decided> {
        if let Some(decided) = &entry.record.decided {
            return Some(decided.clone());
        }
        let approved = match self.person_answered(context, (id, &entry.record.calls), params) {
            Answered::Yes => true,
            Answered::No => false,
            Answered::Nothing => return None,
        };
        let (by, at) = ("the person at the client".to_owned(), self.platform.clock().now());
        Some(Decided { approved, by, at, note: None })
    }

    /// Writes down how a program goes on that waits.
    pub(super) async fn set_aside(
        &self,
        context: &Context<P>,
        id: &ApprovalId,
        waits: &[WaitingCall],
        state: &State,
    ) -> Result<(), sandbox::Failure> {
        let failure = |message: String, hint: &str| sandbox::Failure {
            kind: Kind::Internal,
            message,
            line: None,
            hint: Some(hint.to_owned()),
            tool: None,
        };
        let content = serde_json::to_vec(state).unwrap_or_default();
        if content.len() > MAX_STATE {
            let message = format!(
                "a call has to wait for an approval, and what was fetched before it has {} bytes; at most {MAX_STATE} can be kept meanwhile",
                content.len()
            );
            return Err(failure(message, "Make the calls that need an approval in a program of their own."));
        }
        let sealed = self.seal(Purpose::Program, &context.owner(), &content);
        self.enter(context, id, waits, Some(SealedText(sealed))).await.map_err(|error| {
            context.line.detail(error.to_string());
            failure(format!("a call has to wait for an approval, and {error}"), "The calls before it have happened.")
        })?;
        approval::logged(context, id, "asked", &context.approver());
        Ok(())
    }

    /// What is told of a program that waits: to the person at the client as a question, where they can be asked.
    pub(super) fn paused(
        &self,
        context: &Context<P>,
        id: &ApprovalId,
        waits: &[WaitingCall],
        report: &Report,
    ) -> String {
        if context.person_decides() {
            return self.question(context, id, waits).result();
        }
        let tools: Vec<String> = waits.iter().map(|call| format!("{}.{}", call.server, call.tool)).collect();
        let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
        let done = report.calls.iter().filter(|call| call.ended != sandbox::Ended::Unknown);
        let calls: Vec<CallMade<'_>> = done.map(made).collect();
        let paused = Paused {
            execution_id: id.as_str(),
            tools: &tools,
            approver: context.approver(),
            hint: "Once it is approved, call execute again with the same code: it goes on from here, and repeats nothing.",
        };
        answered(&ExecuteAnswer::new(&Outcome::Paused(paused), &report.logs, &calls, &AnswerLimits::default()))
    }
}

/// The report of a program that was not run.
fn nothing_done() -> Report {
    let outcome = sandbox::Outcome::Paused(Vec::new());
    Report { outcome, logs: Vec::new(), calls: Vec::new(), log: Log::default(), gas: 0, memory: 0 }
}
