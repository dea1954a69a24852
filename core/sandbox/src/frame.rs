//! The bytes that pass between the driver and the guest (`sandbox/guest/src/message.rs`).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Call, CallResult, Failure, Kind, Limits, Program};

/// A program for the guest.
pub(crate) fn start(program: &Program, limits: &Limits) -> Vec<u8> {
    #[derive(Serialize)]
    struct Start<'a> {
        code: &'a str,
        seed: u64,
        now: u64,
        servers: &'a RawValue,
        limits: Bounds,
    }
    #[derive(Serialize)]
    struct Bounds {
        memory: u32,
        calls: u32,
        arguments: usize,
        result: usize,
        logs: usize,
    }
    let &Limits { memory, calls, arguments, result, logs, .. } = limits;
    let start = Start {
        code: &program.code,
        seed: program.seed,
        now: program.now.as_millis(),
        servers: program.servers.json(),
        limits: Bounds { memory, calls, arguments, result, logs },
    };
    serde_json::to_vec(&start).unwrap_or_default()
}

/// Results for the guest: for each the call's number (u32), how it ended (u8), a length (u32) and that many bytes, numbers little endian.
pub(crate) fn results(results: &[(u32, CallResult)]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(results.iter().map(|(_, result)| 9 + result.len()).sum());
    for (number, result) in results {
        let (ending, bytes): (u8, &[u8]) = match result {
            CallResult::Json(json) => (0, json),
            CallResult::Text(text) => (1, text.as_bytes()),
            CallResult::Error(message) => (2, message.as_bytes()),
        };
        frame.extend_from_slice(&number.to_le_bytes());
        frame.push(ending);
        frame.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        frame.extend_from_slice(bytes);
    }
    frame
}

/// What the guest answers.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reply<'a> {
    Calls(Vec<Call>),
    Done {
        value: Option<Box<RawValue>>,
        hint: Option<String>,
    },
    #[serde(borrow)]
    Failed(Failed<'a>),
}

#[derive(Deserialize)]
pub(crate) struct Failed<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    message: String,
    line: Option<u32>,
    hint: Option<String>,
    tool: Option<String>,
}

impl From<Failed<'_>> for Failure {
    fn from(Failed { kind, message, line, hint, tool }: Failed<'_>) -> Self {
        Self { kind: Kind::named(&kind), message, line, hint, tool }
    }
}

/// Reads a reply.
pub(crate) fn reply(bytes: &[u8]) -> Result<Reply<'_>, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Reads logs: strings of JSON, separated by commas. What can't be read is left out.
pub(crate) fn logs(bytes: &[u8]) -> Vec<String> {
    let array = [b"[", bytes, b"]"].concat();
    serde_json::from_slice(&array).unwrap_or_default()
}
