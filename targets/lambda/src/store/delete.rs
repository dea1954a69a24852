//! Deleting a tenant: at once for everybody who asks, then item by item.

use futures_util::{Stream, TryStreamExt, stream};
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
            self.keys(tenant, prefix)
                .map_ok(|key| self.remove(key, revision))
                .try_buffer_unordered(AT_ONCE)
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

    /// The keys of the tenant's items, page by page: they may be a million.
    pub(super) fn keys(&self, tenant: &TenantId, prefix: &str) -> impl Stream<Item = Result<Item, StoreError>> + use<> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .projection_expression("pk, sk")
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", item::text(item::partition(tenant)))
            .expression_attribute_values(":prefix", item::text(prefix));
        let pages = query.into_paginator().items().send();
        stream::try_unfold(pages, |mut pages| async move {
            let key = pages.next().await.transpose().map_err(|error| store_error("Query", error))?;
            Ok(key.map(|key| (key, pages)))
        })
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
