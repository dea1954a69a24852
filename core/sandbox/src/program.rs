//! What is run.

use serde::Serialize;
use serde_json::value::RawValue;
use toolgate_model::Timestamp;

/// A program and all it may know. Two runs with the same program and the same results of its calls are the same.
#[derive(Debug, Clone)]
pub struct Program {
    /// What the agent wrote.
    pub code: String,
    /// What its randomness follows from.
    pub seed: u64,
    /// The time of day, throughout.
    pub now: Timestamp,
    /// Whose tools it may call.
    pub servers: Servers,
}

/// A server as programs see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Its id: `tools["id"]`.
    pub id: String,
    /// The global it is: an identifier of JavaScript, which no other server has.
    pub ident: String,
    /// What can be called.
    pub tools: Vec<Tool>,
}

/// A tool as programs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// An identifier of JavaScript, which no other tool of the server has: `server.ident(...)`.
    pub ident: String,
    /// Its original name, by which it can be called too: `server["name"](...)`.
    pub name: String,
}

impl Serialize for Tool {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.ident, &self.name).serialize(serializer)
    }
}

/// Servers, written down once for all programs that may call them.
#[derive(Debug, Clone)]
pub struct Servers(Box<RawValue>);

impl Servers {
    /// Writes `servers` down.
    #[must_use]
    pub fn new(servers: &[Server]) -> Self {
        Self(serde_json::value::to_raw_value(servers).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> &RawValue {
        &self.0
    }
}

impl Default for Servers {
    fn default() -> Self {
        Self::new(&[])
    }
}
