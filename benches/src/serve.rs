//! A plain HTTP server for the load bench's processes: one event loop per core, as Toolgate's local target has.

use std::{
    error::Error,
    io::Write,
    net::TcpListener,
    thread::{self, available_parallelism},
};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    runtime::{Builder, LocalOptions},
    task::spawn_local,
};

/// Why a bench's process ended.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Serves on a free port of loopback until the process is ended. `make` gives each core its own service.
///
/// Says `{"listening":"127.0.0.1:PORT"}` on stdout when it accepts connections.
///
/// # Errors
/// If no socket can be had.
pub fn on_all_cores<M, S, F, B, E>(make: M) -> Result<(), Failure>
where
    M: Fn() -> S + Send + Sync + Clone + 'static,
    S: Fn(Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Result<Response<B>, E>> + 'static,
    B: Body + 'static,
    B::Data: 'static,
    B::Error: Into<Failure>,
    E: Into<Failure>,
{
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    println!("{{\"listening\":\"{}\"}}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let cores = available_parallelism()?.get();
    let loops: Vec<_> = (0..cores)
        .map(|_| {
            let (listener, make) = (listener.try_clone(), make.clone());
            thread::spawn(move || one_core(listener?, make()))
        })
        .collect();
    for each in loops {
        each.join().map_err(|_| "an event loop broke")??;
    }
    Ok(())
}

fn one_core<S, F, B, E>(listener: TcpListener, service: S) -> Result<(), Failure>
where
    S: Fn(Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Result<Response<B>, E>> + 'static,
    B: Body + 'static,
    B::Data: 'static,
    B::Error: Into<Failure>,
    E: Into<Failure>,
{
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = service_fn(service.clone());
            spawn_local(async move {
                let connection =
                    http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
                // Whoever asks goes away as it likes.
                drop(connection.await);
            });
        }
    })
}
