//! Bodies of requests and answers: whole, in parts that need no copy, or as they arrive.

use std::{collections::VecDeque, fmt, pin::Pin};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use crate::FetchError;

/// Bytes as they arrive; each item may fail.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>>>>;

/// Bytes as they are given to a client. It cannot fail: what goes wrong in the middle is said in band.
pub type BodyStream = Pin<Box<dyn Stream<Item = Bytes>>>;

/// A body on its way to or from the gateway.
pub enum Body {
    /// Nothing.
    Empty,
    /// All of it.
    Full(Bytes),
    /// All of it, in parts to be sent one after the other without joining them.
    Parts(VecDeque<Bytes>),
    /// Coming from a client, as it arrives.
    Incoming(ByteStream),
    /// Going to a client, as it arises. Dropping it before its end means that the client is gone.
    Streaming(BodyStream),
}

impl Body {
    /// How many bytes there are, where that is known.
    #[must_use]
    pub fn known_len(&self) -> Option<usize> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len()),
            Self::Parts(parts) => Some(parts.iter().map(Bytes::len).sum()),
            Self::Incoming(_) | Self::Streaming(_) => None,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?} bytes)", self.known_len())
    }
}

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than `limit` bytes.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// It broke off.
    #[error("the body broke off: {0}")]
    Broken(#[from] FetchError),
}

/// Reads `body` whole, up to `limit` bytes; what is longer is refused without being kept.
///
/// # Errors
/// [`BodyError::TooLong`] beyond `limit`, [`BodyError::Broken`] if it ends early.
pub async fn collect(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    if body.known_len().is_some_and(|len| len > limit) {
        return Err(BodyError::TooLong { limit });
    }
    match body {
        Body::Empty => Ok(Bytes::new()),
        Body::Full(bytes) => Ok(bytes),
        Body::Parts(parts) => Ok(parts.iter().fold(BytesMut::new(), joined).freeze()),
        Body::Incoming(stream) => collect_stream(stream, limit).await,
        Body::Streaming(stream) => collect_stream(stream.map(Ok).boxed_local(), limit).await,
    }
}

fn joined(mut all: BytesMut, part: &Bytes) -> BytesMut {
    all.extend_from_slice(part);
    all
}

async fn collect_stream(mut stream: ByteStream, limit: usize) -> Result<Bytes, BodyError> {
    // One chunk is the common case and needs no copy.
    let Some(first) = stream.next().await else { return Ok(Bytes::new()) };
    let first = first?;
    let mut rest = BytesMut::new();
    let mut len = first.len();
    while len <= limit {
        let Some(chunk) = stream.next().await else { break };
        let chunk = chunk?;
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        len += chunk.len();
        if len <= limit {
            rest.extend_from_slice(&chunk);
        }
    }
    if len > limit {
        return Err(BodyError::TooLong { limit });
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
