//! What Lambda hands the core.

use toolgate_native::{HttpFetch, SystemClock, SystemRandom};
use toolgate_ports::Platform;

use crate::store::DynamoStore;

/// One instance's platform.
#[derive(Debug)]
pub(crate) struct LambdaPlatform {
    store: DynamoStore,
    fetch: HttpFetch,
    clock: SystemClock,
    random: SystemRandom,
}

impl LambdaPlatform {
    pub(crate) fn new(store: DynamoStore) -> Self {
        Self { store, fetch: HttpFetch::new(), clock: SystemClock::new(), random: SystemRandom }
    }
}

impl Platform for LambdaPlatform {
    type Store = DynamoStore;
    type Fetch = HttpFetch;
    type Mailbox = DynamoStore;
    type Clock = SystemClock;
    type Random = SystemRandom;

    fn store(&self) -> &DynamoStore {
        &self.store
    }
    fn fetch(&self) -> &HttpFetch {
        &self.fetch
    }
    fn mailbox(&self) -> &DynamoStore {
        &self.store
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn random(&self) -> &SystemRandom {
        &self.random
    }
}
