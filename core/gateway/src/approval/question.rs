//! What the person at the client is asked, and what they answer: an elicitation, which the MCP client shows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toolgate_model::{ApprovalId, Timestamp, WaitingCall};
use toolgate_ports::{Clock, Platform};
use toolgate_seal::Purpose;
use toolgate_wire::splice;

use crate::{context::Context, core::Core, session::hex, translate::Needs};

/// The name of the question among those that a result asks.
const NAME: &str = "approval";
/// How much of a call's arguments a person is shown, in bytes.
const ARGUMENTS_SHOWN: usize = 1_000;
/// How many calls are named in one question.
const CALLS_SHOWN: usize = 10;

/// A question for the person at the client.
pub(crate) struct Question {
    /// The raw request.
    request: String,
    /// What brings the answer back to what it is about.
    state: String,
}

/// What the person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// They allow it.
    Yes,
    /// They don't.
    No,
    /// They don't say.
    Nothing,
}

/// What a client holds while its person is asked, and afterwards while the call goes on.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    /// What is approved.
    #[serde(rename = "a")]
    approval: ApprovalId,
    /// The digest of the calls that the person was shown.
    #[serde(rename = "c")]
    calls: String,
    /// That it is, and the raw state of the server that asks for more; empty if that has none.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) given: Option<String>,
    /// Until when, in milliseconds since 1970.
    #[serde(rename = "x")]
    expires_at: u64,
}

impl Question {
    fn about(calls: &[WaitingCall], state: String) -> Self {
        let more = calls.len().saturating_sub(CALLS_SHOWN);
        let mut lines: Vec<String> = calls.iter().take(CALLS_SHOWN).map(line).collect();
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        let message = splice::quote(&format!("Toolgate: allow this?\n{}", lines.join("\n")));
        let request = format!(
            "{{\"method\":\"elicitation/create\",\"params\":{{\"message\":{message},\"requestedSchema\":\
             {{\"type\":\"object\",\"properties\":{{\"approve\":{{\"type\":\"boolean\",\"title\":\"Allow it\"}}}},\"required\":[\"approve\"]}}}}}}"
        );
        Self { request, state }
    }

    /// As a modern result that asks for input.
    pub(crate) fn result(&self) -> String {
        format!(
            "{{\"resultType\":\"input_required\",\"inputRequests\":{{\"{NAME}\":{}}},\"requestState\":{}}}",
            self.request,
            splice::quote(&self.state)
        )
    }

    /// As what a legacy client is asked on its stream.
    pub(crate) fn needs(self) -> Needs {
        Needs { requests: vec![(NAME.to_owned(), self.request)], state: Some(splice::quote(&self.state)) }
    }
}

fn line(call: &WaitingCall) -> String {
    let shown = &call.arguments[..call.arguments.floor_char_boundary(ARGUMENTS_SHOWN)];
    let cut = if shown.len() < call.arguments.len() { "…" } else { "" };
    format!("{}: {} {shown}{cut}", call.server, call.tool)
}

/// Stands for these calls and no others.
fn digest_of(calls: &[WaitingCall]) -> String {
    let mut hash = Sha256::new();
    for call in calls {
        let number = call.number.map(|number| number.to_string()).unwrap_or_default();
        for part in [number.as_str(), call.server.as_str(), &call.tool, &call.digest] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
    }
    hex(&hash.finalize()[..16])
}

/// What raw params answer to the question.
pub(crate) fn answered(params: &str) -> Answered {
    let response = splice::value(params, "inputResponses").and_then(|given| splice::value(given, NAME));
    let Some(response) = response else { return Answered::Nothing };
    let content = splice::value(response, "content").unwrap_or("{}");
    match (splice::value(response, "action"), splice::value(content, "approve")) {
        (Some("\"accept\""), Some("true")) => Answered::Yes,
        (Some("\"accept\"" | "\"decline\""), _) => Answered::No,
        _ => Answered::Nothing,
    }
}

impl<P: Platform> Core<P> {
    /// A question about `calls`, which are known as `approval`.
    pub(crate) fn question(&self, context: &Context<P>, approval: &ApprovalId, calls: &[WaitingCall]) -> Question {
        Question::about(calls, self.seal_approval(context, (approval, calls), None))
    }

    pub(super) fn seal_approval(
        &self,
        context: &Context<P>,
        (approval, calls): (&ApprovalId, &[WaitingCall]),
        given: Option<String>,
    ) -> String {
        let lifetime = u64::try_from(self.config.limits.input.as_millis()).unwrap_or(u64::MAX);
        let expires_at = self.platform.clock().now().plus_millis(lifetime).as_millis();
        let state = State { approval: approval.clone(), calls: digest_of(calls), given, expires_at };
        self.seal(Purpose::Approval, &context.owner(), &serde_json::to_vec(&state).unwrap_or_default())
    }

    /// What the state in raw params says of `approval`, if it is about it and these calls, and its time is not over.
    pub(super) fn open_approval(
        &self,
        context: &Context<P>,
        (approval, calls): (&ApprovalId, &[WaitingCall]),
        params: &str,
    ) -> Option<State> {
        let sealed = splice::value(params, "requestState").and_then(splice::string)?;
        let content = self.sealer.open(Purpose::Approval, &context.owner(), &sealed).ok()?;
        let state: State = serde_json::from_slice(&content).ok()?;
        let stands = self.platform.clock().now() < Timestamp::from_millis(state.expires_at);
        (state.approval == *approval && state.calls == digest_of(calls) && stands).then_some(state)
    }

    /// What the person at the client answered about these calls with these params.
    pub(crate) fn person_answered(
        &self,
        context: &Context<P>,
        about: (&ApprovalId, &[WaitingCall]),
        params: &str,
    ) -> Answered {
        match self.open_approval(context, about, params) {
            Some(_) if context.person_decides() => answered(params),
            _ => Answered::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        let of = |response: &str| answered(&format!("{{\"inputResponses\":{{\"approval\":{response}}}}}"));
        assert_eq!(of(r#"{"action":"accept","content":{"approve":true}}"#), Answered::Yes);
        assert_eq!(of(r#"{"action":"accept","content":{"approve":"true"}}"#), Answered::No);
        assert_eq!(of(r#"{"action":"accept"}"#), Answered::No);
        assert_eq!(of(r#"{"action":"decline"}"#), Answered::No);
        assert_eq!(of(r#"{"action":"cancel"}"#), Answered::Nothing);
        assert_eq!(answered("{}"), Answered::Nothing);
    }
}
