//! The true time, and the clocks of instances, which are not.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use toolgate_model::Timestamp;
use toolgate_ports::{Clock, LocalFuture};

use crate::random::Dice;

/// 2026-11-22T00:00:00Z, in microseconds.
const START: u64 = 1_795_305_600_000_000;

/// The true time, in microseconds. It passes only when it is told to.
#[derive(Debug, Default)]
pub(crate) struct Time {
    /// When it began.
    start: u64,
    elapsed: Cell<u64>,
    next: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
}

impl Time {
    /// Begins somewhere in a minute.
    pub(crate) fn new(dice: &Dice) -> Self {
        Self { start: START + dice.between(0, 59_999) * 1_000, ..Self::default() }
    }

    pub(crate) fn micros(&self) -> u64 {
        self.start + self.elapsed.get()
    }

    pub(crate) fn millis(&self) -> u64 {
        self.micros() / 1_000
    }

    /// Moves to the next timer; says whether there was one.
    pub(crate) fn advance(&self) -> bool {
        let Some(at) = self.timers.borrow().keys().next().map(|(at, _)| *at) else { return false };
        self.elapsed.set(at.max(self.elapsed.get()));
        let later = self.timers.borrow_mut().split_off(&(at + 1, 0));
        self.timers.replace(later).into_values().for_each(Waker::wake);
        true
    }

    pub(crate) fn sleep(self: &Rc<Self>, millis: u64) -> Sleep {
        self.sleep_micros(millis * 1_000)
    }

    fn sleep_micros(self: &Rc<Self>, micros: u64) -> Sleep {
        self.next.set(self.next.get() + 1);
        Sleep { time: Rc::clone(self), key: (self.elapsed.get() + micros, self.next.get()) }
    }
}

pub(crate) struct Sleep {
    time: Rc<Time>,
    key: (u64, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.elapsed.get() >= self.key.0 {
            return Poll::Ready(());
        }
        self.time.timers.borrow_mut().insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.time.timers.borrow_mut().remove(&self.key);
    }
}

/// An instance's clocks.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    time: Rc<Time>,
    /// How far the wall clock is ahead, in milliseconds.
    ahead: Rc<Cell<i64>>,
    /// How long the ticks stood still, in microseconds; `None` if they always do.
    frozen: Rc<Cell<Option<u64>>>,
}

impl Clocks {
    pub(crate) fn new(time: Rc<Time>, ahead: i64) -> Self {
        Self { time, ahead: Rc::new(Cell::new(ahead)), frozen: Rc::new(Cell::new(Some(0))) }
    }

    pub(crate) fn set(&self, ahead: i64) {
        self.ahead.set(ahead);
    }

    /// The ticks stood still for so long.
    pub(crate) fn stood_still(&self, micros: u64) {
        self.frozen.set(self.frozen.get().map(|before| before + micros));
    }

    /// The ticks stand still from now on.
    pub(crate) fn stop_ticks(&self) {
        self.frozen.set(None);
    }

    pub(crate) fn wall(&self) -> u64 {
        self.time.millis().saturating_add_signed(self.ahead.get())
    }
}

impl Clock for Clocks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall())
    }

    fn ticks(&self) -> u64 {
        self.frozen.get().map_or(0, |frozen| self.time.elapsed.get() - frozen)
    }

    fn sleep(&self, duration: Duration) -> LocalFuture<()> {
        Box::pin(self.time.sleep_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4)))
    }
}
