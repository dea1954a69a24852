//! A gateway on the platform in memory, with scripted upstreams of both eras.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use toolgate_gateway::{Config, Gateway};
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{
    Body, Commit, FetchError, FetchErrorKind, FetchRequest, FetchResponse, RecordKey, RecordKind, Store, Write, collect,
};
use toolgate_seal::{KEY_RANDOM_BYTES, mint};
use toolgate_testkit::{MemoryPlatform, json_response};

pub(crate) const MASTER_KEY: &str = "abababababababababababababababababababababababababababababababab";

pub(crate) const OPERATOR_TOKEN: &str = "an-operators-token-for-tests-alone";

/// What a scripted upstream answers to `tools/call`, given its request's JSON.
pub(crate) type OnCall = Rc<dyn Fn(&Value) -> Result<FetchResponse, FetchError>>;

/// What a scripted upstream answers to anything, given its request's JSON; nothing where it answers as usual.
pub(crate) type OnAny = Rc<dyn Fn(&Value) -> Option<Result<FetchResponse, FetchError>>>;

#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) modern: bool,
    pub(crate) tools: Vec<String>,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) down: bool,
    pub(crate) on_call: OnCall,
    pub(crate) on_any: OnAny,
}

impl Upstream {
    pub(crate) fn modern(tools: &[&str]) -> Self {
        Self { modern: true, ..Self::legacy(tools) }
    }

    pub(crate) fn legacy(tools: &[&str]) -> Self {
        let tools = tools
            .iter()
            .map(|name| format!("{{\"name\":\"{name}\",\"inputSchema\":{{\"type\":\"object\"}},\"x\":1e3}}"));
        Self {
            modern: false,
            tools: tools.collect(),
            ttl_ms: None,
            down: false,
            on_call: Rc::new(echo),
            on_any: Rc::new(|_| None),
        }
    }

    pub(crate) fn answer(&self, request: &FetchRequest) -> Result<FetchResponse, FetchError> {
        if self.down {
            return Err(FetchError::new(FetchErrorKind::Connect, "connection refused"));
        }
        let message: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        if let Some(answer) = (self.on_any)(&message) {
            return answer;
        }
        let id = &message["id"];
        let is_modern = request.headers.contains_key("mcp-method");
        let result = match message["method"].as_str().unwrap_or_default() {
            "server/discover" if self.modern => {
                "{\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},\"ttlMs\":0,\"cacheScope\":\"private\"}".to_owned()
            }
            "initialize" if !self.modern => {
                let body = json!({"jsonrpc": "2.0", "id": id, "result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "up", "version": "1"}}});
                let mut response = json_response(200, body.to_string());
                response.headers.insert("mcp-session-id", "up-1".parse().unwrap());
                return Ok(response);
            }
            "notifications/initialized" => return Ok(json_response(202, "")),
            "tools/list" if is_modern == self.modern => {
                let ttl = self.ttl_ms.map(|ttl| format!(",\"ttlMs\":{ttl},\"cacheScope\":\"public\"")).unwrap_or_default();
                format!("{{\"tools\":[{}]{ttl}}}", self.tools.join(","))
            }
            "tools/call" if is_modern == self.modern => return (self.on_call)(&message),
            _ => {
                let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}});
                return Ok(json_response(if self.modern { 404 } else { 400 }, error.to_string()));
            }
        };
        Ok(json_response(200, format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}")))
    }
}

/// Answers with what it was called with.
fn echo(message: &Value) -> Result<FetchResponse, FetchError> {
    let params = message["params"].to_string();
    let body = format!(
        "{{\"jsonrpc\":\"2.0\", \"vendor\":[1e2], \"result\":{{\"content\":[{{\"type\":\"text\",\"text\":{}}}],\"z\":1.0e0,\"a\":null}},\"id\":{}}}",
        json!(params),
        message["id"]
    );
    Ok(json_response(200, body))
}

pub(crate) struct World {
    pub(crate) platform: Rc<MemoryPlatform>,
    pub(crate) gateway: Gateway<MemoryPlatform>,
    pub(crate) upstreams: Rc<RefCell<BTreeMap<String, Upstream>>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {}", self.text))
    }

    pub(crate) fn tool_names(&self) -> Vec<String> {
        let json = self.json();
        let tools = json["result"]["tools"].as_array().unwrap_or_else(|| panic!("no tools in {}", self.text));
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn config() -> Config {
    let get = |name: &str| match name {
        "TOOLGATE_MASTER_KEY" => Some(MASTER_KEY.to_owned()),
        "TOOLGATE_OPERATOR_TOKEN" => Some(OPERATOR_TOKEN.to_owned()),
        "TOOLGATE_DOMAIN" => Some("gate.example".to_owned()),
        _ => None,
    };
    Config::from_vars(get, "localhost,127.0.0.1").unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let platform = MemoryPlatform::new();
        let upstreams: Rc<RefCell<BTreeMap<String, Upstream>>> = Rc::default();
        let known = Rc::clone(&upstreams);
        platform.fetch.answer(move |request| {
            let name = request.uri.path().trim_start_matches('/').trim_end_matches("/mcp").to_owned();
            let upstream = known.borrow().get(&name).cloned();
            upstream.map_or_else(|| Ok(json_response(404, "")), |upstream| upstream.answer(&request))
        });
        let gateway = Gateway::new(Rc::clone(&platform), config());
        let world = Self { platform, gateway, upstreams };
        world.put("acme", RecordKey::tenant(), &with_times(json!({"enabled": true})));
        world
    }

    /// Another instance over the same store, knowing nothing: what a restart leaves.
    pub(crate) fn restarted(&self) -> Self {
        Self {
            platform: Rc::clone(&self.platform),
            gateway: Gateway::new(Rc::clone(&self.platform), config()),
            upstreams: Rc::clone(&self.upstreams),
        }
    }

    pub(crate) fn put(&self, tenant: &str, key: RecordKey, value: &Value) -> Revision {
        let commit = Commit { expect: vec![], writes: vec![Write::Put(key, Bytes::from(value.to_string()))] };
        self.platform.run(self.platform.store.commit(&TenantId::new(tenant).unwrap(), commit)).unwrap()
    }

    pub(crate) fn server(&self, name: &str, upstream: Upstream) {
        self.server_with(name, upstream, &json!({}));
    }

    pub(crate) fn server_with(&self, name: &str, upstream: Upstream, more: &Value) {
        let mut record = with_times(
            json!({"url": format!("http://127.0.0.1:9/{name}/mcp"), "era": "auto", "network": "loopback", "enabled": true}),
        );
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.upstreams.borrow_mut().insert(name.to_owned(), upstream);
        self.put("acme", RecordKey::new(RecordKind::Server, name), &record);
    }

    pub(crate) fn key(&self, number: u8, grants: &[&str]) -> String {
        self.key_with("acme", number, grants, &json!({}))
    }

    pub(crate) fn key_with(&self, tenant: &str, number: u8, grants: &[&str], more: &Value) -> String {
        let minted = mint(&[number; KEY_RANDOM_BYTES]);
        let mut record =
            with_times(json!({"id": minted.id, "name": "k", "hash": minted.hash, "grants": grants, "enabled": true}));
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.put(tenant, RecordKey::new(RecordKind::Key, minted.id.as_str()), &record);
        minted.secret
    }

    /// A limit of the tenant `acme`, and the time until it is seen.
    pub(crate) fn limit(&self, id: &str, spec: &Value) {
        let mut record = with_times(json!({"enabled": true}));
        record.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.put("acme", RecordKey::new(RecordKind::Limit, id), &record);
        self.platform.clock.advance(Duration::from_secs(11));
    }

    pub(crate) fn send(&self, request: Request<Body>) -> Answer {
        let response = self.platform.run(self.gateway.handle(request, &self.platform.scope()));
        self.read(response)
    }

    pub(crate) fn read(&self, response: Response<Body>) -> Answer {
        let (head, body) = response.into_parts();
        let body = self.platform.run(collect(body, usize::MAX)).unwrap();
        self.platform.settle();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) fn legacy(&self, key: &str, method: &str, params: &Value) -> Answer {
        self.send(legacy_request(key, "/t/acme/mcp", method, params))
    }

    pub(crate) fn modern(&self, key: &str, method: &str, params: Value) -> Answer {
        self.send(modern_request(key, "/t/acme/mcp", method, params))
    }
}

fn with_times(mut record: Value) -> Value {
    for field in ["created_at", "updated_at"] {
        record[field] = json!("2026-01-01T00:00:00Z");
    }
    record
}

pub(crate) fn raw(key: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Body> {
    let mut request = Request::post(path).body(Body::Full(body.into())).unwrap();
    let defaults = [
        ("host", "localhost:1"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let bearer = format!("Bearer {key}");
    let credential = [("authorization", bearer.as_str())];
    let all = defaults.iter().chain(credential.iter().filter(|_| !key.is_empty())).chain(headers);
    for (name, value) in all {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

pub(crate) fn legacy_request(key: &str, path: &str, method: &str, params: &Value) -> Request<Body> {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    raw(key, path, &[("mcp-protocol-version", "2025-11-25")], body)
}

pub(crate) fn modern_request(key: &str, path: &str, method: &str, mut params: Value) -> Request<Body> {
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let body = json!({"jsonrpc": "2.0", "id": "a-1", "method": method, "params": params}).to_string();
    let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    if !name.is_empty() {
        headers.push(("mcp-name", &name));
    }
    raw(key, path, &headers, body)
}
