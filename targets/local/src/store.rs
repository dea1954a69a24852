//! The embedded store: one SQLite file, one connection, one writer, shared by all threads of this process.
//!
//! The statements and the contract live in `core/sql`. Warm requests don't come here: what a gateway knows stays true
//! until [`Store::generation`] changes, and asking that is one atomic read.

use std::{
    fs::{self, File, OpenOptions},
    io,
    ops::Deref,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rusqlite::Connection;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Commit, Consistency, Page, Record, RecordKey, RecordKind, Store, StoreError, TenantSync};
use toolgate_sql::Sql;

use crate::database::{self, Database};

/// In a write-ahead log a reader never waits for a writer. `FULL`: an answered commit survives a power cut, so that a
/// revoked key stays revoked.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -256; PRAGMA journal_size_limit = 4194304;";
/// While it is being made aside, nobody relies on it.
const SETTINGS_ASIDE: &str = "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;";

/// The store, to be cloned for each thread.
#[derive(Debug, Clone)]
pub(crate) struct SqliteStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    opened: Mutex<Opened>,
    generation: AtomicU64,
}

#[derive(Debug)]
struct Opened {
    database: Database,
    /// Where it is to be kept, as long as there is nothing in it: then it is in memory.
    unkept: Option<PathBuf>,
}

impl Deref for Opened {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

impl SqliteStore {
    /// Opens the database at `path`. If there is none, it is made when there is something to keep: a first start waits for no disk.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        if path.exists() {
            return Ok(Self::over(Opened { database: prepared(database::connect(path)?, SETTINGS)?, unkept: None }));
        }
        let database = prepared(database::in_memory()?, "")?;
        // What was written to it by mistake would be lost: it is refused.
        database.query("PRAGMA query_only = ON", &[])?;
        Ok(Self::over(Opened { database, unkept: Some(path.to_owned()) }))
    }

    fn over(opened: Opened) -> Self {
        Self(Arc::new(Shared { opened: Mutex::new(opened), generation: AtomicU64::new(0) }))
    }

    // A panic while the lock was held has rolled its transaction back: the database is as it was.
    fn database(&self) -> MutexGuard<'_, Opened> {
        self.0.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database, in its file.
    fn kept(&self) -> Result<MutexGuard<'_, Opened>, StoreError> {
        let mut opened = self.database();
        if let Some(path) = &opened.unkept {
            create(path)?;
            opened.database = prepared(database::connect(path)?, SETTINGS)?;
            opened.unkept = None;
        }
        Ok(opened)
    }

    // Even a commit that failed may have been made: what anyone knows is to be asked again.
    fn changing<T>(&self, change: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.kept().and_then(|database| change(&database));
        self.0.generation.fetch_add(1, Ordering::Release);
        result
    }
}

fn prepared(connection: Connection, settings: &str) -> Result<Database, StoreError> {
    let database = Database::new(connection, settings)?;
    toolgate_sql::migrate(&database)?;
    Ok(database)
}

// Made aside without waiting for the disk, which is then waited for once: SQLite in its own place would do so eight times.
fn create(path: &Path) -> Result<(), StoreError> {
    let aside = path.with_extension("db.new");
    let failed = |e: io::Error| StoreError::Unavailable(format!("{}: {e}", aside.display()));
    OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&aside).map_err(failed)?;
    drop(prepared(database::connect(&aside)?, SETTINGS_ASIDE)?);
    let dir = path.parent().unwrap_or(Path::new("."));
    sync_files(dir).and_then(|()| fs::rename(&aside, path)).and_then(|()| File::open(dir)?.sync_all()).map_err(failed)
}

/// Waits until the disk has what is in `dir`: the database is of no use without the secrets that were made for it.
fn sync_files(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    Ok(())
}

impl Store for SqliteStore {
    async fn sync(&self, tenant: &TenantId, since: Option<Revision>) -> Result<TenantSync, StoreError> {
        toolgate_sql::sync(&**self.database(), tenant, since)
    }

    async fn get(&self, tenant: &TenantId, key: &RecordKey, _: Consistency) -> Result<Option<Record>, StoreError> {
        toolgate_sql::get(&**self.database(), tenant, key)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        kind: RecordKind,
        after: Option<&str>,
        limit: usize,
        _: Consistency,
    ) -> Result<Page, StoreError> {
        toolgate_sql::list(&**self.database(), tenant, kind, after, limit)
    }

    async fn setup(&self, tenant: &TenantId, _: Consistency) -> Result<Vec<Record>, StoreError> {
        toolgate_sql::setup(&**self.database(), tenant)
    }

    async fn commit(&self, tenant: &TenantId, commit: Commit) -> Result<Revision, StoreError> {
        self.changing(|database| toolgate_sql::commit(database, tenant, &commit))
    }

    async fn delete_tenant(&self, tenant: &TenantId) -> Result<Revision, StoreError> {
        self.changing(|database| toolgate_sql::delete_tenant(database, tenant))
    }

    async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<(Vec<TenantId>, bool), StoreError> {
        toolgate_sql::tenants(&**self.database(), after, limit)
    }

    async fn get_blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
        toolgate_sql::get_blob(&**self.database(), tenant, name)
    }

    async fn put_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError> {
        toolgate_sql::put_blob(&**self.kept()?, tenant, name, &value)
    }

    fn generation(&self) -> Option<u64> {
        Some(self.0.generation.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use toolgate_ports::{Changed, RecordKind, Write};
    use toolgate_testkit::store_contract;

    use super::*;
    use crate::test_dir::TestDir;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn put(id: &str, value: &'static str) -> Commit {
        let key = RecordKey::new(RecordKind::Server, id);
        Commit { expect: vec![], writes: vec![Write::Put(key, Bytes::from_static(value.as_bytes()))] }
    }

    #[test]
    fn the_file_keeps_the_contract() {
        let dir = TestDir::new();
        let store = SqliteStore::open(&dir.path("toolgate.db")).unwrap();
        let checks = block_on(store_contract(&store, "sqlite")).unwrap();
        assert!(checks > 30, "only {checks} checks ran");
    }

    #[test]
    fn records_blobs_and_revisions_outlive_the_process() {
        let dir = TestDir::new();
        let tenant = TenantId::new("acme").unwrap();
        let blob = Bytes::from(vec![7; 3_000_000]);
        let first = SqliteStore::open(&dir.path("toolgate.db")).unwrap();
        block_on(first.commit(&tenant, put("a", "1"))).unwrap();
        block_on(first.put_blob(&tenant, "catalogue/a", blob.clone())).unwrap();
        drop(first);
        let again = SqliteStore::open(&dir.path("toolgate.db")).unwrap();
        let record = block_on(again.get(&tenant, &RecordKey::new(RecordKind::Server, "a"), Consistency::Strong));
        assert_eq!(record.unwrap().unwrap().value, "1");
        assert_eq!(block_on(again.get_blob(&tenant, "catalogue/a")).unwrap().unwrap(), blob);
        let sync = block_on(again.sync(&tenant, Some(Revision(0)))).unwrap();
        assert_eq!(sync.revision, Revision(1));
        assert_eq!(sync.changed, Changed::Records(vec![RecordKey::new(RecordKind::Server, "a")]));
    }

    #[test]
    fn the_file_is_made_when_there_is_something_to_keep() {
        let dir = TestDir::new();
        let (path, tenant) = (dir.path("toolgate.db"), TenantId::new("acme").unwrap());
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(block_on(store.sync(&tenant, None)).unwrap().revision, Revision(0));
        assert!(store.database().query("DELETE FROM tenants", &[]).is_err(), "it would be lost");
        assert!(!path.exists());
        block_on(store.commit(&tenant, put("a", "1"))).unwrap();
        assert!(path.exists());
        assert_eq!(block_on(store.sync(&tenant, None)).unwrap().revision, Revision(1));
    }

    #[test]
    fn a_file_that_can_not_be_made_fails_one_commit_and_not_the_next() {
        let dir = TestDir::new();
        let (path, tenant) = (dir.path("later").join("toolgate.db"), TenantId::new("acme").unwrap());
        let store = SqliteStore::open(&path).unwrap();
        let commit = || block_on(store.commit(&tenant, put("a", "1")));
        assert!(matches!(commit(), Err(StoreError::Unavailable(_))));
        fs::create_dir(dir.path("later")).unwrap();
        assert_eq!(commit().unwrap(), Revision(1));
    }

    #[test]
    fn who_slept_through_too_many_changes_forgets_everything() {
        let tenant = TenantId::new("acme").unwrap();
        let database = prepared(database::in_memory().unwrap(), "").unwrap();
        let store = SqliteStore::over(Opened { database, unkept: None });
        let kept = toolgate_sql::CHANGES_KEPT;
        for _ in 0..kept + 2 {
            block_on(store.commit(&tenant, put("a", "1"))).unwrap();
        }
        let told = |since| block_on(store.sync(&tenant, Some(Revision(since)))).unwrap().changed;
        assert_eq!(told(1), Changed::Everything);
        assert_eq!(told(2), Changed::Records(vec![RecordKey::new(RecordKind::Server, "a")]));
        assert_eq!(told(kept + 2), Changed::Records(vec![]));
        assert_eq!(told(kept + 3), Changed::Everything, "a revision that is still to come");
    }

    #[test]
    fn every_commit_changes_the_generation() {
        let dir = TestDir::new();
        let tenant = TenantId::new("acme").unwrap();
        let store = SqliteStore::open(&dir.path("toolgate.db")).unwrap();
        let before = store.generation();
        let of_another_thread = store.clone();
        block_on(of_another_thread.commit(&tenant, put("a", "1"))).unwrap();
        assert_ne!(store.generation(), before);
    }

    #[test]
    fn a_database_of_a_later_release_is_left_alone() {
        let dir = TestDir::new();
        drop(SqliteStore::open(&dir.path("toolgate.db")).unwrap().kept().unwrap());
        let raw = Connection::open(dir.path("toolgate.db")).unwrap();
        raw.execute("INSERT INTO schema_version (version) VALUES (999)", []).unwrap();
        drop(raw);
        let error = SqliteStore::open(&dir.path("toolgate.db")).unwrap_err();
        assert!(error.to_string().contains("layout 999"), "{error}");
    }
}
