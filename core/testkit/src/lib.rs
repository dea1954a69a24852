//! A deterministic platform in memory — store, scripted upstreams, virtual clock, seeded randomness — and the contract
//! that every store ([`store_contract`]), mailbox and ledger must keep.
//!
//! Nothing here is in the product. Time passes only when every task waits: [`MemoryPlatform::run`] then moves the clock to
//! the next timer, so that a test of a ten-minute timeout takes no time and has one outcome.

mod clock;
mod contract;
mod fetch;
mod ledger;
mod ledger_contract;
mod log;
mod mailbox;
mod mailbox_contract;
mod memory;
pub mod programs;
#[cfg(not(feature = "interpreter"))]
#[path = "no_sandbox.rs"]
mod sandbox;
#[cfg(feature = "interpreter")]
mod sandbox;
mod told;

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

pub use clock::VirtualClock;
pub use contract::store_contract;
pub use fetch::{ScriptedFetch, json_response, sse_response};
pub use ledger::{LedgerFault, MemoryLedger};
pub use ledger_contract::ledger_contract;
pub use log::logged;
pub use mailbox::MemoryMailbox;
pub use mailbox_contract::mailbox_contract;
pub use memory::MemoryStore;
pub use sandbox::{InterpretedInstance, InterpretedSandbox};
use toolgate_ports::{Background, LocalFuture, Platform, Random, Scope};

/// The platform in memory.
#[derive(Debug)]
pub struct MemoryPlatform {
    /// Its store.
    pub store: MemoryStore,
    /// Its upstreams.
    pub fetch: ScriptedFetch,
    /// Its time.
    pub clock: VirtualClock,
    /// Where its requests meet.
    pub mailbox: MemoryMailbox,
    /// Where its limits are counted.
    pub ledger: MemoryLedger,
    /// Where its programs run.
    pub sandbox: InterpretedSandbox,
    random: SeededRandom,
    tasks: Rc<Tasks>,
}

impl Platform for MemoryPlatform {
    fn operations(&self) -> u64 {
        self.store.operations() + self.ledger.operations()
    }

    type Store = MemoryStore;
    type Fetch = ScriptedFetch;
    type Mailbox = MemoryMailbox;
    type Ledger = MemoryLedger;
    type Sandbox = InterpretedSandbox;
    type Clock = VirtualClock;
    type Random = SeededRandom;

    fn store(&self) -> &MemoryStore {
        &self.store
    }
    fn fetch(&self) -> &ScriptedFetch {
        &self.fetch
    }
    fn mailbox(&self) -> &MemoryMailbox {
        &self.mailbox
    }
    fn ledger(&self) -> &MemoryLedger {
        &self.ledger
    }
    fn sandbox(&self) -> &InterpretedSandbox {
        &self.sandbox
    }
    fn clock(&self) -> &VirtualClock {
        &self.clock
    }
    fn random(&self) -> &SeededRandom {
        &self.random
    }
}

impl Default for MemoryPlatform {
    fn default() -> Self {
        let clock = VirtualClock::default();
        Self {
            store: MemoryStore::default(),
            fetch: ScriptedFetch::default(),
            mailbox: MemoryMailbox::new(clock.clone()),
            ledger: MemoryLedger::new(clock.clone()),
            sandbox: InterpretedSandbox::default(),
            clock,
            random: SeededRandom::default(),
            tasks: Rc::default(),
        }
    }
}

impl MemoryPlatform {
    /// A fresh platform.
    #[must_use]
    pub fn new() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// A scope whose background tasks this platform runs.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { background: Rc::clone(&self.tasks) as Rc<dyn Background> }
    }

    /// Runs `future` and all background tasks until `future` is done; the clock moves when all of them wait.
    ///
    /// # Panics
    /// If everything waits and no timer is set: the test would hang.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        loop {
            while flag.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                    return value;
                }
                self.tasks.poll_all(&mut context);
            }
            assert!(self.clock.advance_to_next(), "every task waits and no timer is set");
        }
    }

    /// Ends all background tasks where they are, as a platform does that ends.
    pub fn forget_tasks(&self) {
        drop(self.tasks.0.take());
    }

    /// Runs the background tasks to their end; the clock moves when all of them wait.
    ///
    /// # Panics
    /// If all of them wait and no timer is set.
    pub fn settle(&self) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        loop {
            while flag.0.swap(false, Ordering::Relaxed) {
                self.tasks.poll_all(&mut Context::from_waker(&waker));
            }
            if self.tasks.0.borrow().is_empty() {
                return;
            }
            assert!(self.clock.advance_to_next(), "every task waits and no timer is set");
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Tasks(RefCell<Vec<LocalFuture<()>>>);

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tasks({})", self.0.borrow().len())
    }
}

impl Tasks {
    fn poll_all(&self, context: &mut Context<'_>) {
        let mut running: Vec<Pin<Box<dyn Future<Output = ()>>>> = std::mem::take(&mut *self.0.borrow_mut());
        running.retain_mut(|task| task.as_mut().poll(context).is_pending());
        if !self.0.borrow().is_empty() {
            // What a task has spawned is still to begin.
            context.waker().wake_by_ref();
        }
        self.0.borrow_mut().extend(running);
    }
}

impl Background for Tasks {
    fn spawn(&self, task: LocalFuture<()>) {
        self.0.borrow_mut().push(task);
    }

    fn lasts(&self) -> bool {
        true
    }
}

/// Bytes that only look unpredictable: splitmix64 from a fixed seed.
#[derive(Debug, Default)]
pub struct SeededRandom(RefCell<u64>);

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.borrow_mut();
        for chunk in buffer.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}
