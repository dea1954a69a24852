//! What the core is handed on one machine: the embedded store, what the operating system has, and tasks of the thread's
//! own runtime.

use toolgate_native::{HttpFetch, SystemClock, SystemRandom};
use toolgate_ports::{Background, Counted, LocalFuture, Platform};

use crate::{ledger::SqliteLedger, mailbox::SharedMailbox, store::SqliteStore};

/// The platform of one thread.
#[derive(Debug)]
pub(crate) struct LocalPlatform {
    store: Counted<SqliteStore>,
    fetch: HttpFetch,
    mailbox: Counted<SharedMailbox>,
    ledger: Counted<SqliteLedger>,
    clock: SystemClock,
    random: SystemRandom,
}

impl LocalPlatform {
    pub(crate) fn new(store: SqliteStore, mailbox: SharedMailbox, ledger: SqliteLedger) -> Self {
        let (store, mailbox, ledger) = (Counted::new(store), Counted::new(mailbox), Counted::new(ledger));
        Self { store, mailbox, ledger, fetch: HttpFetch::new(), clock: SystemClock::new(), random: SystemRandom }
    }
}

impl Platform for LocalPlatform {
    type Store = Counted<SqliteStore>;
    type Fetch = HttpFetch;
    type Mailbox = Counted<SharedMailbox>;
    type Ledger = Counted<SqliteLedger>;
    type Clock = SystemClock;
    type Random = SystemRandom;

    fn store(&self) -> &Counted<SqliteStore> {
        &self.store
    }
    fn fetch(&self) -> &HttpFetch {
        &self.fetch
    }
    fn mailbox(&self) -> &Counted<SharedMailbox> {
        &self.mailbox
    }
    fn ledger(&self) -> &Counted<SqliteLedger> {
        &self.ledger
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn random(&self) -> &SystemRandom {
        &self.random
    }
    fn operations(&self) -> u64 {
        self.store.operations() + self.mailbox.operations() + self.ledger.operations()
    }
}

/// Tasks of this thread's runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalTasks;

impl Background for LocalTasks {
    fn spawn(&self, task: LocalFuture<()>) {
        tokio::task::spawn_local(task);
    }

    fn lasts(&self) -> bool {
        true
    }
}
