//! Operators beside the owner, and their tokens. A token's secret is in the answer to its creation; what is stored can't give it
//! again.

use serde::Serialize;
use toolgate_model::{OperatorId, OperatorRecord, Role, TenantId, Timestamp};
use toolgate_ports::{Commit, Consistency, Platform, Random, RecordKey, RecordKind, Store, Write};
use toolgate_seal::{KEY_RANDOM_BYTES, Minted};

use crate::{
    answer::Answer,
    condition::Conditions,
    fields::{Fields, name, refuse_unknown},
    json::Members,
    problem::{FieldError, Kind, Problem},
    records::{Kept, MAX_OPERATORS, New, Place, Records, parsed, patched},
};

/// How many records one commit changes at most.
const PER_COMMIT: usize = 20;

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    name: &'a str,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    enabled: bool,
}

impl Kept for OperatorRecord {
    const FIELDS: &'static [&'static str] = &["name", "role", "tenant", "expires_at", "enabled"];
    const MISSING: Kind = Kind::OperatorNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        let Self { name, role, tenant, expires_at, enabled, .. } = self;
        Shown { name, role: *role, tenant: tenant.as_ref(), expires_at: *expires_at, enabled: *enabled }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }
}

/// Where an operator is stored.
pub(crate) fn place(id: &OperatorId) -> Place {
    Place { tenant: TenantId::reserved(), key: RecordKey::new(RecordKind::Operator, id.as_str()) }
}

/// What is said of an operator.
struct Input {
    name: String,
    role: Role,
    tenant: Option<TenantId>,
    expires_at: Option<Timestamp>,
    enabled: bool,
}

fn read(members: Members) -> Result<Input, Problem> {
    let mut fields = Fields::new(members);
    fields.need("name");
    fields.need("role");
    let name = fields.text("name", name).unwrap_or_default();
    let role = fields.text("role", |text| text.parse::<Role>().map_err(|e| e.to_string()));
    match (role, fields.has("tenant")) {
        (Some(Role::TenantAdmin), false) => {
            fields.wrong(&["tenant"], "it is required: the tenant that is administered");
        }
        (Some(Role::Owner | Role::Operator | Role::Auditor), true) => {
            fields.wrong(&["tenant"], "only a tenant-admin has one: leave it out, or write null");
        }
        _ => {}
    }
    let tenant = fields.text("tenant", |text| TenantId::new(text).map_err(|e| e.to_string()));
    let expires_at = fields.text("expires_at", |text| text.parse::<Timestamp>().map_err(|e| e.to_string()));
    let enabled = fields.flag("enabled").unwrap_or(true);
    fields.done()?;
    // A role that is none has been refused.
    Ok(Input { name, role: role.unwrap_or(Role::Auditor), tenant, expires_at, enabled })
}

async fn check_tenant<P: Platform>(records: &Records<'_, P>, tenant: Option<&TenantId>) -> Result<(), Problem> {
    let Some(tenant) = tenant else { return Ok(()) };
    let found = records.platform.store().get(tenant, &RecordKey::tenant(), Consistency::Strong).await?;
    if found.is_some() {
        return Ok(());
    }
    let error =
        FieldError::at(&["tenant"], format!("there is no such tenant: PUT /admin/v1/tenants/{tenant} creates it"));
    Err(Problem::fields(Kind::InvalidField, vec![error]))
}

/// Creates an operator.
pub(crate) async fn post<P: Platform>(
    records: &Records<'_, P>,
    body: Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(&body, OperatorRecord::FIELDS)?;
    let Input { name, role, tenant, expires_at, enabled } = read(body)?;
    check_tenant(records, tenant.as_ref()).await?;
    let mut random = [0; KEY_RANDOM_BYTES];
    records.platform.random().fill(&mut random);
    let Minted { id, secret, hash } = Minted::<OperatorId>::new(&random);
    let (place, location) = (place(&id), format!("/admin/v1/operators/{id}"));
    let record = OperatorRecord { id, name, hash, role, tenant, expires_at, enabled, created_at: now, updated_at: now };
    records.create(&place, New { record: &record, secret: &secret, location }).await
}

/// Changes an operator.
pub(crate) async fn patch<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    conditions: &Conditions,
    body: &Members,
) -> Result<Answer, Problem> {
    refuse_unknown(body, OperatorRecord::FIELDS)?;
    let before = records.must_find::<OperatorRecord>(place).await?;
    check_tenant(records, read(patched(&before.record, body)?)?.tenant.as_ref()).await?;
    let edit = |before: &OperatorRecord| {
        let Input { name, role, tenant, expires_at, enabled } = read(patched(before, body)?)?;
        Ok(OperatorRecord { name, role, tenant, expires_at, enabled, ..before.clone() })
    };
    records.patch(place, conditions, edit).await
}

/// Deletes the operators that administer `tenant`, so that they are not those of a later tenant of the same name.
pub(crate) async fn forget_tenant<P: Platform>(records: &Records<'_, P>, tenant: &TenantId) -> Result<(), Problem> {
    let (store, home) = (records.platform.store(), TenantId::reserved());
    let all = store.list(&home, RecordKind::Operator, None, MAX_OPERATORS, Consistency::Strong).await?.records;
    let mut writes = Vec::new();
    for record in all {
        if parsed::<OperatorRecord>(&record)?.record.tenant.as_ref() == Some(tenant) {
            writes.push(Write::Delete(record.key));
        }
    }
    for some in writes.chunks(PER_COMMIT) {
        store.commit(&home, Commit { expect: Vec::new(), writes: some.to_vec() }).await?;
    }
    Ok(())
}
