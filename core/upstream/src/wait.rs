//! Waiting for something for a limited time, on the platform's clock.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use toolgate_ports::{Clock, LocalFuture};

/// A point in time, in microseconds of the platform's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(u64);

impl Deadline {
    pub(crate) fn after(clock: &impl Clock, duration: Duration) -> Self {
        Self(clock.ticks().saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    pub(crate) fn remaining(self, clock: &impl Clock) -> Duration {
        Duration::from_micros(self.0.saturating_sub(clock.ticks()))
    }
}

/// What `future` gives, or nothing if it takes longer than `limit` says when it begins to be waited for. A future that is ready costs
/// neither a timer nor a look at the clock.
///
/// It is pinned where it is (`pin!`), because a future that is moved in here would have room in its caller's twice.
pub(crate) async fn within<F: Future + Unpin>(
    clock: &impl Clock,
    limit: impl Fn() -> Duration,
    mut future: F,
) -> Option<F::Output> {
    let mut timer: Option<LocalFuture<()>> = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(context) {
            return Poll::Ready(Some(output));
        }
        timer.get_or_insert_with(|| clock.sleep(limit())).as_mut().poll(context).map(|()| None)
    })
    .await
}
