//! Records in one DynamoDB table. `infra/README.md` describes the table; `item` spells its keys.
//!
//! A tenant's `M#` item holds its revision, and every commit is one transaction that is conditional on it: so a change, the
//! revision that names it and the note of what changed are made together or not at all.

mod blob;
mod commit;
mod delete;
mod error;
mod item;
mod ledger;
mod letters;
mod read;
mod settings;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use bytes::Bytes;
pub use ledger::DynamoLedger;
pub use settings::SettingsError;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Commit, Consistency, Page, Record, RecordKey, RecordKind, Store, StoreError, TenantSync};

/// The store of one instance: a client of DynamoDB, and a table's name.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    /// Reads `TOOLGATE_TABLE`, the credentials and region that Lambda sets, and, for tests, `TOOLGATE_DYNAMODB_ENDPOINT`,
    /// through `get`. Connects nowhere yet.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_vars(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        settings::store(get)
    }
}

impl Store for DynamoStore {
    async fn sync(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
        self.synced(tenant, since).await
    }

    async fn get(&self, tenant: &TenantId, key: &RecordKey, _: Consistency) -> Result<Option<Record>, StoreError> {
        self.record(tenant, key).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
        _: Consistency,
    ) -> Result<Page, StoreError> {
        self.page(tenant, kind, after, limit).await
    }

    async fn setup(&self, tenant: &TenantId, _: Consistency) -> Result<Vec<Record>, StoreError> {
        self.set_up(tenant).await
    }

    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError> {
        self.committed(tenant, &commit).await
    }

    async fn delete_tenant(&self, tenant: &TenantId) -> Result<Revision, StoreError> {
        self.deleted(tenant).await
    }

    async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError> {
        self.directory(after, limit).await
    }

    async fn get_blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.blob(tenant, name).await
    }

    async fn put_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError> {
        self.keep_blob(tenant, name, value).await
    }
}

/// The point, in seconds since 1970, from which DynamoDB may remove an item that is to live for `life`.
fn expiry(life: Duration) -> AttributeValue {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    AttributeValue::N((now + life).as_secs().to_string())
}
