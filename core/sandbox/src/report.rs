//! What came of a program.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{Call, Failure, Kind, Limits, Log};

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

    /// What the agent is told, as JSON: `status`, `result`, `hint`, `logs`, `calls`, `error`. Calls are told unless all is well.
    #[must_use]
    pub fn told(&self, limits: &Limits) -> String {
        let told = Told { report: self, shown: limits.shown };
        serde_json::to_string(&told).unwrap_or_default()
    }

    /// Whether the agent is told of an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

struct Told<'a> {
    report: &'a Report,
    shown: usize,
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Report { outcome, logs, calls, .. } = self.report;
        let mut members = serializer.serialize_map(None)?;
        match outcome {
            Outcome::Done { value, hint } => {
                members.serialize_entry("status", "completed")?;
                match value.as_deref().map(|value| Shown::of(value, self.shown)) {
                    Some(Shown::Whole(value)) => members.serialize_entry("result", value)?,
                    Some(Shown::Cut(text)) => members.serialize_entry("result", &text)?,
                    None => {}
                }
                if let Some(hint) = hint {
                    members.serialize_entry("hint", hint)?;
                }
            }
            Outcome::Failed(failure) => {
                members.serialize_entry("status", "error")?;
                members.serialize_entry("error", failure)?;
            }
            Outcome::Paused(_) => members.serialize_entry("status", "paused")?,
        }
        if !logs.is_empty() {
            members.serialize_entry("logs", logs)?;
        }
        if !matches!(outcome, Outcome::Done { .. }) && !calls.is_empty() {
            members.serialize_entry("calls", calls)?;
        }
        members.end()
    }
}

/// A result as the agent sees it.
enum Shown<'a> {
    Whole(&'a RawValue),
    /// What it begins with, as text.
    Cut(String),
}

impl<'a> Shown<'a> {
    fn of(value: &'a RawValue, bytes: usize) -> Self {
        let text = value.get();
        if text.len() <= bytes {
            return Self::Whole(value);
        }
        let kept = &text[..text.floor_char_boundary(bytes)];
        let whole = text.len();
        Self::Cut(format!(
            "{kept}\n[cut here: {bytes} of {whole} bytes (the limit `shown`); return less, such as fewer rows or fields]"
        ))
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("kind", self.kind.name())?;
        if let Kind::Limit(limit) = self.kind {
            members.serialize_entry("limit", limit.name())?;
        }
        members.serialize_entry("message", &self.message)?;
        if let Some(line) = self.line {
            members.serialize_entry("line", &line)?;
        }
        if let Some(hint) = &self.hint {
            members.serialize_entry("hint", hint)?;
        }
        if let Some(tool) = &self.tool {
            members.serialize_entry("tool", tool)?;
        }
        members.end()
    }
}
