//! Where limits are counted. One contract, kept by memory, SQLite, a Durable Object and DynamoDB;
//! `toolgate_testkit::ledger_contract` checks it. What an account does is `core/ledger`'s arithmetic, the same in each of them.
//!
//! **Ids are the caller's.** A [`Take`] has an unguessable id of its own. Asked again under the same id, while what it took is
//! open, the ledger answers as before and takes nothing more; and closing what is closed changes nothing. So whoever got no answer asks
//! again.
//!
//! **At most one ghost.** An operation may be executed although it was reported as failed ([`LedgerError::Unavailable`]), even after that was
//! reported, and even after it was asked again. Who was told so closes with [`Then::Bury`], so that a late copy finds its id used up.
//! An operation that was answered is not executed again later.
//!
//! **Whose clock.** The ledger's own. Where it has none (DynamoDB), that of whoever asks; then each account keeps the latest time it has
//! seen and never goes back. All times in questions are lengths, so that no two clocks need agree.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use toolgate_model::{Amount, LimitId, LimitKind, LimitSpec, TenantId, Timestamp, Window};

use crate::StoreError;

/// The most asks of one take.
pub const MAX_ASKS: usize = 64;
/// The most settlements in one operation.
pub const MAX_SETTLEMENTS: usize = 200;
/// How long what was buried is remembered, in milliseconds: longer than any copy of a request is under way.
pub const BURIED_FOR: u64 = 600_000;

/// One account of a limit: of its holder, in the limit's shape. A limit whose window or unit was changed has other accounts than before, so
/// that instances that know it in two versions don't count in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The longest, in bytes.
    pub const MAX: usize = 400;

    /// The account of `holder` (its scope values in a text without `/`; empty if the limit has one account only).
    #[must_use]
    pub fn new(limit: &LimitId, spec: &LimitSpec, holder: &str) -> Self {
        Self(format!("{}{holder}", Self::prefix(limit, spec)).into())
    }

    /// How the ids of all accounts of a limit in its present shape begin.
    #[must_use]
    pub fn prefix(limit: &LimitId, spec: &LimitSpec) -> String {
        format!("{}{}/", Self::prefix_of_limit(limit), spec.shape())
    }

    /// How the ids of all accounts of a limit begin, in whatever shape.
    #[must_use]
    pub fn prefix_of_limit(limit: &LimitId) -> String {
        format!("{limit}/")
    }

    /// The id of the account whose document is called so.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a take, and of what it opened in each account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// What is remembered of a call that has an idempotency key: 32 hexadecimal digits, made of tenant, key, tool and that key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReceiptId(pub String);

/// The scope values of an account's holder: `("key", "0123456789abcdef")`. Empty if its limit has one account only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Holder(pub Vec<(String, String)>);

impl Holder {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a limit allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Terms {
    /// So much in each window; altogether, if there is none.
    Budget {
        /// How much.
        amount: Amount,
        /// Over what.
        window: Option<Window>,
    },
    /// A bucket.
    Rate {
        /// How much flows in,
        amount: Amount,
        /// in so many milliseconds.
        millis: u64,
        /// How much the bucket holds.
        burst: Amount,
    },
    /// So much at the same time.
    Concurrency {
        /// How much.
        amount: Amount,
    },
}

impl Terms {
    /// Those of `spec`.
    #[must_use]
    pub fn of(spec: &LimitSpec) -> Self {
        let amount = spec.amount;
        match spec.kind {
            LimitKind::Budget => Self::Budget { amount, window: spec.window.clone() },
            LimitKind::Concurrency => Self::Concurrency { amount },
            LimitKind::Rate => {
                // A rate without a length is not let into a record.
                let millis = spec.window.as_ref().and_then(Window::millis).unwrap_or(1_000).max(1);
                Self::Rate { amount, millis, burst: spec.burst.unwrap_or(amount) }
            }
        }
    }

    /// How much may be spent: the budget, the bucket's size, or how many at the same time.
    #[must_use]
    pub const fn allowed(&self) -> Amount {
        match self {
            Self::Budget { amount, .. } | Self::Concurrency { amount } => *amount,
            Self::Rate { burst, .. } => *burst,
        }
    }
}

/// What one account is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Which account; each at most once in a take.
    pub account: AccountId,
    /// Whose it is.
    pub holder: Holder,
    /// What its limit allows now.
    pub terms: Terms,
    /// What must be granted.
    pub need: Amount,
    /// How large a slice is wanted, `need` included; nothing if none is. The ledger gives a smaller one, or only what is needed, as the
    /// limit runs low.
    pub want: Amount,
}

/// Several asks that are granted together, or none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Chosen by the caller, unguessable, the same when it is asked again.
    pub id: EntryId,
    /// The asks.
    pub asks: Vec<Ask>,
    /// How long what is reserved stays open, in milliseconds, if nobody closes it. Then what a budget or a rate reserved counts as spent, and
    /// a place among calls at the same time is free again.
    pub hold: u64,
    /// How long a slice may be spent from, in milliseconds. What is not reported by then counts as spent.
    pub lease: u64,
    /// Under which a repetition of the call is known. Its budgets are then charged once.
    pub receipt: Option<ReceiptId>,
    /// Closed first, whatever becomes of the asks.
    pub settle: Vec<Settlement>,
}

/// What became of a take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// All asks are granted, in their order.
    Granted(Vec<Grant>),
    /// One could not be, and none is.
    Refused(Refused),
}

/// How an ask was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grant {
    /// What was needed is reserved, and to be settled.
    Reserved,
    /// A slice, what was needed included.
    Leased {
        /// How much.
        amount: Amount,
        /// For how long from when it was asked for, in milliseconds.
        millis: u64,
    },
    /// The call is a repetition: nothing was taken.
    Repeated,
}

/// Why a take was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The ask that could not be granted; of several, the one that has to wait longest.
    pub ask: usize,
    /// What its account has left.
    pub left: Amount,
    /// When there will be enough at the latest, if nobody else takes it. `None` if that can't be said, or never.
    pub resets_at: Option<Timestamp>,
    /// When it was refused, on the ledger's clock.
    pub at: Timestamp,
    /// Nothing is open in the account that could be given back: until `resets_at` it would be refused again.
    pub stands: bool,
}

impl Refused {
    /// Of two refusals, the one that has to wait longer; never is longest.
    #[must_use]
    pub fn or_longer(self, next: Self) -> Self {
        match self.resets_at {
            Some(at) if next.resets_at.is_none_or(|next| next > at) => next,
            _ => self,
        }
    }
}

/// What an ask would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// What its account has left.
    pub left: Amount,
    /// How it would be refused, if it would be.
    pub refused: Option<Refused>,
}

/// What becomes of an entry once its charge is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// It is closed.
    Close,
    /// It is closed, and its id never opens anything again: a copy of its take may still be under way.
    Bury,
    /// Calls that were charged to it are not over: it stays open for so many milliseconds, for less to be charged.
    Hold(u64),
}

/// Closes a reservation, or gives a slice back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// In which account.
    pub account: AccountId,
    /// The take that opened it.
    pub id: EntryId,
    /// What was spent of it, altogether; never more than was granted.
    pub charge: Amount,
    /// What becomes of it.
    pub then: Then,
    /// Nothing was executed, and the receipt that the take left is void with it; unless somebody repeated the call on its strength, who
    /// then has spent what this one reserved.
    pub void: Option<ReceiptId>,
}

/// What an account holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountUsage {
    /// Which.
    pub account: AccountId,
    /// Whose.
    pub holder: Holder,
    /// When its window began; `None` if it has none.
    pub from: Option<Timestamp>,
    /// When its window ends.
    pub to: Option<Timestamp>,
    /// Spent for good.
    pub settled: Amount,
    /// Reserved by calls that are not over.
    pub reserved: Amount,
    /// In slices that instances hold.
    pub leased: Amount,
    /// What may still be taken.
    pub left: Amount,
    /// What was spent in the windows before, the latest first. Calendar windows only.
    pub past: Vec<PastWindow>,
}

/// A window that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastWindow {
    /// When it began.
    pub from: Timestamp,
    /// What was spent in it.
    pub settled: Amount,
}

/// Some accounts of a limit, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsagePage {
    /// The accounts.
    pub accounts: Vec<AccountUsage>,
    /// Whether there are more after the last.
    pub more: bool,
}

/// What is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forget {
    /// A limit's accounts, in whatever shape.
    Limit(LimitId),
    /// Everything of the tenant.
    Tenant,
}

/// Why the ledger did not do as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum LedgerError {
    /// It could not be reached, or did not answer in time. Retryable under the same ids; it may have been done, or be done later.
    #[error("the ledger did not answer: {0}")]
    Unavailable(String),
    /// It refused the question itself, and would again.
    #[error("the ledger refused: {0}")]
    Refused(String),
    /// What is stored can't be read.
    #[error("an account can't be read: {0}")]
    Corrupt(String),
}

impl LedgerError {
    /// Whether the same may be asked again.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Refused(why) => Self::Refused(why),
            StoreError::Corrupt(why) => Self::Corrupt(why),
            StoreError::Conflict(key) => Self::Refused(format!("{key} is not as expected")),
        }
    }
}

/// Where limits are counted. Always, of each account: settled + reserved + leased is at most what its limit allows.
pub trait Ledger {
    /// Takes what `take` asks for, all of it or nothing.
    async fn take(&self, tenant: &TenantId, take: &Take) -> Result<Taken, LedgerError>;

    /// Closes, gives back or holds, each settlement for itself; at most [`MAX_SETTLEMENTS`]. What is not open any more is passed over: it
    /// was closed before, or is so long over that its window is.
    async fn settle(&self, tenant: &TenantId, settlements: &[Settlement]) -> Result<(), LedgerError>;

    /// What the accounts of a limit hold, after `after` (exclusive), at most `most`.
    async fn usage(
        &self,
        tenant: &TenantId,
        limit: &LimitId,
        spec: &LimitSpec,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError>;

    /// What each of `asks` would find, asked for by itself: now, or at `at` if that is later and nobody takes anything until then. Nothing
    /// is taken, and nothing remembered; at most [`MAX_ASKS`].
    async fn foresee(
        &self,
        tenant: &TenantId,
        asks: &[Ask],
        at: Option<Timestamp>,
    ) -> Result<Vec<Outlook>, LedgerError>;

    /// Forgets accounts, with all that is open in them.
    async fn forget(&self, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError>;
}
