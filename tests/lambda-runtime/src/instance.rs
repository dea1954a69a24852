//! One instance: a process of the function, and the Runtime API that it asks, on a port of its own.

use std::{cell::RefCell, convert::Infallible, io, path::Path, process::Stdio, rc::Rc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::answer::{Answer, HeadReader};

const API: &str = "/2018-06-01/runtime/";
/// How long Lambda lets a function of this template take.
const TIMEOUT_MS: u128 = 900_000;
/// Chunks of a body that wait for a client.
const CHUNKS: usize = 16;

/// What an instance is to do next.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) event: Bytes,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// The right to hand an instance that waits one invocation.
pub(crate) type Ticket = oneshot::Sender<Invocation>;

/// Where an instance's tickets go.
pub(crate) type Tickets = mpsc::UnboundedSender<Ticket>;

/// A process of the function with its Runtime API.
#[derive(Debug)]
pub(crate) struct Instance {
    listener: TcpListener,
    child: Child,
}

impl Instance {
    /// Starts one, with what its environment holds where this program's doesn't. It ends when this is dropped.
    pub(crate) async fn start(bootstrap: &Path, defaults: &[(&str, &str)]) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let child = command(bootstrap, defaults, &listener.local_addr()?.to_string()).spawn()?;
        Ok(Self { listener, child })
    }

    /// The process's id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Answers the function until it ends, and says how it ended.
    pub(crate) async fn serve(&mut self, tickets: Tickets) -> String {
        let api = Rc::new(Api { tickets, current: RefCell::default() });
        // Dropped at the end, with whoever waits for an answer of this instance.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                ended = self.child.wait() => {
                    return ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                }
                Ok((stream, _)) = self.listener.accept() => {
                    let _ = stream.set_nodelay(true);
                    let api = api.clone();
                    let service = service_fn(move |request| api.clone().handle(request));
                    connections.spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                }
            }
        }
    }
}

/// A function's environment: what Lambda sets, and of this program's what is meant for a function.
fn command(bootstrap: &Path, defaults: &[(&str, &str)], api: &str) -> Command {
    let mut command = Command::new(bootstrap);
    let meant = |name: &str| ["TOOLGATE_", "AWS_", "RUST_"].iter().any(|prefix| name.starts_with(prefix));
    command
        .env_clear()
        // The function's own default is the hosts of function URLs.
        .env("TOOLGATE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "made-up")
        .env("AWS_SECRET_ACCESS_KEY", "made-up")
        .envs(defaults.iter().copied())
        .envs(std::env::vars().filter(|(name, _)| meant(name)))
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "toolgate")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("_HANDLER", "bootstrap")
        .env("PATH", "/usr/bin:/bin")
        .env("TZ", ":UTC")
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .kill_on_drop(true);
    command
}

/// The Runtime API of one instance.
struct Api {
    tickets: Tickets,
    current: RefCell<Option<(String, oneshot::Sender<Answer>)>>,
}

type Reply = Response<Full<Bytes>>;

impl Api {
    async fn handle(self: Rc<Self>, request: Request<Incoming>) -> Result<Reply, Infallible> {
        let path = request.uri().path().to_owned();
        let Some(what) = path.strip_prefix(API) else { return Ok(status(StatusCode::NOT_FOUND)) };
        Ok(match (request.method(), &what.split('/').collect::<Vec<_>>()[..]) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => match self.take(id) {
                Some(answer) => response(request, answer).await,
                None => status(StatusCode::BAD_REQUEST),
            },
            (&Method::POST, ["invocation", id, "error"]) => {
                // The answer is dropped: the client gets what Lambda gives for a function's error.
                drop(self.take(id));
                complain("the function answered with an error", request).await
            }
            (&Method::POST, ["init", "error"]) => complain("the function could not start", request).await,
            _ => status(StatusCode::NOT_FOUND),
        })
    }

    async fn next(&self) -> Reply {
        let (ticket, invocation) = oneshot::channel();
        let given = self.tickets.send(ticket).map_err(|_| ());
        let (Ok(()), Ok(Invocation { id, event, answer })) = (given, invocation.await) else {
            return status(StatusCode::INTERNAL_SERVER_ERROR);
        };
        self.current.replace(Some((id.clone(), answer)));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", (now.as_millis() + TIMEOUT_MS).to_string())
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:toolgate")
            .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0")
            .header("content-type", "application/json")
            .body(Full::new(event))
            .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn take(&self, id: &str) -> Option<oneshot::Sender<Answer>> {
        let mut current = self.current.borrow_mut();
        current.take_if(|(of, _)| of == id).map(|(_, answer)| answer)
    }
}

async fn response(request: Request<Incoming>, answer: oneshot::Sender<Answer>) -> Reply {
    let streams =
        request.headers().get("lambda-runtime-function-response-mode").is_some_and(|mode| mode == "streaming");
    if !streams {
        eprintln!("the function's answer is not a streamed one, as its URL's mode asks for");
        return status(StatusCode::BAD_REQUEST);
    }
    forward(request.into_body(), answer).await;
    status(StatusCode::ACCEPTED)
}

/// Hands the client what the function sends. A client that is gone is not the function's concern: its answer is read to
/// the end all the same.
async fn forward(mut sent: Incoming, answer: oneshot::Sender<Answer>) {
    let mut reader = HeadReader::default();
    let mut waiting = Some(answer);
    let (chunks, body) = mpsc::channel(CHUNKS);
    let mut body = Some(body);
    while let Some(frame) = sent.frame().await {
        let Ok(frame) = frame else {
            let _ = chunks.send(Err(io::ErrorKind::ConnectionAborted.into())).await;
            return;
        };
        let Ok(mut data) = frame.into_data() else { continue };
        if waiting.is_some() {
            match reader.push(&data) {
                Ok(None) => continue,
                Ok(Some((head, rest))) => {
                    if let (Some(answer), Some(body)) = (waiting.take(), body.take()) {
                        let _ = answer.send(Answer { head, body });
                    }
                    data = rest;
                }
                Err(error) => return eprintln!("{error}"),
            }
        }
        if !data.is_empty() {
            let _ = chunks.send(Ok(data)).await;
        }
    }
}

async fn complain(what: &str, request: Request<Incoming>) -> Reply {
    let said = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    eprintln!("{what}: {}", String::from_utf8_lossy(&said));
    status(StatusCode::ACCEPTED)
}

fn status(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}
