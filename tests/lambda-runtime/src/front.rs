//! The function URL: HTTP in, events to instances, their answers out.

use std::{
    cell::Cell,
    convert::Infallible,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http::{Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{answer::Chunks, event, pool::Pool};

type Reply = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// Serves until the listener breaks.
pub(crate) async fn serve(listener: TcpListener, pool: Rc<Pool>) -> io::Result<()> {
    let count = Rc::new(Cell::new(0_u64));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (pool, count) = (pool.clone(), count.clone());
        let service = service_fn(move |request| {
            count.set(count.get() + 1);
            let id = format!("{:08x}-0000-4000-8000-{:012x}", std::process::id(), count.get());
            answer(request, pool.clone(), id)
        });
        tokio::task::spawn_local(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, pool: Rc<Pool>, id: String) -> Result<Reply, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(plain(StatusCode::BAD_REQUEST)) };
    let event = event::of(&head, &body.to_bytes(), &id);
    let Ok(answer) = pool.invoke(id, event).await else { return Ok(plain(StatusCode::BAD_GATEWAY)) };
    let (mut head, ()) = answer.head.into_parts();
    // A streamed answer is sent in chunks, whatever its length.
    head.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(head, StreamBody::new(Frames(answer.body)).boxed_unsync()))
}

/// What Lambda says itself.
fn plain(status: StatusCode) -> Reply {
    let body = Full::new(Bytes::from_static(br#"{"Message":"Internal Server Error"}"#));
    let mut reply = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *reply.status_mut() = status;
    reply
}

struct Frames(Chunks);

impl Stream for Frames {
    type Item = io::Result<Frame<Bytes>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
