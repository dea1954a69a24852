//! The ports on the Workers API.

use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use toolgate_model::Timestamp;
use toolgate_ports::{Background, Clock, LocalFuture, Platform, Random};
use wasm_bindgen::JsCast;
use web_sys::{Performance, WorkerGlobalScope};
use worker::{Context, Env};

use crate::{
    fetch::WorkerFetch,
    ledger::WorkerLedger,
    store::{Operations, WorkerStore},
};

/// Everything the core is handed here. It belongs to no request: each call takes place in the request that makes it.
pub(crate) struct WorkerPlatform {
    store: WorkerStore,
    ledger: WorkerLedger,
    fetch: WorkerFetch,
    clock: WorkerClock,
    random: WebCrypto,
}

impl WorkerPlatform {
    /// The platform on the bindings in `env`.
    ///
    /// # Errors
    /// Names the binding that is missing.
    pub(crate) fn new(env: &Env) -> worker::Result<Self> {
        let clock = WorkerClock { performance: global().performance() };
        let (store, ledger) = (WorkerStore::new(env)?, WorkerLedger::new(env)?);
        Ok(Self { store, ledger, fetch: WorkerFetch, clock, random: WebCrypto })
    }
}

impl Platform for WorkerPlatform {
    type Store = WorkerStore;
    type Mailbox = WorkerStore;
    type Ledger = WorkerLedger;
    type Fetch = WorkerFetch;
    type Clock = WorkerClock;
    type Random = WebCrypto;

    fn store(&self) -> &WorkerStore {
        &self.store
    }
    fn mailbox(&self) -> &WorkerStore {
        &self.store
    }
    fn ledger(&self) -> &WorkerLedger {
        &self.ledger
    }
    fn fetch(&self) -> &WorkerFetch {
        &self.fetch
    }
    fn clock(&self) -> &WorkerClock {
        &self.clock
    }
    fn random(&self) -> &WebCrypto {
        &self.random
    }
    fn operations(&self) -> u64 {
        let Operations { kv, objects } = self.store.operations();
        kv + objects + self.ledger.operations()
    }
}

/// The scope whose functions are `fetch`, `setTimeout` and the like.
pub(crate) fn global() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// The runtime's clocks. Both stand still between two I/O operations.
pub(crate) struct WorkerClock {
    performance: Option<Performance>,
}

impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        now()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "microseconds since start, far below 2^53"
    )]
    fn ticks(&self) -> u64 {
        let millis = self.performance.as_ref().map_or_else(js_sys::Date::now, Performance::now);
        (millis * 1_000.0) as u64
    }

    fn sleep(&self, duration: Duration) -> LocalFuture<()> {
        // Longer than setTimeout can wait is longer than any request lives.
        let millis = i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
        Box::pin(TimeoutFuture::new(millis.unsigned_abs()))
    }
}

/// The time of day.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds since 1970, far below 2^53")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(js_sys::Date::now() as u64)
}

/// The runtime's source of random bytes.
pub(crate) struct WebCrypto;

impl Random for WebCrypto {
    #[expect(clippy::expect_used, reason = "without random bytes no key may be made and no session sealed")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("WebCrypto gives random bytes inside a request");
    }
}

/// `waitUntil` of one request.
pub(crate) struct RequestBackground {
    context: Context,
}

impl RequestBackground {
    /// Background work of the request that `context` belongs to.
    pub(crate) const fn new(context: Context) -> Self {
        Self { context }
    }
}

impl Background for RequestBackground {
    fn spawn(&self, task: LocalFuture<()>) {
        self.context.wait_until(task);
    }

    /// The runtime ends it half a minute after the answer.
    fn lasts(&self) -> bool {
        false
    }
}
