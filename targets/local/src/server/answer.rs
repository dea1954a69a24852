//! A gateway's answer on its way to the client. Parts are sent as they are: hundreds of them leave in a few vectored
//! writes, and none is copied.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use toolgate_ports::{Body, BodyStream};

/// An answer's body, for hyper.
pub(crate) enum Answer {
    /// What is not sent yet; empty when all is.
    Whole(Parts),
    Streaming(BodyStream),
}

impl From<Body> for Answer {
    fn from(body: Body) -> Self {
        match body {
            Body::Empty => Self::Whole(Parts::default()),
            Body::Full(bytes) => Self::Whole(bytes.into()),
            Body::Parts(parts) => Self::Whole(Parts::new(parts)),
            Body::Streaming(stream) => Self::Streaming(stream),
            // A body that breaks off can only end: the gateway turns what it passes on into a stream that says more.
            Body::Incoming(stream) => Self::Streaming(Box::pin(until_error(stream))),
        }
    }
}

fn until_error(stream: toolgate_ports::ByteStream) -> impl futures_util::Stream<Item = Bytes> {
    use futures_util::{StreamExt, future::ready};
    stream.take_while(|item| ready(item.is_ok())).filter_map(|item| ready(item.ok()))
}

impl http_body::Body for Answer {
    type Data = Parts;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Parts>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(parts) if parts.has_remaining() => Poll::Ready(Some(Ok(Frame::data(std::mem::take(parts))))),
            Self::Whole(_) => Poll::Ready(None),
            Self::Streaming(stream) => {
                let next = stream.as_mut().poll_next(context);
                next.map(|item| item.map(|bytes| Ok(Frame::data(bytes.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(parts) if !parts.has_remaining())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(parts) => SizeHint::with_exact(u64::try_from(parts.remaining()).unwrap_or(u64::MAX)),
            Self::Streaming(_) => SizeHint::default(),
        }
    }
}

/// Bytes in parts, none of them empty unless all are sent.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Apart from the others, because most answers are one part.
    front: Bytes,
    rest: VecDeque<Bytes>,
    remaining: usize,
}

impl From<Bytes> for Parts {
    fn from(front: Bytes) -> Self {
        Self { remaining: front.len(), front, rest: VecDeque::new() }
    }
}

impl Parts {
    fn new(mut rest: VecDeque<Bytes>) -> Self {
        rest.retain(|part| !part.is_empty());
        let remaining = rest.iter().map(Bytes::len).sum();
        Self { front: rest.pop_front().unwrap_or_default(), rest, remaining }
    }
}

impl Buf for Parts {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        &self.front
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = std::iter::once(&self.front).chain(&self.rest).filter(|part| !part.is_empty());
        slices.iter_mut().zip(parts).map(|(slice, part)| *slice = IoSlice::new(part)).count()
    }

    // Whoever advances beyond the end has a bug that must not be hidden: so the contract of `Buf`.
    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "advanced beyond the end");
        self.remaining -= count;
        while count >= self.front.len() && !self.front.is_empty() {
            count -= self.front.len();
            self.front = self.rest.pop_front().unwrap_or_default();
        }
        self.front.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_give_all_bytes_in_order(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..80), step in 1_usize..9) {
            let whole: Vec<u8> = parts.concat();
            let mut buf = Parts::new(parts.into_iter().map(Bytes::from).collect());
            let mut sent = Vec::new();
            while buf.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 4];
                let filled = buf.chunks_vectored(&mut slices);
                prop_assert!(filled > 0);
                let next: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).take(step).collect();
                buf.advance(next.len());
                sent.extend(next);
            }
            prop_assert_eq!(sent, whole);
        }
    }
}
