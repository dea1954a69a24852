//! Teams: keys of a tenant that belong together, for limits and rules to speak of.

use serde::Serialize;
use toolgate_model::{TeamId, TeamRecord, TenantId, Timestamp};
use toolgate_ports::{Platform, RecordKey, RecordKind};

use crate::{
    fields::{Fields, name},
    json::Members,
    problem::{FieldError, Kind, Problem},
    records::{Kept, Place, Records, Run, Written},
};

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    enabled: bool,
}

impl Kept for TeamRecord {
    const FIELDS: &'static [&'static str] = &["display_name", "enabled"];
    const MISSING: Kind = Kind::TeamNotFound;
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

impl Written for TeamRecord {
    fn read(members: Members, before: Option<&Self>, now: Timestamp) -> Result<Self, Problem> {
        let mut fields = Fields::new(members);
        let display_name = fields.text("display_name", name);
        let enabled = fields.flag("enabled").unwrap_or(true);
        fields.done()?;
        let (created_at, updated_at) = before.map_or((now, now), Kept::times);
        Ok(Self { display_name, enabled, created_at, updated_at })
    }
}

/// Where a team is stored.
pub(crate) fn place(tenant: TenantId, id: &TeamId) -> Place {
    Place { tenant, key: RecordKey::new(RecordKind::Team, id.as_str()) }
}

/// Refuses a key's team that is not there. A dry run takes it: it may be made together with the key.
pub(crate) async fn check<P: Platform>(
    records: &Records<'_, P>,
    tenant: &TenantId,
    team: Option<&TeamId>,
) -> Result<(), Problem> {
    let Some(team) = team.filter(|_| records.run == Run::Real) else { return Ok(()) };
    if records.stored(tenant, &place(tenant.clone(), team).key).await?.is_some() {
        return Ok(());
    }
    records.tenant_exists(tenant).await?;
    let detail = format!("there is no such team: PUT /admin/v1/tenants/{tenant}/teams/{team} creates it");
    Err(Problem::fields(Kind::InvalidField, vec![FieldError::at(&["team"], detail)]))
}
