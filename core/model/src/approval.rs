//! Calls that wait for a person's approval.

use serde::{Deserialize, Serialize};

use crate::{KeyId, SealedText, ServerId, Timestamp, UserId};

/// How much of a call's arguments an approver is shown, in bytes.
pub const MAX_ARGUMENTS_SHOWN: usize = 8 << 10;

/// What waits, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRecord {
    /// The key that asks.
    pub key: KeyId,
    /// The end user that it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// What makes the calls.
    pub waits: Waits,
    /// The calls, none of which was made yet.
    pub calls: Vec<WaitingCall>,
    /// Of a program, how it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SealedText>,
    /// What a person decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// From when on it is as if it had not been asked for.
    pub expires_at: Timestamp,
}

/// What waits for an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Waits {
    /// A client's call of a tool.
    Call,
    /// A program.
    Program,
}

/// A call that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingCall {
    /// Its place among the calls of its program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// The server.
    pub server: ServerId,
    /// The tool, as its server names it.
    pub tool: String,
    /// The arguments as JSON; cut after [`MAX_ARGUMENTS_SHOWN`] bytes.
    pub arguments: String,
    /// SHA-256 of all of them, in hexadecimal digits: what is approved is this call and no other.
    pub digest: String,
    /// The rule that asks for the approval, as the log names it.
    pub rule: String,
}

impl WaitingCall {
    /// Whether `other` is the same call, whatever makes it.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (&self.server, &self.tool, &self.digest) == (&other.server, &other.tool, &other.digest)
    }
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Whether the calls may be made.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What whoever asks is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Decided {
    /// That it was denied, by whom and why.
    #[must_use]
    pub fn denial(&self) -> String {
        let note = self.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        format!("{} denied this call{note}", self.by)
    }
}

impl ApprovalRecord {
    /// Whether it still stands.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}
