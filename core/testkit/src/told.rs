//! What came of a program, written down as JSON, so that hosts can be held against each other.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;
use toolgate_sandbox::{Failure, Kind, Outcome, Report};

/// The most bytes of a result that are written down.
const SHOWN: usize = 24_000;

/// `report` as JSON: `status`, `result`, `hint`, `error`, `logs`, `calls`. Calls are told unless all is well.
#[must_use]
pub fn told(report: &Report) -> String {
    serde_json::to_string(&Told(report)).unwrap_or_default()
}

struct Told<'a>(&'a Report);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Report { outcome, logs, calls, .. } = self.0;
        let mut members = serializer.serialize_map(None)?;
        match outcome {
            Outcome::Done { value, hint } => {
                members.serialize_entry("status", "completed")?;
                match value.as_deref().map(Shown::of) {
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
                members.serialize_entry("error", &Failed(failure))?;
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
    fn of(value: &'a RawValue) -> Self {
        let text = value.get();
        if text.len() <= SHOWN {
            return Self::Whole(value);
        }
        let kept = &text[..text.floor_char_boundary(SHOWN)];
        let whole = text.len();
        Self::Cut(format!(
            "{kept}\n[cut here: {SHOWN} of {whole} bytes (the limit `shown`); return less, such as fewer rows or fields]"
        ))
    }
}

struct Failed<'a>(&'a Failure);

impl Serialize for Failed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("kind", self.0.kind.name())?;
        if let Kind::Limit(limit) = self.0.kind {
            members.serialize_entry("limit", limit.name())?;
        }
        members.serialize_entry("message", &self.0.message)?;
        if let Some(line) = self.0.line {
            members.serialize_entry("line", &line)?;
        }
        if let Some(hint) = &self.0.hint {
            members.serialize_entry("hint", hint)?;
        }
        if let Some(tool) = &self.0.tool {
            members.serialize_entry("tool", tool)?;
        }
        members.end()
    }
}
