//! The policies that are or were in force.

use http::StatusCode;
use serde::Serialize;
use toolgate_model::{PolicyRecord, PolicyVersion, Revision, TenantId};
use toolgate_ports::{Platform, RecordKey};

use super::{current, standing::Standing};
use crate::{
    answer::Answer,
    paging::{PageQuery, PageView},
    problem::{Kind, Problem},
    records::{Found, Place, Records, show},
};

/// A policy that is or was in force, in a list.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    version: PolicyVersion,
    current: bool,
}

/// Lists the policy in force and those before it, the latest first.
pub(crate) async fn versions<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    list: &str,
    query: &PageQuery,
) -> Result<Answer, Problem> {
    let place = current(tenant);
    let Standing { current, history, .. } = Standing::read(records, &place).await?;
    if current.is_none() && history.0.is_empty() {
        records.tenant_exists(&place.tenant).await?;
    }
    let in_force = current.map(|found| PolicyVersion::of(&found.record, found.revision));
    let in_force = in_force.map(|version| Listed { version, current: true });
    let before = history.0.into_iter().rev().map(|version| Listed { version, current: false });
    let after: Option<u64> = query.after.as_ref().and_then(|after| after.parse().ok());
    let rest = in_force.into_iter().chain(before);
    let mut rest = rest.filter(|listed| after.is_none_or(|after| listed.version.revision.0 < after));
    let items: Vec<Listed> = rest.by_ref().take(query.limit).collect();
    let more = rest.next().is_some();
    let last = items.last().map(|listed| listed.version.revision.to_string());
    Answer::show(StatusCode::OK, &PageView::new(list, items, last.as_deref(), more))
}

/// Shows the policy that `revision` put in force.
pub(crate) async fn version<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    revision: &str,
) -> Result<Answer, Problem> {
    let digits = !revision.is_empty() && revision.bytes().all(|b| b.is_ascii_digit());
    let revision = revision.parse().ok().filter(|_| digits).map(Revision);
    let revision = revision.ok_or_else(|| Problem::new(Kind::InvalidId, "a policy's revision is a number"))?;
    let in_force = current(tenant.clone());
    if let Some(found) = records.find::<PolicyRecord>(&in_force).await?.filter(|found| found.revision == revision) {
        return show(StatusCode::OK, &in_force, &found);
    }
    let place = Place { tenant, key: RecordKey::policy_version(revision) };
    let found = records.must_find::<PolicyRecord>(&place).await?;
    // It is shown at the revision that put it in force, not at the one that put it aside.
    show(StatusCode::OK, &place, &Found { revision, ..found })
}
