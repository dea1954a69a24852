//! One program, step by step.

use serde_json::value::RawValue;
use toolgate_ports::{Entry, Sandbox, SandboxInstance, Stepped};

use crate::{
    Call, CallResult, Failure, Limits, Program,
    frame::{self, Reply},
};

/// A program that is being run.
#[derive(Debug)]
pub struct Execution<I> {
    instance: I,
    limits: Limits,
    gas: u64,
    memory: u32,
    /// How many calls it has made.
    calls: u32,
    logs: Vec<u8>,
}

/// How a step ended.
#[derive(Debug)]
pub enum Step {
    /// The program made these calls, and waits for at least one of the results that are due. There may be no new ones.
    Calls(Vec<Call>),
    /// It is done.
    Done {
        /// Its result; `None` if it gave none.
        value: Option<Box<RawValue>>,
        /// What its author may want to know.
        hint: Option<String>,
    },
    /// It failed.
    Failed(Failure),
}

impl<I: SandboxInstance> Execution<I> {
    /// Begins `program` in a fresh instance.
    ///
    /// # Errors
    /// If its source is too long, or there is no instance to be had: nothing of it was run then.
    pub async fn start<S: Sandbox<Instance = I>>(
        sandbox: &S,
        program: &Program,
        limits: &Limits,
    ) -> Result<(Self, Step), Failure> {
        if program.code.len() > limits.source {
            return Err(Failure::source(program.code.len(), limits));
        }
        let instance = sandbox.open().map_err(|error| Failure::unopened(&error))?;
        let mut execution =
            Self { instance, limits: limits.clone(), gas: limits.gas, memory: 0, calls: 0, logs: Vec::new() };
        let step = execution.step(Entry::Start, frame::start(program, limits)).await;
        Ok((execution, step))
    }

    /// Goes on with `results`, which the program gets in their order.
    pub async fn resume(&mut self, results: &[(u32, CallResult)]) -> Step {
        self.step(Entry::Resume, frame::results(results)).await
    }

    /// What it wrote to its logs so far.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        frame::logs(&self.logs)
    }

    /// The gas it has used so far.
    #[must_use]
    pub fn gas(&self) -> u64 {
        self.limits.gas - self.gas
    }

    /// The memory it holds, in bytes.
    #[must_use]
    pub fn memory(&self) -> u32 {
        self.memory
    }

    async fn step(&mut self, entry: Entry, input: Vec<u8>) -> Step {
        let Stepped { reply, logs, gas, memory } = self.instance.step(entry, input, self.gas).await;
        self.gas = gas.min(self.gas);
        self.memory = memory;
        self.logs = logs;
        match reply {
            Ok(reply) => self.read(&reply),
            Err(trap) => Step::Failed(Failure::trapped(&trap, &self.limits)),
        }
    }

    fn read(&mut self, reply: &[u8]) -> Step {
        match frame::reply(reply) {
            Ok(Reply::Calls(calls)) => self.count(calls),
            Ok(Reply::Done { value, hint }) => Step::Done { value, hint },
            Ok(Reply::Failed(failed)) => Step::Failed(failed.into()),
            Err(error) => Step::Failed(Failure::internal(&format!("its answer can't be read: {error}"))),
        }
    }

    /// Calls are numbered without gaps, and no more than were allowed.
    fn count(&mut self, calls: Vec<Call>) -> Step {
        let first = self.calls;
        self.calls += u32::try_from(calls.len()).unwrap_or(u32::MAX - self.calls);
        let in_order = calls.iter().zip(first..).all(|(call, number)| call.number == number);
        if in_order && self.calls <= self.limits.calls {
            return Step::Calls(calls);
        }
        Step::Failed(Failure::internal("it asked for calls that the program can't have made"))
    }
}
