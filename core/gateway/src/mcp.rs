//! An MCP endpoint: from an HTTP request to the method that it asks for. The steps and their order are the specification's
//! (`toolgate_wire::classify` holds those that concern the body).

use std::{borrow::Cow, rc::Rc};

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use toolgate_model::{KeyId, ServerId};
use toolgate_ports::{Body, BodyError, Platform, Scope, collect};
use toolgate_wire::{
    Bounds, Classified, Era, Headers, Initialize, Message, ModernMethod, ModernRequest, SUPPORTED_MODERN, Version,
    classify, classify_entry, code as rpc, reply, splice,
};

use crate::{
    Gateway, answer, code, edge,
    identity::Identity,
    line::{Line, Outcome},
    session::MAX_CAPABILITIES,
};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// How the gateway presents itself: raw JSON.
pub(crate) const SERVER_INFO: &str =
    concat!("{\"name\":\"toolgate\",\"title\":\"Toolgate\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");
/// What the gateway can do: raw JSON.
const CAPABILITIES: &str = "{\"tools\":{}}";
/// How long what `server/discover` says stays true, in milliseconds.
const DISCOVER_TTL_MS: u32 = 300_000;

/// An answer that ends the way early.
type Early = Box<Response<Body>>;

/// Everything about a request that its method needs.
pub(crate) struct Context<'a, P: Platform> {
    pub(crate) identity: &'a Identity,
    /// The one server that the endpoint is of; all where there is none.
    pub(crate) of: Option<&'a ServerId>,
    pub(crate) head: &'a Parts,
    pub(crate) era: Era,
    /// Names the principal and its client session, towards upstream sessions.
    pub(crate) partition: String,
    /// The client's capabilities, raw JSON.
    pub(crate) capabilities: Option<&'a str>,
    /// What the client says of itself, raw JSON.
    pub(crate) client_info: Option<&'a str>,
    pub(crate) scope: &'a Scope,
    pub(crate) line: &'a Rc<Line<P>>,
}

impl<P: Platform> Gateway<P> {
    pub(crate) async fn mcp(
        &self,
        request: Request<Body>,
        tenant: Option<&str>,
        server: Option<&str>,
        scope: &Scope,
        line: &Rc<Line<P>>,
    ) -> Response<Body> {
        if edge::is_preflight(request.method()) {
            line.quiet();
            return edge::preflight(&request, &self.config);
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = match self.mcp_request(request, tenant, server, scope, line).await {
            Ok(response) => response,
            Err(early) => *early,
        };
        if response.status() != StatusCode::FORBIDDEN {
            edge::allow_origin(origin.as_ref(), response.headers_mut());
        }
        response
    }

    async fn mcp_request(
        &self,
        request: Request<Body>,
        tenant: Option<&str>,
        server: Option<&str>,
        scope: &Scope,
        line: &Rc<Line<P>>,
    ) -> Result<Response<Body>, Early> {
        if request.method() != Method::POST {
            return Err(Box::new(post_only()));
        }
        edge::check_host(&request, &self.config).and_then(|()| edge::check_origin(&request, &self.config)).map_err(
            |refused| {
                line.rule(refused.slug);
                Box::new(answer::error(refused.status, None, code::FORBIDDEN, &refused.detail, None))
            },
        )?;
        let Some(tenant) = tenant else { return Err(Box::new(no_tenant())) };
        let (head, body) = request.into_parts();
        let identity = self
            .identify(tenant, &head.headers, scope, line)
            .await
            .map_err(|refused| Box::new(refused.answer(line)))?;
        let of = server.map(|server| self.one_server(&identity, server, line)).transpose()?;
        if !edge::is_json(&head.headers) {
            let words = "The Content-Type must be application/json.";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Box::new(answer::error(status, None, code::UNSUPPORTED_MEDIA_TYPE, words, None)));
        }
        let body = collect(body, self.config.limits.request_body).await.map_err(|error| Box::new(unread(&error)))?;
        let headers = Headers {
            protocol_version: edge::header_text(&head.headers, &PROTOCOL_VERSION),
            method: edge::header_text(&head.headers, &METHOD),
            name: edge::header_text(&head.headers, &NAME),
            session: edge::header_text(&head.headers, &SESSION),
        };
        let classified = classify(&headers, &body, self.bounds()).map_err(|refusal| {
            line.detail(refusal.message.clone());
            Box::new(answer::json(refusal.status, refusal.body()))
        })?;
        let key = &identity.key.id;
        let context = |era, session: Option<&str>| Context {
            identity: &identity,
            of: of.as_ref(),
            head: &head,
            era,
            partition: partition(key, session),
            capabilities: None,
            client_info: None,
            scope,
            line,
        };
        Ok(match classified {
            Classified::Accepted => answer::empty(StatusCode::ACCEPTED),
            Classified::Modern(request) => self.modern(context(Era::Modern, None), request).await,
            Classified::Initialize(request) => self.initialize(&identity, &request, line),
            Classified::Legacy { message, .. } => {
                let session = self.session(&identity, headers.session)?;
                let mut context = context(Era::Legacy, session.as_ref().map(|session| session.id.as_str()));
                context.capabilities = session.as_ref().map(|session| session.capabilities.as_str());
                self.legacy(&context, &message).await
            }
            Classified::Batch(entries) => {
                let session = self.session(&identity, headers.session)?;
                let mut context = context(Era::Legacy, session.as_ref().map(|session| session.id.as_str()));
                context.capabilities = session.as_ref().map(|session| session.capabilities.as_str());
                self.batch(&context, &entries).await
            }
        })
    }

    const fn bounds(&self) -> Bounds {
        Bounds { depth: self.config.limits.json_depth, batch: self.config.limits.batch }
    }

    /// The server that the path names, if this key may know of it.
    fn one_server(&self, identity: &Identity, server: &str, line: &Line<P>) -> Result<ServerId, Early> {
        let principal = identity.principal(self.platform.clock()).ok();
        let found = ServerId::new(server).ok().filter(|id| {
            let known = identity.snapshot.servers.get(id).is_some_and(|server| server.enabled);
            known && principal.is_some_and(|principal| toolgate_policy::touches(principal, id))
        });
        found.ok_or_else(|| {
            line.rule("no-such-server");
            line.outcome(Outcome::Unknown);
            let words = "There is no server of this name here. The whole of what this key may use is at /mcp.";
            Box::new(answer::error(StatusCode::NOT_FOUND, None, code::NOT_FOUND, words, None))
        })
    }

    /// The session that the request names. A legacy request may also come without one: nothing here needs it.
    fn session(&self, identity: &Identity, handle: Option<&str>) -> Result<Option<crate::session::Session>, Early> {
        let Some(handle) = handle else { return Ok(None) };
        let session = self.resume_session(&identity.snapshot.tenant, &identity.key, handle);
        session.map(Some).ok_or_else(|| {
            let words = "The session is unknown or over: initialize again.";
            Box::new(answer::error(StatusCode::NOT_FOUND, None, code::NOT_FOUND, words, None))
        })
    }

    async fn modern(&self, mut context: Context<'_, P>, request: ModernRequest<'_>) -> Response<Body> {
        context.line.method("modern", request.method.as_str());
        context.capabilities = request.meta.client_capabilities;
        context.client_info = request.meta.client_info;
        let message = &request.message;
        match request.method {
            ModernMethod::ServerDiscover => discover(message),
            ModernMethod::ToolsList => self.list_tools(&context, message).await,
            ModernMethod::ToolsCall => self.call_tool(&context, message).await,
            _ => {
                let error = reply::error(message.id(), rpc::METHOD_NOT_FOUND, "Method not found", None);
                answer::json(StatusCode::NOT_FOUND, error)
            }
        }
    }

    async fn legacy(&self, context: &Context<'_, P>, message: &Message<'_>) -> Response<Body> {
        let method = message.method().unwrap_or_default();
        context.line.method("legacy", method);
        let id = message.id().unwrap_or("null");
        match method {
            "ping" => answer::json(StatusCode::OK, reply::result(id, "{}")),
            "tools/list" => self.list_tools(context, message).await,
            "tools/call" => self.call_tool(context, message).await,
            _ => {
                context.line.outcome(Outcome::BadRequest);
                answer::error(StatusCode::OK, Some(id), rpc::METHOD_NOT_FOUND, "Method not found", None)
            }
        }
    }

    fn initialize(&self, identity: &Identity, request: &Initialize<'_>, line: &Line<P>) -> Response<Body> {
        line.method("legacy", "initialize");
        let id = request.message.id().unwrap_or("null");
        let capabilities = request.capabilities.unwrap_or("{}");
        if capabilities.len() > MAX_CAPABILITIES {
            let words = format!("Invalid params: capabilities are longer than {MAX_CAPABILITIES} bytes.");
            return answer::error(StatusCode::BAD_REQUEST, Some(id), rpc::INVALID_PARAMS, &words, None);
        }
        let result = format!(
            "{{\"protocolVersion\":\"{}\",\"capabilities\":{CAPABILITIES},\"serverInfo\":{SERVER_INFO}}}",
            request.answered.as_str()
        );
        let mut response = answer::json(StatusCode::OK, reply::result(id, &result));
        let handle = self.open_session(&identity.snapshot.tenant, &identity.key, request.answered, capabilities);
        if let Ok(handle) = HeaderValue::from_str(&handle) {
            response.headers_mut().insert(SESSION, handle);
        }
        response
    }

    /// One after the other; answers that would stream are waited for.
    async fn batch(&self, context: &Context<'_, P>, entries: &[&[u8]]) -> Response<Body> {
        let mut answers: Vec<Cow<'_, str>> = Vec::new();
        for entry in entries {
            let answer = match classify_entry(entry, self.bounds()) {
                Ok(Classified::Legacy { message, version: Version::V2025_03_26 }) => {
                    let response = self.legacy(context, &message).await;
                    match collect(response.into_body(), self.config.limits.upstream_body).await {
                        Ok(body) => String::from_utf8_lossy(&body).into_owned(),
                        Err(error) => reply::error(message.id(), rpc::INTERNAL_ERROR, &error.to_string(), None),
                    }
                }
                Ok(Classified::Accepted) => continue,
                Ok(_) => reply::error(None, rpc::INVALID_REQUEST, "Invalid request: not within a batch", None),
                Err(refusal) => refusal.body(),
            };
            answers.push(answer.into());
        }
        context.line.method("legacy", "batch");
        if answers.is_empty() {
            return answer::empty(StatusCode::ACCEPTED);
        }
        answer::json(StatusCode::OK, format!("[{}]", answers.join(",")))
    }
}

impl<P: Platform> Context<'_, P> {
    /// Whether the answer may be a stream of events. A batch's is none.
    pub(crate) fn may_stream(&self) -> bool {
        edge::accepts_events(&self.head.headers)
    }
}

fn partition(key: &KeyId, session: Option<&str>) -> String {
    match session {
        Some(session) => format!("{key}:{session}"),
        None => key.to_string(),
    }
}

fn discover(message: &Message<'_>) -> Response<Body> {
    let versions: Vec<String> = SUPPORTED_MODERN.iter().map(|version| splice::quote(version)).collect();
    let result = format!(
        "{{\"resultType\":\"complete\",\"supportedVersions\":[{}],\"capabilities\":{CAPABILITIES},\"ttlMs\":{DISCOVER_TTL_MS},\
         \"cacheScope\":\"private\",\"_meta\":{{\"{}\":{SERVER_INFO}}}}}",
        versions.join(","),
        toolgate_wire::meta::SERVER_INFO
    );
    answer::json(StatusCode::OK, reply::result(message.id().unwrap_or("null"), &result))
}

fn post_only() -> Response<Body> {
    let words = "This endpoint takes POST: there is no stream to GET and no session to DELETE.";
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, None, code::METHOD_NOT_ALLOWED, words, None);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    response
}

fn no_tenant() -> Response<Body> {
    let words = "No tenant is named: use /t/<tenant>/mcp, or <tenant>.<domain> where TOOLGATE_DOMAIN is set.";
    answer::error(StatusCode::NOT_FOUND, None, code::NOT_FOUND, words, None)
}

fn unread(error: &BodyError) -> Response<Body> {
    match error {
        BodyError::TooLong { limit } => {
            let words = format!("The body is longer than {limit} bytes.");
            answer::error(StatusCode::PAYLOAD_TOO_LARGE, None, code::TOO_LARGE, &words, None)
        }
        BodyError::Broken(_) => {
            answer::error(StatusCode::BAD_REQUEST, None, rpc::PARSE_ERROR, "The body broke off.", None)
        }
    }
}
