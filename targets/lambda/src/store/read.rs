//! Reading: what a tenant is at, what changed, records, the directory.
//!
//! Every read of a record is strongly consistent, also where the core would accept one as of its last sync: that sync read
//! the revision from the leader, and nothing in an eventually consistent answer shows that its replica has come as far (a
//! record's own revision can't: an older one looks the same whether the record changed since or not).

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Changed, Page, Record, RecordKey, RecordKind, StoreError, TenantSync};

use super::{
    DynamoStore,
    error::store_error,
    item::{self, Item},
};

/// A reader further behind than this forgets everything: it costs one read of each record it still needs.
const CHANGES: u64 = 50;

/// A tenant's state.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meta {
    /// How often it was changed.
    pub(super) revision: Revision,
    /// It was deleted at this revision, and items of that time may still be there.
    pub(super) purging: Option<Revision>,
}

impl DynamoStore {
    pub(super) async fn meta(&self, tenant: &TenantId) -> Result<Meta, StoreError> {
        let Some(item) = self.item(item::key(tenant, item::META)).await? else { return Ok(Meta::default()) };
        Ok(Meta {
            revision: Revision(item::read_number(&item, item::REVISION)?.unwrap_or(0)),
            purging: item::read_number(&item, item::PURGING)?.map(Revision),
        })
    }

    pub(super) async fn record(&self, tenant: &TenantId, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.item(item::key(tenant, item::record_sort(key))).await?.map(item::into_record).transpose()
    }

    async fn item(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let read = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(read.send().await.map_err(|error| store_error("GetItem", error))?.item)
    }

    pub(super) async fn synced(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
        let revision = self.meta(tenant).await?.revision;
        let changed = match since {
            Some(since) if since == revision => Changed::Records(Vec::new()),
            Some(since) if since < revision && revision.0 - since.0 <= CHANGES => {
                self.changes(tenant, since, revision).await?
            }
            _ => Changed::Everything,
        };
        Ok(TenantSync { revision, changed })
    }

    /// What the commits after `since`, up to `until`, changed. Everything, if one of them is not remembered any more.
    async fn changes(&self, tenant: &TenantId, since: Revision, until: Revision) -> Result<Changed, StoreError> {
        let range = (item::change_sort(since.next()), item::change_sort(until));
        let items = self.range(&item::partition(tenant), range, usize::MAX).await?;
        let mut keys = BTreeSet::new();
        for item in &items {
            match item.get(item::CHANGED) {
                Some(AttributeValue::L(changed)) => {
                    for key in changed {
                        let key = key.as_s().map_err(|_| item::corrupt(item, item::CHANGED))?;
                        keys.insert(key.parse::<RecordKey>()?);
                    }
                }
                _ => return Ok(Changed::Everything),
            }
        }
        let all_are_there = u64::try_from(items.len()) == Ok(until.0 - since.0);
        Ok(if all_are_there { Changed::Records(keys.into_iter().collect()) } else { Changed::Everything })
    }

    pub(super) async fn page(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let range = item::record_range(kind, after);
        let mut items = self.range(&item::partition(tenant), range, limit.saturating_add(1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { records: items.into_iter().map(item::into_record).collect::<Result<_, _>>()?, more })
    }

    pub(super) async fn set_up(&self, tenant: &TenantId) -> Result<Vec<Record>, StoreError> {
        let items = self.range(&item::partition(tenant), item::setup_range(), usize::MAX).await?;
        let records = items.into_iter().map(item::into_record).collect::<Result<Vec<Record>, _>>()?;
        Ok(records.into_iter().filter(|record| record.key.kind.is_setup()).collect())
    }

    pub(super) async fn directory(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<TenantId>, bool), StoreError> {
        // A tenant's id is made of characters below '~'.
        let range = (after.map_or_else(|| "\0".to_owned(), |after| format!("{after}\0")), "~".to_owned());
        let mut items = self.range(item::DIRECTORY, range, limit.saturating_add(1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let id =
            |item: &Item| TenantId::new(item::read_text(item, item::SK)?).map_err(|_| item::corrupt(item, item::SK));
        Ok((items.iter().map(id).collect::<Result<_, _>>()?, more))
    }

    /// The first `most` items of a partition between two sort keys, both included. DynamoDB answers in pages of 1 MB at
    /// the longest.
    pub(super) async fn range(
        &self,
        partition: &str,
        (from, to): (String, String),
        most: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", item::text(partition))
            .expression_attribute_values(":from", item::text(from))
            .expression_attribute_values(":to", item::text(to));
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let limit = i32::try_from(most - items.len()).unwrap_or(i32::MAX);
            let page = query.clone().limit(limit).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| store_error("Query", error))?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() || items.len() >= most {
                return Ok(items);
            }
        }
    }
}
