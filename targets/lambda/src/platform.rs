//! What Lambda hands the core.

use toolgate_native::{HttpFetch, SystemClock, SystemRandom};
use toolgate_ports::{Counted, Platform};

use crate::store::{DynamoLedger, DynamoStore};

/// One instance's platform.
#[derive(Debug)]
pub(crate) struct LambdaPlatform {
    store: Counted<DynamoStore>,
    ledger: Counted<DynamoLedger>,
    fetch: HttpFetch,
    clock: SystemClock,
    random: SystemRandom,
}

impl LambdaPlatform {
    pub(crate) fn new(store: DynamoStore) -> Self {
        let ledger = Counted::new(DynamoLedger::new(store.clone()));
        Self {
            store: Counted::new(store),
            ledger,
            fetch: HttpFetch::new(),
            clock: SystemClock::new(),
            random: SystemRandom,
        }
    }
}

impl Platform for LambdaPlatform {
    type Store = Counted<DynamoStore>;
    type Fetch = HttpFetch;
    type Mailbox = Counted<DynamoStore>;
    type Ledger = Counted<DynamoLedger>;
    type Clock = SystemClock;
    type Random = SystemRandom;

    fn store(&self) -> &Counted<DynamoStore> {
        &self.store
    }
    fn ledger(&self) -> &Counted<DynamoLedger> {
        &self.ledger
    }
    fn fetch(&self) -> &HttpFetch {
        &self.fetch
    }
    fn mailbox(&self) -> &Counted<DynamoStore> {
        &self.store
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn random(&self) -> &SystemRandom {
        &self.random
    }
    fn operations(&self) -> u64 {
        self.store.operations() + self.ledger.operations()
    }
}
