//! Policies: the one in force, a draft that is only tried, and those that were in force before. A policy is compiled before it is
//! saved: what is stored can be decided with.

mod document;
mod standing;
mod versions;

use http::StatusCode;
use serde::Serialize;
use toolgate_model::{PolicyRecord, Rule, TenantId, Timestamp};
use toolgate_ports::{Clock, Expect, Platform, RecordKey, StoreError, Write};
pub(crate) use versions::{version, versions};

use self::{
    document::{compile, read, record},
    standing::{Aside, Standing},
};
use crate::{
    answer::{Answer, Further},
    condition::Conditions,
    fields::refuse_unknown,
    json::Members,
    problem::{Kind, Problem},
    records::{ATTEMPTS, Change, Edited, Found, Kept, Place, Records, Run, show},
};

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    rules: &'a [Rule],
}

impl Kept for PolicyRecord {
    const FIELDS: &'static [&'static str] = &["zone", "rules"];
    const MISSING: Kind = Kind::PolicyNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        Shown { zone: self.document.zone.as_deref(), rules: &self.document.rules }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }

    fn further(&self) -> Further {
        Further { saved_by: Some(self.saved_by.clone()), ..Further::default() }
    }
}

/// Where the policy in force is stored.
pub(crate) fn current(tenant: TenantId) -> Place {
    Place { tenant, key: RecordKey::policy() }
}

/// Where the draft is stored.
pub(crate) fn draft(tenant: TenantId) -> Place {
    Place { tenant, key: RecordKey::policy_draft() }
}

/// Creates or replaces the draft.
pub(crate) async fn put_draft<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    conditions: &Conditions,
    body: &Members,
    saved_by: &str,
) -> Result<Answer, Problem> {
    refuse_unknown(body, PolicyRecord::FIELDS)?;
    let now = records.platform.clock().now();
    records.change(&draft(tenant), conditions, |before| read(body.clone(), before, saved_by, now)).await
}

/// Puts a policy in force. The one before is kept as a version.
pub(crate) async fn put<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    conditions: &Conditions,
    body: &Members,
    saved_by: &str,
) -> Result<Answer, Problem> {
    refuse_unknown(body, PolicyRecord::FIELDS)?;
    let (place, now) = (current(tenant), records.platform.clock().now());
    for _ in 0..ATTEMPTS {
        let standing = Standing::read(records, &place).await?;
        let next = read(body.clone(), standing.policy(), saved_by, now)?;
        conditions.check(standing.revision())?;
        let change = match standing.policy() {
            Some(before) if *before == next => Change::Same,
            Some(_) => Change::Changed,
            None => Change::Created,
        };
        if change == Change::Same || records.run == Run::Dry {
            let found = Found { record: next, revision: standing.revision().unwrap_or_default() };
            return records.show_edited(&place, &Edited { found, change });
        }
        if let Some(found) = standing.turn(records, &place, next, Aside::default()).await? {
            return records.show_edited(&place, &Edited { found, change });
        }
    }
    Err(StoreError::Conflict(place.key).into())
}

/// Puts the draft in force, as it is and was reviewed. There is no draft then.
pub(crate) async fn promote<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    conditions: &Conditions,
    saved_by: &str,
) -> Result<Answer, Problem> {
    let (place, draft, now) = (current(tenant.clone()), draft(tenant), records.platform.clock().now());
    for _ in 0..ATTEMPTS {
        let drafted = records.must_find::<PolicyRecord>(&draft).await?;
        conditions.check(Some(drafted.revision))?;
        // It compiled when it was saved; what is taken may have become less since.
        compile(&drafted.record.document)?;
        let standing = Standing::read(records, &place).await?;
        let next = record(drafted.record.document, standing.policy(), saved_by, now);
        if let Some(same) = standing.already(&next) {
            records.delete::<PolicyRecord>(&draft, conditions).await?;
            return show(StatusCode::OK, &place, same);
        }
        let aside = Aside {
            expect: vec![Expect::At(draft.key.clone(), drafted.revision)],
            writes: vec![Write::Delete(draft.key.clone())],
        };
        if let Some(found) = standing.turn(records, &place, next, aside).await? {
            return Ok(show(StatusCode::OK, &place, &found)?.changed(place.key));
        }
    }
    Err(StoreError::Conflict(place.key).into())
}

/// Ends the policy in force: grants and views alone decide then. It is kept as a version.
pub(crate) async fn delete<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    conditions: &Conditions,
) -> Result<Answer, Problem> {
    let place = current(tenant);
    for _ in 0..ATTEMPTS {
        let found = records.must_find::<PolicyRecord>(&place).await?;
        conditions.check(Some(found.revision))?;
        let standing = Standing::read(records, &place).await?;
        if standing.end(records, &place).await? {
            return Ok(Answer::no_content().changed(place.key));
        }
    }
    Err(StoreError::Conflict(place.key).into())
}
