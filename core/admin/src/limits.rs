//! Limits: what they are. What was counted is the ledger's to say ([`crate::usage`]).

use serde::Serialize;
use toolgate_model::{LimitError, LimitId, LimitRecord, LimitSpec, TenantId, Timestamp, Wrong};
use toolgate_ports::{Forget, Ledger, Platform, RecordKey, RecordKind};

use crate::{
    answer::Answer,
    condition::Conditions,
    fields::Fields,
    json::Members,
    problem::{FieldError, Kind, Problem},
    records::{Kept, Place, Records, Written},
};

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(flatten)]
    spec: &'a LimitSpec,
    enabled: bool,
}

impl Kept for LimitRecord {
    const FIELDS: &'static [&'static str] =
        &["scope", "kind", "unit", "amount", "window", "burst", "mode", "fail_open", "enabled"];
    const MISSING: Kind = Kind::LimitNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        Shown { spec: &self.spec, enabled: self.enabled }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }
}

/// What was counted goes on when a limit is changed, unless it is counted otherwise then: in another unit, kind or window.
impl Written for LimitRecord {
    fn read(mut members: Members, before: Option<&Self>, now: Timestamp) -> Result<Self, Problem> {
        let own = members.remove_entry("enabled").into_iter().collect();
        // All that is wrong is said at once: what the limit says, and whether it is on.
        let spec = LimitSpec::read(&members);
        let mut fields = Fields::new(own);
        let enabled = fields.flag("enabled").unwrap_or(true);
        let (errors, spec) = match spec {
            Ok(spec) => (Vec::new(), Some(spec)),
            Err(errors) => (errors, None),
        };
        let (unknown, invalid): (Vec<_>, Vec<_>) = errors.into_iter().partition(|error| error.wrong == Wrong::Unknown);
        if !unknown.is_empty() {
            return Err(Problem::fields(Kind::UnknownField, unknown.iter().map(refused).collect()));
        }
        for LimitError { path, detail, .. } in invalid {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            fields.wrong(&path, detail);
        }
        fields.done()?;
        let spec = spec.ok_or_else(|| Problem::new(Kind::InvalidField, "the limit can't be read"))?;
        let (created_at, updated_at) = before.map_or((now, now), Kept::times);
        Ok(Self { spec, enabled, created_at, updated_at })
    }

    // Its reader says all that is wrong at once, unknown fields among it.
    fn refuse_unknown(_: &Members) -> Result<(), Problem> {
        Ok(())
    }
}

fn refused(error: &LimitError) -> FieldError {
    let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
    // Its own words don't know of what this API adds.
    let detail = match path[..] {
        [_] => format!("there is no such field; there are {}", LimitRecord::FIELDS.join(", ")),
        _ => error.detail.clone(),
    };
    FieldError::at(&path, detail)
}

/// Where a limit is stored.
pub(crate) fn place(tenant: TenantId, id: &LimitId) -> Place {
    Place { tenant, key: RecordKey::new(RecordKind::Limit, id.as_str()) }
}

/// Deletes a limit and all that was counted.
pub(crate) async fn delete<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    id: LimitId,
    conditions: &Conditions,
) -> Result<Answer, Problem> {
    let place = place(tenant, &id);
    let found = records.must_find::<LimitRecord>(&place).await?;
    conditions.check(Some(found.revision))?;
    let ledger = records.platform.ledger();
    // First, so that a limit whose accounts can't be forgotten is still there to be deleted again.
    ledger.forget(&place.tenant, &Forget::Limit(id.clone())).await?;
    let answer = records.delete::<LimitRecord>(&place, conditions).await?;
    // And of calls that came between.
    if let Err(error) = ledger.forget(&place.tenant, &Forget::Limit(id.clone())).await {
        tracing::warn!(target: "toolgate::admin", tenant = %place.tenant, limit = %id, %error, "some of what a deleted limit counted stays");
    }
    Ok(answer)
}

/// Forgets what was counted: the limit is as it was when it was made. What instances hold of it in slices they spend first.
pub(crate) async fn reset<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    id: LimitId,
) -> Result<Answer, Problem> {
    let place = place(tenant, &id);
    records.must_find::<LimitRecord>(&place).await?;
    records.platform.ledger().forget(&place.tenant, &Forget::Limit(id)).await?;
    Ok(Answer::no_content().changed(place.key))
}
