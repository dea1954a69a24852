//! Calls of tools that a program makes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A call that a program makes.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// Its place among the program's calls, in the order in which they were made, from zero.
    pub number: u32,
    /// The server's id.
    pub server: String,
    /// The tool's original name.
    pub tool: String,
    /// What the program calls it: `server.tool` with their identifiers.
    pub name: String,
    /// The arguments: an object. No name in it is `__proto__`.
    pub arguments: Box<RawValue>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallResult {
    /// With JSON: structured content, or content blocks that are not all text.
    Json(#[serde(with = "text")] Bytes),
    /// With text. If it is an object or an array of JSON, the program has that.
    Text(String),
    /// With an error, in words for the program, which can catch it.
    Error(String),
}

impl CallResult {
    /// What it holds, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Json(json) => json.len(),
            Self::Text(text) | Self::Error(text) => text.len(),
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Executes calls.
pub trait Dispatch {
    /// Executes `call`. Several may be under way at the same time.
    async fn call(&self, call: &Call) -> Dispatched;
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dispatched {
    /// It ended.
    Ended(CallResult),
    /// It may not be executed yet: somebody has to agree first. The program pauses, and can be run again with what it knows.
    Pause,
}

/// JSON kept as a string.
mod text {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, ser::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(bytes).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        String::deserialize(deserializer).map(Bytes::from)
    }
}
