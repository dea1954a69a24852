//! The embedded ledger: an SQLite file of its own beside the store's, one connection, shared by all threads of this process.
//!
//! The statements and the contract live in `core/sql`, the arithmetic in `core/ledger`. The file is opened when a limit first asks for it.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use toolgate_model::{LimitId, LimitSpec, TenantId, Timestamp};
use toolgate_ports::{
    AccountId, Ask, Forget, Ledger, LedgerError, Outlook, Settlement, StoreError, Take, Taken, UsagePage,
};
use toolgate_sql::{ledger, migrate_ledger};

use crate::database::{self, Database};

/// `NORMAL`: what was granted survives the end of this process, however it ends, without waiting for the disk at each call. A power cut
/// may lose the last moments, which then can be spent again; a store that waits (`FULL`) would cost each strict call some milliseconds.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -256; PRAGMA journal_size_limit = 4194304;";

/// The ledger, to be cloned for each thread.
#[derive(Debug, Clone)]
pub(crate) struct SqliteLedger(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    database: Mutex<Option<Database>>,
}

impl SqliteLedger {
    /// The ledger in the file at `path`, which is made when it is first needed.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(Arc::new(Shared { path, database: Mutex::new(None) }))
    }

    /// Does `work` with the database. A panic while the lock was held has rolled its transaction back: the database is as it was.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let mut database = self.0.database.lock().unwrap_or_else(PoisonError::into_inner);
        match &*database {
            Some(open) => work(open),
            None => work(database.insert(self.open()?)),
        }
    }

    fn open(&self) -> Result<Database, StoreError> {
        let path = &self.0.path;
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|error| StoreError::Refused(format!("{}: {error}", path.display())))?;
        let database = Database::new(database::connect(path)?, SETTINGS)?;
        migrate_ledger(&database)?;
        Ok(database)
    }
}

impl Ledger for SqliteLedger {
    async fn take(&self, tenant: &TenantId, take: &Take) -> Result<Taken, LedgerError> {
        self.with(|database| ledger::take(database, tenant, take, toolgate_native::now()))
    }

    async fn settle(&self, tenant: &TenantId, settlements: &[Settlement]) -> Result<(), LedgerError> {
        self.with(|database| ledger::settle(database, tenant, settlements, toolgate_native::now()))
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        limit: &LimitId,
        spec: &LimitSpec,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError> {
        self.with(|database| ledger::usage(database, tenant, (limit, spec), after, most, toolgate_native::now()))
    }

    async fn foresee(
        &self,
        tenant: &TenantId,
        asks: &[Ask],
        at: Option<Timestamp>,
    ) -> Result<Vec<Outlook>, LedgerError> {
        let now = toolgate_native::now().max(at.unwrap_or_default());
        self.with(|database| ledger::foresee(database, tenant, asks, now))
    }

    async fn forget(&self, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError> {
        self.with(|database| ledger::forget(database, tenant, what))
    }
}

#[cfg(test)]
#[path = "ledger_race.rs"]
mod race;

#[cfg(test)]
mod tests {
    use toolgate_testkit::ledger_contract;

    use super::*;
    use crate::test_dir::TestDir;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn the_file_keeps_the_contract() {
        let dir = TestDir::new();
        let checks = block_on(ledger_contract(&SqliteLedger::at(dir.path("ledger.db")), "sqlite")).unwrap();
        assert!(checks > 40, "only {checks} checks ran");
    }
}
