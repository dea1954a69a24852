//! A client's body as it arrives.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use toolgate_ports::{Body, FetchError, FetchErrorKind};

/// How long a client may be silent in the middle of its body.
const SILENCE: Duration = Duration::from_secs(30);

/// A request's body for the gateway.
pub(super) fn body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() {
        return Body::Empty;
    }
    Body::Incoming(Box::pin(Arriving { incoming, silence: None }))
}

struct Arriving {
    incoming: Incoming,
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
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
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
