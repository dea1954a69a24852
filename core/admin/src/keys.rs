//! Virtual keys. The secret is in the answer to a key's creation or rotation; what is stored can't give it again.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde_json::Value;
use toolgate_model::{
    CodeLimits, Grant, IdError, KeyId, KeyRecord, PreviousSecret, Selector, TeamId, TenantId, Timestamp, ToolsMode,
    UserId,
};
use toolgate_ports::{Platform, Random, RecordKey, RecordKind};
use toolgate_seal::{KEY_RANDOM_BYTES, Minted, SECRET_RANDOM_BYTES, mint};

use crate::{
    answer::{Answer, Further},
    code,
    condition::Conditions,
    fields::{Fields, duration, name, refuse_unknown},
    json::Members,
    problem::{Kind, Problem},
    records::{Kept, New, Place, Records, patched},
    teams,
};

/// The most grants of a key.
pub(crate) const MAX_GRANTS: usize = 1_000;
/// The most labels of a key, and how long each may be, in bytes.
const MAX_LABELS: usize = 32;
const MAX_LABEL_NAME: usize = 64;
const MAX_LABEL: usize = 256;
/// How long a rotated key's earlier secret may go on.
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    name: &'a str,
    grants: &'a [Grant],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a TeamId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a Selector<UserId>>,
    #[serde(skip_serializing_if = "ToolsMode::is_direct")]
    tools_mode: ToolsMode,
    #[serde(skip_serializing_if = "CodeLimits::is_empty")]
    code: CodeLimits,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    enabled: bool,
}

impl Kept for KeyRecord {
    const FIELDS: &'static [&'static str] =
        &["name", "grants", "labels", "team", "user", "tools_mode", "code", "expires_at", "enabled"];
    const MISSING: Kind = Kind::KeyNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        let Self { name, grants, labels, team, user, .. } = self;
        let &Self { tools_mode, code, expires_at, enabled, .. } = self;
        let (team, user) = (team.as_ref(), user.as_ref());
        Shown { name, grants, labels, team, user, tools_mode, code, expires_at, enabled }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }

    fn further(&self) -> Further {
        let previous_expires_at = self.previous.as_ref().map(|previous| previous.expires_at);
        Further { previous_expires_at, ..Further::default() }
    }
}

/// What an operator says of a key.
struct Input {
    name: String,
    grants: Vec<Grant>,
    labels: BTreeMap<String, String>,
    team: Option<TeamId>,
    user: Option<Selector<UserId>>,
    tools_mode: ToolsMode,
    code: CodeLimits,
    expires_at: Option<Timestamp>,
    enabled: bool,
}

fn read(members: Members) -> Result<Input, Problem> {
    let mut fields = Fields::new(members);
    fields.need("name");
    fields.need("grants");
    let name = fields.text("name", name).unwrap_or_default();
    let grants = fields.texts("grants", MAX_GRANTS, |text| text.parse::<Grant>().map_err(|e| e.to_string()));
    let labels = labels(&mut fields);
    let (team, user) = (team(&mut fields), user(&mut fields));
    let tools_mode = code::tools_mode(&mut fields).unwrap_or_default();
    let code = code::limits(&mut fields, "code")?;
    let expires_at = fields.text("expires_at", |text| text.parse::<Timestamp>().map_err(|e| e.to_string()));
    let enabled = fields.flag("enabled").unwrap_or(true);
    fields.done()?;
    Ok(Input { name, grants, labels, team, user, tools_mode, code, expires_at, enabled })
}

/// The team that a key is counted with.
pub(crate) fn team(fields: &mut Fields) -> Option<TeamId> {
    fields.text("team", |text| TeamId::new(text).map_err(|e| e.to_string()))
}

/// The end user that a key acts for.
pub(crate) fn user(fields: &mut Fields) -> Option<Selector<UserId>> {
    let every = "\"*\": the one that the request's Toolgate-User header names";
    fields.text("user", |text| text.parse().map_err(|e: IdError| format!("{e} (or {every})")))
}

/// What is written on a key.
pub(crate) fn labels(fields: &mut Fields) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let spells = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    for (name, value) in fields.map("labels", MAX_LABELS) {
        let path = ["labels", name.as_str()];
        if !(1..=MAX_LABEL_NAME).contains(&name.len()) || !name.bytes().all(spells) {
            fields.wrong(
                &path,
                format!("a label's name has 1 to {MAX_LABEL_NAME} of A-Z, a-z, 0-9, '_', '-', '.' and '/'"),
            );
        } else if value.len() > MAX_LABEL || value.chars().any(char::is_control) {
            fields.wrong(&path, format!("write at most {MAX_LABEL} bytes, no control characters among them"));
        } else {
            labels.insert(name, value);
        }
    }
    labels
}

/// Creates a key.
pub(crate) async fn post<P: Platform>(
    records: &Records<'_, P>,
    tenant: &TenantId,
    body: Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(&body, KeyRecord::FIELDS)?;
    let Input { name, grants, labels, team, user, tools_mode, code, expires_at, enabled } = read(body)?;
    teams::check(records, tenant, team.as_ref()).await?;
    let mut random = [0; KEY_RANDOM_BYTES];
    records.platform.random().fill(&mut random);
    let Minted { id, secret, hash } = mint(&random);
    let place = Place { tenant: tenant.clone(), key: RecordKey::new(RecordKind::Key, id.as_str()) };
    let location = format!("/admin/v1/tenants/{tenant}/keys/{id}");
    let (previous, created_at, updated_at) = (None, now, now);
    let record = KeyRecord {
        id,
        name,
        hash,
        previous,
        grants,
        team,
        user,
        labels,
        tools_mode,
        code,
        expires_at,
        enabled,
        created_at,
        updated_at,
    };
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
    // One that the key has already is left as it is, also if it is gone.
    if let Some(team) = body.get("team").and_then(Value::as_str).and_then(|team| TeamId::new(team).ok()) {
        teams::check(records, &place.tenant, Some(&team)).await?;
    }
    let edit = |before: &KeyRecord| {
        let Input { name, grants, labels, team, user, tools_mode, code, expires_at, enabled } =
            read(patched(before, body)?)?;
        Ok(KeyRecord { name, grants, labels, team, user, tools_mode, code, expires_at, enabled, ..before.clone() })
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
