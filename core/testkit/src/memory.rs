//! The store in memory: the reference for what [`Store`] means.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use bytes::Bytes;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{
    Changed, Commit, Consistency, Page, Record, RecordKey, RecordKind, Store, StoreError, TenantSync, Write,
};

#[derive(Debug, Default)]
struct Tenant {
    revision: Revision,
    records: BTreeMap<RecordKey, Record>,
    changes: Vec<(Revision, RecordKey)>,
    blobs: BTreeMap<String, Bytes>,
}

/// A store in memory, with switches for tests.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tenants: RefCell<BTreeMap<TenantId, Tenant>>,
    reads: Cell<u64>,
    down: Cell<Option<Down>>,
}

#[derive(Debug, Clone, Copy)]
struct Down;

impl MemoryStore {
    /// How many operations were asked of it.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.reads.get()
    }

    /// From now on every operation fails.
    pub fn take_down(&self) {
        self.down.set(Some(Down));
    }

    /// From now on operations work again.
    pub fn bring_up(&self) {
        self.down.set(None);
    }

    fn operation(&self) -> Result<(), StoreError> {
        self.reads.set(self.reads.get() + 1);
        self.down.get().map_or(Ok(()), |_| Err(StoreError::Unavailable("it was taken down".into())))
    }
}

impl Store for MemoryStore {
    async fn sync(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
        self.operation()?;
        let tenants = self.tenants.borrow();
        let Some(found) = tenants.get(tenant) else {
            return Ok(TenantSync { revision: Revision(0), changed: Changed::Everything });
        };
        let changed = match since {
            Some(since) if since <= found.revision => {
                let newer = found.changes.iter().filter(|(at, _)| *at > since).map(|(_, key)| key.clone());
                Changed::Records(newer.collect::<BTreeSet<_>>().into_iter().collect())
            }
            _ => Changed::Everything,
        };
        Ok(TenantSync { revision: found.revision, changed })
    }

    async fn get(&self, tenant: &TenantId, key: &RecordKey, _: Consistency) -> Result<Option<Record>, StoreError> {
        self.operation()?;
        Ok(self.tenants.borrow().get(tenant).and_then(|found| found.records.get(key).cloned()))
    }

    async fn list(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
        _: Consistency,
    ) -> Result<Page, StoreError> {
        self.operation()?;
        let tenants = self.tenants.borrow();
        let Some(found) = tenants.get(tenant) else { return Ok(Page::default()) };
        let from =
            after.map_or(Bound::Included(RecordKey::new(kind, "")), |id| Bound::Excluded(RecordKey::new(kind, id)));
        let mut records: Vec<Record> = found
            .records
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.kind == kind)
            .take(limit + 1)
            .map(|(_, record)| record.clone())
            .collect();
        let more = records.len() > limit;
        records.truncate(limit);
        Ok(Page { records, more })
    }

    async fn setup(&self, tenant: &TenantId, _: Consistency) -> Result<Vec<Record>, StoreError> {
        self.operation()?;
        let tenants = self.tenants.borrow();
        let Some(found) = tenants.get(tenant) else { return Ok(Vec::new()) };
        let mut records: Vec<Record> =
            found.records.values().filter(|record| record.key.kind.is_setup()).cloned().collect();
        records.sort_by_key(|record| record.key.to_string());
        Ok(records)
    }

    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError> {
        self.operation()?;
        let mut tenants = self.tenants.borrow_mut();
        let found = tenants.entry(tenant.clone()).or_default();
        for expect in &commit.expect {
            if !expect.holds(found.records.get(expect.key()).map(|record| record.revision)) {
                return Err(StoreError::Conflict(expect.key().clone()));
            }
        }
        let revision = found.revision.next();
        found.revision = revision;
        for write in commit.writes {
            found.changes.push((revision, write.key().clone()));
            match write {
                Write::Put(key, value) => found.records.insert(key.clone(), Record { key, revision, value }),
                Write::Delete(key) => found.records.remove(&key),
            };
        }
        Ok(revision)
    }

    async fn delete_tenant(&self, tenant: &TenantId) -> Result<Revision, StoreError> {
        self.operation()?;
        let mut tenants = self.tenants.borrow_mut();
        let found = tenants.entry(tenant.clone()).or_default();
        let revision = found.revision.next();
        let gone = std::mem::take(&mut found.records);
        found.changes.extend(gone.into_keys().map(|key| (revision, key)));
        found.blobs.clear();
        found.revision = revision;
        Ok(revision)
    }

    async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError> {
        self.operation()?;
        let tenants = self.tenants.borrow();
        let mut ids: Vec<TenantId> = tenants
            .iter()
            .filter(|(id, found)| {
                found.records.contains_key(&RecordKey::tenant()) && after.is_none_or(|after| id.as_str() > after)
            })
            .map(|(id, _)| id.clone())
            .take(limit + 1)
            .collect();
        let more = ids.len() > limit;
        ids.truncate(limit);
        Ok((ids, more))
    }

    async fn get_blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.operation()?;
        Ok(self.tenants.borrow().get(tenant).and_then(|found| found.blobs.get(name).cloned()))
    }

    async fn put_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError> {
        self.operation()?;
        self.tenants.borrow_mut().entry(tenant.clone()).or_default().blobs.insert(name.to_owned(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{MemoryPlatform, store_contract};

    #[test]
    fn memory_keeps_the_contract() {
        let platform = MemoryPlatform::new();
        let checks = platform.run(store_contract(&platform.store, "memory")).unwrap();
        assert!(checks > 30, "only {checks} checks ran");
    }
}
