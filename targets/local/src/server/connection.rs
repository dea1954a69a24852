//! One connection: HTTP/1.1 in, [`Handler::handle`], HTTP/1.1 out.

use std::{convert::Infallible, rc::Rc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch};
use toolgate_ports::{Body, ClientAddr};

use super::{Stop, answer::Answer, arriving};

/// How long a client may take to send a request's head; an idle connection is closed after the same time.
const HEAD: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes; and hyper takes at most 100 headers.
const HEAD_SIZE: usize = 64 << 10;
/// The most that is read at once.
const BUFFER: usize = 64 << 10;

/// What answers requests.
pub(crate) trait Handler {
    /// Answers one request.
    async fn handle(&self, request: Request<Body>) -> Response<Body>;
}

/// Serves a connection until it ends, or `stopped` says so: then its request in flight is still answered.
pub(crate) async fn serve<H: Handler + 'static>(
    stream: std::net::TcpStream,
    handler: Rc<H>,
    mut stopped: watch::Receiver<Stop>,
) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let client = stream.peer_addr().ok().map(|address| ClientAddr(address.ip().to_canonical()));
    let service = service_fn(move |request| answer(Rc::clone(&handler), client, request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER).max_header_size(HEAD_SIZE);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        // A connection that breaks is its client's affair: there is nobody left to be told.
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stop| *stop == Stop::Now) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer<H: Handler>(
    handler: Rc<H>,
    client: Option<ClientAddr>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (mut head, incoming) = request.into_parts();
    if let Some(client) = client {
        head.extensions.insert(client);
    }
    let (body, rest) = arriving::body(&head, incoming);
    let response = handler.handle(Request::from_parts(head, body)).await;
    // What streams has read its request long before.
    if matches!(response.body(), Body::Empty | Body::Full(_) | Body::Parts(_)) {
        rest.discard().await;
    }
    Ok(response.map(Answer::from))
}
