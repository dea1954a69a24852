//! The end of a client's patience. The runtime stops a request whose client is gone without a word to the code that
//! serves it, whose futures would stay in memory for ever; unless that code listens for the request's signal, and drops
//! them. That is for the time before an answer has begun: a streamed answer's stream is cancelled.
//!
//! Cloudflare's network gives the signal. A workerd on one's own machine does not notice until it has something to send;
//! there, only the gateway's own time limits end such a request.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::AbortSignal;

/// Done when the client is gone.
pub(crate) struct ClientGone {
    signal: AbortSignal,
    waker: Rc<RefCell<Option<Waker>>>,
    /// What the runtime calls.
    _wake: Closure<dyn FnMut()>,
}

impl ClientGone {
    /// Listens to a request's signal.
    pub(crate) fn of(signal: &AbortSignal) -> Self {
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let waiting = Rc::clone(&waker);
        let wake = Closure::new(move || {
            if let Some(waker) = waiting.take() {
                waker.wake();
            }
        });
        signal.set_onabort(Some(wake.as_ref().unchecked_ref()));
        Self { signal: signal.clone(), waker, _wake: wake }
    }
}

impl Future for ClientGone {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.signal.aborted() {
            return Poll::Ready(());
        }
        *self.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for ClientGone {
    fn drop(&mut self) {
        self.signal.set_onabort(None);
    }
}
