//! The ledger in memory: the reference for what [`Ledger`] means.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::Bound,
};

use toolgate_ledger::{Change, Drawer, account_name, forgotten_names};
use toolgate_model::{LimitId, LimitSpec, TenantId, Timestamp};
use toolgate_ports::{
    AccountId, AccountUsage, Ask, Clock, Forget, Ledger, LedgerError, MAX_SETTLEMENTS, Outlook, Settlement, Take,
    Taken, Terms, UsagePage,
};

use crate::VirtualClock;

type Documents = BTreeMap<(TenantId, String), Vec<u8>>;

/// A ledger in memory, with switches for tests.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    documents: RefCell<Documents>,
    clock: VirtualClock,
    operations: Cell<u64>,
    fault: Cell<Option<LedgerFault>>,
}

/// What goes wrong with every operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerFault {
    /// It is not done, and reported as failed.
    Down,
    /// It is done, and reported as failed.
    AnswersLost,
}

impl MemoryLedger {
    /// Empty, on this clock.
    #[must_use]
    pub fn new(clock: VirtualClock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// How many operations were asked of it.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// From now on every operation fails so; or none does.
    pub fn set_fault(&self, fault: Option<LedgerFault>) {
        self.fault.set(fault);
    }

    /// How many documents there are of a tenant.
    #[must_use]
    pub fn documents(&self, tenant: &TenantId) -> usize {
        self.documents.borrow().keys().filter(|(of, _)| of == tenant).count()
    }

    /// Does the operation `work`, unless a switch says that nothing works.
    fn operation<T>(&self, work: impl FnOnce() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.operations.set(self.operations.get() + 1);
        if self.fault.get() == Some(LedgerFault::Down) {
            return Err(LedgerError::Unavailable("it was taken down".into()));
        }
        let answer = work()?;
        if self.fault.get() == Some(LedgerFault::AnswersLost) {
            return Err(LedgerError::Unavailable("its answers are lost".into()));
        }
        Ok(answer)
    }

    /// [`Ledger::take`] at once, at `now`, whatever the switches say.
    ///
    /// # Errors
    /// As [`Ledger::take`].
    pub fn take_at(&self, tenant: &TenantId, take: &Take, now: Timestamp) -> Result<Taken, LedgerError> {
        let mut drawer = self.opened(tenant, Drawer::names_of_take(take)?)?;
        let taken = drawer.take(take, now)?;
        self.close(tenant, drawer.changes()?);
        Ok(taken)
    }

    /// [`Ledger::settle`] at once, at `now`, whatever the switches say.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub fn settle_at(&self, tenant: &TenantId, settlements: &[Settlement], now: Timestamp) -> Result<(), LedgerError> {
        if settlements.len() > MAX_SETTLEMENTS {
            return Err(LedgerError::Refused(format!("at most {MAX_SETTLEMENTS} settlements at once")));
        }
        for settlement in settlements {
            let mut drawer = self.opened(tenant, Drawer::names_of_settlement(settlement))?;
            drawer.settle(settlement, now)?;
            self.close(tenant, drawer.changes()?);
        }
        Ok(())
    }

    /// What the account `id` holds at `now`, if there is one.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn usage_at(
        &self,
        tenant: &TenantId,
        id: &AccountId,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Option<AccountUsage>, LedgerError> {
        let name = account_name(id.as_str());
        match self.documents.borrow().get(&(tenant.clone(), name.clone())) {
            Some(value) => Drawer::usage(&name, value, terms, now),
            None => Ok(None),
        }
    }

    /// Changes documents behind the ledger's back, by name.
    pub fn tamper(&self, tenant: &TenantId, mut change: impl FnMut(&str, &mut Vec<u8>)) {
        let mut documents = self.documents.borrow_mut();
        let of_tenant = documents.iter_mut().filter(|((of, _), _)| of == tenant);
        of_tenant.for_each(|((_, name), value)| change(name, value));
    }

    fn opened(&self, tenant: &TenantId, names: impl IntoIterator<Item = String>) -> Result<Drawer, LedgerError> {
        let documents = self.documents.borrow();
        let mut drawer = Drawer::default();
        for name in names {
            drawer.put(&name, documents.get(&(tenant.clone(), name.clone())).map(Vec::as_slice))?;
        }
        Ok(drawer)
    }

    fn close(&self, tenant: &TenantId, changes: Vec<Change>) {
        let mut documents = self.documents.borrow_mut();
        for Change { name, value, .. } in changes {
            let key = (tenant.clone(), name);
            match value {
                Some(value) => documents.insert(key, value),
                None => documents.remove(&key),
            };
        }
    }

    fn page(
        &self,
        tenant: &TenantId,
        prefix: &str,
        terms: &Terms,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError> {
        let (documents, now) = (self.documents.borrow(), self.clock.now());
        // The account of a limit that has one only is called as the prefix.
        let from = match after {
            None => Bound::Included((tenant.clone(), prefix.to_owned())),
            Some(after) => Bound::Excluded((tenant.clone(), account_name(after.as_str()))),
        };
        let of_limit = documents.range((from, Bound::Unbounded));
        let mut of_limit = of_limit.take_while(|((of, name), _)| of == tenant && name.starts_with(prefix));
        let mut page = UsagePage::default();
        for ((_, name), value) in of_limit.by_ref().take(most) {
            page.accounts.extend(Drawer::usage(name, value, terms, now)?);
        }
        page.more = of_limit.next().is_some();
        Ok(page)
    }
}

impl Ledger for MemoryLedger {
    async fn take(&self, tenant: &TenantId, take: &Take) -> Result<Taken, LedgerError> {
        self.operation(|| self.take_at(tenant, take, self.clock.now()))
    }

    async fn settle(&self, tenant: &TenantId, settlements: &[Settlement]) -> Result<(), LedgerError> {
        self.operation(|| self.settle_at(tenant, settlements, self.clock.now()))
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        limit: &LimitId,
        spec: &LimitSpec,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError> {
        self.operation(|| {
            let prefix = account_name(&AccountId::prefix(limit, spec));
            self.page(tenant, &prefix, &Terms::of(spec), after, most)
        })
    }

    async fn foresee(
        &self,
        tenant: &TenantId,
        asks: &[Ask],
        at: Option<Timestamp>,
    ) -> Result<Vec<Outlook>, LedgerError> {
        self.operation(|| {
            let mut drawer = self.opened(tenant, Drawer::names_of_asks(asks)?)?;
            drawer.foresee(asks, self.clock.now().max(at.unwrap_or_default()))
        })
    }

    async fn forget(&self, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError> {
        self.operation(|| {
            let prefixes = forgotten_names(what);
            let forgotten = |name: &String| prefixes.iter().any(|prefix| name.starts_with(prefix));
            self.documents.borrow_mut().retain(|(of, name), _| of != tenant || !forgotten(name));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{MemoryPlatform, ledger_contract};

    #[test]
    fn memory_keeps_the_contract() {
        let platform = MemoryPlatform::new();
        let checks = platform.run(ledger_contract(&platform.ledger, "memory")).unwrap();
        assert!(checks > 40, "only {checks} checks ran");
    }
}
