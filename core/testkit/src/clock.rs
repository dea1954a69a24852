//! A clock that stands still until it is moved.

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

/// 2026-11-22T00:00:00Z, in microseconds.
const START_MICROS: u64 = 1_795_305_600_000_000;

#[derive(Debug, Default)]
struct Inner {
    elapsed_micros: Cell<u64>,
    next_id: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
}

/// A virtual clock.
#[derive(Debug, Default, Clone)]
pub struct VirtualClock(Rc<Inner>);

impl VirtualClock {
    /// Lets `duration` pass.
    pub fn advance(&self, duration: Duration) {
        self.move_to(self.0.elapsed_micros.get() + micros(duration));
    }

    /// Moves to the next timer; says whether there was one.
    pub(crate) fn advance_to_next(&self) -> bool {
        let next = self.0.timers.borrow().keys().next().map(|(at, _)| *at);
        let Some(at) = next else { return false };
        self.move_to(at);
        true
    }

    fn move_to(&self, micros: u64) {
        self.0.elapsed_micros.set(micros.max(self.0.elapsed_micros.get()));
        let later = self.0.timers.borrow_mut().split_off(&(micros + 1, 0));
        let due = self.0.timers.replace(later);
        due.into_values().for_each(Waker::wake);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis((START_MICROS + self.0.elapsed_micros.get()) / 1_000)
    }

    fn ticks(&self) -> u64 {
        self.0.elapsed_micros.get()
    }

    fn sleep(&self, duration: Duration) -> LocalFuture<()> {
        let id = self.0.next_id.get();
        self.0.next_id.set(id + 1);
        Box::pin(Sleep { inner: Rc::clone(&self.0), key: (self.0.elapsed_micros.get() + micros(duration), id) })
    }
}

struct Sleep {
    inner: Rc<Inner>,
    key: (u64, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.inner.elapsed_micros.get() >= self.key.0 {
            return Poll::Ready(());
        }
        self.inner.timers.borrow_mut().insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.inner.timers.borrow_mut().remove(&self.key);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4)
}
