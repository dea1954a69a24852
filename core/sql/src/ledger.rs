//! The ledger: documents of `core/ledger`, read, changed and written within one transaction.

use toolgate_ledger::{Change, Drawer, account_name, forgotten_names};
use toolgate_model::{LimitId, LimitSpec, TenantId, Timestamp};
use toolgate_ports::{
    AccountId, Ask, Forget, LedgerError, MAX_SETTLEMENTS, Outlook, Settlement, StoreError, Take, Taken, Terms,
    UsagePage,
};

use crate::{Param, Row, Sql};

const READ: &str = "SELECT value FROM ledger WHERE tenant = ?1 AND name = ?2";
const LIST: &str = "SELECT name, value FROM ledger
    WHERE tenant = ?1 AND name >= ?2 AND name <> ?3 AND name < ?4 ORDER BY name LIMIT ?5";
/// Leaves the index alone, as a rule.
const UPDATE: &str = "UPDATE ledger SET value = ?3 WHERE tenant = ?1 AND name = ?2 AND expires = ?4 RETURNING 1";
const INSERT: &str = "INSERT INTO ledger (tenant, name, value, expires) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (tenant, name) DO UPDATE SET value = ?3, expires = ?4";
const DELETE: &str = "DELETE FROM ledger WHERE tenant = ?1 AND name = ?2";
const FORGET: &str = "DELETE FROM ledger WHERE tenant = ?1 AND name >= ?2 AND name < ?3";
/// Some of what is worth nothing any more: more than one is added at a time.
const SWEEP: &str = "DELETE FROM ledger WHERE (tenant, name) IN
    (SELECT tenant, name FROM ledger WHERE expires <= ?1 ORDER BY expires LIMIT 4)";

/// Expiry is rounded up to this, in milliseconds, so that it seldom changes.
const DAY: u64 = 24 * 3_600_000;

/// [`toolgate_ports::Ledger::take`], at `now`.
///
/// # Errors
/// As the ledger's contract says.
pub fn take(sql: &impl Sql, tenant: &TenantId, take: &Take, now: Timestamp) -> Result<Taken, LedgerError> {
    let names = Drawer::names_of_take(take)?;
    let taken = sql.transaction(|| {
        let mut drawer = opened(sql, tenant, names)?;
        let taken = drawer.take(take, now).map_err(within)?;
        close(sql, tenant, drawer, now)?;
        Ok(taken)
    });
    Ok(taken?)
}

/// [`toolgate_ports::Ledger::settle`], at `now`.
///
/// # Errors
/// As the ledger's contract says. An account that can't be read keeps none of the others from being settled.
pub fn settle(
    sql: &impl Sql,
    tenant: &TenantId,
    settlements: &[Settlement],
    now: Timestamp,
) -> Result<(), LedgerError> {
    if settlements.len() > MAX_SETTLEMENTS {
        return Err(LedgerError::Refused(format!("at most {MAX_SETTLEMENTS} settlements at once")));
    }
    let mut first = Ok(());
    sql.transaction(|| {
        for settlement in settlements {
            match settle_one(sql, tenant, settlement, now) {
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                done => first = std::mem::replace(&mut first, Ok(())).and(done),
            }
        }
        Ok(())
    })?;
    Ok(first?)
}

fn settle_one(sql: &impl Sql, tenant: &TenantId, settlement: &Settlement, now: Timestamp) -> Result<(), StoreError> {
    let mut drawer = opened(sql, tenant, Drawer::names_of_settlement(settlement))?;
    drawer.settle(settlement, now).map_err(within)?;
    close(sql, tenant, drawer, now)
}

/// [`toolgate_ports::Ledger::usage`], at `now`.
///
/// # Errors
/// As the ledger's contract says.
pub fn usage(
    sql: &impl Sql,
    tenant: &TenantId,
    (limit, spec): (&LimitId, &LimitSpec),
    after: Option<&AccountId>,
    most: usize,
    now: Timestamp,
) -> Result<UsagePage, LedgerError> {
    let prefix = account_name(&AccountId::prefix(limit, spec));
    let after = after.map(|after| account_name(after.as_str()));
    let from = after.as_deref().unwrap_or(&prefix);
    let one_more = i64::try_from(most).unwrap_or(i64::MAX - 1).saturating_add(1);
    let params = [
        Param::Text(tenant.as_str()),
        Param::Text(from),
        Param::Text(after.as_deref().unwrap_or_default()),
        Param::Text(&end_of(&prefix)),
        Param::Integer(one_more),
    ];
    let mut rows = sql.query(LIST, &params)?;
    let more = rows.len() > most;
    rows.truncate(most);
    let terms = Terms::of(spec);
    let mut accounts = Vec::with_capacity(rows.len());
    for row in &mut rows {
        let (name, value) = named(row)?;
        accounts.extend(Drawer::usage(&name, &value, &terms, now)?);
    }
    Ok(UsagePage { accounts, more })
}

/// [`toolgate_ports::Ledger::foresee`], at `now`.
///
/// # Errors
/// As the ledger's contract says.
pub fn foresee(sql: &impl Sql, tenant: &TenantId, asks: &[Ask], now: Timestamp) -> Result<Vec<Outlook>, LedgerError> {
    let mut drawer = opened(sql, tenant, Drawer::names_of_asks(asks)?)?;
    drawer.foresee(asks, now)
}

/// [`toolgate_ports::Ledger::forget`].
///
/// # Errors
/// As the database says.
pub fn forget(sql: &impl Sql, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError> {
    sql.transaction(|| {
        for prefix in forgotten_names(what) {
            sql.query(FORGET, &[Param::Text(tenant.as_str()), Param::Text(&prefix), Param::Text(&end_of(&prefix))])?;
        }
        Ok(())
    })?;
    Ok(())
}

fn opened(sql: &impl Sql, tenant: &TenantId, names: impl IntoIterator<Item = String>) -> Result<Drawer, StoreError> {
    let mut drawer = Drawer::default();
    for name in names {
        let mut rows = sql.query(READ, &[Param::Text(tenant.as_str()), Param::Text(&name)])?;
        let value = rows.first_mut().map(|row| row.take_blob(0)).transpose()?;
        drawer.put(&name, value.as_deref()).map_err(within)?;
    }
    Ok(drawer)
}

fn close(sql: &impl Sql, tenant: &TenantId, drawer: Drawer, now: Timestamp) -> Result<(), StoreError> {
    for Change { name, value, expires } in drawer.changes().map_err(within)? {
        let (tenant, name) = (Param::Text(tenant.as_str()), Param::Text(&name));
        let Some(value) = value else {
            sql.query(DELETE, &[tenant, name])?;
            continue;
        };
        let params = [tenant, name, Param::Blob(&value), expiry(expires)];
        if sql.query(UPDATE, &params)?.is_empty() {
            sql.query(INSERT, &params)?;
            sql.query(SWEEP, &[Param::Integer(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))])?;
        }
    }
    Ok(())
}

fn expiry(expires: Option<u64>) -> Param<'static> {
    let rounded = expires.and_then(|millis| millis.div_ceil(DAY).checked_mul(DAY));
    Param::Integer(rounded.and_then(|millis| i64::try_from(millis).ok()).unwrap_or(i64::MAX))
}

/// The first text that does not begin with `prefix`, which ends in `/`: '0' is what comes after that.
fn end_of(prefix: &str) -> String {
    format!("{}0", prefix.trim_end_matches('/'))
}

fn named(row: &mut Row) -> Result<(String, Vec<u8>), StoreError> {
    Ok((row.take_text(0)?, row.take_blob(1)?))
}

/// Through a transaction, which knows only the store's errors.
fn within(error: LedgerError) -> StoreError {
    match error {
        LedgerError::Unavailable(why) => StoreError::Unavailable(why),
        LedgerError::Refused(why) => StoreError::Refused(why),
        LedgerError::Corrupt(why) => StoreError::Corrupt(why),
    }
}
