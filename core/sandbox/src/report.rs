//! What came of a program.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Call, Failure, Log};

/// What came of a program.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What it wrote to its logs.
    pub logs: Vec<String>,
    /// The calls it made, in the order in which it made them.
    pub calls: Vec<CallReport>,
    /// The results it was given: with it a program that paused can be run again.
    pub log: Log,
    /// The gas it used.
    pub gas: u64,
    /// The memory it held at its end, in bytes.
    pub memory: u32,
}

/// How a program ended.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done {
        /// Its result; `None` if it gave none.
        value: Option<Box<RawValue>>,
        /// What its author may want to know.
        hint: Option<String>,
    },
    /// It failed. What its calls did is done.
    Failed(Failure),
    /// These calls have to be agreed to first. They were not executed.
    Paused(Vec<Call>),
}

/// A call and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallReport {
    /// What the program calls it: `server.tool` with their identifiers.
    pub tool: String,
    /// How it ended.
    pub ended: Ended,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It did what it should.
    Succeeded,
    /// With an error.
    Failed,
    /// The program ended first: whether it was executed is not known.
    Unknown,
}

impl CallReport {
    pub(crate) fn made(call: &Call) -> Self {
        Self { tool: call.name.clone(), ended: Ended::Unknown }
    }
}

impl Report {
    pub(crate) fn unstarted(failure: Failure) -> Self {
        Self {
            outcome: Outcome::Failed(failure),
            logs: Vec::new(),
            calls: Vec::new(),
            log: Log::default(),
            gas: 0,
            memory: 0,
        }
    }

    /// Whether it failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}
