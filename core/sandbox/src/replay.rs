//! Going through a program again with the results it had.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Call, CallResult, Failure};

/// The results that a program was given, in the order in which it was given them. With the program itself it is all that is needed to be
/// where it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log(pub Vec<Recorded>);

/// One call and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The call's number.
    pub number: u32,
    /// With which of the program's steps the result was handed over; several may be handed over together.
    pub turn: u32,
    /// The server's id.
    pub server: String,
    /// The tool's original name.
    pub tool: String,
    /// SHA-256 of the arguments' bytes, in hexadecimal digits.
    pub arguments: String,
    /// How it ended.
    pub result: CallResult,
}

impl Recorded {
    pub(crate) fn new(call: &Call, turn: u32, result: CallResult) -> Self {
        Self {
            number: call.number,
            turn,
            server: call.server.clone(),
            tool: call.tool.clone(),
            arguments: digest(call),
            result,
        }
    }

    /// Whether `call` is the one that was made.
    fn check(&self, call: &Call) -> Result<(), Failure> {
        if self.server == call.server && self.tool == call.tool && self.arguments == digest(call) {
            return Ok(());
        }
        Err(Failure::diverged(format!(
            "call {} was {}.{} and is {}.{} now, or has other arguments",
            self.number, self.server, self.tool, call.server, call.tool
        )))
    }
}

/// What stands for the arguments in a log.
fn digest(call: &Call) -> String {
    hex::encode(Sha256::digest(call.arguments.get()))
}

/// A log that is being gone through.
pub(crate) struct Replay(VecDeque<Recorded>);

impl Replay {
    pub(crate) fn new(log: Log) -> Self {
        Self(log.0.into())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The results for the step `turn`, with the calls taken from those that wait.
    pub(crate) fn turn(&mut self, turn: u32, waiting: &mut Vec<Call>) -> Result<Vec<(Call, CallResult)>, Failure> {
        let mut results = Vec::new();
        while let Some(recorded) = self.0.pop_front_if(|recorded| recorded.turn <= turn) {
            let at = waiting.iter().position(|call| call.number == recorded.number).ok_or_else(|| {
                Failure::diverged(format!(
                    "call {} was {}.{} and is not made now",
                    recorded.number, recorded.server, recorded.tool
                ))
            })?;
            recorded.check(&waiting[at])?;
            results.push((waiting.remove(at), recorded.result));
        }
        if results.is_empty() {
            return Err(Failure::diverged(format!("the log has no result for step {turn}")));
        }
        Ok(results)
    }
}
