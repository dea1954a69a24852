//! Virtual keys. The secret is in the answer to a key's creation; what is stored can't give it again.

use http::StatusCode;
use serde::Serialize;
use toolgate_model::{Grant, KeyRecord, TenantId, Timestamp};
use toolgate_ports::{Expect, Platform, Random, RecordKey, RecordKind, StoreError};
use toolgate_seal::{KEY_RANDOM_BYTES, mint};

use crate::{
    answer::{Answer, View},
    condition::Conditions,
    fields::{Fields, name, refuse_unknown},
    json::Members,
    problem::{Kind, Problem},
    records::{Kept, Place, Records, patched, view},
};

/// The most grants of a key.
const MAX_GRANTS: usize = 1_000;

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    name: &'a str,
    grants: &'a [Grant],
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    enabled: bool,
}

impl Kept for KeyRecord {
    const FIELDS: &'static [&'static str] = &["name", "grants", "expires_at", "enabled"];
    const MISSING: Kind = Kind::KeyNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        Shown { name: &self.name, grants: &self.grants, expires_at: self.expires_at, enabled: self.enabled }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }
}

/// What an operator says of a key.
struct Input {
    name: String,
    grants: Vec<Grant>,
    expires_at: Option<Timestamp>,
    enabled: bool,
}

fn read(members: Members) -> Result<Input, Problem> {
    let mut fields = Fields::new(members);
    fields.need("name");
    fields.need("grants");
    let name = fields.text("name", name).unwrap_or_default();
    let grants = fields.texts("grants", MAX_GRANTS, |text| text.parse::<Grant>().map_err(|e| e.to_string()));
    let expires_at = fields.text("expires_at", |text| text.parse::<Timestamp>().map_err(|e| e.to_string()));
    let enabled = fields.flag("enabled").unwrap_or(true);
    fields.done()?;
    Ok(Input { name, grants, expires_at, enabled })
}

/// Creates a key.
pub(crate) async fn post<P: Platform>(
    records: &Records<'_, P>,
    tenant: &TenantId,
    body: Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(&body, KeyRecord::FIELDS)?;
    let Input { name, grants, expires_at, enabled } = read(body)?;
    let mut random = [0; KEY_RANDOM_BYTES];
    records.platform.random().fill(&mut random);
    let minted = mint(&random);
    let (id, hash) = (minted.id.clone(), minted.hash);
    let (team, user) = (None, None);
    let record =
        KeyRecord { id, name, hash, grants, team, user, expires_at, enabled, created_at: now, updated_at: now };
    let place = Place { tenant: tenant.clone(), key: RecordKey::new(RecordKind::Key, minted.id.as_str()) };
    let expect = Expect::Absent(place.key.clone());
    let Some(revision) = records.put(&place, expect, &record).await? else {
        return Err(StoreError::Conflict(place.key).into());
    };
    let view = View { secret: Some(&minted.secret), ..view(minted.id.as_str(), &record, revision) };
    let location = format!("/admin/v1/tenants/{tenant}/keys/{}", minted.id);
    Ok(Answer::show(StatusCode::CREATED, &view)?.at(revision).located(location).changed(place.key))
}

/// Changes a key.
pub(crate) async fn patch<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    conditions: &Conditions,
    body: &Members,
) -> Result<Answer, Problem> {
    refuse_unknown(body, KeyRecord::FIELDS)?;
    let edit = |before: &KeyRecord| {
        let Input { name, grants, expires_at, enabled } = read(patched(before, body)?)?;
        Ok(KeyRecord { name, grants, expires_at, enabled, ..before.clone() })
    };
    records.patch(place, conditions, edit).await
}
