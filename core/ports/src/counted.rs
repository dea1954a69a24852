//! A store, a mailbox and a ledger that count how often they are asked, so that it can be shown what a request costs them.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use toolgate_model::{LimitId, LimitSpec, Revision, TenantId, Timestamp};

use crate::{
    AccountId, Ask, Commit, Consistency, Forget, Ledger, LedgerError, Mailbox, Outlook, Page, Record, RecordKey,
    RecordKind, Settlement, Store, StoreError, Take, Taken, TenantSync, UsagePage,
};

/// `inner`, counted.
#[derive(Debug, Clone, Default)]
pub struct Counted<S> {
    inner: S,
    operations: Cell<u64>,
}

impl<S> Counted<S> {
    /// Counts from zero.
    #[must_use]
    pub const fn new(inner: S) -> Self {
        Self { inner, operations: Cell::new(0) }
    }

    /// How often it was asked, so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    fn ask(&self) -> &S {
        self.operations.set(self.operations.get() + 1);
        &self.inner
    }
}

impl<S: Store> Store for Counted<S> {
    async fn sync(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
        self.ask().sync(tenant, since).await
    }

    async fn get(
        &self,
        tenant: &TenantId,
        key: &RecordKey,
        consistency: Consistency,
    ) -> Result<Option<Record>, StoreError> {
        self.ask().get(tenant, key, consistency).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<Page, StoreError> {
        self.ask().list(tenant, kind, after, limit, consistency).await
    }

    async fn setup(&self, tenant: &TenantId, consistency: Consistency) -> Result<Vec<Record>, StoreError> {
        self.ask().setup(tenant, consistency).await
    }

    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError> {
        self.ask().commit(tenant, commit).await
    }

    async fn delete_tenant(&self, tenant: &TenantId) -> Result<Revision, StoreError> {
        self.ask().delete_tenant(tenant).await
    }

    async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError> {
        self.ask().tenants(after, limit).await
    }

    async fn get_blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.ask().get_blob(tenant, name).await
    }

    async fn put_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError> {
        self.ask().put_blob(tenant, name, value).await
    }

    // What is known without asking.
    fn generation(&self) -> Option<u64> {
        self.inner.generation()
    }
}

impl<S: Mailbox> Mailbox for Counted<S> {
    async fn put(&self, tenant: &TenantId, name: &str, letter: Bytes) -> Result<(), StoreError> {
        self.ask().put(tenant, name, letter).await
    }

    async fn take(&self, tenant: &TenantId, name: &str, patience: Duration) -> Result<Option<Bytes>, StoreError> {
        self.ask().take(tenant, name, patience).await
    }
}

impl<S: Ledger> Ledger for Counted<S> {
    async fn take(&self, tenant: &TenantId, take: &Take) -> Result<Taken, LedgerError> {
        self.ask().take(tenant, take).await
    }

    async fn settle(&self, tenant: &TenantId, settlements: &[Settlement]) -> Result<(), LedgerError> {
        self.ask().settle(tenant, settlements).await
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        limit: &LimitId,
        spec: &LimitSpec,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError> {
        self.ask().usage(tenant, limit, spec, after, most).await
    }

    async fn foresee(
        &self,
        tenant: &TenantId,
        asks: &[Ask],
        at: Option<Timestamp>,
    ) -> Result<Vec<Outlook>, LedgerError> {
        self.ask().foresee(tenant, asks, at).await
    }

    async fn forget(&self, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError> {
        self.ask().forget(tenant, what).await
    }
}
