//! `toolgate serve`: opens the data directory, starts the threads, ends them in order.

use std::{
    env, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs},
};

use tokio::signal::unix::{Signal, SignalKind, signal};
use toolgate_gateway::{Config, ConfigError};
use toolgate_ports::StoreError;

use crate::{
    cli::ServeArgs,
    data_dir::{ADDRESS, DataDir, DataError, MASTER_KEY, OPERATOR_TOKEN},
    demo::Demo,
    ledger::SqliteLedger,
    log,
    mailbox::SharedMailbox,
    server::{self, Shared, Workers},
    store::SqliteStore,
};

const LISTEN: &str = "127.0.0.1:8080";
/// Where requests come from on one machine.
const DEFAULT_HOSTS: &str = "localhost,127.0.0.1,[::1]";

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("{0} (an environment variable)")]
    Config(#[from] ConfigError),
    #[error("the database {0} can't be used: {1}")]
    Store(String, StoreError),
    #[error("can't listen on {0}: {1} (--listen chooses the address)")]
    Listen(String, io::Error),
    #[error("can't start: {0}")]
    System(#[from] io::Error),
}

/// Serves until the process is told to end.
pub(crate) fn run(arguments: &ServeArgs) -> Result<(), ServeError> {
    log::start(arguments.log_format, arguments.log)?;
    let data = DataDir::at(arguments.data.clone());
    let _lock = data.open()?;
    let Settings { config, operator_token } = settings(&data)?;
    let listener = listen(arguments.listen.as_deref())?;
    let path = data.database();
    let store = SqliteStore::open(&path).map_err(|e| ServeError::Store(path.display().to_string(), e))?;
    let ledger = SqliteLedger::at(data.ledger());
    let shared = Shared { store, mailbox: SharedMailbox::default(), ledger, config };
    let demo = Demo { data, operator_token };
    server::runtime()?.block_on(serve(arguments, demo, listener, shared))
}

async fn serve(arguments: &ServeArgs, demo: Demo, listener: TcpListener, shared: Shared) -> Result<(), ServeError> {
    // Before anything is said to be ready: whoever waits for that may end it at once.
    let mut ends = Ends::new()?;
    let address = listener.local_addr()?;
    demo.data.note(ADDRESS, &format!("http://{}\n", reachable(address)))?;
    let workers = Workers::start(&shared, threads(arguments)?, arguments.max_connections)?;
    let announce = async {
        if !arguments.no_demo {
            demo.start(&shared, reachable(address), arguments.announce()).await;
        }
        arguments.announce().ready(address);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        accepted = workers.accept(listener) => accepted?,
        () = ends.next() => {}
        () = announce => {}
    }
    tracing::info!("ending: requests in flight may take ten seconds, a second signal ends them now");
    // Elsewhere, because the demo's server lives on this thread and may be needed for those requests.
    let drained = tokio::task::spawn_blocking(move || workers.drain());
    tokio::select! {
        _ = drained => Ok(()),
        () = ends.next() => {
            log::flush();
            std::process::exit(130)
        }
    }
}

/// The signals that end the process.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn threads(arguments: &ServeArgs) -> io::Result<usize> {
    arguments.threads.map_or_else(|| std::thread::available_parallelism().map(Into::into), |n| Ok(n.into()))
}

// Where everything is listened on, the machine itself is reached at its loopback address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}

struct Settings {
    config: Config,
    operator_token: String,
}

// What is given counts; of the two secrets, what is not given is made once and kept.
fn settings(data: &DataDir) -> Result<Settings, ServeError> {
    let given = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let master_key = given("TOOLGATE_MASTER_KEY").map_or_else(|| data.secret(MASTER_KEY), Ok)?;
    let operator_token = given("TOOLGATE_OPERATOR_TOKEN").map_or_else(|| data.secret(OPERATOR_TOKEN), Ok)?;
    let setting = |name: &str| match name {
        "TOOLGATE_MASTER_KEY" => Some(master_key.clone()),
        "TOOLGATE_OPERATOR_TOKEN" => Some(operator_token.clone()),
        _ => given(name),
    };
    Ok(Settings { config: Config::from_vars(setting, DEFAULT_HOSTS)?, operator_token })
}

// A port that was asked for is taken or refused. The usual one may be in use by something else: then any free one does.
fn listen(asked: Option<&str>) -> Result<TcpListener, ServeError> {
    let address = |text: &str| -> io::Result<SocketAddr> {
        text.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))
    };
    let bind = |text: &str| address(text).and_then(server::bind);
    match (asked, bind(asked.unwrap_or(LISTEN))) {
        (None, Err(error)) if error.kind() == io::ErrorKind::AddrInUse => {
            bind("127.0.0.1:0").map_err(|e| ServeError::Listen("127.0.0.1".into(), e))
        }
        (_, bound) => bound.map_err(|e| ServeError::Listen(asked.unwrap_or(LISTEN).to_owned(), e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listened_on_everywhere_is_reached_here() {
        assert_eq!(reachable("0.0.0.0:80".parse().unwrap()).to_string(), "127.0.0.1:80");
        assert_eq!(reachable("[::]:80".parse().unwrap()).to_string(), "[::1]:80");
        assert_eq!(reachable("10.0.0.1:80".parse().unwrap()).to_string(), "10.0.0.1:80");
    }

    #[test]
    fn the_port_that_was_asked_for_is_taken_or_refused() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = listen(Some(&address)).unwrap_err().to_string();
        assert!(error.contains("--listen"), "{error}");
    }
}
