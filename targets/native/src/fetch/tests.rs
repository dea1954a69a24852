//! The way out against a server made of scripted bytes.

use std::net::SocketAddr;

use futures_util::StreamExt;
use http::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use toolgate_model::Network;
use toolgate_ports::{Body, collect};

use super::*;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

fn request(address: SocketAddr, network: Network) -> FetchRequest {
    FetchRequest {
        method: Method::POST,
        uri: format!("http://{address}/mcp?x=1").parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"hello"),
        network,
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Reads one request: its head and five bytes of body.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"hello") {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request ended early");
    }
    String::from_utf8(bytes).unwrap()
}

async fn text(response: FetchResponse) -> String {
    let bytes = collect(Body::Incoming(response.body), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

const TWO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn a_request_says_its_host_and_length_and_its_connection_is_kept() {
    run(async {
        let (listener, address) = listener().await;
        let server = tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let first = read_request(&mut stream).await;
            stream.write_all(TWO).await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(TWO).await.unwrap();
            first
        });
        let fetch = HttpFetch::new();
        for _ in 0..2 {
            assert_eq!(text(fetch.fetch(request(address, Network::Loopback)).await.unwrap()).await, "ok");
        }
        let head = server.await.unwrap().to_ascii_lowercase();
        assert!(head.starts_with("post /mcp?x=1 http/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
        assert!(head.contains("content-length: 5\r\n"), "{head}");
    });
}

#[test]
fn a_kept_connection_that_was_closed_is_not_used() {
    run(async {
        let (listener, address) = listener().await;
        tokio::task::spawn_local(async move {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                read_request(&mut stream).await;
                stream.write_all(TWO).await.unwrap();
            }
        });
        let fetch = HttpFetch::new();
        let place = Place::of(&request(address, Network::Loopback)).unwrap();
        assert_eq!(text(fetch.fetch(request(address, Network::Loopback)).await.unwrap()).await, "ok");
        // Until the end of the connection has been seen on this side.
        while let Some(sender) = fetch.pool.take(&place) {
            fetch.pool.put(place.clone(), sender, IDLE);
            tokio::task::yield_now().await;
        }
        assert_eq!(text(fetch.fetch(request(address, Network::Loopback)).await.unwrap()).await, "ok");
    });
}

#[test]
fn no_connection_is_made_to_an_address_that_is_not_allowed() {
    run(async {
        let (listener, address) = listener().await;
        let fetch = HttpFetch::new();
        for network in [Network::Public, Network::Private] {
            let error = fetch.fetch(request(address, network)).await.unwrap_err();
            assert_eq!(error.kind, FetchErrorKind::Forbidden);
            assert!(error.message.contains("network setting"), "{error}");
        }
        let mut by_name = request(address, Network::Private);
        by_name.uri = format!("http://localhost:{}/", address.port()).parse().unwrap();
        assert_eq!(fetch.fetch(by_name).await.unwrap_err().kind, FetchErrorKind::Forbidden);
        let accepted = futures_util::FutureExt::now_or_never(listener.accept());
        assert!(accepted.is_none(), "somebody connected");
    });
}

#[test]
fn a_connection_for_loopback_servers_is_not_used_for_others() {
    run(async {
        let (listener, address) = listener().await;
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            loop {
                read_request(&mut stream).await;
                stream.write_all(TWO).await.unwrap();
            }
        });
        let fetch = HttpFetch::new();
        assert_eq!(text(fetch.fetch(request(address, Network::Loopback)).await.unwrap()).await, "ok");
        let error = fetch.fetch(request(address, Network::Public)).await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Forbidden);
    });
}

#[test]
fn each_way_to_fail_has_its_kind() {
    run(async {
        let fetch = HttpFetch::new();
        let (closed, address) = listener().await;
        drop(closed);
        let error = fetch.fetch(request(address, Network::Loopback)).await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Connect);
        let answers: [(&[u8], FetchErrorKind); 2] =
            [(b"", FetchErrorKind::Broken), (b"what?\r\n\r\n", FetchErrorKind::Broken)];
        for (answer, kind) in answers {
            let (listener, address) = listener().await;
            tokio::task::spawn_local(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                read_request(&mut stream).await;
                stream.write_all(answer).await.unwrap();
            });
            let error = fetch.fetch(request(address, Network::Loopback)).await.unwrap_err();
            assert_eq!(error.kind, kind, "{answer:?}");
        }
        let mut unknown = request(address, Network::Loopback);
        unknown.uri = "http://no-such-host.invalid/".parse().unwrap();
        assert_eq!(fetch.fetch(unknown).await.unwrap_err().kind, FetchErrorKind::Resolve);
    });
}

#[test]
fn an_answer_that_breaks_off_says_so_once_and_ends() {
    run(async {
        let (listener, address) = listener().await;
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        });
        let response = HttpFetch::new().fetch(request(address, Network::Loopback)).await.unwrap();
        let items: Vec<_> = response.body.collect().await;
        assert_eq!(items[0].as_deref().unwrap(), b"half");
        assert_eq!(items[1].as_ref().unwrap_err().kind, FetchErrorKind::Broken);
        assert_eq!(items.len(), 2);
    });
}

#[test]
fn a_redirect_is_an_answer_like_any_other() {
    run(async {
        let (listener, address) = listener().await;
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let answer = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let response = HttpFetch::new().fetch(request(address, Network::Loopback)).await.unwrap();
        assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers["location"], "http://10.0.0.1/");
    });
}

#[test]
fn dropping_an_answer_ends_the_exchange() {
    run(async {
        let (listener, address) = listener().await;
        let server = tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(b"3\r\n:\n\n\r\n").await.unwrap();
            // The end of what the client sends: it has closed the connection.
            stream.read(&mut [0; 1]).await.unwrap_or_default()
        });
        let mut response = HttpFetch::new().fetch(request(address, Network::Loopback)).await.unwrap();
        assert_eq!(response.body.next().await.unwrap().unwrap(), ":\n\n");
        drop(response);
        assert_eq!(server.await.unwrap(), 0);
    });
}

#[test]
fn a_server_that_says_how_long_it_keeps_connections_is_believed() {
    let limit = |text: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("keep-alive", HeaderValue::from_static(text));
        idle_limit(&headers).as_secs()
    };
    assert_eq!(limit("timeout=5"), 4);
    assert_eq!(limit("max=100, timeout=30"), 29);
    assert_eq!(limit("timeout=0"), 0);
    assert_eq!(limit("timeout=86400"), IDLE.as_secs());
    assert_eq!(limit("timeout=soon"), IDLE.as_secs());
}
