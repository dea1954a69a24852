//! Tenants.

use serde::Serialize;
use toolgate_model::{Approvals, CodeSettings, TenantRecord, Timestamp};
use toolgate_ports::{Forget, Ledger, Platform, RecordKey, Store};

use crate::{
    answer::Answer,
    code,
    condition::Conditions,
    fields::{Fields, name},
    json::Members,
    operators,
    problem::{Kind, Problem},
    records::{Kept, Place, Records, Written},
};

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    enabled: bool,
    #[serde(skip_serializing_if = "CodeSettings::is_empty")]
    code: &'a CodeSettings,
    #[serde(skip_serializing_if = "Approvals::is_default")]
    approvals: &'a Approvals,
}

impl Kept for TenantRecord {
    const FIELDS: &'static [&'static str] = &["display_name", "enabled", "code", "approvals"];
    const MISSING: Kind = Kind::TenantNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        let Self { display_name, enabled, code, approvals, .. } = self;
        Shown { display_name: display_name.as_deref(), enabled: *enabled, code, approvals }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }
}

impl Written for TenantRecord {
    fn read(members: Members, before: Option<&Self>, now: Timestamp) -> Result<Self, Problem> {
        let mut fields = Fields::new(members);
        let display_name = fields.text("display_name", name);
        let enabled = fields.flag("enabled").unwrap_or(true);
        let (code, approvals) = (code::settings(&mut fields)?, code::approvals(&mut fields)?);
        fields.done()?;
        let (created_at, updated_at) = before.map_or((now, now), Kept::times);
        Ok(Self { display_name, enabled, code, approvals, created_at, updated_at })
    }
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
