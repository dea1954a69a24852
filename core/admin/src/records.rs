//! Reading and changing records, the same way for every kind: read the truth, check, commit on what was read, and read
//! again if somebody came between.

use std::{future::Future, str::FromStr};

use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use toolgate_model::{Revision, TenantId, Timestamp};
use toolgate_ports::{
    Clock, Commit, Consistency, Expect, Platform, Record, RecordKey, RecordKind, Store, StoreError, Write,
};

use crate::{
    answer::{Answer, Further, View},
    condition::Conditions,
    json::{Members, merged},
    paging::{PageQuery, PageView},
    problem::{Kind, Problem},
};

/// The most servers a tenant has.
const MAX_SERVERS: usize = 500;
/// The most views a tenant has.
const MAX_VIEWS: usize = 500;
/// The most operators the gateway has, its owner aside.
pub(crate) const MAX_OPERATORS: usize = 500;
/// How often a change is tried when others change the same record.
const ATTEMPTS: usize = 2;

/// A kind of record that the API keeps.
pub(crate) trait Kept: Serialize + DeserializeOwned + PartialEq {
    /// The fields a request may set.
    const FIELDS: &'static [&'static str];
    /// Said where there is none.
    const MISSING: Kind;
    /// The settable fields as they are shown.
    type Shown<'a>: Serialize
    where
        Self: 'a;

    /// The settable fields, no secret among them.
    fn shown(&self) -> Self::Shown<'_>;
    /// When it was created, and last changed.
    fn times(&self) -> (Timestamp, Timestamp);
    /// It is changed at `now`.
    fn touch(&mut self, now: Timestamp);
    /// What else is shown and can't be set.
    fn further(&self) -> Further {
        Further::default()
    }
}

/// Which record.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) tenant: TenantId,
    pub(crate) key: RecordKey,
}

impl Place {
    /// The id that the record is shown with.
    fn id(&self) -> &str {
        if self.key.kind == RecordKind::Tenant { self.tenant.as_str() } else { &self.key.id }
    }
}

/// A record that is to be created, with a secret that its answer shows.
pub(crate) struct New<'a, K> {
    pub(crate) record: &'a K,
    pub(crate) secret: &'a str,
    /// Its path.
    pub(crate) location: String,
}

/// What became of a record.
enum Edited<K> {
    Same(Found<K>),
    Replaced(Found<K>),
    Created(Found<K>),
}

/// A record and the revision that wrote it.
pub(crate) struct Found<K> {
    pub(crate) record: K,
    pub(crate) revision: Revision,
}

/// The settable fields of `before` with `patch` applied.
pub(crate) fn patched<K: Kept>(before: &K, patch: &Members) -> Result<Members, Problem> {
    match serde_json::to_value(before.shown()) {
        Ok(serde_json::Value::Object(members)) => Ok(merged(members, patch)),
        _ => Err(Problem::new(Kind::StoreFailed, "the record can't be shown")),
    }
}

pub(crate) fn view<'a, K: Kept>(id: &'a str, record: &'a K, revision: Revision) -> View<'a, K::Shown<'a>> {
    let (created_at, updated_at) = record.times();
    View { id, fields: record.shown(), secret: None, further: record.further(), created_at, updated_at, revision }
}

fn show<K: Kept>(status: StatusCode, place: &Place, found: &Found<K>) -> Result<Answer, Problem> {
    let answer = Answer::show(status, &view(place.id(), &found.record, found.revision))?;
    Ok(answer.at(found.revision))
}

pub(crate) fn parsed<K: Kept>(record: &Record) -> Result<Found<K>, Problem> {
    let unreadable = |e: serde_json::Error| StoreError::Corrupt(format!("{}: {e}", record.key));
    let parsed = serde_json::from_slice(&record.value).map_err(unreadable)?;
    Ok(Found { record: parsed, revision: record.revision })
}

/// The records of one platform.
pub(crate) struct Records<'a, P: Platform> {
    pub(crate) platform: &'a P,
    pub(crate) fan_out: usize,
}

impl<P: Platform> Records<'_, P> {
    /// The record at `place`, if there is one.
    pub(crate) async fn find<K: Kept>(&self, place: &Place) -> Result<Option<Found<K>>, Problem> {
        let record = self.platform.store().get(&place.tenant, &place.key, Consistency::Strong).await?;
        record.as_ref().map(parsed).transpose()
    }

    /// The record at `place`; without it, says whether it or its tenant is missing.
    pub(crate) async fn must_find<K: Kept>(&self, place: &Place) -> Result<Found<K>, Problem> {
        match self.find(place).await? {
            Some(found) => Ok(found),
            None => Err(self.missing::<K>(place).await),
        }
    }

    /// Shows the record at `place`.
    pub(crate) async fn get<K: Kept>(&self, place: &Place) -> Result<Answer, Problem> {
        show::<K>(StatusCode::OK, place, &self.must_find(place).await?)
    }

    async fn missing<K: Kept>(&self, place: &Place) -> Problem {
        if let Err(problem) = self.tenant_exists(&place.tenant).await {
            return problem;
        }
        let of = match place.tenant.is_reserved() {
            true => String::new(),
            false => format!(" in the tenant {:?}", place.tenant.as_str()),
        };
        Problem::new(K::MISSING, format!("{:?} does not exist{of}", place.id()))
    }

    /// Refuses if there is no such tenant. What belongs to none is always at home.
    pub(crate) async fn tenant_exists(&self, tenant: &TenantId) -> Result<(), Problem> {
        if tenant.is_reserved() {
            return Ok(());
        }
        let found = self.platform.store().get(tenant, &RecordKey::tenant(), Consistency::Strong).await?;
        let missing =
            || format!("the tenant {:?} does not exist: PUT /admin/v1/tenants/{tenant} creates it", tenant.as_str());
        found.map(|_| ()).ok_or_else(|| Problem::new(Kind::TenantNotFound, missing()))
    }

    /// Changes or creates the record at `place` as `edit` says of what is there now; [`None`] is nothing.
    pub(crate) async fn change<K: Kept>(
        &self,
        place: &Place,
        conditions: &Conditions,
        edit: impl Fn(Option<&K>) -> Result<K, Problem>,
    ) -> Result<Answer, Problem> {
        match self.edited(place, conditions, edit).await? {
            Edited::Same(found) => show(StatusCode::OK, place, &found),
            Edited::Replaced(found) => Ok(show(StatusCode::OK, place, &found)?.changed(place.key.clone())),
            Edited::Created(found) => Ok(show(StatusCode::CREATED, place, &found)?.changed(place.key.clone())),
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
            match &before {
                // Nothing changed: nothing is written, so that what is remembered of the record stays good.
                Some(before) if before.record == record => {
                    return Ok(Edited::Same(Found { record, revision: before.revision }));
                }
                Some(_) => record.touch(self.platform.clock().now()),
                None => self.room_for(place).await?,
            }
            let expect = revision.map_or(Expect::Absent(place.key.clone()), |at| Expect::At(place.key.clone(), at));
            if let Some(revision) = self.put(place, expect, &record).await? {
                let found = Found { record, revision };
                return Ok(if before.is_some() { Edited::Replaced(found) } else { Edited::Created(found) });
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
        let gone = || Problem::new(K::MISSING, "");
        match self.edited(place, conditions, |before: Option<&K>| before.map(&edit).ok_or_else(gone)).await {
            Ok(Edited::Same(found) | Edited::Replaced(found) | Edited::Created(found)) => {
                let view = View { secret: Some(secret), ..view(place.id(), &found.record, found.revision) };
                Ok(Answer::show(StatusCode::OK, &view)?.at(found.revision).changed(place.key.clone()))
            }
            Err(problem) if problem.kind == K::MISSING => Err(self.missing::<K>(place).await),
            Err(problem) => Err(problem),
        }
    }

    /// As [`Records::change`], but of a record that must be there.
    pub(crate) async fn patch<K: Kept>(
        &self,
        place: &Place,
        conditions: &Conditions,
        edit: impl Fn(&K) -> Result<K, Problem>,
    ) -> Result<Answer, Problem> {
        let gone = || Problem::new(K::MISSING, "");
        match self.change(place, conditions, |before: Option<&K>| edit(before.ok_or_else(gone)?)).await {
            Err(problem) if problem.kind == K::MISSING => Err(self.missing::<K>(place).await),
            done => done,
        }
    }

    async fn room_for(&self, place: &Place) -> Result<(), Problem> {
        let (max, full, what) = match place.key.kind {
            RecordKind::Server => (MAX_SERVERS, Kind::TooManyServers, "servers"),
            RecordKind::View => (MAX_VIEWS, Kind::TooManyViews, "views"),
            RecordKind::Operator => (MAX_OPERATORS, Kind::TooManyOperators, "operators"),
            RecordKind::Tenant | RecordKind::Key | RecordKind::Policy => return Ok(()),
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
        let value = serde_json::to_vec(record).map_err(|e| Problem::new(Kind::StoreFailed, e.to_string()))?;
        self.commit(place, expect, Write::Put(place.key.clone(), value.into())).await
    }

    async fn commit(&self, place: &Place, expect: Expect, write: Write) -> Result<Option<Revision>, Problem> {
        let mut expect = vec![expect];
        if place.key.kind != RecordKind::Tenant && !place.tenant.is_reserved() {
            expect.push(Expect::Present(RecordKey::tenant()));
        }
        if let (Write::Put(..), Some(other)) = (&write, namesake(&place.key)) {
            expect.push(Expect::Absent(other));
        }
        let commit = Commit { expect, writes: vec![write] };
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
            if self.commit(place, expect, Write::Delete(place.key.clone())).await?.is_some() {
                return Ok(Answer::no_content().changed(place.key.clone()));
            }
        }
        Err(StoreError::Conflict(place.key.clone()).into())
    }

    /// Lists the tenant's records of `kind`.
    pub(crate) async fn list<K: Kept>(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        list: &str,
        query: &PageQuery,
    ) -> Result<Answer, Problem> {
        let after = query.after.as_deref();
        let page = self.platform.store().list(tenant, kind, after, query.limit, Consistency::Strong).await?;
        if page.records.is_empty() {
            self.tenant_exists(tenant).await?;
        }
        let found = page.records.iter().map(parsed::<K>).collect::<Result<Vec<_>, _>>()?;
        let ids = page.records.iter().map(|record| record.key.id.as_str());
        let items = ids.zip(&found).map(|(id, found)| view(id, &found.record, found.revision)).collect();
        let last = page.records.last().map(|record| record.key.id.as_str());
        Answer::show(StatusCode::OK, &PageView::new(list, items, last, page.more))
    }

    /// Lists the tenants.
    pub(crate) async fn tenants<K: Kept>(&self, list: &str, query: &PageQuery) -> Result<Answer, Problem> {
        let (ids, more) = self.platform.store().tenants(query.after.as_deref(), query.limit).await?;
        let found: Vec<Option<Found<K>>> =
            stream::iter(ids.iter().map(|id| self.tenant(id))).buffered(self.fan_out.max(1)).try_collect().await?;
        // A tenant that was deleted since its id was listed is left out.
        let present = ids.iter().zip(&found).filter_map(|(id, found)| Some((id.as_str(), found.as_ref()?)));
        let items = present.map(|(id, found)| view(id, &found.record, found.revision)).collect();
        let last = ids.last().map(TenantId::as_str);
        Answer::show(StatusCode::OK, &PageView::new(list, items, last, more))
    }

    fn tenant<K: Kept>(&self, id: &TenantId) -> impl Future<Output = Result<Option<Found<K>>, Problem>> {
        let place = Place { tenant: id.clone(), key: RecordKey::tenant() };
        async move { self.find(&place).await }
    }
}

/// The record that would be reached at the same path: servers and views share `/mcp/<id>`.
fn namesake(key: &RecordKey) -> Option<RecordKey> {
    match key.kind {
        RecordKind::Server => Some(RecordKey::new(RecordKind::View, &key.id)),
        RecordKind::View => Some(RecordKey::new(RecordKind::Server, &key.id)),
        RecordKind::Tenant | RecordKind::Key | RecordKind::Policy | RecordKind::Operator => None,
    }
}

/// The tenant that stands in the path.
pub(crate) fn path_tenant(text: &str) -> Result<TenantId, Problem> {
    let tenant: TenantId = path_id(text)?;
    if tenant.is_reserved() {
        return Err(Problem::new(
            Kind::InvalidId,
            format!("the tenant id {text:?} is the gateway's own: choose another"),
        ));
    }
    Ok(tenant)
}

/// An id that stands in the path.
pub(crate) fn path_id<T: FromStr<Err = toolgate_model::IdError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|e: toolgate_model::IdError| Problem::new(Kind::InvalidId, e.to_string()))
}
