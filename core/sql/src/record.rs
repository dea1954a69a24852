//! Records, their revisions, and what changed.

use std::collections::BTreeSet;

use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Changed, Commit, Expect, Page, Record, RecordKey, RecordKind, StoreError, TenantSync, Write};

use crate::{Param, Row, Sql, value::revision_param};

/// Of how many commits per tenant it is remembered what they changed.
pub const CHANGES_KEPT: u64 = 1_000;
/// How many expectations and writes one commit may hold.
const MAX_COMMIT: usize = 20;

const READ_TENANT: &str = "SELECT revision, forgotten FROM tenants WHERE tenant = ?1";
const WRITE_TENANT: &str = "INSERT INTO tenants (tenant, revision, forgotten) VALUES (?1, ?2, ?3)
    ON CONFLICT (tenant) DO UPDATE SET revision = ?2, forgotten = ?3";
const LIST_TENANTS: &str = "SELECT tenant FROM records WHERE key = 'tenant/' AND tenant > ?1 ORDER BY tenant LIMIT ?2";

const READ: &str = "SELECT key, revision, value FROM records WHERE tenant = ?1 AND key = ?2";
const READ_REVISION: &str = "SELECT revision FROM records WHERE tenant = ?1 AND key = ?2";
const LIST: &str = "SELECT key, revision, value FROM records
    WHERE tenant = ?1 AND key > ?2 AND key < ?3 ORDER BY key LIMIT ?4";
/// From "limit/" to "tenant/": the kinds that say how a tenant is set up stand together in the order of bytes, and others are left out.
const SETUP: &str = "SELECT key, revision, value FROM records
    WHERE tenant = ?1 AND key >= 'limit/' AND key < 'tenant0' ORDER BY key";
const PUT: &str = "INSERT INTO records (tenant, key, revision, value) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (tenant, key) DO UPDATE SET revision = ?3, value = ?4";
const DELETE: &str = "DELETE FROM records WHERE tenant = ?1 AND key = ?2";
const DELETE_ALL: &str = "DELETE FROM records WHERE tenant = ?1";
const DELETE_BLOBS: &str = "DELETE FROM blobs WHERE tenant = ?1";

const CHANGES_SINCE: &str = "SELECT DISTINCT key FROM changes WHERE tenant = ?1 AND revision > ?2 ORDER BY key";
const NOTE_CHANGE: &str = "INSERT INTO changes (tenant, revision, key) VALUES (?1, ?2, ?3)";
const FORGET_CHANGES: &str = "DELETE FROM changes WHERE tenant = ?1 AND revision <= ?2";

/// Where a tenant stands.
#[derive(Default)]
struct Standing {
    revision: Revision,
    /// Up to here it is not known what changed.
    forgotten: Revision,
}

/// [`toolgate_ports::Store::sync`].
///
/// # Errors
/// As the database says.
pub fn sync(sql: &impl Sql, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
    let Standing { revision, forgotten } = standing(sql, tenant)?;
    let changed = match since {
        Some(since) if since == revision => Changed::Records(Vec::new()),
        // A revision that is still to come was given out by another database.
        Some(since) if since < revision && since >= forgotten => Changed::Records(changes(sql, tenant, since)?),
        _ => Changed::Everything,
    };
    Ok(TenantSync { revision, changed })
}

/// [`toolgate_ports::Store::get`].
///
/// # Errors
/// As the database says.
pub fn get(sql: &impl Sql, tenant: &TenantId, key: &RecordKey) -> Result<Option<Record>, StoreError> {
    let rows = sql.query(READ, &[Param::Text(tenant.as_str()), Param::Text(&key.to_string())])?;
    rows.into_iter().next().map(record).transpose()
}

/// [`toolgate_ports::Store::list`].
///
/// # Errors
/// As the database says.
pub fn list(
    sql: &impl Sql,
    tenant: &TenantId,
    kind: RecordKind,
    after: Option<&str>,
    limit: usize,
) -> Result<Page, StoreError> {
    // All keys of a kind lie between "kind/" and "kind0", '0' being what comes after '/'.
    let from = format!("{}/{}", kind.as_str(), after.unwrap_or_default());
    let to = format!("{}0", kind.as_str());
    // The tenant's own record has the empty id: it comes first, and so does not come after anything.
    let from = if after.is_none() { from.trim_end_matches('/') } else { &from };
    let params = [Param::Text(tenant.as_str()), Param::Text(from), Param::Text(&to), one_more(limit)];
    let mut rows = sql.query(LIST, &params)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Page { records: rows.into_iter().map(record).collect::<Result<_, _>>()?, more })
}

/// [`toolgate_ports::Store::setup`].
///
/// # Errors
/// As the database says.
pub fn setup(sql: &impl Sql, tenant: &TenantId) -> Result<Vec<Record>, StoreError> {
    let rows = sql.query(SETUP, &[Param::Text(tenant.as_str())])?;
    let records = rows.into_iter().map(record).collect::<Result<Vec<Record>, _>>()?;
    Ok(records.into_iter().filter(|record| record.key.kind.is_setup()).collect())
}

/// [`toolgate_ports::Store::commit`].
///
/// # Errors
/// [`StoreError::Conflict`] if an expectation does not hold.
pub fn commit(sql: &impl Sql, tenant: &TenantId, commit: &Commit) -> Result<Revision, StoreError> {
    check_bounds(commit)?;
    sql.transaction(|| {
        commit.expect.iter().try_for_each(|expect| check(sql, tenant, expect))?;
        let before = standing(sql, tenant)?;
        let revision = before.revision.next();
        commit.writes.iter().try_for_each(|write| apply(sql, tenant, revision, write))?;
        let forgotten = before.forgotten.max(Revision(revision.0.saturating_sub(CHANGES_KEPT)));
        stand(sql, tenant, &Standing { revision, forgotten })?;
        Ok(revision)
    })
}

/// [`toolgate_ports::Store::delete_tenant`].
///
/// # Errors
/// As the database says.
pub fn delete_tenant(sql: &impl Sql, tenant: &TenantId) -> Result<Revision, StoreError> {
    sql.transaction(|| {
        let name = Param::Text(tenant.as_str());
        sql.query(DELETE_ALL, &[name])?;
        sql.query(DELETE_BLOBS, &[name])?;
        // Nothing is listed as changed: everything did.
        let revision = standing(sql, tenant)?.revision.next();
        stand(sql, tenant, &Standing { revision, forgotten: revision })?;
        Ok(revision)
    })
}

/// [`toolgate_ports::Store::tenants`].
///
/// # Errors
/// As the database says.
pub fn tenants(sql: &impl Sql, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError> {
    let mut rows = sql.query(LIST_TENANTS, &[Param::Text(after.unwrap_or_default()), one_more(limit)])?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let tenants = rows.iter_mut().map(tenant_id).collect::<Result<_, _>>()?;
    Ok((tenants, more))
}

fn standing(sql: &impl Sql, tenant: &TenantId) -> Result<Standing, StoreError> {
    let rows = sql.query(READ_TENANT, &[Param::Text(tenant.as_str())])?;
    let Some(row) = rows.first() else { return Ok(Standing::default()) };
    Ok(Standing { revision: row.revision(0)?, forgotten: row.revision(1)? })
}

fn stand(sql: &impl Sql, tenant: &TenantId, at: &Standing) -> Result<(), StoreError> {
    let name = Param::Text(tenant.as_str());
    sql.query(WRITE_TENANT, &[name, revision_param(at.revision), revision_param(at.forgotten)])?;
    sql.query(FORGET_CHANGES, &[name, revision_param(at.forgotten)])?;
    Ok(())
}

fn changes(sql: &impl Sql, tenant: &TenantId, since: Revision) -> Result<Vec<RecordKey>, StoreError> {
    let mut rows = sql.query(CHANGES_SINCE, &[Param::Text(tenant.as_str()), revision_param(since)])?;
    rows.iter_mut().map(|row| row.take_text(0)?.parse()).collect()
}

fn check_bounds(commit: &Commit) -> Result<(), StoreError> {
    if commit.expect.len() + commit.writes.len() > MAX_COMMIT {
        return Err(StoreError::Refused(format!("a commit has at most {MAX_COMMIT} expectations and writes")));
    }
    let distinct: BTreeSet<_> = commit.writes.iter().map(Write::key).collect();
    if distinct.len() < commit.writes.len() {
        return Err(StoreError::Refused("a commit writes each record at most once".into()));
    }
    Ok(())
}

fn check(sql: &impl Sql, tenant: &TenantId, expect: &Expect) -> Result<(), StoreError> {
    let rows = sql.query(READ_REVISION, &[Param::Text(tenant.as_str()), Param::Text(&expect.key().to_string())])?;
    let found = rows.first().map(|row| row.revision(0)).transpose()?;
    if expect.holds(found) { Ok(()) } else { Err(StoreError::Conflict(expect.key().clone())) }
}

fn apply(sql: &impl Sql, tenant: &TenantId, revision: Revision, write: &Write) -> Result<(), StoreError> {
    let key = write.key().to_string();
    let (tenant, key, revision) = (Param::Text(tenant.as_str()), Param::Text(&key), revision_param(revision));
    match write {
        Write::Put(_, value) => sql.query(PUT, &[tenant, key, revision, Param::Blob(value)])?,
        Write::Delete(_) => sql.query(DELETE, &[tenant, key])?,
    };
    sql.query(NOTE_CHANGE, &[tenant, revision, key]).map(drop)
}

fn record(mut row: Row) -> Result<Record, StoreError> {
    Ok(Record { key: row.take_text(0)?.parse()?, revision: row.revision(1)?, value: row.take_blob(2)?.into() })
}

fn tenant_id(row: &mut Row) -> Result<TenantId, StoreError> {
    TenantId::new(&row.take_text(0)?).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// One more than asked for tells whether there are more.
fn one_more(limit: usize) -> Param<'static> {
    Param::Integer(i64::try_from(limit).unwrap_or(i64::MAX - 1).saturating_add(1))
}
