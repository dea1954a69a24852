//! One connection against a handler of the test's own, over real sockets.

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
};
use toolgate_ports::{Body, collect};

use super::*;

/// Answers with what a function makes of the request.
struct Scripted<F>(F);

impl<F: AsyncFn(Request<Body>) -> Response<Body>> Handler for Scripted<F> {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        (self.0)(request).await
    }
}

struct Served {
    client: TcpStream,
    stop: watch::Sender<Stop>,
    ended: tokio::task::JoinHandle<()>,
}

async fn served<F: AsyncFn(Request<Body>) -> Response<Body> + 'static>(answer: F) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let stream = listener.accept().await.unwrap().0.into_std().unwrap();
    let (stop, stopped) = watch::channel(Stop::NotYet);
    let ended = tokio::task::spawn_local(serve(stream, Rc::new(Scripted(answer)), stopped));
    Served { client, stop, ended }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    runtime().unwrap().block_on(test)
}

async fn rest(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).to_ascii_lowercase()
}

async fn until(client: &mut TcpStream, end: &[u8]) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap().to_ascii_lowercase()
}

#[test]
fn requests_follow_each_other_on_one_connection_and_parts_leave_joined() {
    run(async {
        let echo = async |request: Request<Body>| {
            let body = collect(request.into_body(), 100).await.unwrap();
            let parts = (0..200).map(|_| body.clone()).collect();
            Response::new(Body::Parts(parts))
        };
        let mut served = served(echo).await;
        for _ in 0..2 {
            served.client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc").await.unwrap();
            let head = until(&mut served.client, b"\r\n\r\nabc").await;
            assert!(head.contains("content-length: 600\r\n"), "{head}");
            let mut body = vec![0; 597];
            served.client.read_exact(&mut body).await.unwrap();
            assert_eq!(body, b"abc".repeat(199));
        }
    });
}

#[test]
fn what_is_no_http_or_too_much_of_it_is_refused() {
    run(async {
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
        let long = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(100_000));
        for (request, status) in [("what?\r\n\r\n".to_owned(), "400"), (many, "431"), (long, "431")] {
            let mut served = served(async |_| panic!("it came through")).await;
            // It may be refused before it is sent whole.
            let _ = served.client.write_all(request.as_bytes()).await;
            let mut answer = [0; 12];
            served.client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer[9..], status.as_bytes(), "{}", &request[..20]);
        }
    });
}

#[test]
fn a_refused_body_is_read_on_so_that_its_client_gets_the_answer() {
    run(async {
        let refuse = async |_: Request<Body>| Response::builder().status(413).body(Body::Full("no".into())).unwrap();
        let mut served = served(refuse).await;
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 10 << 20);
        served.client.write_all(head.as_bytes()).await.unwrap();
        // All of it is sent before anything is read: what many clients do.
        for _ in 0..10 {
            served.client.write_all(&[b'x'; 1 << 20]).await.unwrap();
        }
        assert!(until(&mut served.client, b"no").await.starts_with("http/1.1 413"));
    });
}

#[test]
fn a_client_that_waits_to_be_asked_for_a_refused_body_is_not_asked() {
    run(async {
        let refuse = async |_: Request<Body>| Response::builder().status(413).body(Body::Full("no".into())).unwrap();
        let mut served = served(refuse).await;
        let head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n";
        served.client.write_all(head).await.unwrap();
        assert!(rest(&mut served.client).await.starts_with("http/1.1 413"));
    });
}

#[test]
fn a_client_that_breaks_off_its_body_is_told_to_the_handler() {
    run(async {
        let (told, hears) = oneshot::channel();
        let told = RefCell::new(Some(told));
        let answer = async move |request: Request<Body>| {
            let Body::Incoming(mut body) = request.into_body() else { panic!("no body") };
            assert_eq!(body.next().await.unwrap().unwrap(), "half");
            told.take().unwrap().send(body.next().await.unwrap().is_err()).unwrap();
            Response::new(Body::Empty)
        };
        let mut served = served(answer).await;
        served.client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        served.client.shutdown().await.unwrap();
        assert!(hears.await.unwrap());
    });
}

#[test]
fn a_client_that_goes_away_ends_its_stream() {
    run(async {
        let (guard, dropped) = oneshot::channel::<()>();
        let guard = RefCell::new(Some(guard));
        let answer = async move |_: Request<Body>| {
            let guard = guard.take();
            let first = futures_util::stream::iter([Bytes::from_static(b"data: 1\n\n")]);
            let never = futures_util::stream::pending().inspect(move |_: &Bytes| assert!(guard.is_none()));
            Response::new(Body::Streaming(Box::pin(first.chain(never))))
        };
        let mut served = served(answer).await;
        served.client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        until(&mut served.client, b"data: 1\n\n\r\n").await;
        drop(served.client);
        // The stream, and the sender in it, are dropped: nothing was ever sent.
        assert!(dropped.await.is_err());
        served.ended.await.unwrap();
    });
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    run(async {
        let (arrived, arrives) = oneshot::channel();
        let (go, goes) = oneshot::channel::<()>();
        let once = RefCell::new(Some((arrived, goes)));
        let answer = async move |_: Request<Body>| {
            let (arrived, goes) = once.take().unwrap();
            arrived.send(()).unwrap();
            goes.await.unwrap();
            Response::new(Body::Full("done".into()))
        };
        let mut served = served(answer).await;
        served.client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        arrives.await.unwrap();
        served.stop.send_replace(Stop::Now);
        tokio::task::yield_now().await;
        go.send(()).unwrap();
        let answer = rest(&mut served.client).await;
        assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
        served.ended.await.unwrap();
    });
}

#[test]
fn an_idle_connection_is_closed_when_the_server_ends() {
    run(async {
        let mut served = served(async |_| Response::new(Body::Empty)).await;
        served.client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        until(&mut served.client, b"\r\n\r\n").await;
        served.stop.send_replace(Stop::Now);
        assert_eq!(rest(&mut served.client).await, "");
    });
}
