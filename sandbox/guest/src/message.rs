//! What passes between a host and the guest.

use std::{borrow::Cow, rc::Rc};

use serde::Deserialize;

use crate::{
    failure::{Failure, Kind},
    json,
};

/// A program and everything it may know.
#[derive(Deserialize)]
pub(crate) struct Start<'a> {
    /// What the agent wrote.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// What randomness follows from.
    pub seed: u64,
    /// The time of day throughout the program, in milliseconds since 1970.
    pub now: i64,
    /// The servers whose tools may be called.
    #[serde(borrow)]
    pub servers: Vec<Server<'a>>,
    pub limits: Limits,
}

/// Bounds that only the guest can keep.
#[derive(Deserialize, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of memory.
    pub memory: usize,
    /// Calls of tools, in all.
    pub calls: u32,
    /// Bytes of one call's arguments as JSON.
    pub arguments: usize,
    /// Bytes of the result as JSON.
    pub result: usize,
    /// Bytes of logs.
    pub logs: usize,
}

/// A server by its id, the identifier it has in programs, and its tools.
#[derive(Deserialize, Clone)]
pub(crate) struct Server<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub ident: Cow<'a, str>,
    /// Each tool's identifier and original name.
    #[serde(borrow)]
    pub tools: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Server<'_> {
    pub(crate) fn into_owned(self) -> Server<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Server {
            id: own(self.id),
            ident: own(self.ident),
            tools: self.tools.into_iter().map(|(ident, name)| (own(ident), own(name))).collect(),
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With JSON.
    Json,
    /// With text, which may be JSON.
    Text,
    /// With an error, in words.
    Error,
}

/// The results in a frame: for each the call's number (u32), how it ended (u8), a length (u32) and that many bytes, numbers little endian.
/// `None` if the frame is not whole.
pub(crate) fn results(mut frame: &[u8]) -> Option<Vec<(u32, Ending, &[u8])>> {
    let mut found = Vec::new();
    while !frame.is_empty() {
        let (head, rest) = frame.split_at_checked(9)?;
        let number = u32::from_le_bytes(head[..4].try_into().ok()?);
        let ending = match head[4] {
            0 => Ending::Json,
            1 => Ending::Text,
            2 => Ending::Error,
            _ => return None,
        };
        let length = u32::from_le_bytes(head[5..].try_into().ok()?);
        let (bytes, rest) = rest.split_at_checked(length as usize)?;
        found.push((number, ending, bytes));
        frame = rest;
    }
    Some(found)
}

/// A call that the program makes.
pub(crate) struct Call {
    /// Its place among the program's calls, from zero.
    pub number: u32,
    pub server: Cow<'static, str>,
    /// By its original name.
    pub tool: Cow<'static, str>,
    /// As programs name it: `server.tool`.
    pub name: Rc<str>,
    /// An object as JSON.
    pub arguments: String,
}

/// How a step ended.
pub(crate) enum Reply {
    /// These calls are wanted; the program goes on with any of the results that are due. Empty: it waits for earlier ones.
    Calls(Vec<Call>),
    /// The program is done. `None` is `undefined`.
    Done {
        value: Option<String>,
        hint: Option<String>,
    },
    Failed(Failure),
}

impl Reply {
    pub(crate) fn internal(message: &str) -> Self {
        Self::Failed(Failure::new(Kind::Internal, message))
    }

    /// As JSON: `{"calls":[{"number","server","tool","name","arguments"}]}`, `{"done":{"value"?,"hint"?}}` or
    /// `{"failed":{"kind","message","line"?,"hint"?,"tool"?}}`.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Calls(calls) => write_calls(&mut out, calls),
            Self::Done { value, hint } => {
                out.extend_from_slice(b"{\"done\":{");
                let mut members = Members::new(&mut out);
                members.raw("value", value.as_deref());
                members.text("hint", hint.as_deref());
                out.extend_from_slice(b"}}");
            }
            Self::Failed(failure) => {
                out.extend_from_slice(b"{\"failed\":{");
                let mut members = Members::new(&mut out);
                members.text("kind", Some(failure.kind.name()));
                members.text("message", Some(&failure.message));
                members.raw("line", failure.line.map(|line| line.to_string()).as_deref());
                members.text("hint", failure.hint.as_deref());
                members.text("tool", failure.tool.as_deref());
                out.extend_from_slice(b"}}");
            }
        }
        out
    }
}

fn write_calls(out: &mut Vec<u8>, calls: &[Call]) {
    out.extend_from_slice(b"{\"calls\":[");
    for (index, call) in calls.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'{');
        let mut members = Members::new(out);
        members.raw("number", Some(&call.number.to_string()));
        members.text("server", Some(&call.server));
        members.text("tool", Some(&call.tool));
        members.text("name", Some(&call.name));
        members.raw("arguments", Some(&call.arguments));
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// The members of an object, with commas between them.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Members<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, first: true }
    }

    fn raw(&mut self, name: &str, json: Option<&str>) {
        let Some(json) = json else { return };
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        self.name(name);
        json::write_str(self.out, text);
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        json::write_str(self.out, name);
        self.out.push(b':');
    }
}
