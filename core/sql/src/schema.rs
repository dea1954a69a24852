//! The tables, and how an older database is brought up to date.

use toolgate_ports::StoreError;

use crate::{Param, Sql};

const CREATE_VERSION: &str = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)";
const READ_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
const WRITE_VERSION: &str = "INSERT INTO schema_version (version) VALUES (?1)";

/// Step n brings a database from version n to n + 1. Released steps are never edited: new ones are added.
const STEPS: &[&[&str]] = &[&[
    // `forgotten`: up to this revision it is not known any more what changed.
    "CREATE TABLE tenants (
        tenant TEXT PRIMARY KEY, revision INTEGER NOT NULL, forgotten INTEGER NOT NULL
    ) WITHOUT ROWID",
    // `key` is RecordKey's text, so that the ids of one kind stand together in the order of their bytes.
    "CREATE TABLE records (
        tenant TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (tenant, key)
    ) WITHOUT ROWID",
    "CREATE INDEX tenants_with_record ON records (tenant) WHERE key = 'tenant/'",
    "CREATE TABLE changes (
        tenant TEXT NOT NULL, revision INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (tenant, revision, key)
    ) WITHOUT ROWID",
    // In parts, because a Durable Object's rows are bounded.
    "CREATE TABLE blobs (
        tenant TEXT NOT NULL, name TEXT NOT NULL, part INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (tenant, name, part)
    )",
]];

/// The same of a ledger, which has a database of its own.
const LEDGER_STEPS: &[&[&str]] = &[&[
    // `expires`: when the document is worth nothing any more, in milliseconds.
    "CREATE TABLE ledger (
        tenant TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL,
        PRIMARY KEY (tenant, name)
    ) WITHOUT ROWID",
    "CREATE INDEX ledger_expires ON ledger (expires)",
]];

/// Makes the tables of a store, or brings those of an earlier release up to date. To be called once after opening; costs one read
/// if there is nothing to do.
///
/// # Errors
/// [`StoreError::Refused`] if the database was written by a later release.
pub fn migrate(sql: &impl Sql) -> Result<(), StoreError> {
    bring_to(sql, STEPS)
}

/// [`migrate`] for a ledger.
///
/// # Errors
/// [`StoreError::Refused`] if the database was written by a later release.
pub fn migrate_ledger(sql: &impl Sql) -> Result<(), StoreError> {
    bring_to(sql, LEDGER_STEPS)
}

fn bring_to(sql: &impl Sql, steps: &[&[&'static str]]) -> Result<(), StoreError> {
    sql.query(CREATE_VERSION, &[])?;
    let version = version(sql)?;
    if version > steps.len() {
        let known = steps.len();
        return Err(StoreError::Refused(format!(
            "the database has layout {version} and this release knows {known}: start the release that wrote it, or a later one"
        )));
    }
    if version == steps.len() {
        return Ok(());
    }
    sql.transaction(|| steps.iter().enumerate().skip(version).try_for_each(|(at, step)| apply(sql, at + 1, step)))
}

fn version(sql: &impl Sql) -> Result<usize, StoreError> {
    let rows = sql.query(READ_VERSION, &[])?;
    let version = rows.first().map_or(Ok(0), |row| row.integer(0))?;
    usize::try_from(version).map_err(|_| StoreError::Corrupt(format!("the layout's version is {version}")))
}

fn apply(sql: &impl Sql, version: usize, step: &[&'static str]) -> Result<(), StoreError> {
    for statement in step {
        sql.query(statement, &[])?;
    }
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    sql.query(WRITE_VERSION, &[Param::Integer(version)]).map(drop)
}
