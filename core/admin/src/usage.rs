//! Usage: what limits have counted, account by account, as the ledger says. Read page by page: a limit that each key or user has for
//! itself has as many accounts as there are keys or users.

use std::{collections::BTreeMap, fmt};

use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use serde::Serialize;
use toolgate_model::{
    Amount, LimitId, LimitKind, LimitRecord, LimitScope, Mode, Selector, TenantId, Timestamp, Unit, Window,
};
use toolgate_ports::{
    AccountId, AccountUsage, Consistency, Ledger, PastWindow, Platform, RecordKind, Store, StoreError,
};

use crate::{
    answer::Answer,
    limits,
    paging::{PageQuery, PageView},
    problem::Problem,
    records::{Records, parsed},
};

/// How many accounts of a limit are looked at where all limits are reported.
const LOOKED_AT: usize = 200;
/// The members of a scope that a report may be narrowed to.
pub(crate) const MEMBERS: [&str; 5] = ["key", "team", "user", "server", "tool"];

/// What a report is narrowed to: members of a scope and their values.
pub(crate) type Narrow = BTreeMap<&'static str, String>;

/// An account as it is shown.
#[derive(Debug, Serialize)]
struct Account {
    /// Whose it is: the values of its limit's scope that have an account each.
    holder: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Timestamp>,
    settled: Amount,
    reserved: Amount,
    leased: Amount,
    left: Amount,
    /// When what was spent is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    past: Vec<Past>,
}

#[derive(Debug, Serialize)]
struct Past {
    from: Timestamp,
    settled: Amount,
}

impl From<AccountUsage> for Account {
    fn from(usage: AccountUsage) -> Self {
        let past = usage.past.into_iter().map(|PastWindow { from, settled }| Past { from, settled });
        Self {
            holder: usage.holder.0.into_iter().collect(),
            from: usage.from,
            to: usage.to,
            settled: usage.settled,
            reserved: usage.reserved,
            leased: usage.leased,
            left: usage.left,
            resets_at: usage.to,
            past: past.collect(),
        }
    }
}

/// Whether a limit of this scope tells the wanted values from others.
fn tells(scope: &LimitScope, wanted: &Narrow) -> bool {
    wanted.iter().all(|(member, value)| match *member {
        "key" => covers(scope.key.as_ref(), value),
        "team" => covers(scope.team.as_ref(), value),
        "user" => covers(scope.user.as_ref(), value),
        "server" => covers(scope.server.as_ref(), value),
        _ => covers(scope.tool.as_ref(), value),
    })
}

fn covers<T: fmt::Display>(selector: Option<&Selector<T>>, value: &str) -> bool {
    match selector {
        None => false,
        Some(Selector::Every) => true,
        Some(Selector::One(one)) => one.to_string() == value,
    }
}

/// Whether an account of a limit that [`tells`] them is that of the wanted values. What its holder does not name, its limit does.
fn is_of(account: &AccountUsage, wanted: &Narrow) -> bool {
    account.holder.0.iter().all(|(member, value)| wanted.get(member.as_str()).is_none_or(|wanted| wanted == value))
}

/// Shows the accounts of a limit. Narrowed, a page may hold fewer than are asked for, or none, and yet not be the last.
pub(crate) async fn of_limit<P: Platform>(
    records: &Records<'_, P>,
    (tenant, id): (TenantId, LimitId),
    list: &str,
    (query, wanted): (&PageQuery, &Narrow),
) -> Result<Answer, Problem> {
    let place = limits::place(tenant, &id);
    let spec = records.must_find::<LimitRecord>(&place).await?.record.spec;
    if !tells(&spec.scope, wanted) {
        return Answer::show(StatusCode::OK, &PageView::<Account>::new(list, Vec::new(), None, false));
    }
    let after = query.after.as_deref().map(AccountId::stored);
    let page = records.platform.ledger().usage(&place.tenant, &id, &spec, after.as_ref(), query.limit).await?;
    let last = page.accounts.last().map(|account| account.account.as_str().to_owned());
    let accounts = page.accounts.into_iter().filter(|account| is_of(account, wanted)).map(Account::from).collect();
    Answer::show(StatusCode::OK, &PageView::new(list, accounts, last.as_deref(), page.more))
}

/// What a limit has counted, in a report of all limits.
#[derive(Debug, Serialize)]
struct Counted {
    limit: String,
    scope: LimitScope,
    kind: LimitKind,
    unit: Unit,
    amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    mode: Mode,
    enabled: bool,
    accounts: Vec<Account>,
    /// Whether it has more accounts than were looked at.
    more: bool,
}

/// Shows what each limit has counted; narrowed, of those limits that tell the wanted values from others.
pub(crate) async fn of_tenant<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    list: &str,
    (query, wanted): (&PageQuery, &Narrow),
) -> Result<Answer, Problem> {
    let (store, after) = (records.platform.store(), query.after.as_deref());
    let page = store.list(&tenant, RecordKind::Limit, after, query.limit, Consistency::Strong).await?;
    if page.records.is_empty() {
        records.tenant_exists(&tenant).await?;
    }
    let last = page.records.last().map(|record| record.key.id.clone());
    let mut limits = Vec::new();
    for record in &page.records {
        let limit = parsed::<LimitRecord>(record)?.record;
        let id = LimitId::new(&record.key.id).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        if tells(&limit.spec.scope, wanted) {
            limits.push(counted(records, &tenant, (id, limit), wanted));
        }
    }
    let counted = stream::iter(limits).buffered(records.fan_out.max(1)).try_collect::<Vec<_>>().await?;
    Answer::show(StatusCode::OK, &PageView::new(list, counted, last.as_deref(), page.more))
}

async fn counted<P: Platform>(
    records: &Records<'_, P>,
    tenant: &TenantId,
    (id, LimitRecord { spec, enabled, .. }): (LimitId, LimitRecord),
    wanted: &Narrow,
) -> Result<Counted, Problem> {
    let page = records.platform.ledger().usage(tenant, &id, &spec, None, LOOKED_AT).await?;
    let accounts = page.accounts.into_iter().filter(|account| is_of(account, wanted)).map(Account::from).collect();
    Ok(Counted {
        limit: id.to_string(),
        scope: spec.scope,
        kind: spec.kind,
        unit: spec.unit,
        amount: spec.amount,
        window: spec.window,
        mode: spec.mode,
        enabled,
        accounts,
        more: page.more,
    })
}

/// What the path `…/usage` and its like take as parameters.
///
/// # Errors
/// What is wrong with the value.
pub(crate) fn narrow(name: &str, value: &str) -> Result<Option<(&'static str, String)>, String> {
    let Some(member) = MEMBERS.into_iter().find(|member| *member == name) else { return Ok(None) };
    let decoded = decoded(value).filter(|value| !value.is_empty());
    decoded.map(|value| Some((member, value))).ok_or_else(|| "write a value, percent-encoded".to_owned())
}

/// Percent-encoding undone.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_or_refused() {
        for (value, expected) in [
            ("plain", Some("plain")),
            ("a%40b%2Fc", Some("a@b/c")),
            ("a+b", Some("a+b")),
            ("%C3%A4", Some("ä")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
        ] {
            assert_eq!(decoded(value).as_deref(), expected, "{value}");
        }
    }
}
