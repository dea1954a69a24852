//! Virtual keys. The secret is in the answer to a key's creation or rotation; what is stored can't give it again.

use std::time::Duration;

use serde::Serialize;
use toolgate_model::{Grant, KeyId, KeyRecord, PreviousSecret, TenantId, Timestamp};
use toolgate_ports::{Platform, Random, RecordKey, RecordKind};
use toolgate_seal::{KEY_RANDOM_BYTES, Minted, SECRET_RANDOM_BYTES, mint};

use crate::{
    answer::{Answer, Further},
    condition::Conditions,
    fields::{Fields, duration, name, refuse_unknown},
    json::Members,
    problem::{Kind, Problem},
    records::{Kept, New, Place, Records, patched},
};

/// The most grants of a key.
const MAX_GRANTS: usize = 1_000;
/// How long a rotated key's earlier secret may go on.
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3_600);

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

    fn further(&self) -> Further {
        Further { previous_expires_at: self.previous.as_ref().map(|previous| previous.expires_at) }
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
    let Minted { id, secret, hash } = mint(&random);
    let place = Place { tenant: tenant.clone(), key: RecordKey::new(RecordKind::Key, id.as_str()) };
    let location = format!("/admin/v1/tenants/{tenant}/keys/{id}");
    let (previous, created_at, updated_at) = (None, now, now);
    let record = KeyRecord { id, name, hash, previous, grants, expires_at, enabled, created_at, updated_at };
    records.create(&place, New { record: &record, secret: &secret, location }).await
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

/// Gives the key `id` another secret. The one it has goes on for the `overlap` that the body names; one before that ends now.
pub(crate) async fn rotate<P: Platform>(
    records: &Records<'_, P>,
    (place, id): (&Place, KeyId),
    conditions: &Conditions,
    body: Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(&body, &["overlap"])?;
    let mut fields = Fields::new(body);
    let overlap = fields.text("overlap", |text| duration(text, MAX_OVERLAP)).unwrap_or_default();
    fields.done()?;
    let mut random = [0; SECRET_RANDOM_BYTES];
    records.platform.random().fill(&mut random);
    let Minted { secret, hash, .. } = Minted::renewed(id, &random);
    let expires_at = now.plus_millis(u64::try_from(overlap.as_millis()).unwrap_or_default());
    let edit = |before: &KeyRecord| {
        let previous = PreviousSecret { hash: before.hash.clone(), expires_at };
        KeyRecord { hash: hash.clone(), previous: (!overlap.is_zero()).then_some(previous), ..before.clone() }
    };
    records.renew(place, conditions, &secret, edit).await
}
