//! The object that is the truth of one tenant: the only one that writes its records. After each commit it brings the copies
//! elsewhere up to date; what is still to be done stands in its database, and an alarm sees to it if this isolate ends.

#![allow(missing_docs, missing_debug_implementations, reason = "what the durable_object macro adds has neither")]

use std::{cell::Cell, time::Duration};

use futures_util::future::join_all;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{RecordKey, RecordKind, StoreError, Write};
use toolgate_sql::{Param, Sql, Value};
use worker::{DurableObject, Env, KvStore, Request, Response, State, durable_object};

use crate::{
    copies::{
        CopyOf, KV_LAG_MILLIS, MOST_RECENT, TOMBSTONE_SECONDS, copies_of, record_name, setup_name, write_record,
        write_setup,
    },
    platform::now,
    protocol::{
        CommitQuestion, DIRECTORY_NAME, DeleteQuestion, EnterQuestion, Failure, GetQuestion, ListAnswer, ListQuestion,
        Operation, Packed, Reply, SetupQuestion, SyncAnswer, SyncQuestion,
    },
    sql::DurableSql,
    store::{DIRECTORY_BINDING, KV_BINDING, ask},
};

/// `written` is when the copy was last written, in milliseconds; NULL while it is still to be.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS copies (
    tenant TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, written INTEGER, PRIMARY KEY (tenant, name)
) WITHOUT ROWID";
const MARK: &str = "INSERT INTO copies (tenant, name, version, written) VALUES (?1, ?2, ?3, NULL)
    ON CONFLICT (tenant, name) DO UPDATE SET version = ?3, written = NULL";
const PENDING: &str = "SELECT tenant, name, version FROM copies WHERE written IS NULL ORDER BY version LIMIT 6";
const WRITTEN: &str = "UPDATE copies SET written = ?4 WHERE tenant = ?1 AND name = ?2 AND version = ?3";
const RECENT: &str =
    "SELECT name FROM copies WHERE tenant = ?1 AND (written IS NULL OR written > ?2) ORDER BY name LIMIT ?3";
const FORGET: &str = "DELETE FROM copies WHERE written <= ?1";

/// When an alarm tries again.
const RETRY: Duration = Duration::from_secs(30);
/// How many records are looked at in one go.
const PAGE: usize = 500;

/// One tenant's records.
#[durable_object(alarm)]
pub struct TenantObject {
    state: State,
    env: Env,
    sql: DurableSql,
    /// Why the database can't be used, if so.
    broken: Option<StoreError>,
    copying: Cell<bool>,
}

impl DurableObject for TenantObject {
    fn new(state: State, env: Env) -> Self {
        let sql = DurableSql::new(&state);
        let broken = toolgate_sql::migrate(&sql).and_then(|()| sql.rows(CREATE, &[])).err();
        Self { state, env, sql, broken, copying: Cell::new(false) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let path = request.path();
        let body = request.text().await?;
        if let Some(error) = &self.broken {
            return Response::from_json(&Reply::<()>::Err(error.clone().into()));
        }
        match path.as_str() {
            SyncQuestion::PATH => reply(&body, |question| self.sync(&question)),
            GetQuestion::PATH => reply(&body, |question| self.get(&question)),
            SetupQuestion::PATH => reply(&body, |question| self.setup(&question)),
            ListQuestion::PATH => reply(&body, |question| self.list(&question)),
            CommitQuestion::PATH => self.changing(reply(&body, |question| self.commit(question))?).await,
            DeleteQuestion::PATH => self.changing(reply(&body, |question| self.delete(&question))?).await,
            #[cfg(feature = "contract")]
            "/age" => self.age(),
            _ => Response::error("no such operation", 404),
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.copy_pending().await?;
        Response::empty()
    }
}

/// Answers the question in `body`.
pub(crate) fn reply<O: Operation>(
    body: &str,
    answer: impl FnOnce(O) -> Result<O::Answer, StoreError>,
) -> worker::Result<Response> {
    let question = serde_json::from_str(body)?;
    Response::from_json(&answer(question).map_err(Failure::from))
}

impl TenantObject {
    fn sync(&self, question: &SyncQuestion) -> Result<SyncAnswer, StoreError> {
        let sync = toolgate_sql::sync(&self.sql, &question.tenant, question.since)?;
        Ok(SyncAnswer::new(sync, self.recent(&question.tenant)?))
    }

    fn get(&self, question: &GetQuestion) -> Result<Option<Packed>, StoreError> {
        let record = toolgate_sql::get(&self.sql, &question.tenant, &question.key.parse()?)?;
        record.map(Packed::pack).transpose()
    }

    fn setup(&self, question: &SetupQuestion) -> Result<Vec<Packed>, StoreError> {
        toolgate_sql::setup(&self.sql, &question.tenant)?.into_iter().map(Packed::pack).collect()
    }

    fn list(&self, question: &ListQuestion) -> Result<ListAnswer, StoreError> {
        let kind = question.kind.parse::<RecordKey>()?.kind;
        let limit = question.limit as usize;
        let page = toolgate_sql::list(&self.sql, &question.tenant, kind, question.after.as_deref(), limit)?;
        ListAnswer::new(page)
    }

    fn commit(&self, question: CommitQuestion) -> Result<Revision, StoreError> {
        let tenant = question.tenant.clone();
        let commit = question.commit()?;
        self.sql.transaction(|| {
            let revision = toolgate_sql::commit(&self.sql, &tenant, &commit)?;
            self.mark(&tenant, revision, commit.writes.iter().map(Write::key))?;
            Ok(revision)
        })
    }

    fn delete(&self, question: &DeleteQuestion) -> Result<Revision, StoreError> {
        let tenant = &question.tenant;
        self.sql.transaction(|| {
            // The change is not made yet, but its revision is certain: nobody else writes here.
            let next = toolgate_sql::sync(&self.sql, tenant, None)?.revision.next();
            for kind in RecordKind::ALL {
                self.mark_all(tenant, next, kind)?;
            }
            toolgate_sql::delete_tenant(&self.sql, tenant)
        })
    }

    /// Notes all records of a kind, page by page: they may be a million.
    fn mark_all(&self, tenant: &TenantId, revision: Revision, kind: RecordKind) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = toolgate_sql::list(&self.sql, tenant, kind, after.as_deref(), PAGE)?;
            self.mark(tenant, revision, page.records.iter().map(|record| &record.key))?;
            after = page.records.into_iter().next_back().map(|last| last.key.id);
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Notes, with the change itself, what has to be copied.
    fn mark<'a>(
        &self,
        tenant: &TenantId,
        revision: Revision,
        keys: impl Iterator<Item = &'a RecordKey>,
    ) -> Result<(), StoreError> {
        for copy in keys.flat_map(copies_of) {
            let name = copy.to_string();
            self.sql.rows(MARK, &[Param::Text(tenant.as_str()), Param::Text(&name), integer(revision.0)])?;
        }
        self.sql.rows(FORGET, &[integer(now().as_millis().saturating_sub(KV_LAG_MILLIS))]).map(drop)
    }

    /// The copies that KV may not show everywhere yet; `None` if they are too many to name.
    fn recent(&self, tenant: &TenantId) -> Result<Option<Vec<String>>, StoreError> {
        let since = integer(now().as_millis().saturating_sub(KV_LAG_MILLIS));
        let rows = self.sql.rows(RECENT, &[Param::Text(tenant.as_str()), since, integer(MOST_RECENT as u64 + 1)])?;
        if rows.len() > MOST_RECENT {
            return Ok(None);
        }
        rows.into_iter().map(|row| name_of(row).map(Some)).collect()
    }

    /// Copies before it answers, so that KV is late for a change only where it must be. The alarm is set in the same
    /// turn as the change was made, and so is stored with it or not at all.
    async fn changing(&self, answer: Response) -> worker::Result<Response> {
        self.state.storage().set_alarm(RETRY).await?;
        if let Err(error) = self.copy_pending().await {
            tracing::warn!(%error, "copying after a commit failed; an alarm will try again");
        }
        Ok(answer)
    }

    /// Brings all copies up to date that are not. One such loop runs at a time, so that an older value of a copy never overtakes
    /// a newer one; what is marked meanwhile, the loop that is running takes too.
    async fn copy_pending(&self) -> worker::Result<()> {
        let Some(_turn) = Turn::take(&self.copying) else { return Ok(()) };
        loop {
            let pending = self.pending().map_err(thrown)?;
            if pending.is_empty() {
                return self.state.storage().delete_alarm().await;
            }
            let outcomes = join_all(pending.iter().map(|pending| self.copy(pending))).await;
            if let Some(error) = outcomes.into_iter().find_map(Result::err) {
                self.state.storage().set_alarm(RETRY).await?;
                return Err(thrown(error));
            }
        }
    }

    fn pending(&self) -> Result<Vec<Pending>, StoreError> {
        self.sql.rows(PENDING, &[])?.iter().map(|row| Pending::read(row)).collect()
    }

    async fn copy(&self, Pending { tenant, copy, version }: &Pending) -> Result<(), StoreError> {
        match copy {
            CopyOf::Record(key) => self.copy_record(tenant, key).await?,
            CopyOf::Setup => self.copy_setup(tenant).await?,
            CopyOf::Directory => self.enter(tenant).await?,
        }
        let name = copy.to_string();
        let params = [Param::Text(tenant.as_str()), Param::Text(&name), integer(*version), integer(now().as_millis())];
        self.sql.rows(WRITTEN, &params).map(drop)
    }

    async fn copy_record(&self, tenant: &TenantId, key: &RecordKey) -> Result<(), StoreError> {
        let record = toolgate_sql::get(&self.sql, tenant, key)?;
        let gone = record.is_none();
        self.put(&record_name(tenant, key), &write_record(record)?, gone.then_some(TOMBSTONE_SECONDS)).await
    }

    async fn copy_setup(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let setup = toolgate_sql::setup(&self.sql, tenant)?;
        let gone = setup.is_empty();
        self.put(&setup_name(tenant), &write_setup(setup)?, gone.then_some(TOMBSTONE_SECONDS)).await
    }

    async fn put(&self, name: &str, copy: &str, expires: Option<u64>) -> Result<(), StoreError> {
        let kv: KvStore = self.env.kv(KV_BINDING).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let failure = |error: worker::kv::KvError| StoreError::Unavailable(error.to_string());
        let put = kv.put(name, copy).map_err(failure)?;
        let put = match expires {
            Some(seconds) => put.expiration_ttl(seconds),
            None => put,
        };
        put.execute().await.map_err(failure)
    }

    async fn enter(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let present = toolgate_sql::get(&self.sql, tenant, &RecordKey::tenant())?.is_some();
        let directory = self.env.durable_object(DIRECTORY_BINDING);
        let directory = directory.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        ask(&directory, DIRECTORY_NAME, &EnterQuestion { tenant: tenant.clone(), present }).await
    }

    /// Makes all copies so old that they are relied on, without waiting for it.
    #[cfg(feature = "contract")]
    fn age(&self) -> worker::Result<Response> {
        self.sql.rows("UPDATE copies SET written = 0 WHERE written IS NOT NULL", &[]).map_err(thrown)?;
        Response::empty()
    }
}

struct Pending {
    tenant: TenantId,
    copy: CopyOf,
    version: u64,
}

impl Pending {
    fn read(row: &[Value]) -> Result<Self, StoreError> {
        let corrupt = |what: String| StoreError::Corrupt(format!("the list of copies can't be read: {what}"));
        let [Value::Text(tenant), Value::Text(copy), Value::Integer(version)] = row else {
            return Err(corrupt("its columns are of other types".into()));
        };
        let tenant = TenantId::new(tenant).map_err(|error| corrupt(error.to_string()))?;
        Ok(Self { tenant, copy: copy.parse()?, version: version.unsigned_abs() })
    }
}

fn name_of(row: Vec<Value>) -> Result<String, StoreError> {
    match row.into_iter().next() {
        Some(Value::Text(name)) => Ok(name),
        _ => Err(StoreError::Corrupt("the list of copies holds no name".into())),
    }
}

fn integer(number: u64) -> Param<'static> {
    Param::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn thrown(error: StoreError) -> worker::Error {
    worker::Error::RustError(error.to_string())
}

/// The right to be the one that copies, given back when dropped.
struct Turn<'a>(&'a Cell<bool>);

impl<'a> Turn<'a> {
    fn take(taken: &'a Cell<bool>) -> Option<Self> {
        (!taken.replace(true)).then_some(Self(taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
