//! A whole request through the core, on a platform in memory whose upstream answers at once: what the gateway itself costs,
//! without sockets, runtime and kernel.

use std::{
    future::Future,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
use serde_json::json;
use toolgate_gateway::{Config, Gateway};
use toolgate_model::TenantId;
use toolgate_ports::{
    Body, Commit, Fetch, FetchError, FetchRequest, FetchResponse, Platform, RecordKey, RecordKind, Scope, Store, Write,
};
use toolgate_seal::{KEY_RANDOM_BYTES, mint};
use toolgate_testkit::{MemoryPlatform, MemoryStore, SeededRandom, VirtualClock};

use crate::wire::{Case, tools_list};

/// The platform in memory, with an upstream that has 700 tools and answers without waiting.
struct Instant {
    memory: Rc<MemoryPlatform>,
    upstream: Upstream,
}

struct Upstream {
    list: String,
}

impl Fetch for Upstream {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        let result = match request.headers.get("mcp-method").map(HeaderValue::as_bytes) {
            Some(b"tools/list") => self.list.as_str(),
            _ => "{\"resultType\":\"complete\",\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}",
        };
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", id_in(&request.body));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = stream::iter([Ok(Bytes::from(body))]).boxed_local();
        Ok(FetchResponse { status: StatusCode::OK, headers, body })
    }
}

fn id_in(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let after = text.split_once("\"id\":").map_or("", |(_, after)| after);
    after.chars().take_while(char::is_ascii_digit).collect()
}

impl Platform for Instant {
    type Mailbox = toolgate_testkit::MemoryMailbox;
    type Ledger = toolgate_testkit::MemoryLedger;
    type Store = MemoryStore;
    type Fetch = Upstream;
    type Clock = VirtualClock;
    type Random = SeededRandom;

    fn mailbox(&self) -> &toolgate_testkit::MemoryMailbox {
        &self.memory.mailbox
    }
    fn ledger(&self) -> &toolgate_testkit::MemoryLedger {
        &self.memory.ledger
    }
    fn store(&self) -> &MemoryStore {
        self.memory.store()
    }
    fn fetch(&self) -> &Upstream {
        &self.upstream
    }
    fn clock(&self) -> &VirtualClock {
        self.memory.clock()
    }
    fn random(&self) -> &SeededRandom {
        self.memory.random()
    }
    fn operations(&self) -> u64 {
        self.memory.operations()
    }
}

struct World {
    gateway: Gateway<Instant>,
    scope: Scope,
    key: String,
    /// One of the tools, as the gateway names it.
    tool: String,
}

impl World {
    /// A tenant, a server with 700 tools, a key for all of them, and everything warm.
    fn new() -> Option<Rc<Self>> {
        let memory = MemoryPlatform::new();
        let tenant = TenantId::new("bench").ok()?;
        let minted = mint(&[7; KEY_RANDOM_BYTES]);
        let record = |mut record: serde_json::Value| {
            record["enabled"] = json!(true);
            record["created_at"] = json!("2026-01-01T00:00:00Z");
            record["updated_at"] = json!("2026-01-01T00:00:00Z");
            Bytes::from(record.to_string())
        };
        let server = json!({"url": "http://127.0.0.1:9/mcp", "era": "modern", "network": "loopback"});
        let key = json!({"id": minted.id, "name": "bench", "hash": minted.hash, "grants": ["*"]});
        let writes = vec![
            Write::Put(RecordKey::tenant(), record(json!({}))),
            Write::Put(RecordKey::new(RecordKind::Server, "github"), record(server)),
            Write::Put(RecordKey::new(RecordKind::Key, minted.id.as_str()), record(key)),
        ];
        memory.run(memory.store.commit(&tenant, Commit { expect: vec![], writes })).ok()?;
        let setting = |name: &str| (name == "TOOLGATE_MASTER_KEY").then(|| "ab".repeat(32));
        let config = Config::from_vars(setting, "localhost").ok()?;
        let scope = memory.scope();
        let list = tools_list();
        let message = toolgate_wire::Message::parse(list.as_bytes(), 64).ok()?;
        let list = message.result()?.to_owned();
        let page: serde_json::Value = serde_json::from_str(&list).ok()?;
        let tool = format!("github__{}", page["tools"][350]["name"].as_str()?);
        let upstream = Upstream { list };
        let gateway = Gateway::new(Rc::new(Instant { memory, upstream }), config);
        Some(Rc::new(Self { gateway, scope, key: minted.secret, tool }))
    }

    fn ask(&self, method: &'static str, params: &str) -> usize {
        let meta = "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}";
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{{{params}{meta}}}}}");
        let request = Request::post("/t/bench/mcp")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .header("mcp-name", &self.tool);
        let Ok(request) = request.body(Body::Full(body.into())) else { return 0 };
        let response = now(self.gateway.handle(request, &self.scope));
        response.map_or(0, |response| response.body().known_len().unwrap_or_default())
    }
}

/// What `future` gives without waiting.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The cases of a whole request.
pub(crate) fn cases() -> Vec<Case> {
    let Some(world) = World::new() else { return Vec::new() };
    let arguments = format!("\"name\":\"{}\",\"arguments\":{{\"owner\":\"octo\",\"page\":1}},", world.tool);
    // Warm from here on: what was fetched is fresh, since this clock stands still.
    let (call_bytes, list_bytes) = (world.ask("tools/call", &arguments), world.ask("tools/list", ""));
    let list = Rc::clone(&world);
    vec![
        Case::new(
            "gateway_call",
            "a warm tools/call, key to answer, 700 tools known, no sockets",
            call_bytes,
            move || world.ask("tools/call", &arguments),
        ),
        Case::new("gateway_list", "a warm tools/list of 700 tools, key to answer, no sockets", list_bytes, move || {
            list.ask("tools/list", "")
        }),
    ]
}
