//! What the core is handed on one machine: the embedded store, sockets, the system's clock and randomness, tasks of the
//! thread's own runtime.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use toolgate_model::Timestamp;
use toolgate_ports::{Background, Clock, LocalFuture, Platform, Random};

use crate::{fetch::HttpFetch, store::SqliteStore};

/// The platform of one thread.
#[derive(Debug)]
pub(crate) struct LocalPlatform {
    store: SqliteStore,
    fetch: HttpFetch,
    clock: SystemClock,
    random: SystemRandom,
}

impl LocalPlatform {
    pub(crate) fn new(store: SqliteStore) -> Self {
        Self { store, fetch: HttpFetch::new(), clock: SystemClock::new(), random: SystemRandom }
    }
}

impl Platform for LocalPlatform {
    type Store = SqliteStore;
    type Fetch = HttpFetch;
    type Clock = SystemClock;
    type Random = SystemRandom;

    fn store(&self) -> &SqliteStore {
        &self.store
    }
    fn fetch(&self) -> &HttpFetch {
        &self.fetch
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn random(&self) -> &SystemRandom {
        &self.random
    }
}

/// The system's clock.
#[derive(Debug)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn ticks(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, duration: Duration) -> LocalFuture<()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The system's randomness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no key and no seal can be made: there is nothing to go on with"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives no random bytes");
    }
}

/// Tasks of this thread's runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalTasks;

impl Background for LocalTasks {
    fn spawn(&self, task: LocalFuture<()>) {
        tokio::task::spawn_local(task);
    }
}
