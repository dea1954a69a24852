//! What the core is handed on one machine: the embedded store, what the operating system has, and tasks of the thread's
//! own runtime.

use toolgate_native::{HttpFetch, SystemClock, SystemRandom};
use toolgate_ports::{Background, LocalFuture, Platform};

use crate::{mailbox::SharedMailbox, store::SqliteStore};

/// The platform of one thread.
#[derive(Debug)]
pub(crate) struct LocalPlatform {
    store: SqliteStore,
    fetch: HttpFetch,
    mailbox: SharedMailbox,
    clock: SystemClock,
    random: SystemRandom,
}

impl LocalPlatform {
    pub(crate) fn new(store: SqliteStore, mailbox: SharedMailbox) -> Self {
        Self { store, mailbox, fetch: HttpFetch::new(), clock: SystemClock::new(), random: SystemRandom }
    }
}

impl Platform for LocalPlatform {
    type Store = SqliteStore;
    type Fetch = HttpFetch;
    type Mailbox = SharedMailbox;
    type Clock = SystemClock;
    type Random = SystemRandom;

    fn store(&self) -> &SqliteStore {
        &self.store
    }
    fn fetch(&self) -> &HttpFetch {
        &self.fetch
    }
    fn mailbox(&self) -> &SharedMailbox {
        &self.mailbox
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn random(&self) -> &SystemRandom {
        &self.random
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
