//! A program from its start to its end, with its calls executed.

use std::collections::VecDeque;

use futures_util::{
    FutureExt, StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use toolgate_ports::{Clock, LocalFuture, Sandbox};

use crate::{
    Call, CallReport, CallResult, Dispatch, Dispatched, Ended, Execution, Failure, Limits, Log, Outcome, Program,
    Recorded, Report, Step, replay::Replay,
};

/// Runs `program` in `sandbox` with its calls executed by `dispatch`, within `limits`.
///
/// `log` has the results of an earlier run that paused; empty for a first one. Those calls are not executed again.
pub async fn run<S: Sandbox>(
    sandbox: &S,
    clock: &impl Clock,
    dispatch: &impl Dispatch,
    program: &Program,
    limits: &Limits,
    log: Log,
) -> Report {
    let mut deadline = clock.sleep(limits.time);
    let started = within(&mut deadline, Execution::start(sandbox, program, limits)).await;
    let (execution, step) = match started {
        Some(Ok(started)) => started,
        Some(Err(failure)) => return Report::unstarted(failure),
        None => return Report::unstarted(Failure::time(limits)),
    };
    let mut run = Run {
        execution,
        dispatch,
        limits,
        deadline,
        replay: Replay::new(log),
        log: Log::default(),
        reports: Vec::new(),
        turn: 0,
        result_bytes: 0,
    };
    let outcome = run.finish(step).await;
    run.report(outcome)
}

/// What `future` gives, unless the deadline comes first.
async fn within<T>(deadline: &mut LocalFuture<()>, future: impl Future<Output = T>) -> Option<T> {
    match select(std::pin::pin!(future), deadline).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

struct Run<'a, I, D> {
    execution: Execution<I>,
    dispatch: &'a D,
    limits: &'a Limits,
    deadline: LocalFuture<()>,
    replay: Replay,
    log: Log,
    reports: Vec<CallReport>,
    /// How many steps took results.
    turn: u32,
    /// What all results hold.
    result_bytes: usize,
}

impl<I: toolgate_ports::SandboxInstance, D: Dispatch> Run<'_, I, D> {
    async fn finish(&mut self, mut step: Step) -> Outcome {
        // Made, and neither executed nor answered from the log.
        let mut waiting = Vec::new();
        while !self.replay.is_over() {
            match self.announced(step, &mut waiting) {
                Ok(()) => {}
                Err(outcome) => return outcome,
            }
            let results = match self.replay.turn(self.turn, &mut waiting) {
                Ok(results) => results,
                Err(failure) => return Outcome::Failed(failure),
            };
            step = match self.hand_over(results).await {
                Some(step) => step,
                None => return Outcome::Failed(Failure::time(self.limits)),
            };
        }
        self.live(step, waiting).await
    }

    /// The rest, with nothing known beforehand.
    async fn live(&mut self, mut step: Step, waiting: Vec<Call>) -> Outcome {
        let dispatch = self.dispatch;
        let mut queue = VecDeque::from(waiting);
        let mut under_way = FuturesUnordered::new();
        loop {
            let mut new = Vec::new();
            if let Err(outcome) = self.announced(step, &mut new) {
                return outcome;
            }
            queue.extend(new);
            let mut paused = Vec::new();
            let mut results = Vec::new();
            // Until something can be handed over; after a pause, until nothing is under way any more.
            while results.is_empty() || (!paused.is_empty() && !under_way.is_empty()) {
                while paused.is_empty() && under_way.len() < self.limits.parallel {
                    let Some(call) = queue.pop_front() else { break };
                    under_way.push(async move {
                        let ended = dispatch.call(&call).await;
                        (call, ended)
                    });
                }
                let Some(next) = within(&mut self.deadline, under_way.next()).await else {
                    return Outcome::Failed(Failure::time(self.limits));
                };
                let Some(first) = next else { break };
                let ready = std::iter::from_fn(|| under_way.next().now_or_never().flatten());
                for (call, ended) in std::iter::once(first).chain(ready) {
                    match ended {
                        Dispatched::Ended(result) => results.push((call, result)),
                        Dispatched::Pause => paused.push(call),
                    }
                }
            }
            if results.is_empty() && paused.is_empty() {
                return Outcome::Failed(Failure::internal("it waits for results that are not due"));
            }
            if !paused.is_empty() {
                self.keep(results);
                paused.sort_by_key(|call| call.number);
                return Outcome::Paused(paused);
            }
            step = match self.hand_over(results).await {
                Some(step) => step,
                None => return Outcome::Failed(Failure::time(self.limits)),
            };
        }
    }

    /// Takes the calls that a step made; what else it gave is the program's end.
    fn announced(&mut self, step: Step, waiting: &mut Vec<Call>) -> Result<(), Outcome> {
        match step {
            Step::Calls(calls) => {
                self.reports.extend(calls.iter().map(CallReport::made));
                waiting.extend(calls);
                Ok(())
            }
            Step::Done { value, hint } => Err(Outcome::Done { value, hint }),
            Step::Failed(failure) => Err(Outcome::Failed(failure)),
        }
    }

    /// Hands results to the program; `None` if time ran out.
    async fn hand_over(&mut self, results: Vec<(Call, CallResult)>) -> Option<Step> {
        let results = self.keep(results);
        self.turn += 1;
        within(&mut self.deadline, self.execution.resume(&results)).await
    }

    /// Writes results down, as they are handed over with the next step.
    fn keep(&mut self, results: Vec<(Call, CallResult)>) -> Vec<(u32, CallResult)> {
        results
            .into_iter()
            .map(|(call, result)| {
                let result = self.bounded(result);
                if let Some(report) = self.reports.get_mut(call.number as usize) {
                    report.ended =
                        if matches!(result, CallResult::Error(_)) { Ended::Failed } else { Ended::Succeeded };
                }
                self.log.0.push(Recorded::new(&call, self.turn, result.clone()));
                (call.number, result)
            })
            .collect()
    }

    /// A result that is too long, alone or with the others, is an error.
    fn bounded(&mut self, result: CallResult) -> CallResult {
        let length = result.len();
        let Limits { tool_result, tool_results, .. } = *self.limits;
        if length > tool_result {
            return CallResult::Error(format!(
                "the result has {length} bytes (the limit `tool_result` is {tool_result}): ask for less"
            ));
        }
        if self.result_bytes + length > tool_results {
            return CallResult::Error(format!(
                "all results together have more than {tool_results} bytes (the limit `tool_results`): ask for less"
            ));
        }
        self.result_bytes += length;
        result
    }

    fn report(self, outcome: Outcome) -> Report {
        Report {
            outcome,
            logs: self.execution.logs(),
            calls: self.reports,
            log: self.log,
            gas: self.execution.gas(),
            memory: self.execution.memory(),
        }
    }
}
