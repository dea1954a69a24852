//! A stream of the Workers API, read chunk by chunk.
//!
//! wasm-streams does this too, and gives the stream's lock back at the end; nobody takes it again here, and giving it back
//! makes the runtime throw an error with a stack trace for each body (7 % of a call, measured).

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{FutureExt, Stream};
use js_sys::Uint8Array;
use toolgate_ports::FetchError;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, ReadableStreamDefaultReader, ReadableStreamReadResult};

use crate::message::broken;

thread_local! {
    /// That a stream can't be cancelled any more is no news.
    static IGNORE: Closure<dyn FnMut(JsValue)> = Closure::new(|_| {});
}

/// A stream's bytes as they arrive. Dropping it cancels the stream.
pub(crate) struct Chunks {
    /// `None` when the stream has ended.
    reader: Option<ReadableStreamDefaultReader>,
    read: Option<JsFuture>,
}

impl Chunks {
    /// Takes the stream for itself.
    pub(crate) fn of(stream: &ReadableStream) -> Self {
        Self { reader: Some(stream.get_reader().unchecked_into()), read: None }
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(reader) = &this.reader else { return Poll::Ready(None) };
        let read = this.read.get_or_insert_with(|| JsFuture::from(reader.read()));
        let outcome = ready!(read.poll_unpin(context));
        this.read = None;
        let result = match outcome {
            Ok(result) => result.unchecked_into::<ReadableStreamReadResult>(),
            Err(error) => {
                this.reader = None;
                return Poll::Ready(Some(Err(broken(&error))));
            }
        };
        if result.get_done().unwrap_or_default() {
            this.reader = None;
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Bytes::from(result.get_value().unchecked_into::<Uint8Array>().to_vec()))))
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            IGNORE.with(|ignore| drop(reader.cancel().catch(ignore)));
        }
    }
}
