//! How a program fails, in words for the agent that wrote it.

use boa_engine::{Context, JsError, JsObject, JsValue, js_string};

use crate::{engine::ENTRY, inspect, json, servers::Names};

/// The most that is told of an error, in bytes.
const MESSAGE: usize = 2_000;

/// The kinds of failure that the guest itself tells; traps are the host's to tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program is not JavaScript.
    Syntax,
    /// It threw something.
    Runtime,
    /// It let a tool's error pass.
    Tool,
    /// It makes more calls than it may.
    Calls,
    /// Its result is too large.
    Result,
    /// It waits for something that never comes.
    Deadlock,
    /// It can't be told why.
    Internal,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Runtime => "runtime",
            Self::Tool => "tool",
            Self::Calls => "calls",
            Self::Result => "result",
            Self::Deadlock => "deadlock",
            Self::Internal => "internal",
        }
    }
}

pub(crate) struct Failure {
    pub kind: Kind,
    pub message: String,
    /// In the source as the agent wrote it, from one.
    pub line: Option<u32>,
    pub hint: Option<String>,
    /// The tool whose error it is, as `server.tool`.
    pub tool: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: &str) -> Self {
        Self { kind, message: json::prefix(message, MESSAGE).to_owned(), line: None, hint: None, tool: None }
    }

    pub(crate) fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// What the program threw and nobody caught.
    pub(crate) fn thrown(thrown: &JsError, names: &Names, context: &mut Context) -> Self {
        if let Ok(value) = thrown.clone().into_opaque(context) {
            return Self::value(&value, names, context);
        }
        Self::new(Kind::Internal, &first_line(&thrown.to_string()))
    }

    /// A value that was thrown.
    pub(crate) fn value(value: &JsValue, names: &Names, context: &mut Context) -> Self {
        let Some(object) = value.as_object() else {
            let text = value.as_string().map(|text| text.to_std_string_lossy());
            let text = text.unwrap_or_else(|| inspect::in_words(value, MESSAGE, context));
            return Self::new(Kind::Runtime, &text);
        };
        if !object.is::<boa_engine::builtins::error::Error>() {
            return Self::new(Kind::Runtime, &inspect::in_words(value, MESSAGE, context));
        }
        let mut failure = Self::new(Kind::Runtime, &inspect::error(&object, context));
        failure.line = line(&object, context);
        if let Some(tool) = names.tool_of_error(&object, context) {
            failure.kind = Kind::Tool;
            failure.tool = Some(tool);
        }
        failure
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The line of the program that an error comes from: the innermost frame of its stack that is the program's.
fn line(error: &JsObject, context: &mut Context) -> Option<u32> {
    let stack = error.get(js_string!("stack"), context).ok()?.as_string()?.to_std_string_lossy();
    let mark = format!("({ENTRY}:");
    let (_, place) = stack.split_once(&mark)?;
    place.split(':').next()?.parse().ok()
}
