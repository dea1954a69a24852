//! The copies of records in KV: what they are called, how they look, and for how long each must not be relied on.
//!
//! KV is fast everywhere and late: what it gives may be what was true up to [`KV_LAG_MILLIS`] ago. So a tenant's object tells
//! with every sync which copies it wrote within that time (or has yet to write); those are not read from KV but asked of
//! the object. A copy that is not named then is older than KV's lag, and so is what KV gives, wherever it is read. That
//! is why a revoked key stops within the gateway's staleness bound (the time between two syncs) and not within KV's.

use std::{collections::BTreeSet, fmt, str::FromStr};

use toolgate_model::TenantId;
use toolgate_ports::{Record, RecordKey, RecordKind, StoreError};

use crate::protocol::Packed;

/// A write to KV is seen everywhere within a minute, a reader's own cache (`cacheTtl`, left at its default of one
/// minute) included. This is twice that.
pub(crate) const KV_LAG_MILLIS: u64 = 120_000;
/// How many recent copies a sync names before it says "all".
pub(crate) const MOST_RECENT: usize = 512;
/// For how long KV remembers that a record is gone, in seconds. After that the object says so.
pub(crate) const TOMBSTONE_SECONDS: u64 = 24 * 3_600;
/// For how long KV keeps derived data that nobody renews, in seconds.
pub(crate) const BLOB_SECONDS: u64 = 30 * 24 * 3_600;

/// What a tenant's object has to bring up to date elsewhere after a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CopyOf {
    /// One record.
    Record(RecordKey),
    /// All that says how the tenant is set up, so that it is loaded by one read.
    Setup,
    /// The tenant's entry in the directory. Not in KV.
    Directory,
}

const SETUP: &str = "setup/";
const DIRECTORY: &str = "directory/";

impl fmt::Display for CopyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(key) => key.fmt(f),
            Self::Setup => f.write_str(SETUP),
            Self::Directory => f.write_str(DIRECTORY),
        }
    }
}

impl FromStr for CopyOf {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text {
            SETUP => Ok(Self::Setup),
            DIRECTORY => Ok(Self::Directory),
            key => key.parse().map(Self::Record),
        }
    }
}

/// What a change to `key` has to be copied to.
pub(crate) fn copies_of(key: &RecordKey) -> Vec<CopyOf> {
    let own = CopyOf::Record(key.clone());
    match key.kind {
        RecordKind::Tenant => vec![own, CopyOf::Setup, CopyOf::Directory],
        RecordKind::Server | RecordKind::Policy | RecordKind::Limit | RecordKind::Team => vec![CopyOf::Setup],
        RecordKind::Key | RecordKind::View => vec![own],
        // Who is let in to the admin API, what only operators look up, and what is approved is asked of the truth, always.
        RecordKind::Operator | RecordKind::History | RecordKind::Approval => Vec::new(),
    }
}

/// The name of a record's copy in KV.
pub(crate) fn record_name(tenant: &TenantId, key: &RecordKey) -> String {
    format!("r/{tenant}/{key}")
}

/// The name in KV of the copy of how a tenant is set up.
pub(crate) fn setup_name(tenant: &TenantId) -> String {
    format!("s/{tenant}")
}

/// The name of derived data in KV; with an empty `name`, how all of a tenant's begin.
pub(crate) fn blob_name(tenant: &TenantId, name: &str) -> String {
    format!("b/{tenant}/{name}")
}

/// A record's copy; of one that is gone, the word that it is.
///
/// # Errors
/// [`StoreError::Corrupt`] if the record is no text.
pub(crate) fn write_record(record: Option<Record>) -> Result<String, StoreError> {
    spelled(&record.map(Packed::pack).transpose()?)
}

/// What [`write_record`] wrote: `None` if it can't be read, `Some(None)` if the record is gone.
pub(crate) fn read_record(copy: &str) -> Option<Option<Record>> {
    let packed: Option<Packed> = serde_json::from_str(copy).ok()?;
    packed.map(Packed::unpack).transpose().ok()
}

/// The copy of how a tenant is set up.
///
/// # Errors
/// [`StoreError::Corrupt`] if a record is no text.
pub(crate) fn write_setup(records: Vec<Record>) -> Result<String, StoreError> {
    spelled(&records.into_iter().map(Packed::pack).collect::<Result<Vec<_>, _>>()?)
}

/// What [`write_setup`] wrote: `None` if it can't be read.
pub(crate) fn read_setup(copy: &str) -> Option<Vec<Record>> {
    let packed: Vec<Packed> = serde_json::from_str(copy).ok()?;
    packed.into_iter().map(Packed::unpack).collect::<Result<_, _>>().ok()
}

fn spelled(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Of one tenant, the copies that can't be relied on, as of the last sync.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recent {
    /// None can.
    All,
    /// All can but these.
    These(BTreeSet<String>),
}

impl Recent {
    /// What a sync's answer says.
    pub(crate) fn new(named: Option<Vec<String>>) -> Self {
        named.map_or(Self::All, |named| Self::These(named.into_iter().collect()))
    }

    /// Whether every copy can be relied on.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::These(names) if names.is_empty())
    }

    /// Whether `copy` must not be relied on.
    pub(crate) fn has(&self, copy: &CopyOf) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(&copy.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolgate_model::Revision;

    fn record(id: &str) -> Record {
        Record { key: RecordKey::new(RecordKind::Server, id), revision: Revision(4), value: "{\"a\":1}".into() }
    }

    #[test]
    fn a_copy_reads_back_and_tells_gone_from_unreadable() {
        assert_eq!(read_record(&write_record(Some(record("a"))).unwrap()), Some(Some(record("a"))));
        assert_eq!(read_record(&write_record(None).unwrap()), Some(None));
        assert_eq!(read_record("{"), None);
        assert_eq!(read_record("[\"unknown/a\",1,\"\"]"), None);
    }

    #[test]
    fn the_copy_of_a_setup_reads_back() {
        let copy = write_setup(vec![record("a"), record("b")]).unwrap();
        assert_eq!(read_setup(&copy), Some(vec![record("a"), record("b")]));
        assert_eq!(read_setup("null"), None);
    }

    #[test]
    fn names_of_copies_go_both_ways() {
        for copy in
            [CopyOf::Setup, CopyOf::Directory, CopyOf::Record(RecordKey::tenant()), CopyOf::Record(record("a").key)]
        {
            assert_eq!(copy.to_string().parse::<CopyOf>().unwrap(), copy);
        }
    }

    #[test]
    fn what_is_recent_is_known_by_name_or_altogether() {
        let recent = Recent::new(Some(vec!["server/a".into(), "setup/".into()]));
        assert!(recent.has(&CopyOf::Setup) && recent.has(&CopyOf::Record(record("a").key)));
        assert!(!recent.has(&CopyOf::Record(record("b").key)) && !recent.is_none());
        assert!(Recent::new(Some(vec![])).is_none());
        assert!(Recent::new(None).has(&CopyOf::Setup) && !Recent::new(None).is_none());
    }
}
