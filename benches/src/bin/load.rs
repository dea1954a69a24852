//! Asks one MCP endpoint as fast as it answers, and says what it cost:
//! `load --url http://HOST:PORT/PATH [--key SECRET] [--era modern|legacy] --connections N --seconds S --pid PID (--call TOOL | --list)`.
//!
//! Prints one line of JSON. `--pid` is the process whose CPU and memory are measured (with its children's threads not
//! counted): nothing of this program's own cost is in the figures but the waiting.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::TcpStream,
    runtime::Builder,
    task::{LocalSet, spawn_local},
};
use toolgate_benches::{process, serve::Failure};

/// For how long is asked before anything is counted.
const WARM: Duration = Duration::from_millis(300);

#[derive(Default)]
struct Settings {
    url: String,
    key: String,
    connections: usize,
    seconds: u64,
    pid: u32,
    call: Option<String>,
    legacy: bool,
}

impl Settings {
    fn read() -> Result<Self, Failure> {
        let mut args = lexopt::Parser::from_env();
        let mut settings = Self { connections: 1, seconds: 3, ..Self::default() };
        while let Some(arg) = args.next()? {
            let lexopt::Arg::Long(name) = arg else { return Err(arg.unexpected().into()) };
            let name = name.to_owned();
            if name == "list" {
                settings.call = None;
                continue;
            }
            let value = args.value()?.to_string_lossy().into_owned();
            match name.as_str() {
                "url" => settings.url = value,
                "key" => settings.key = value,
                "connections" => settings.connections = value.parse()?,
                "seconds" => settings.seconds = value.parse()?,
                "pid" => settings.pid = value.parse()?,
                "call" => settings.call = Some(value),
                "era" => settings.legacy = value == "legacy",
                _ => return Err(format!("there is no option --{name}").into()),
            }
        }
        Ok(settings)
    }

    fn request(&self, uri: &Uri) -> Result<Request<Full<Bytes>>, Failure> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let (method, params) = match &self.call {
            Some(tool) => {
                ("tools/call", json!({"name": tool, "arguments": {"text": "some words for it"}, "_meta": meta}))
            }
            None => ("tools/list", json!({"_meta": meta})),
        };
        let mut body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request = Request::post(uri.path())
            .header("host", uri.authority().map_or("", |authority| authority.as_str()))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if self.legacy {
            body["params"].as_object_mut().and_then(|params| params.remove("_meta"));
            request = request.header("mcp-protocol-version", "2025-11-25");
        } else {
            request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
            if let Some(tool) = &self.call {
                request = request.header("mcp-name", tool);
            }
        }
        if !self.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        Ok(request.body(Full::from(body.to_string()))?)
    }
}

/// One connection that asks again as soon as it is answered.
struct Client {
    sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    /// Each answer's length: one that differs is no answer to the same question.
    length: usize,
}

impl Client {
    async fn connect(settings: &Settings) -> Result<Self, Failure> {
        let uri: Uri = settings.url.parse()?;
        let stream = TcpStream::connect(uri.authority().ok_or("the URL has no host")?.as_str()).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        spawn_local(async move { drop(connection.await) });
        let mut client = Self { sender, request: settings.request(&uri)?, length: 0 };
        let first = client.ask().await?;
        if !first.windows(9).any(|window| window == b"\"result\":") {
            return Err(format!("not a result: {}", String::from_utf8_lossy(&first[..first.len().min(500)])).into());
        }
        client.length = first.len();
        Ok(client)
    }

    /// The whole answer, its parts joined.
    async fn ask(&mut self) -> Result<Vec<u8>, Failure> {
        self.sender.ready().await?;
        let response = self.sender.send_request(self.request.clone()).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("answered {}", response.status()).into());
        }
        Ok(response.into_body().collect().await?.to_bytes().to_vec())
    }

    /// The length of the answer, its parts thrown away as they come.
    async fn count(&mut self) -> Result<usize, Failure> {
        self.sender.ready().await?;
        let mut body = self.sender.send_request(self.request.clone()).await?.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }

    /// Asks until `end`; gives how long each answer took, in microseconds.
    async fn run(&mut self, end: Instant) -> Result<Vec<u32>, Failure> {
        let mut took = Vec::new();
        while Instant::now() < end {
            let start = Instant::now();
            let length = self.count().await?;
            if length != self.length {
                return Err(format!("an answer of {length} bytes instead of {}", self.length).into());
            }
            took.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        Ok(took)
    }
}

async fn load(settings: Settings) -> Result<(), Failure> {
    let mut clients = try_join_all((0..settings.connections).map(|_| Client::connect(&settings))).await?;
    let warm = Instant::now() + WARM;
    try_join_all(clients.iter_mut().map(|client| client.run(warm))).await?;

    process::reset_peak_memory(settings.pid);
    let (start, cpu) = (Instant::now(), process::cpu(settings.pid)?);
    let end = start + Duration::from_secs(settings.seconds);
    let took = try_join_all(clients.iter_mut().map(|client| client.run(end))).await?;
    let (elapsed, cpu) = (start.elapsed(), process::cpu(settings.pid)?.saturating_sub(cpu));

    let mut took: Vec<u32> = took.into_iter().flatten().collect();
    took.sort_unstable();
    let calls = u32::try_from(took.len())?.max(1);
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    let line = json!({
        "calls": calls,
        "per_second": f64::from(calls) / elapsed.as_secs_f64(),
        "cpu_us": (cpu / calls).as_nanos() as f64 / 1000.0,
        "p50_us": at(50),
        "p99_us": at(99),
        "peak_kb": process::peak_memory_kb(settings.pid)?,
        "bytes": clients.first().map_or(0, |client| client.length),
    });
    println!("{line}");
    Ok(())
}

fn main() -> Result<(), Failure> {
    let settings = Settings::read()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, load(settings))
}
