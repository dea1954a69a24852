//! A body whose parts are made by one future, as they are read: what is sent waits until it was taken. Knows nothing of events.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::Stream;
use toolgate_ports::{BodyStream, LocalFuture};

#[derive(Default)]
struct Queue {
    parts: VecDeque<Bytes>,
    /// How many were sent.
    sent: u64,
    /// Several may send.
    waiting: Vec<Waker>,
}

/// Where the parts go.
#[derive(Clone, Default)]
pub(crate) struct Sink(Rc<RefCell<Queue>>);

impl Sink {
    /// How many parts were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.0.borrow().sent
    }

    /// Sends a part; done once it was taken.
    pub(crate) async fn send(&self, part: impl Into<Bytes>) {
        {
            let mut queue = self.0.borrow_mut();
            queue.parts.push_back(part.into());
            queue.sent += 1;
        }
        poll_fn(|context| {
            let mut queue = self.0.borrow_mut();
            if queue.parts.is_empty() {
                return Poll::Ready(());
            }
            queue.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

struct Produced {
    maker: Option<LocalFuture<()>>,
    sink: Sink,
}

/// The body that `make` makes. Dropping it drops the future.
pub(crate) fn produce<F: Future<Output = ()> + 'static>(make: impl FnOnce(Sink) -> F) -> BodyStream {
    let sink = Sink::default();
    Box::pin(Produced { maker: Some(Box::pin(make(sink.clone()))), sink })
}

impl Produced {
    fn take(&self) -> Option<Bytes> {
        let mut queue = self.sink.0.borrow_mut();
        let part = queue.parts.pop_front();
        if queue.parts.is_empty() {
            queue.waiting.drain(..).for_each(Waker::wake);
        }
        part
    }
}

impl Stream for Produced {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(part) = self.take() {
            return Poll::Ready(Some(part));
        }
        let Some(maker) = &mut self.maker else { return Poll::Ready(None) };
        let over = maker.as_mut().poll(context).is_ready();
        if over {
            self.maker = None;
        }
        match self.take() {
            Some(part) => Poll::Ready(Some(part)),
            None if over => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn parts_are_made_as_they_are_read() {
        let made = Rc::new(Cell::new(0));
        let count = Rc::clone(&made);
        let mut body = produce(|sink| async move {
            for part in ["a", "b", "c"] {
                count.set(count.get() + 1);
                sink.send(part).await;
            }
        });
        assert_eq!(body.next().now_or_never(), Some(Some(Bytes::from("a"))));
        assert_eq!(made.get(), 1, "the second is not made before it is asked for");
        let rest: Vec<Bytes> = body.collect().now_or_never().unwrap();
        assert_eq!((rest, made.get()), (vec![Bytes::from("b"), Bytes::from("c")], 3));
    }
}
