//! What the results of tools looked like that don't declare them: seen by this instance, for one principal at one endpoint. Names of members
//! and kinds of values, never a value. Forgotten with the instance, which costs a model nothing but a look.

use std::{cell::RefCell, collections::BTreeMap};

use serde_json::Value;
use toolgate_codemode::Shape;
use toolgate_ports::Platform;
use toolgate_sandbox::{Call, CallResult};

use crate::context::Context;

/// How many tools are remembered. Beyond it all are forgotten.
const MAX_TOOLS: usize = 2_000;
/// The longest result that is looked at, in bytes: reading it costs, and shorter ones look the same.
const MAX_RESULT: usize = 64 << 10;

/// Shapes by principal and endpoint, server and tool.
#[derive(Debug, Default)]
pub(crate) struct Observations(RefCell<BTreeMap<(String, String, String), Shape>>);

impl Observations {
    pub(super) fn note<P: Platform>(&self, context: &Context<P>, call: &Call, result: &CallResult) {
        let value = match result {
            CallResult::Json(json) if json.len() <= MAX_RESULT => serde_json::from_slice::<Value>(json),
            // A text that is no JSON is a text.
            CallResult::Text(text) if text.len() <= MAX_RESULT => {
                serde_json::from_str(text).or_else(|_| Ok(Value::from("")))
            }
            _ => return,
        };
        let Ok(value) = value else { return };
        let mut shapes = self.0.borrow_mut();
        if shapes.len() >= MAX_TOOLS {
            shapes.clear();
        }
        let key = (context.seat(), call.server.clone(), call.tool.clone());
        shapes.entry(key).or_default().add(&value);
    }

    /// What results of a tool looked like.
    pub(super) fn of(&self, seat: &str, server: &str, tool: &str) -> Option<Shape> {
        self.0.borrow().get(&(seat.to_owned(), server.to_owned(), tool.to_owned())).cloned()
    }
}
