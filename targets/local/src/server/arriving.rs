//! A client's body as it arrives, and what becomes of the part that nobody read.
//!
//! A connection that is closed with bytes unread is reset, and the reset can overtake the answer: a client that sends all of
//! its body first would never learn why it was refused. So the rest is read and dropped before the answer is sent, within bounds.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep, timeout};
use toolgate_ports::{Body, FetchError, FetchErrorKind};

/// How long a client may be silent in the middle of its body.
const SILENCE: Duration = Duration::from_secs(30);

/// How much of a body that nobody wanted is read, in bytes, and for how long. A client that sends more is cut off.
const UNWANTED: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(5);

/// A request's body for the gateway, and a hold on it for afterwards.
pub(super) fn body(request: &http::request::Parts, incoming: Incoming) -> (Body, Rest) {
    if incoming.is_end_stream() {
        return (Body::Empty, Rest(None));
    }
    // Whoever waits to be asked for the body gets its answer instead; reading would ask.
    let waits = request.headers.contains_key(http::header::EXPECT);
    let incoming = Rc::new(RefCell::new(incoming));
    let rest = Rest((!waits).then(|| Rc::clone(&incoming)));
    (Body::Incoming(Box::pin(Arriving { incoming, silence: None })), rest)
}

/// What is left of a body once the request is answered.
pub(super) struct Rest(Option<Rc<RefCell<Incoming>>>);

impl Rest {
    /// Reads it and drops it, as far as that is reasonable.
    pub(super) async fn discard(self) {
        let Some(incoming) = self.0 else { return };
        let over = incoming.borrow().is_end_stream() || incoming.borrow().size_hint().lower() > UNWANTED;
        if over {
            return;
        }
        // Too slow: the client has had its chance.
        let _ = timeout(PATIENCE, read_out(&incoming)).await;
    }
}

async fn read_out(incoming: &RefCell<Incoming>) {
    let mut read = 0;
    while read <= UNWANTED {
        let frame = poll_fn(|context| Pin::new(&mut *incoming.borrow_mut()).poll_frame(context)).await;
        let Some(Ok(frame)) = frame else { return };
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}

struct Arriving {
    incoming: Rc<RefCell<Incoming>>,
    /// Runs only while there is nothing to read: most bodies come with their head.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<FetchError> {
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(SILENCE)));
        ready!(silence.as_mut().poll(context));
        Poll::Ready(FetchError::new(FetchErrorKind::Broken, "nothing came for too long"))
    }
}

impl Stream for Arriving {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = Pin::new(&mut *self.incoming.borrow_mut()).poll_frame(context);
            let Poll::Ready(frame) = frame else {
                return self.wait(context).map(|error| Some(Err(error)));
            };
            self.silence = None;
            return Poll::Ready(match frame {
                None => None,
                Some(Err(_)) => Some(Err(FetchError::new(FetchErrorKind::Broken, "the client ended it early"))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Some(Ok(data)),
                    Err(_trailers) => continue,
                },
            });
        }
    }
}
