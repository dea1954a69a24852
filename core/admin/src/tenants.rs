//! Tenants.

use serde::Serialize;
use toolgate_model::{TenantRecord, Timestamp};
use toolgate_ports::{Forget, Ledger, Platform, RecordKey, Store};

use crate::{
    answer::Answer,
    condition::Conditions,
    fields::{Fields, name, refuse_unknown},
    json::Members,
    operators,
    problem::{Kind, Problem},
    records::{Kept, Place, Records, patched},
};

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    enabled: bool,
}

impl Kept for TenantRecord {
    const FIELDS: &'static [&'static str] = &["display_name", "enabled"];
    const MISSING: Kind = Kind::TenantNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        Shown { display_name: self.display_name.as_deref(), enabled: self.enabled }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }
}

fn read(members: Members, before: Option<&TenantRecord>, now: Timestamp) -> Result<TenantRecord, Problem> {
    let mut fields = Fields::new(members);
    let display_name = fields.text("display_name", name);
    let enabled = fields.flag("enabled").unwrap_or(true);
    fields.done()?;
    let (created_at, updated_at) = before.map_or((now, now), Kept::times);
    Ok(TenantRecord { display_name, enabled, created_at, updated_at })
}

/// Creates or replaces a tenant.
pub(crate) async fn put<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    conditions: &Conditions,
    body: &Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(body, TenantRecord::FIELDS)?;
    records.change(place, conditions, |before| read(body.clone(), before, now)).await
}

/// Changes a tenant.
pub(crate) async fn patch<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    conditions: &Conditions,
    body: &Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(body, TenantRecord::FIELDS)?;
    records.patch(place, conditions, |before| read(patched(before, body)?, Some(before), now)).await
}

/// Deletes a tenant with everything it has, the store's records last: what fails before leaves a tenant that
/// can be deleted again.
pub(crate) async fn delete<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    conditions: &Conditions,
) -> Result<Answer, Problem> {
    let found = records.must_find::<TenantRecord>(place).await?;
    conditions.check(Some(found.revision))?;
    operators::forget_tenant(records, &place.tenant).await?;
    records.platform.ledger().forget(&place.tenant, &Forget::Tenant).await?;
    records.platform.store().delete_tenant(&place.tenant).await?;
    // And what was counted of calls that came between.
    if let Err(error) = records.platform.ledger().forget(&place.tenant, &Forget::Tenant).await {
        tracing::warn!(target: "toolgate::admin", tenant = %place.tenant, %error, "some of what a deleted tenant's limits counted stays");
    }
    Ok(Answer::no_content().changed(RecordKey::tenant()))
}
