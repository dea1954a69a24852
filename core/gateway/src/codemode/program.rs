//! Programs that agents write: run, limited, and told of.

use std::{cell::RefCell, rc::Rc, time::Duration};

use toolgate_catalogue::Shelf;
use toolgate_codemode::{AnswerLimits, CallMade, Ended, ExecuteAnswer, Failure, Outcome};
use toolgate_model::CodeLimits;
use toolgate_ports::{Clock, Platform};
use toolgate_sandbox::{self as sandbox, Kind, Limits, Log, Program, Report, Server, Servers, Tool, run};
use toolgate_wire::splice;

use super::{
    nested::Calls,
    own,
    pause::{From, State},
};
use crate::{charge::idempotency_key, context::Context, core::Core};

impl<P: Platform> Core<P> {
    /// Runs a program; the result is that of the tool's call.
    pub(super) async fn executed(self: &Rc<Self>, context: &Rc<Context<P>>, code: String, params: &str) -> String {
        let Ok(principal) = context.principal(self.platform.clock()) else { return own::failed(own::NO_LONGER) };
        let id = context.approval_id(&["program", &code]);
        let from = match context.may_need_approval() {
            true => self.from(context, &id, params).await,
            false => From::Start,
        };
        let (state, decided) = match from {
            From::Nowhere(answer) => return answer,
            From::There(state, calls, decided) => (*state, Some((calls, decided))),
            From::Start => {
                let (seed, now) = (u64::from_be_bytes(self.random()), self.platform.clock().now());
                (State { seed, now, log: Log::default() }, None)
            }
        };
        let shelf = self.shelf(context, principal).await;
        let identity = &context.identity;
        let (limits, shown) = limits(&identity.key.code.or(&identity.snapshot.record.code.limits));
        let program = Program { code, seed: state.seed, now: state.now, servers: servers(&shelf) };
        let idempotency = idempotency_key(&context.head.headers, params).map(std::borrow::Cow::into_owned);
        let (core, context) = (Rc::clone(self), Rc::clone(context));
        let calls = Calls { core, context, shelf, idempotency, decided, waits: RefCell::default() };
        let (sandbox, clock) = (self.platform.sandbox(), self.platform.clock());
        let report = run(sandbox, clock, &calls, &program, &limits, state.log).await;
        let Calls { context, waits, .. } = calls;
        logged(&context, &report);
        let not_kept;
        let outcome = match &report.outcome {
            sandbox::Outcome::Done { value, hint } => {
                Outcome::Completed { result: value.as_deref(), hint: hint.as_deref() }
            }
            sandbox::Outcome::Failed(failure) => Outcome::Failed(failed(failure)),
            sandbox::Outcome::Paused(_) => {
                let waits = waits.into_inner();
                let state = State { seed: program.seed, now: program.now, log: report.log.clone() };
                match self.set_aside(&context, &id, &waits, &state).await {
                    Ok(()) => return self.paused(&context, &id, &waits, &report),
                    Err(failure) => not_kept = failure,
                }
                Outcome::Failed(failed(&not_kept))
            }
        };
        let calls: Vec<CallMade<'_>> = report.calls.iter().map(made).collect();
        answered(&ExecuteAnswer::new(&outcome, &report.logs, &calls, &shown))
    }
}

/// What a program may use, and how much of what comes of it is shown.
fn limits(set: &CodeLimits) -> (Limits, AnswerLimits) {
    let size =
        |value: Option<u64>, default: usize| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default);
    let count = |value: Option<u64>, default: u32| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default);
    let (most, shown) = (Limits::default(), AnswerLimits::default());
    let limits = Limits {
        gas: set.gas.unwrap_or(most.gas),
        memory: count(set.memory, most.memory),
        source: size(set.source, most.source),
        calls: count(set.calls, most.calls),
        parallel: size(set.parallel, most.parallel),
        time: set.time_ms.map_or(most.time, Duration::from_millis),
        ..most
    };
    (limits, AnswerLimits { result: size(set.result, shown.result), logs: size(set.logs, shown.logs), ..shown })
}

/// The servers and tools that a program finds.
fn servers(shelf: &Shelf) -> Servers {
    let names = shelf.visible.names();
    let servers = names.servers().iter().map(|names| Server {
        id: names.server.original.clone(),
        ident: names.server.identifier.clone(),
        tools: names
            .tools
            .iter()
            .map(|tool| Tool { ident: tool.identifier.clone(), name: tool.original.clone() })
            .collect(),
    });
    Servers::new(&servers.collect::<Vec<_>>())
}

/// As the result of a modern server.
pub(super) fn answered(answer: &ExecuteAnswer) -> String {
    let result = answer.result();
    splice::Edit::new(&result).insert_first(0..result.len(), "resultType", "\"complete\"").finish()
}

pub(super) fn made(call: &sandbox::CallReport) -> CallMade<'_> {
    let ended = match call.ended {
        sandbox::Ended::Succeeded => Ended::Succeeded,
        sandbox::Ended::Failed => Ended::Failed,
        sandbox::Ended::Unknown => Ended::Unknown,
    };
    CallMade { tool: &call.tool, ended }
}

fn failed(failure: &sandbox::Failure) -> Failure<'_> {
    Failure {
        kind: failure.kind.name(),
        limit: if let Kind::Limit(limit) = failure.kind { Some(limit.name()) } else { None },
        tool: failure.tool.as_deref(),
        message: &failure.message,
        line: failure.line,
        hint: failure.hint.as_deref(),
    }
}

/// Says in the log what a program used, and how it ended.
fn logged<P: Platform>(context: &Context<P>, report: &Report) {
    let (status, kind) = match &report.outcome {
        sandbox::Outcome::Done { .. } => ("completed", None),
        sandbox::Outcome::Failed(failure) => ("failed", Some(failure.kind.to_string())),
        sandbox::Outcome::Paused(_) => ("paused", None),
    };
    let identity = &context.identity;
    tracing::info!(
        target: "toolgate::execution",
        request_id = context.line.id(), tenant = %identity.snapshot.tenant, key_id = %identity.key.id,
        status, kind, calls = report.calls.len(), gas = report.gas, memory = report.memory
    );
}
