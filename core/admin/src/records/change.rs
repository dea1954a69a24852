//! Changing records.

use http::StatusCode;
use serde_json::to_vec;
use toolgate_model::{MAX_LIMITS, Revision, Timestamp};
use toolgate_ports::{Clock, Commit, Consistency, Expect, Platform, RecordKey, RecordKind, Store, StoreError, Write};

use super::{Found, Kept, Place, Records, Run, Written, patched, show, view};
use crate::{
    answer::{Answer, View},
    condition::Conditions,
    json::Members,
    problem::{Kind, Problem},
};

/// The most servers a tenant has.
const MAX_SERVERS: usize = 500;
/// The most views a tenant has.
const MAX_VIEWS: usize = 500;
/// The most teams a tenant has.
const MAX_TEAMS: usize = 500;
/// The most operators the gateway has, its owner aside.
pub(crate) const MAX_OPERATORS: usize = 500;
/// How often a change is tried when others change the same record.
pub(crate) const ATTEMPTS: usize = 2;

/// A record that is to be created, with a secret that its answer shows.
pub(crate) struct New<'a, K> {
    pub(crate) record: &'a K,
    pub(crate) secret: &'a str,
    /// Its path.
    pub(crate) location: String,
}

/// What became of a record.
pub(crate) struct Edited<K> {
    pub(crate) found: Found<K>,
    pub(crate) change: Change,
}

/// Whether a record was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Same,
    Changed,
    Created,
}

impl Change {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Created => "created",
        }
    }
}

impl<P: Platform> Records<'_, P> {
    /// Creates or replaces the record at `place`, as `body` says.
    pub(crate) async fn write<K: Written>(
        &self,
        place: &Place,
        conditions: &Conditions,
        body: &Members,
        now: Timestamp,
    ) -> Result<Answer, Problem> {
        K::refuse_unknown(body)?;
        self.change(place, conditions, |before| K::read(body.clone(), before, now)).await
    }

    /// Changes what `body` says of the record at `place`.
    pub(crate) async fn rewrite<K: Written>(
        &self,
        place: &Place,
        conditions: &Conditions,
        body: &Members,
        now: Timestamp,
    ) -> Result<Answer, Problem> {
        K::refuse_unknown(body)?;
        self.patch(place, conditions, |before| K::read(patched(before, body)?, Some(before), now)).await
    }

    /// Changes or creates the record at `place` as `edit` says of what is there now; [`None`] is nothing.
    pub(crate) async fn change<K: Kept>(
        &self,
        place: &Place,
        conditions: &Conditions,
        edit: impl Fn(Option<&K>) -> Result<K, Problem>,
    ) -> Result<Answer, Problem> {
        self.show_edited(place, &self.edited(place, conditions, edit).await?)
    }

    /// Shows what became of a record, or in a dry run would.
    pub(crate) fn show_edited<K: Kept>(&self, place: &Place, edited: &Edited<K>) -> Result<Answer, Problem> {
        let Edited { found, change } = edited;
        match (self.run, change) {
            (Run::Dry, change) => Ok(show(StatusCode::OK, place, found)?.tried(change.as_str())),
            (Run::Real, Change::Same) => show(StatusCode::OK, place, found),
            (Run::Real, Change::Changed) => Ok(show(StatusCode::OK, place, found)?.changed(place.key.clone())),
            (Run::Real, Change::Created) => Ok(show(StatusCode::CREATED, place, found)?.changed(place.key.clone())),
        }
    }

    async fn edited<K: Kept>(
        &self,
        place: &Place,
        conditions: &Conditions,
        edit: impl Fn(Option<&K>) -> Result<K, Problem>,
    ) -> Result<Edited<K>, Problem> {
        for _ in 0..ATTEMPTS {
            let before = self.find::<K>(place).await?;
            let revision = before.as_ref().map(|before| before.revision);
            let mut record = edit(before.as_ref().map(|before| &before.record))?;
            conditions.check(revision)?;
            let change = match &before {
                Some(before) if before.record == record => Change::Same,
                Some(_) => Change::Changed,
                None => Change::Created,
            };
            if change == Change::Changed {
                record.touch(self.platform.clock().now());
            }
            // Where nothing changes nothing is written, so that what is remembered of the record stays good.
            if change == Change::Same || self.run == Run::Dry {
                let revision = revision.unwrap_or_default();
                return Ok(Edited { found: Found { record, revision }, change });
            }
            if change == Change::Created {
                self.room_for(place).await?;
            }
            let expect = revision.map_or(Expect::Absent(place.key.clone()), |at| Expect::At(place.key.clone(), at));
            if let Some(revision) = self.put(place, expect, &record).await? {
                return Ok(Edited { found: Found { record, revision }, change });
            }
        }
        Err(StoreError::Conflict(place.key.clone()).into())
    }

    /// Gives the record at `place`, which must be there, another secret, as `edit` says; and shows it with that secret.
    pub(crate) async fn renew<K: Kept>(
        &self,
        place: &Place,
        conditions: &Conditions,
        secret: &str,
        edit: impl Fn(&K) -> K,
    ) -> Result<Answer, Problem> {
        let Edited { found, .. } = self.edited_there(place, conditions, |before| Ok(edit(before))).await?;
        let view = View { secret: Some(secret), ..view(place.id(), &found.record, found.revision) };
        Ok(Answer::show(StatusCode::OK, &view)?.at(found.revision).changed(place.key.clone()))
    }

    /// As [`Records::change`], but of a record that must be there.
    pub(crate) async fn patch<K: Kept>(
        &self,
        place: &Place,
        conditions: &Conditions,
        edit: impl Fn(&K) -> Result<K, Problem>,
    ) -> Result<Answer, Problem> {
        self.show_edited(place, &self.edited_there(place, conditions, edit).await?)
    }

    /// Changes the record at `place`, which must be there, as `edit` says.
    pub(crate) async fn edited_there<K: Kept>(
        &self,
        place: &Place,
        conditions: &Conditions,
        edit: impl Fn(&K) -> Result<K, Problem>,
    ) -> Result<Edited<K>, Problem> {
        let gone = || Problem::new(K::MISSING, "");
        match self.edited(place, conditions, |before: Option<&K>| edit(before.ok_or_else(gone)?)).await {
            Err(problem) if problem.kind == K::MISSING => Err(self.missing::<K>(place).await),
            done => done,
        }
    }

    async fn room_for(&self, place: &Place) -> Result<(), Problem> {
        let (max, full, what) = match place.key.kind {
            RecordKind::Server => (MAX_SERVERS, Kind::TooManyServers, "servers"),
            RecordKind::View => (MAX_VIEWS, Kind::TooManyViews, "views"),
            RecordKind::Team => (MAX_TEAMS, Kind::TooManyTeams, "teams"),
            RecordKind::Limit => (MAX_LIMITS, Kind::TooManyLimits, "limits"),
            RecordKind::Operator => (MAX_OPERATORS, Kind::TooManyOperators, "operators"),
            _ => return Ok(()),
        };
        let page = self.platform.store().list(&place.tenant, place.key.kind, None, max, Consistency::Strong).await?;
        if page.records.len() < max {
            return Ok(());
        }
        let detail = match place.tenant.is_reserved() {
            true => format!("there are at most {max} {what}: delete one"),
            false => format!("a tenant has at most {max} {what}: delete one, or use another tenant"),
        };
        Err(Problem::new(full, detail))
    }

    /// Refuses an id that stands for something else at the same path.
    async fn name_is_free(&self, place: &Place) -> Result<(), Problem> {
        let Some(other) = namesake(&place.key) else { return Ok(()) };
        if self.platform.store().get(&place.tenant, &other, Consistency::Strong).await?.is_none() {
            return Ok(());
        }
        let (id, kind) = (place.id(), other.kind.as_str());
        let detail = format!("there is a {kind} {id:?}, and servers and views share /mcp/<id>: choose another id");
        Err(Problem::new(Kind::NameTaken, detail))
    }

    /// Commits `record`; `None` if somebody came between.
    pub(crate) async fn put<K: Kept>(
        &self,
        place: &Place,
        expect: Expect,
        record: &K,
    ) -> Result<Option<Revision>, Problem> {
        let value = to_vec(record).map_err(|e| Problem::new(Kind::StoreFailed, e.to_string()))?;
        let mut expect = vec![expect];
        expect.extend(namesake(&place.key).map(Expect::Absent));
        self.commit(place, expect, vec![Write::Put(place.key.clone(), value.into())]).await
    }

    /// Commits a change to the record at `place`, and what goes with it; `None` if somebody came between.
    pub(crate) async fn commit(
        &self,
        place: &Place,
        mut expect: Vec<Expect>,
        writes: Vec<Write>,
    ) -> Result<Option<Revision>, Problem> {
        if place.key.kind != RecordKind::Tenant && !place.tenant.is_reserved() {
            expect.push(Expect::Present(RecordKey::tenant()));
        }
        let commit = Commit { expect, writes };
        match self.platform.store().commit(&place.tenant, commit).await {
            Ok(revision) => Ok(Some(revision)),
            Err(StoreError::Conflict(_)) if place.key.kind == RecordKind::Tenant => Ok(None),
            Err(StoreError::Conflict(_)) => {
                self.tenant_exists(&place.tenant).await?;
                self.name_is_free(place).await.map(|()| None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Creates the record at `place`, where no other can be, and shows it with its secret.
    pub(crate) async fn create<K: Kept>(&self, place: &Place, new: New<'_, K>) -> Result<Answer, Problem> {
        if self.run == Run::Dry {
            let view = view(place.id(), new.record, Revision::default());
            return Ok(Answer::show(StatusCode::OK, &view)?.at(Revision::default()).tried(Change::Created.as_str()));
        }
        self.room_for(place).await?;
        let expect = Expect::Absent(place.key.clone());
        let Some(revision) = self.put(place, expect, new.record).await? else {
            return Err(StoreError::Conflict(place.key.clone()).into());
        };
        let view = View { secret: Some(new.secret), ..view(place.id(), new.record, revision) };
        let answer = Answer::show(StatusCode::CREATED, &view)?.at(revision);
        Ok(answer.located(new.location).changed(place.key.clone()))
    }

    /// Deletes the record at `place`.
    pub(crate) async fn delete<K: Kept>(&self, place: &Place, conditions: &Conditions) -> Result<Answer, Problem> {
        for _ in 0..ATTEMPTS {
            let found = self.must_find::<K>(place).await?;
            conditions.check(Some(found.revision))?;
            let expect = Expect::At(place.key.clone(), found.revision);
            if self.commit(place, vec![expect], vec![Write::Delete(place.key.clone())]).await?.is_some() {
                return Ok(Answer::no_content().changed(place.key.clone()));
            }
        }
        Err(StoreError::Conflict(place.key.clone()).into())
    }
}

/// The record that would be reached at the same path: servers and views share `/mcp/<id>`.
fn namesake(key: &RecordKey) -> Option<RecordKey> {
    match key.kind {
        RecordKind::Server => Some(RecordKey::new(RecordKind::View, &key.id)),
        RecordKind::View => Some(RecordKey::new(RecordKind::Server, &key.id)),
        _ => None,
    }
}
