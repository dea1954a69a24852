//! A gateway in memory with one tenant, two servers, a view and a key that was granted one thing of each kind: `t` of the tools, `p`
//! of the prompts, `x://a` and `x://r/{id}` of the resources. Everything called `secret` was not granted.

use std::{cell::RefCell, rc::Rc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::{Value, json};
use toolgate_gateway::{Config, Gateway};
use toolgate_model::TenantId;
use toolgate_ports::{
    Body, Commit, FetchError, FetchRequest, FetchResponse, RecordKey, RecordKind, Store, Write, collect,
};
use toolgate_seal::{KEY_RANDOM_BYTES, mint};
use toolgate_testkit::{MemoryPlatform, json_response};

/// What a server answers to a request; nothing where it answers as [`ordinary`] does.
pub(crate) type Script = Rc<dyn Fn(&FetchRequest, &Value) -> Option<Result<FetchResponse, FetchError>>>;

pub(crate) struct World {
    platform: Rc<MemoryPlatform>,
    gateway: Gateway<MemoryPlatform>,
    secret: String,
    /// What servers were sent.
    pub(crate) sent: Rc<RefCell<Vec<FetchRequest>>>,
}

/// What a client was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn content_type(&self) -> &str {
        self.headers.get("content-type").map_or("", |value| value.to_str().unwrap())
    }
}

const GRANTS: [&str; 9] = [
    "m__t",
    "l__t",
    "prompt:m__p",
    "prompt:l__p",
    "resource:m__x://a",
    "resource:l__x://a",
    "resource:m__x://r/{id}",
    "resource:l__x://r/{id}",
    "none__*",
];

impl World {
    pub(crate) fn new(script: Script) -> Self {
        let platform = MemoryPlatform::new();
        let sent: Rc<RefCell<Vec<FetchRequest>>> = Rc::default();
        let seen = Rc::clone(&sent);
        platform.fetch.answer(move |request| {
            let message = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            let answer = script(&request, &message).unwrap_or_else(|| Ok(ordinary(&request, &message)));
            seen.borrow_mut().push(request);
            answer
        });
        let get = |name: &str| (name == "TOOLGATE_MASTER_KEY").then(|| "ab".repeat(32));
        let gateway = Gateway::new(Rc::clone(&platform), Config::from_vars(get, "localhost").unwrap());
        let minted = mint(&[1; KEY_RANDOM_BYTES]);
        let world = Self { platform, gateway, secret: minted.secret, sent };
        let server = |name: &str, era: &str| json!({"url": format!("http://127.0.0.1:9/{name}"), "era": era, "network": "loopback", "enabled": true});
        let shown = json!({"tools": ["*"], "prompts": ["*"], "resources": ["*"],
            "arguments": {"t": {"owner": {"pinned": "acme"}, "debug": "hidden"}}});
        world.put([
            (RecordKey::tenant(), json!({"enabled": true})),
            (RecordKey::new(RecordKind::Server, "m"), server("m", "modern")),
            (RecordKey::new(RecordKind::Server, "l"), server("l", "legacy")),
            (
                RecordKey::new(RecordKind::View, "v"),
                json!({"prefix": "never", "servers": {"m": shown}, "enabled": true}),
            ),
            (
                RecordKey::new(RecordKind::Key, minted.id.as_str()),
                json!({"id": minted.id, "name": "k", "hash": minted.hash, "grants": GRANTS, "enabled": true}),
            ),
        ]);
        world
    }

    fn put<const N: usize>(&self, records: [(RecordKey, Value); N]) {
        let writes = records.into_iter().map(|(key, mut value)| {
            value["created_at"] = json!("2026-01-01T00:00:00Z");
            value["updated_at"] = json!("2026-01-01T00:00:00Z");
            Write::Put(key, Bytes::from(value.to_string()))
        });
        let commit = Commit { expect: vec![], writes: writes.collect() };
        self.platform.run(self.platform.store.commit(&TenantId::new("acme").unwrap(), commit)).unwrap();
    }

    /// Sends a request with the key, and reads the whole answer. Headers that can't be sent are left out.
    pub(crate) fn send(&self, method: Method, part: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::new(Body::Full(Bytes::copy_from_slice(body)));
        *request.method_mut() = method;
        *request.uri_mut() = format!("/t/acme/mcp{part}").parse().unwrap();
        let key = format!("Bearer {}", self.secret);
        let own = [
            ("host", "localhost"),
            ("authorization", key.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        for (name, value) in own.iter().chain(headers) {
            let Ok(value) = HeaderValue::from_str(value) else { continue };
            request.headers_mut().insert(HeaderName::try_from(*name).unwrap(), value);
        }
        let response = self.platform.run(self.gateway.handle(request, &self.platform.scope()));
        let (head, body) = response.into_parts();
        let body = self.platform.run(collect(body, usize::MAX)).unwrap();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// The headers and `_meta` of a modern request, and the rest of it as given.
    pub(crate) fn modern(&self, part: &str, method: &str, mut params: Value, capabilities: &Value) -> Answer {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": "token",
            "io.modelcontextprotocol/logLevel": "info", "io.modelcontextprotocol/clientCapabilities": capabilities});
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let body = json!({"jsonrpc": "2.0", "id": "mine", "method": method, "params": params}).to_string();
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        self.send(Method::POST, part, &headers, body.as_bytes())
    }

    /// The id of a new session.
    pub(crate) fn session(&self, part: &str) -> String {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}, "sampling": {}},
            "clientInfo": {"name": "c", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).to_string();
        let answer = self.send(Method::POST, part, &[], body.as_bytes());
        answer.headers.get("mcp-session-id").map_or_else(String::new, |id| id.to_str().unwrap().to_owned())
    }
}

/// Whatever goes on after the answers comes to its end, too.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.platform.settle();
        }
    }
}

/// What a well-behaved server answers. Both eras have the same things; each refuses what is of the other.
pub(crate) fn ordinary(request: &FetchRequest, message: &Value) -> FetchResponse {
    if request.method != Method::POST {
        return json_response(405, "");
    }
    let id = &message["id"];
    if id.is_null() || message["method"].is_null() {
        return json_response(202, "");
    }
    let modern = request.uri.path() == "/m";
    let capabilities = json!({"tools": {}, "prompts": {}, "resources": {}, "completions": {}, "logging": {}});
    let object = json!({"type": "object"});
    let mut result = match message["method"].as_str().unwrap_or_default() {
        "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities}),
        "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
            "serverInfo": {"name": "l", "version": "1"}}),
        "tools/list" => {
            json!({"tools": [{"name": "t", "inputSchema": object}, {"name": "secret", "inputSchema": object}]})
        }
        "prompts/list" => json!({"prompts": [{"name": "p"}, {"name": "secret"}]}),
        "resources/list" => json!({"resources": [{"uri": "x://a", "name": "a"}, {"uri": "x://secret", "name": "s"}]}),
        "resources/templates/list" => {
            json!({"resourceTemplates": [{"uriTemplate": "x://r/{id}", "name": "r"}, {"uriTemplate": "x://secret/{id}", "name": "s"}]})
        }
        "resources/read" => json!({"contents": [{"uri": message["params"]["uri"], "text": ""}]}),
        "prompts/get" => json!({"messages": []}),
        "completion/complete" => json!({"completion": {"values": []}}),
        "tools/call" => json!({"content": []}),
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => json!({}),
        _ => {
            let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no"}});
            return json_response(if modern { 404 } else { 200 }, error.to_string());
        }
    };
    if modern {
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(60_000);
        result["cacheScope"] = json!("public");
    }
    let mut response = json_response(200, json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
    if message["method"] == "initialize" {
        response.headers.insert("mcp-session-id", HeaderValue::from_static("up-1"));
    }
    response
}
