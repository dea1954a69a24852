//! The way in: one thread accepts, each other thread serves its share of the connections with a gateway of its own.
//!
//! Thread per core: the core's futures need not be `Send`, nothing is shared but the store, and a request never changes
//! its thread. It knows nothing of what it carries.

mod answer;
mod arriving;
mod connection;

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, LocalOptions, LocalRuntime},
    sync::{mpsc, watch},
    task::JoinSet,
};
use toolgate_gateway::{Config, Gateway};
use toolgate_ports::Scope;

pub(crate) use self::connection::{Handler, serve};
use crate::{
    ledger::SqliteLedger,
    mailbox::SharedMailbox,
    platform::{LocalPlatform, LocalTasks},
    store::SqliteStore,
};

/// How long a request in flight may take to end after the server was told to.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait after the system refused a connection (too many open files, usually).
const REFUSED: Duration = Duration::from_millis(100);
/// The stack of a serving thread. What is nested comes from outside and is bounded.
const STACK: usize = 4 << 20;

/// What the serving threads share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) store: SqliteStore,
    pub(crate) mailbox: SharedMailbox,
    pub(crate) ledger: SqliteLedger,
    pub(crate) config: Config,
}

impl Shared {
    /// A gateway for this thread.
    pub(crate) fn gateway(self) -> Gateway<LocalPlatform> {
        Gateway::new(Rc::new(LocalPlatform::new(self.store, self.mailbox, self.ledger)), self.config)
    }
}

/// A runtime for this thread alone.
pub(crate) fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

/// The serving threads.
#[derive(Debug)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
    stop: watch::Sender<Stop>,
    most: usize,
}

#[derive(Debug)]
struct Worker {
    load: Arc<AtomicUsize>,
    connections: mpsc::UnboundedSender<std::net::TcpStream>,
    thread: JoinHandle<()>,
}

/// Whether the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    NotYet,
    Now,
}

impl Workers {
    /// Starts `threads` threads that serve at most `most` connections together.
    pub(crate) fn start(shared: &Shared, threads: usize, most: usize) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(Stop::NotYet);
        let start = |number| Worker::start(number, shared.clone(), stopped.clone());
        let workers = (0..threads.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok(Self { workers, stop, most })
    }

    /// Accepts connections until the future is dropped.
    pub(crate) async fn accept(&self, listener: StdListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(REFUSED).await;
                continue;
            };
            // A client that has gone already is not an error of the server.
            if let Ok(stream) = prepared(stream) {
                self.hand_over(stream);
            }
        }
    }

    // Beyond the bound a connection is closed at once: its client sees it, and those that are served keep their memory.
    fn hand_over(&self, stream: std::net::TcpStream) {
        let loads = self.workers.iter().map(|worker| worker.load.load(Ordering::Relaxed));
        if loads.sum::<usize>() >= self.most {
            tracing::warn!(limit = self.most, "a connection was refused: --max-connections are open");
            return;
        }
        let Some(least) = self.workers.iter().min_by_key(|worker| worker.load.load(Ordering::Relaxed)) else { return };
        least.load.fetch_add(1, Ordering::Relaxed);
        // It fails only when the thread has ended, and then the server is ending too.
        let _ = least.connections.send(stream);
    }

    /// Lets the requests in flight end, and then the threads.
    pub(crate) fn drain(self) {
        self.stop.send_replace(Stop::Now);
        for Worker { connections, thread, .. } in self.workers {
            drop(connections);
            if thread.join().is_err() {
                tracing::error!("a serving thread had panicked");
            }
        }
    }
}

fn prepared(stream: TcpStream) -> io::Result<std::net::TcpStream> {
    // An answer's last part must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    stream.into_std()
}

impl Worker {
    fn start(number: usize, shared: Shared, stopped: watch::Receiver<Stop>) -> io::Result<Self> {
        let (connections, incoming) = mpsc::unbounded_channel();
        let load = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&load);
        let runtime_of_thread = move || match runtime() {
            Ok(runtime) => runtime.block_on(work(shared, incoming, counted, stopped)),
            Err(error) => tracing::error!(%error, "a serving thread could not start"),
        };
        let builder = std::thread::Builder::new().name(format!("serve-{number}")).stack_size(STACK);
        Ok(Self { load, connections, thread: builder.spawn(runtime_of_thread)? })
    }
}

async fn work(
    shared: Shared,
    mut incoming: mpsc::UnboundedReceiver<std::net::TcpStream>,
    load: Arc<AtomicUsize>,
    stopped: watch::Receiver<Stop>,
) {
    let handler =
        Rc::new(GatewayHandler { gateway: shared.gateway(), scope: Scope { background: Rc::new(LocalTasks) } });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            stream = incoming.recv() => match stream {
                Some(stream) => {
                    let (handler, load, stopped) = (Rc::clone(&handler), Counted(Arc::clone(&load)), stopped.clone());
                    connections.spawn_local(async move {
                        let _load = load;
                        serve(stream, handler, stopped).await;
                    });
                }
                None => break,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, ended).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "some requests were cut off: they did not end in time");
    }
}

/// Takes a connection out of its thread's load when it is dropped, however that comes about.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct GatewayHandler {
    gateway: Gateway<LocalPlatform>,
    scope: Scope,
}

impl Handler for GatewayHandler {
    async fn handle(&self, request: http::Request<toolgate_ports::Body>) -> http::Response<toolgate_ports::Body> {
        self.gateway.handle(request, &self.scope).await
    }
}

/// Binds `address`.
pub(crate) fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let listener = StdListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests;
