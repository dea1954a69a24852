//! Committing: one transaction, conditional on the tenant's revision and on what the caller expects.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{
    error::BuildError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem, Update,
        builders::{PutBuilder, UpdateBuilder},
    },
};
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Commit, Expect, RecordKey, StoreError, Write};

use super::{
    DynamoStore,
    error::store_error,
    expiry,
    item::{self, Item},
};

/// How often a commit that met another is tried. Writers of one tenant are operators, so a second try is rare.
const TRIES: u32 = 12;
/// How long is waited before the second try, at the longest; this much more before each further one.
const BACKOFF: Duration = Duration::from_millis(20);
/// How long it is remembered what a commit changed. An instance that slept longer forgets everything.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// How a transaction ended.
pub(super) enum Outcome {
    Done,
    /// The condition on the item of this index did not hold.
    Refused(usize),
    /// Another transaction was at the same items.
    Raced,
}

impl DynamoStore {
    pub(super) async fn committed(&self, tenant: &TenantId, commit: &Commit) -> Result<Revision, StoreError> {
        for attempt in 0..TRIES {
            pause(attempt).await;
            let meta = self.meta(tenant).await?;
            if let Some(deleted_at) = meta.purging {
                // Whoever deleted the tenant did not finish: nothing of it may turn up in the new one.
                self.purge(tenant, deleted_at).await?;
            }
            let next = meta.revision.next();
            let (keys, items) = self.transaction(tenant, commit, meta.revision).map_err(|error| unbuildable(&error))?;
            match self.transact(items).await? {
                Outcome::Done => return Ok(next),
                Outcome::Refused(at) if at < keys.len() => return Err(StoreError::Conflict(keys[at].clone())),
                // The revision moved since it was read: what was expected is judged anew.
                Outcome::Refused(_) | Outcome::Raced => {}
            }
        }
        Err(contended(tenant))
    }

    /// The items of a commit's transaction. The first are records, whose keys are given too.
    fn transaction(
        &self,
        tenant: &TenantId,
        commit: &Commit,
        revision: Revision,
    ) -> Result<(Vec<RecordKey>, Vec<TransactWriteItem>), BuildError> {
        let next = revision.next();
        let mut expected: BTreeMap<&RecordKey, &Expect> = commit.expect.iter().map(|e| (e.key(), e)).collect();
        let (mut keys, mut items) = (Vec::new(), Vec::new());
        for write in &commit.writes {
            // An item may stand in a transaction once, so the expectation goes with the write.
            let expect = expected.remove(write.key());
            keys.push(write.key().clone());
            items.push(match write {
                Write::Put(key, value) => self.put_record(tenant, key, value, next, expect)?,
                Write::Delete(key) => self.delete_record(tenant, key, expect)?,
            });
        }
        for (key, expect) in expected {
            keys.push(key.clone());
            items.push(self.check_record(tenant, expect)?);
        }
        items.push(update(self.advance(tenant, revision).update_expression("SET rev = :next"))?);
        items.push(self.note(tenant, next, Some(&commit.writes))?);
        if let Some(write) = commit.writes.iter().find(|write| *write.key() == RecordKey::tenant()) {
            items.push(match write {
                Write::Put(..) => put(self.put(item::directory_key(tenant)))?,
                Write::Delete(_) => self.leave_directory(tenant)?,
            });
        }
        Ok((keys, items))
    }

    fn put(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(&self.table).set_item(Some(item))
    }

    fn put_record(
        &self,
        tenant: &TenantId,
        key: &RecordKey,
        value: &[u8],
        revision: Revision,
        expect: Option<&Expect>,
    ) -> Result<TransactWriteItem, BuildError> {
        let mut item = item::key(tenant, item::record_sort(key));
        item.insert(item::REVISION.to_owned(), item::number(revision.0));
        item.insert(item::VALUE.to_owned(), item::bytes(value));
        let (condition, values) = expect.map(condition).unzip();
        put(self.put(item).set_condition_expression(condition).set_expression_attribute_values(values.flatten()))
    }

    pub(super) fn delete_record(
        &self,
        tenant: &TenantId,
        key: &RecordKey,
        expect: Option<&Expect>,
    ) -> Result<TransactWriteItem, BuildError> {
        let (condition, values) = expect.map(condition).unzip();
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(item::key(tenant, item::record_sort(key))))
            .set_condition_expression(condition)
            .set_expression_attribute_values(values.flatten());
        Ok(TransactWriteItem::builder().delete(delete.build()?).build())
    }

    fn check_record(&self, tenant: &TenantId, expect: &Expect) -> Result<TransactWriteItem, BuildError> {
        let (condition, values) = condition(expect);
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(item::key(tenant, item::record_sort(expect.key()))))
            .condition_expression(condition)
            .set_expression_attribute_values(values);
        Ok(TransactWriteItem::builder().condition_check(check.build()?).build())
    }

    /// Takes the tenant from `revision` to the next; the caller says with which expression.
    pub(super) fn advance(&self, tenant: &TenantId, revision: Revision) -> UpdateBuilder {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item::key(tenant, item::META)))
            .expression_attribute_values(":next", item::number(revision.next().0));
        if revision == Revision::default() {
            return update.condition_expression("attribute_not_exists(rev)");
        }
        update
            .condition_expression("rev = :revision")
            .expression_attribute_values(":revision", item::number(revision.0))
    }

    /// Remembers for a while what `revision` changed: these records, or everything.
    pub(super) fn note(
        &self,
        tenant: &TenantId,
        revision: Revision,
        writes: Option<&[Write]>,
    ) -> Result<TransactWriteItem, BuildError> {
        let mut item = item::key(tenant, item::change_sort(revision));
        item.insert(item::EXPIRES.to_owned(), expiry(REMEMBERED));
        if let Some(writes) = writes {
            let keys = writes.iter().map(|write| item::text(write.key().to_string())).collect();
            item.insert(item::CHANGED.to_owned(), AttributeValue::L(keys));
        }
        put(self.put(item))
    }

    pub(super) fn leave_directory(&self, tenant: &TenantId) -> Result<TransactWriteItem, BuildError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(item::directory_key(tenant)));
        Ok(TransactWriteItem::builder().delete(delete.build()?).build())
    }

    pub(super) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Outcome, StoreError> {
        let made = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let Err(error) = made else { return Ok(Outcome::Done) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                Ok(outcome(canceled.cancellation_reasons()).unwrap_or(Outcome::Raced))
            }
            _ => Err(store_error("TransactWriteItems", error)),
        }
    }
}

/// The first condition that did not hold, if that is why.
fn outcome(reasons: &[CancellationReason]) -> Option<Outcome> {
    reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed")).map(Outcome::Refused)
}

fn condition(expect: &Expect) -> (String, Option<Item>) {
    match expect {
        Expect::Absent(_) => ("attribute_not_exists(pk)".to_owned(), None),
        Expect::Present(_) => ("attribute_exists(pk)".to_owned(), None),
        Expect::At(_, revision) => {
            ("rev = :at".to_owned(), Some(Item::from([(":at".to_owned(), item::number(revision.0))])))
        }
    }
}

fn put(put: PutBuilder) -> Result<TransactWriteItem, BuildError> {
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

pub(super) fn update(update: UpdateBuilder) -> Result<TransactWriteItem, BuildError> {
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

pub(super) fn unbuildable(error: &BuildError) -> StoreError {
    StoreError::Refused(format!("TransactWriteItems: the request can't be made: {error}"))
}

pub(super) fn contended(tenant: &TenantId) -> StoreError {
    StoreError::Unavailable(format!("tenant {tenant} is being changed by others all the time"))
}

/// Waits before a further try, for a random time, so that writers that met don't meet again.
pub(super) async fn pause(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let mut random = [u8::MAX];
    // Without randomness the wait is the longest.
    let _ = getrandom::fill(&mut random);
    tokio::time::sleep(BACKOFF * attempt * u32::from(random[0]) / u32::from(u8::MAX)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn a_condition_that_failed_is_told_from_a_meeting() {
        let refused = outcome(&reasons(&["None", "ConditionalCheckFailed", "TransactionConflict"]));
        assert!(matches!(refused, Some(Outcome::Refused(1))));
        assert!(outcome(&reasons(&["None", "TransactionConflict"])).is_none());
    }
}
