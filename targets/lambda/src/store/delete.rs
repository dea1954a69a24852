//! Deleting a tenant: at once for everybody who asks, then item by item.

use futures_util::{StreamExt, TryStreamExt, stream};
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{RecordKey, StoreError};

use super::{
    DynamoStore,
    commit::{Outcome, contended, pause, unbuildable, update},
    error::{if_it_holds, store_error},
    item::{self, Item},
};

/// How often a deletion that met a commit is tried.
const TRIES: u32 = 12;
/// How many items are deleted at the same time.
const AT_ONCE: usize = 8;

impl DynamoStore {
    pub(super) async fn deleted(&self, tenant: &TenantId) -> Result<Revision, StoreError> {
        for attempt in 0..TRIES {
            pause(attempt).await;
            let meta = self.meta(tenant).await?;
            if let Some(deleted_at) = meta.purging {
                self.purge(tenant, deleted_at).await?;
            }
            let next = meta.revision.next();
            let advance = self.advance(tenant, meta.revision).update_expression("SET rev = :next, purging = :next");
            let items = [
                update(advance),
                self.note(tenant, next, None),
                self.delete_record(tenant, &RecordKey::tenant(), None),
                self.leave_directory(tenant),
            ];
            let items = items.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| unbuildable(&error))?;
            if let Outcome::Done = self.transact(items).await? {
                self.purge(tenant, next).await?;
                return Ok(next);
            }
        }
        Err(contended(tenant))
    }

    /// Removes what is left of the tenant that was deleted at `revision`. Several may do it at the same time.
    pub(super) async fn purge(&self, tenant: &TenantId, revision: Revision) -> Result<(), StoreError> {
        for prefix in [item::RECORDS, item::BLOBS] {
            let keys = self.keys(tenant, prefix).await?;
            stream::iter(keys)
                .map(|key| self.remove(key, revision))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
        let done = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::key(tenant, item::META)))
            .update_expression("REMOVE purging")
            .condition_expression("purging = :revision")
            .expression_attribute_values(":revision", item::number(revision.0));
        if_it_holds("UpdateItem", done.send().await)
    }

    pub(super) async fn keys(&self, tenant: &TenantId, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .projection_expression("pk, sk")
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", item::text(item::partition(tenant)))
            .expression_attribute_values(":prefix", item::text(prefix));
        let mut pages = query.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(key) = pages.next().await {
            keys.push(key.map_err(|error| store_error("Query", error))?);
        }
        Ok(keys)
    }

    /// Removes an item, unless it is a record of a tenant that was made under the same name since: one that is slow to
    /// purge must not harm it. (A blob has no revision. It can be made again.)
    async fn remove(&self, key: Item, revision: Revision) -> Result<(), StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .condition_expression("attribute_not_exists(rev) OR rev <= :revision")
            .expression_attribute_values(":revision", item::number(revision.0));
        if_it_holds("DeleteItem", delete.send().await)
    }
}
