//! Where records live. One contract, kept by memory, SQLite, a Durable Object with KV, and DynamoDB;
//! `toolgate_testkit::store_contract` checks it.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use toolgate_model::{Revision, TenantId};

/// The kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// The tenant itself; its id is empty.
    Tenant,
    /// An upstream server.
    Server,
    /// A virtual key.
    Key,
    /// A view.
    View,
    /// An operator of the gateway. Stored under [`TenantId::reserved`], as nothing else is.
    Operator,
    /// The policy in force, and a draft.
    Policy,
    /// What is only looked up by operators: policies that were in force before.
    History,
    /// A limit.
    Limit,
    /// A team.
    Team,
    /// What waits for a person's approval.
    Approval,
}

impl RecordKind {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::Tenant,
        Self::Server,
        Self::Key,
        Self::View,
        Self::Operator,
        Self::Policy,
        Self::History,
        Self::Limit,
        Self::Team,
        Self::Approval,
    ];

    /// Whether records of this kind say how a tenant is set up ([`Store::setup`]): few, and all of them needed for any request.
    #[must_use]
    pub const fn is_setup(self) -> bool {
        match self {
            Self::Tenant | Self::Server | Self::Policy | Self::Limit | Self::Team => true,
            Self::Key | Self::View | Self::Operator | Self::History | Self::Approval => false,
        }
    }

    /// As it stands in a [`RecordKey`]'s text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Server => "server",
            Self::Key => "key",
            Self::View => "view",
            Self::Operator => "operator",
            Self::Policy => "policy",
            Self::History => "history",
            Self::Limit => "limit",
            Self::Team => "team",
            Self::Approval => "approval",
        }
    }
}

/// Which record, within a tenant. As text: `tenant/`, `server/github`, `key/0123456789abcdef`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// Its kind.
    pub kind: RecordKind,
    /// Its id within the kind, in bytes order within lists.
    pub id: String,
}

impl RecordKey {
    /// The tenant's own record.
    #[must_use]
    pub const fn tenant() -> Self {
        Self { kind: RecordKind::Tenant, id: String::new() }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy() -> Self {
        Self::new(RecordKind::Policy, "current")
    }

    /// The policy that is only tried.
    #[must_use]
    pub fn policy_draft() -> Self {
        Self::new(RecordKind::Policy, "draft")
    }

    /// Which policies were in force before.
    #[must_use]
    pub fn policy_history() -> Self {
        Self::new(RecordKind::History, "policy")
    }

    /// The policy that `revision` had put in force.
    #[must_use]
    pub fn policy_version(revision: Revision) -> Self {
        Self::new(RecordKind::History, &format!("policy-{revision}"))
    }

    /// The record of a server, a key, a view, a limit or a team.
    #[must_use]
    pub fn new(kind: RecordKind, id: &str) -> Self {
        Self { kind, id: id.to_owned() }
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.id)
    }
}

impl FromStr for RecordKey {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (kind, id) = text.split_once('/').unwrap_or((text, ""));
        let found = RecordKind::ALL.into_iter().find(|known| known.as_str() == kind);
        let kind = found.ok_or_else(|| StoreError::Corrupt(format!("unknown record key {text:?}")))?;
        Ok(Self::new(kind, id))
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which.
    pub key: RecordKey,
    /// The tenant's revision that wrote it.
    pub revision: Revision,
    /// Its JSON.
    pub value: Bytes,
}

/// Some records of one kind, in the bytes order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Whether there are more after the last.
    pub more: bool,
}

/// How true an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// The truth now.
    Strong,
    /// At least as new as this instance's last [`Store::sync`] of the tenant said. May come from a replica.
    AsOfSync,
}

/// What must hold for a commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// There is no such record.
    Absent(RecordKey),
    /// There is such a record.
    Present(RecordKey),
    /// The record was last written at this revision.
    At(RecordKey, Revision),
}

impl Expect {
    /// The record it speaks of.
    #[must_use]
    pub const fn key(&self) -> &RecordKey {
        match self {
            Self::Absent(key) | Self::Present(key) | Self::At(key, _) => key,
        }
    }

    /// Whether it holds, the record being at `found`.
    #[must_use]
    pub fn holds(&self, found: Option<Revision>) -> bool {
        match self {
            Self::Absent(_) => found.is_none(),
            Self::Present(_) => found.is_some(),
            Self::At(_, revision) => found == Some(*revision),
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Create or replace.
    Put(RecordKey, Bytes),
    /// Remove; not an error if there is none.
    Delete(RecordKey),
}

impl Write {
    /// The record it changes.
    #[must_use]
    pub const fn key(&self) -> &RecordKey {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// Changes to one tenant that are made together or not at all. At most 20 expectations and writes altogether, each
/// record at most once in each list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// What must hold.
    pub expect: Vec<Expect>,
    /// What changes.
    pub writes: Vec<Write>,
}

/// Which records changed since a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Too much, or it is not known any more: forget everything.
    Everything,
    /// These, each once. Empty: nothing.
    Records(Vec<RecordKey>),
}

/// A tenant's state in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSync {
    /// How often the tenant was changed; zero if it never existed. A deleted tenant keeps counting, so that nothing that
    /// remembers it takes a new tenant of the same name for the old one.
    pub revision: Revision,
    /// What changed since the revision asked about.
    pub changed: Changed,
}

/// Why the store did not do as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// An expectation did not hold; nothing was changed.
    #[error("{0} is not as expected")]
    Conflict(RecordKey),
    /// The store could not be reached, or did not answer in time. Retryable; a commit may have been made.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// The store refused, and would again.
    #[error("the store refused: {0}")]
    Refused(String),
    /// What is stored can't be read.
    #[error("a stored record can't be read: {0}")]
    Corrupt(String),
}

/// Where records live.
pub trait Store {
    /// The tenant's revision, and what changed since `since` (`None`: everything did). This is the one strongly
    /// consistent read on the request path, made once per staleness bound and tenant.
    async fn sync(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError>;

    /// One record.
    async fn get(
        &self,
        tenant: &TenantId,
        key: &RecordKey,
        consistency: Consistency,
    ) -> Result<Option<Record>, StoreError>;

    /// The records of `kind` after the id `after` (exclusive), at most `limit`.
    async fn list(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<Page, StoreError>;

    /// All records that say how the tenant is set up ([`RecordKind::is_setup`]), in the bytes order of their keys' texts.
    async fn setup(&self, tenant: &TenantId, consistency: Consistency) -> Result<Vec<Record>, StoreError>;

    /// Makes a commit and gives the tenant's new revision.
    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError>;

    /// Removes a tenant with all its records and blobs, and gives its revision after that.
    async fn delete_tenant(&self, tenant: &TenantId) -> Result<Revision, StoreError>;

    /// The ids of tenants that have a tenant record, after `after`, at most `limit`, in bytes order; and whether there
    /// are more.
    async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError>;

    /// Derived data that can be made again (a catalogue): the last one put under `name`, or an earlier one, or none.
    /// `name` is like `catalogue/github`.
    async fn get_blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// Keeps derived data. Last writer wins; up to 24 MiB.
    async fn put_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError>;

    /// A number that changes with every commit to any tenant, where that costs nothing to ask (a store in this process).
    /// With it, what an instance knows is never stale.
    fn generation(&self) -> Option<u64> {
        None
    }
}
