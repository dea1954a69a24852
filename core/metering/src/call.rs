//! Who calls what, and what it will cost at most.

use sha2::{Digest, Sha256};
use toolgate_model::{Amount, KeyId, LimitKind, LimitSpec, MicroUsd, ServerId, TeamId, TenantId, Unit, UserId};
use toolgate_ports::ReceiptId;

/// What a call costs, beside that it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// Money.
    pub micro_usd: MicroUsd,
    /// Tokens.
    pub tokens: Amount,
}

impl Price {
    /// What counts for a limit like `spec`.
    pub(crate) fn counted(&self, spec: &LimitSpec) -> Amount {
        match (spec.kind, spec.unit) {
            (LimitKind::Concurrency, _) | (_, Unit::Calls) => Amount::at_most(1),
            (_, Unit::MicroUsd) => self.micro_usd.0,
            (_, Unit::Tokens) => self.tokens,
        }
    }
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The key that calls.
    pub key: &'a KeyId,
    /// The key's team, if it has one.
    pub team: Option<&'a TeamId>,
    /// The end user that the key acts for, if one is known.
    pub user: Option<&'a UserId>,
    /// The server that is called.
    pub server: &'a ServerId,
    /// The tool, by its upstream's name; `None` if something else is called.
    pub tool: Option<&'a str>,
    /// What it costs at most. No more than this is ever charged, so an estimate that is too low lets a limit be exceeded by the difference.
    pub estimate: Price,
    /// Under which a repetition of the call is known, so that budgets are charged once.
    pub idempotency: Option<&'a IdempotencyKey>,
}

/// What a client calls one attempt and its repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Why a text is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to {} visible ASCII characters", IdempotencyKey::MAX)]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// The longest, in bytes.
    pub const MAX: usize = 255;

    /// Takes `text` as a key.
    ///
    /// # Errors
    /// If it is empty, too long, or not visible ASCII.
    pub fn new(text: &str) -> Result<Self, IdempotencyKeyError> {
        let good = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good { Ok(Self(text.to_owned())) } else { Err(IdempotencyKeyError) }
    }
}

impl Call<'_> {
    /// The receipt that a call with an idempotency key leaves. Another key, tool or server makes another call of it.
    pub(crate) fn receipt(&self) -> Option<ReceiptId> {
        let key = self.idempotency?;
        let mut hash = Sha256::new();
        for part in
            [self.tenant.as_str(), self.key.as_str(), self.server.as_str(), self.tool.unwrap_or_default(), &key.0]
        {
            // No part may hold a zero byte but a tool's name; its length tells where that ends.
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Some(ReceiptId(hex::encode(&hash.finalize()[..16])))
    }
}
