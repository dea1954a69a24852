//! Calls that a person has to approve first. The person is whoever sits at the client, where the client can ask them and the tenant
//! lets them decide ([`gate`]); or an operator, for whom it is written down ([`register`]). Which calls these are is decided where it is
//! decided who may make them, and nowhere here.

mod gate;
mod question;
mod register;

use std::{fmt, rc::Rc};

use http::{Response, StatusCode};
use sha2::{Digest, Sha256};
use toolgate_model::{ApprovalId, ApprovalRecord, Approver, Destructive, MAX_ARGUMENTS_SHOWN, ServerId, WaitingCall};
use toolgate_ports::{Body, Platform};
use toolgate_wire::{Era, splice};

pub(crate) use gate::{Gate, declined};
pub(crate) use question::{Answered, Question, answered};
pub(crate) use register::Entry;

use crate::{
    answer, code,
    context::{Accepts, Context},
    line::Outcome,
    session::hex,
};

/// Whether a request to a server needs a person's approval.
#[derive(Clone)]
pub(crate) enum Approval {
    /// It does not.
    NotNeeded,
    /// It does, and nobody was asked yet.
    Needed(Rc<WaitingCall>),
    /// It has one; for this call, if the person at a client gave it.
    Given(Option<Rc<WaitingCall>>),
    /// Operators gave it, and it is used up by this.
    Taken(Rc<(ApprovalId, ApprovalRecord)>),
}

/// A call that waits, of these raw arguments.
pub(crate) fn waiting(server: &ServerId, tool: &str, arguments: Option<&str>, rule: &str) -> WaitingCall {
    let arguments = arguments.unwrap_or("{}");
    WaitingCall {
        number: None,
        server: server.clone(),
        tool: tool.to_owned(),
        arguments: arguments[..arguments.floor_char_boundary(MAX_ARGUMENTS_SHOWN)].to_owned(),
        digest: hex(&Sha256::digest(arguments)),
        rule: rule.to_owned(),
    }
}

impl<P: Platform> Context<P> {
    /// The name of what this principal asks for here, if it is `what`. Asking for it again has the same.
    pub(crate) fn approval_id(&self, what: &[&str]) -> ApprovalId {
        let seat = self.seat();
        let mut hash = Sha256::new();
        for part in std::iter::once(&seat.as_str()).chain(what) {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let digits = hex(&hash.finalize()[..16]);
        #[expect(clippy::expect_used, reason = "sixteen bytes are as many digits as an id has")]
        ApprovalId::new(&digits).expect("an id")
    }

    /// Whether any call of this principal's may need an approval.
    pub(crate) fn may_need_approval(&self) -> bool {
        let snapshot = &self.identity.snapshot;
        snapshot.policy.is_some() || snapshot.record.approvals.destructive != Destructive::Allowed
    }

    /// Whether the person at the client can be asked, and may decide.
    pub(crate) fn person_decides(&self) -> bool {
        let reached = match self.era {
            Era::Modern => true,
            Era::Legacy => self.session.is_some() && self.accepts == Accepts::Events,
        };
        reached && self.nested.is_none() && self.by_anyone() && self.can_be_asked("elicitation/create", "{}")
    }

    /// Who can approve, in words.
    pub(crate) fn approver(&self) -> &'static str {
        if self.person_decides() { "an operator, or the person at the client" } else { "an operator" }
    }

    fn by_anyone(&self) -> bool {
        self.identity.snapshot.record.approvals.by == Approver::Anyone
    }
}

/// The answer to a call that may not be made, or not yet.
pub(crate) fn not_approved<P: Platform>(
    context: &Context<P>,
    id: &str,
    words: &str,
    approval: Option<(&ApprovalId, &'static str)>,
) -> Response<Body> {
    context.line.outcome(Outcome::Refused);
    let data = approval.map(|(approval, status)| {
        format!(
            "{{\"approval\":\"{approval}\",\"status\":\"{status}\",\"approver\":{}}}",
            splice::quote(context.approver())
        )
    });
    answer::error(StatusCode::OK, Some(id), code::NOT_APPROVED, words, data.as_deref())
}

/// Says in the log what became of an approval.
pub(crate) fn logged<P: Platform>(
    context: &Context<P>,
    approval: &ApprovalId,
    status: &'static str,
    by: &dyn fmt::Display,
) {
    let identity = &context.identity;
    tracing::info!(
        target: "toolgate::approval",
        request_id = context.line.id(), tenant = %identity.snapshot.tenant, key_id = %identity.key.id, %approval, status, %by
    );
}
