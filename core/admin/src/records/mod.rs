//! Reading and changing records, the same way for every kind: read the truth, check, commit on what was read, and read
//! again if somebody came between.

mod change;

use std::{future::Future, str::FromStr};

use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use toolgate_model::{Revision, TenantId, Timestamp};
use toolgate_ports::{Consistency, Platform, Record, RecordKey, RecordKind, Store, StoreError};

pub(crate) use self::change::{ATTEMPTS, Change, Edited, MAX_OPERATORS, New};
use crate::{
    answer::{Answer, Further, View},
    fields::refuse_unknown,
    json::{Members, merged},
    paging::{PageQuery, PageView},
    problem::{Kind, Problem},
};

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

/// A kind of record that requests say whole, or change in part.
pub(crate) trait Written: Kept {
    /// The record that `members` say, in place of `before`.
    fn read(members: Members, before: Option<&Self>, now: Timestamp) -> Result<Self, Problem>;

    /// Refuses fields that there are not.
    fn refuse_unknown(body: &Members) -> Result<(), Problem> {
        refuse_unknown(body, Self::FIELDS)
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

pub(crate) fn show<K: Kept>(status: StatusCode, place: &Place, found: &Found<K>) -> Result<Answer, Problem> {
    let answer = Answer::show(status, &view(place.id(), &found.record, found.revision))?;
    Ok(answer.at(found.revision))
}

pub(crate) fn parsed<K: Kept>(record: &Record) -> Result<Found<K>, Problem> {
    let unreadable = |e: serde_json::Error| StoreError::Corrupt(format!("{}: {e}", record.key));
    let parsed = serde_json::from_slice(&record.value).map_err(unreadable)?;
    Ok(Found { record: parsed, revision: record.revision })
}

/// Whether changes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// They are.
    Real,
    /// They are checked, and it is shown what they would make of a record. What a record refers to is not looked up: it may be made
    /// together with it.
    Dry,
}

/// The records of one platform.
pub(crate) struct Records<'a, P: Platform> {
    pub(crate) platform: &'a P,
    pub(crate) fan_out: usize,
    pub(crate) run: Run,
}

impl<P: Platform> Records<'_, P> {
    /// The record at `place`, if there is one.
    pub(crate) async fn find<K: Kept>(&self, place: &Place) -> Result<Option<Found<K>>, Problem> {
        self.stored(&place.tenant, &place.key).await?.as_ref().map(parsed).transpose()
    }

    /// The record `key` as it is stored, if there is one: the truth.
    pub(crate) async fn stored(&self, tenant: &TenantId, key: &RecordKey) -> Result<Option<Record>, Problem> {
        Ok(self.platform.store().get(tenant, key, Consistency::Strong).await?)
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

    /// Lists the tenant's records of `kind`.
    pub(crate) async fn list<K: Kept>(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        list: &str,
        query: &PageQuery,
    ) -> Result<Answer, Problem> {
        let (found, more) = self.page::<K>(tenant, kind, query).await?;
        let items = found.iter().map(|(id, found)| view(id, &found.record, found.revision)).collect();
        let last = found.last().map(|(id, _)| id.as_str());
        Answer::show(StatusCode::OK, &PageView::new(list, items, last, more))
    }

    /// A page of the tenant's records of `kind`, each with its id, and whether more come after it.
    pub(crate) async fn page<K: Kept>(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        query: &PageQuery,
    ) -> Result<(Vec<(String, Found<K>)>, bool), Problem> {
        let after = query.after.as_deref();
        let page = self.platform.store().list(tenant, kind, after, query.limit, Consistency::Strong).await?;
        if page.records.is_empty() {
            self.tenant_exists(tenant).await?;
        }
        let found = page.records.into_iter().map(|record| parsed(&record).map(|found| (record.key.id, found)));
        Ok((found.collect::<Result<_, _>>()?, page.more))
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
