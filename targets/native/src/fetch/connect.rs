//! New connections, to checked addresses only.
//!
//! A name is resolved once, every address it gives is checked, and the connection is made to an address that was checked:
//! a name that answers differently the second time gains nothing.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use toolgate_model::Network;
use toolgate_ports::{FetchError, FetchErrorKind};
use toolgate_upstream::address_allowed;

use super::pool::{Place, Sender, Tls};

/// How long one address may take to accept.
const CONNECT: Duration = Duration::from_secs(5);
/// How long names may take to resolve, and TLS to be agreed.
const SET_UP: Duration = Duration::from_secs(10);
/// How many of a name's addresses are tried.
const ADDRESSES: usize = 4;
/// The longest head of an answer, and the most that is read at once.
const BUFFER: usize = 64 << 10;

/// Opens a connection to `place`.
pub(super) async fn open(place: &Place) -> Result<Sender, FetchError> {
    let addresses = addresses(place).await?;
    let stream = connect(place, &addresses).await?;
    // A call is one small write: it must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true).map_err(|e| connect_error(place, &e))?;
    match place.tls {
        Tls::No => speak(place, stream).await,
        Tls::Yes => speak(place, agree(place, stream).await?).await,
    }
}

async fn addresses(place: &Place) -> Result<Vec<SocketAddr>, FetchError> {
    let found = match place.host().parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, place.port())],
        Err(_) => resolve(place).await?,
    };
    allowed(place, &found)
}

async fn resolve(place: &Place) -> Result<Vec<SocketAddr>, FetchError> {
    let unresolved = |why: &str| {
        FetchError::new(FetchErrorKind::Resolve, format!("the host name of {place} could not be resolved: {why}"))
    };
    let look_up = tokio::net::lookup_host((place.host(), place.port()));
    let found = tokio::time::timeout(SET_UP, look_up).await.map_err(|_| unresolved("no answer in time"))?;
    Ok(found.map_err(|e| unresolved(&e.to_string()))?.collect())
}

fn allowed(place: &Place, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, FetchError> {
    let allowed = found.iter().filter(|address| address_allowed(address.ip(), place.network)).take(ADDRESSES);
    let allowed: Vec<_> = allowed.copied().collect();
    if !allowed.is_empty() {
        return Ok(allowed);
    }
    let network = match place.network {
        Network::Public => "public",
        Network::Private => "private",
        Network::Loopback => "loopback",
    };
    Err(FetchError::new(
        FetchErrorKind::Forbidden,
        format!("{place} is at no address that the server's network setting, {network:?}, allows"),
    ))
}

async fn connect(place: &Place, addresses: &[SocketAddr]) -> Result<TcpStream, FetchError> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
        }
    }
    Err(connect_error(place, &last))
}

fn connect_error(place: &Place, error: &io::Error) -> FetchError {
    FetchError::new(FetchErrorKind::Connect, format!("no connection to {place}: {error}"))
}

async fn speak<S>(place: &Place, stream: S) -> Result<Sender, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let shaken = http1::Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await;
    let (sender, connection) =
        shaken.map_err(|_| FetchError::new(FetchErrorKind::Connect, format!("no connection to {place}")))?;
    tokio::task::spawn_local(async move {
        // Whoever waits for an answer on it is told by it; nobody else wants to know.
        let _ = connection.await;
    });
    Ok(sender)
}

async fn agree(place: &Place, stream: TcpStream) -> Result<tokio_rustls::client::TlsStream<TcpStream>, FetchError> {
    let failed = |why: &str| FetchError::new(FetchErrorKind::Tls, format!("no TLS with {place}: {why}"));
    let name = ServerName::try_from(place.host().to_owned()).map_err(|_| failed("its host is no valid name"))?;
    let connector = TlsConnector::from(tls_config().map_err(|e| failed(&e))?);
    let agreed = tokio::time::timeout(SET_UP, connector.connect(name, stream)).await;
    agreed.map_err(|_| failed("it took too long"))?.map_err(|e| failed(&e.to_string()))
}

/// Made at the first use and shared by all threads, with the sessions that servers let be resumed.
fn tls_config() -> Result<Arc<ClientConfig>, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    CONFIG.get_or_init(make_tls_config).clone()
}

fn make_tls_config() -> Result<Arc<ClientConfig>, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.map_err(|e| e.to_string())?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
