//! The seam between the core and a platform: what a platform hands the core ([`Store`], [`Fetch`], [`Clock`],
//! [`Random`], [`Mailbox`], [`Ledger`], [`Sandbox`], [`Background`]), and the HTTP messages that cross it ([`Body`]).
//!
//! Futures need not be `Send`: one gateway lives on one thread (a Worker's isolate, a Lambda instance, one of the local
//! target's threads), and nothing is shared between them but the store. This crate must never know a runtime.
//!
//! A platform may run a future in the context of one request only (a Worker does). So no future that awaits a port
//! may be shared between requests; what outlives a request is handed to [`Background`].

#![allow(async_fn_in_trait, reason = "the core is single-threaded on every platform; no bound is wanted")]

mod body;
mod counted;
mod fetch;
mod ledger;
mod mailbox;
mod sandbox;
mod store;

use std::{future::Future, pin::Pin, rc::Rc, time::Duration};

pub use body::{Body, BodyError, BodyStream, ByteStream, collect};
pub use counted::Counted;
pub use fetch::{Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};
pub use ledger::{
    AccountId, AccountUsage, Ask, BURIED_FOR, EntryId, Forget, Grant, Holder, Ledger, LedgerError, MAX_ASKS,
    MAX_SETTLEMENTS, Outlook, PastWindow, ReceiptId, Refused, Settlement, Take, Taken, Terms, Then, UsagePage,
};
pub use mailbox::{LETTER_LIFE, MAX_LETTER, MAX_LETTERS, Mailbox};
pub use sandbox::{
    Entry, MAX_LOGS, MAX_PANIC, MAX_REPLY, Returned, Sandbox, SandboxError, SandboxInstance, Stepped, Trap,
};
pub use store::{
    Changed, Commit, Consistency, Expect, Page, Record, RecordKey, RecordKind, Store, StoreError, TenantSync, Write,
};
use toolgate_model::Timestamp;

/// The address that a request came from, as the platform saw it; it stands in the request's extensions. Behind a proxy it is the proxy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub std::net::IpAddr);

/// A future on this thread.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// The time, and waiting for it.
pub trait Clock {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// Microseconds from an arbitrary point, never going back. For measuring how long something took. (In a Worker time
    /// stands still between two I/O operations; what is measured there is I/O.)
    fn ticks(&self) -> u64;
    /// Completes after `duration`. Dropping it cancels it.
    fn sleep(&self, duration: Duration) -> LocalFuture<()>;
}

/// Unpredictable bytes.
pub trait Random {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// Work that goes on after the answer was given: `waitUntil` in a Worker, a task elsewhere. One per request.
pub trait Background {
    /// Runs `task` to its end, if the platform lives that long ([`Background::lasts`]).
    fn spawn(&self, task: LocalFuture<()>);

    /// Runs `task`, which holds an exchange open until somebody answers: minutes, not moments. Only where [`Background::lasts`].
    fn hold(&self, task: LocalFuture<()>) {
        self.spawn(task);
    }

    /// Whether a task may go on for minutes after the answer, so that an exchange with an upstream can be held open for a later
    /// request. A Worker's request can't; what needs it there is handed over to an object that can.
    fn lasts(&self) -> bool;
}

/// Everything a platform hands the core for the life of an instance.
pub trait Platform: 'static {
    /// Where records live.
    type Store: Store;
    /// The way out.
    type Fetch: Fetch;
    /// Where two requests meet.
    type Mailbox: Mailbox;
    /// Where limits are counted.
    type Ledger: Ledger;
    /// Where programs run.
    type Sandbox: Sandbox;
    /// The time.
    type Clock: Clock;
    /// Unpredictable bytes.
    type Random: Random;

    /// Where records live.
    fn store(&self) -> &Self::Store;
    /// The way out.
    fn fetch(&self) -> &Self::Fetch;
    /// Where two requests meet.
    fn mailbox(&self) -> &Self::Mailbox;
    /// Where limits are counted.
    fn ledger(&self) -> &Self::Ledger;
    /// Where programs run.
    fn sandbox(&self) -> &Self::Sandbox;
    /// The time.
    fn clock(&self) -> &Self::Clock;
    /// Unpredictable bytes.
    fn random(&self) -> &Self::Random;

    /// How often the store, the mailbox and the ledger were asked, so far.
    fn operations(&self) -> u64;
}

/// What belongs to one request: where its background work goes.
#[derive(Clone)]
pub struct Scope {
    /// Work that goes on after the answer.
    pub background: Rc<dyn Background>,
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scope")
    }
}
