//! The store port: each tenant's object is the truth, KV serves what may be as old as the last sync (see [`crate::copies`]).

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use bytes::Bytes;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Commit, Consistency, Page, Record, RecordKey, RecordKind, Store, StoreError, TenantSync};
use worker::{Env, KvStore, Method, ObjectNamespace, Request, RequestInit, kv::KvError};

use crate::{
    copies::{BLOB_SECONDS, CopyOf, Recent, blob_name, read_record, read_setup, record_name, setup_name},
    protocol::{
        CommitQuestion, DIRECTORY_NAME, DeleteQuestion, GetQuestion, ListQuestion, Operation, Packed, Reply,
        SetupQuestion, SyncQuestion, TenantsQuestion,
    },
};

/// The bindings' names in wrangler.toml.
pub(crate) const KV_BINDING: &str = "TOOLGATE_KV";
pub(crate) const TENANTS_BINDING: &str = "TOOLGATE_TENANTS";
pub(crate) const DIRECTORY_BINDING: &str = "TOOLGATE_DIRECTORY";
pub(crate) const MAILBOXES_BINDING: &str = "TOOLGATE_MAILBOXES";

/// KV takes values up to 25 MiB; this leaves room.
const LONGEST_BLOB: usize = 24 << 20;

/// How often the store was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Operations {
    /// Calls to KV.
    pub(crate) kv: u64,
    /// Calls to Durable Objects.
    pub(crate) objects: u64,
}

impl Operations {
    /// What was added since `earlier`.
    #[cfg(feature = "contract")]
    pub(crate) const fn since(self, earlier: Self) -> Self {
        Self { kv: self.kv - earlier.kv, objects: self.objects - earlier.objects }
    }
}

/// The store of this isolate.
pub(crate) struct WorkerStore {
    kv: KvStore,
    tenants: ObjectNamespace,
    directory: ObjectNamespace,
    mailboxes: ObjectNamespace,
    /// Of each tenant, what the last sync said must not be read from KV. Tenants without any are left out.
    recent: RefCell<BTreeMap<TenantId, Recent>>,
    operations: Cell<Operations>,
}

impl WorkerStore {
    /// The store on the bindings in `env`.
    ///
    /// # Errors
    /// Names the binding that is missing.
    pub(crate) fn new(env: &Env) -> worker::Result<Self> {
        Ok(Self {
            kv: env.kv(KV_BINDING)?,
            tenants: env.durable_object(TENANTS_BINDING)?,
            directory: env.durable_object(DIRECTORY_BINDING)?,
            mailboxes: env.durable_object(MAILBOXES_BINDING)?,
            recent: RefCell::default(),
            operations: Cell::default(),
        })
    }

    /// How often the store was asked, so far.
    pub(crate) fn operations(&self) -> Operations {
        self.operations.get()
    }

    fn kv(&self) -> &KvStore {
        let Operations { kv, objects } = self.operations.get();
        self.operations.set(Operations { kv: kv + 1, objects });
        &self.kv
    }

    async fn ask<O: Operation>(&self, tenant: &TenantId, question: &O) -> Result<O::Answer, StoreError> {
        self.ask_object(&self.tenants, tenant.as_str(), question).await
    }

    async fn ask_object<O: Operation>(
        &self,
        namespace: &ObjectNamespace,
        name: &str,
        question: &O,
    ) -> Result<O::Answer, StoreError> {
        self.count_object();
        ask(namespace, name, question).await
    }

    fn count_object(&self) {
        let Operations { kv, objects } = self.operations.get();
        self.operations.set(Operations { kv, objects: objects + 1 });
    }

    /// The objects that keep letters.
    pub(crate) fn mailboxes(&self) -> &ObjectNamespace {
        self.count_object();
        &self.mailboxes
    }

    /// The text of a copy, if it may be read from KV and is there. That KV fails is no reason to: the object knows.
    async fn copy(&self, tenant: &TenantId, copy: &CopyOf, name: &str, consistency: Consistency) -> Option<String> {
        if consistency == Consistency::Strong || self.recent.borrow().get(tenant).is_some_and(|r| r.has(copy)) {
            return None;
        }
        self.kv().get(name).text().await.ok().flatten()
    }

    async fn delete_blobs(&self, tenant: &TenantId) -> Result<(), StoreError> {
        loop {
            let found = self.kv().list().prefix(blob_name(tenant, "")).execute().await.map_err(kv_failure)?;
            for key in &found.keys {
                self.kv().delete(&key.name).await.map_err(kv_failure)?;
            }
            if found.list_complete {
                return Ok(());
            }
        }
    }
}

impl Store for WorkerStore {
    async fn sync(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
        let mut answer = self.ask(tenant, &SyncQuestion { tenant: tenant.clone(), since }).await?;
        let recent = Recent::new(answer.recent.take());
        if recent.is_none() {
            self.recent.borrow_mut().remove(tenant);
        } else {
            self.recent.borrow_mut().insert(tenant.clone(), recent);
        }
        answer.sync()
    }

    async fn get(
        &self,
        tenant: &TenantId,
        key: &RecordKey,
        consistency: Consistency,
    ) -> Result<Option<Record>, StoreError> {
        let copy = self.copy(tenant, &CopyOf::Record(key.clone()), &record_name(tenant, key), consistency).await;
        if let Some(known) = copy.as_deref().and_then(read_record) {
            return Ok(known);
        }
        // That KV has nothing does not mean that there is nothing: a copy may be lost, and a tombstone expires.
        let question = GetQuestion { tenant: tenant.clone(), key: key.to_string() };
        self.ask(tenant, &question).await?.map(Packed::unpack).transpose()
    }

    async fn list(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
        _: Consistency,
    ) -> Result<Page, StoreError> {
        let question = ListQuestion {
            tenant: tenant.clone(),
            kind: RecordKey::new(kind, "").to_string(),
            after: after.map(ToOwned::to_owned),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        self.ask(tenant, &question).await?.page()
    }

    async fn setup(&self, tenant: &TenantId, consistency: Consistency) -> Result<Vec<Record>, StoreError> {
        let copy = self.copy(tenant, &CopyOf::Setup, &setup_name(tenant), consistency).await;
        if let Some(records) = copy.as_deref().and_then(read_setup) {
            return Ok(records);
        }
        let records = self.ask(tenant, &SetupQuestion { tenant: tenant.clone() }).await?;
        records.into_iter().map(Packed::unpack).collect()
    }

    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError> {
        self.ask(tenant, &CommitQuestion::new(tenant.clone(), commit)?).await
    }

    async fn delete_tenant(&self, tenant: &TenantId) -> Result<Revision, StoreError> {
        let revision = self.ask(tenant, &DeleteQuestion { tenant: tenant.clone() }).await?;
        self.delete_blobs(tenant).await?;
        Ok(revision)
    }

    async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let question = TenantsQuestion { after: after.map(ToOwned::to_owned), limit };
        self.ask_object(&self.directory, DIRECTORY_NAME, &question).await
    }

    async fn get_blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
        let blob = self.kv().get(&blob_name(tenant, name)).bytes().await.map_err(kv_failure)?;
        Ok(blob.map(Bytes::from))
    }

    async fn put_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError> {
        if value.len() > LONGEST_BLOB {
            return Err(StoreError::Refused(format!("a blob is at most {LONGEST_BLOB} bytes long")));
        }
        let put = self.kv().put_bytes(&blob_name(tenant, name), &value).map_err(kv_failure)?;
        put.expiration_ttl(BLOB_SECONDS).execute().await.map_err(kv_failure)
    }
}

/// Asks the object called `name`. An object that was moved or restarted under a question fails it once: what may be
/// asked again, is.
///
/// # Errors
/// What the object answers, or that it did not.
pub(crate) async fn ask<O: Operation>(
    namespace: &ObjectNamespace,
    name: &str,
    question: &O,
) -> Result<O::Answer, StoreError> {
    let body = serde_json::to_string(question).map_err(|error| StoreError::Refused(error.to_string()))?;
    let mut answer = post(namespace, name, O::PATH, &body).await;
    if O::REPEATABLE && answer.is_err() {
        answer = post(namespace, name, O::PATH, &body).await;
    }
    let answer = answer.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let reply: Reply<O::Answer> =
        serde_json::from_str(&answer).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(reply?)
}

async fn post(namespace: &ObjectNamespace, name: &str, path: &str, body: &str) -> worker::Result<String> {
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(body.into()));
    // The host is for logs only.
    let request = Request::new_with_init(&format!("https://object{path}"), &init)?;
    let mut response = namespace.get_by_name(name)?.fetch_with_request(request).await?;
    let text = response.text().await?;
    if response.status_code() != 200 {
        return Err(worker::Error::RustError(format!("the object answered {}", response.status_code())));
    }
    Ok(text)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn kv_failure(error: KvError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
