//! An MCP endpoint: from an HTTP request to the method that it asks for. The steps and their order are the specification's
//! (`toolgate_wire::classify` holds those that concern the body).

use std::{borrow::Cow, rc::Rc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use toolgate_model::{ItemKind, ServerId, ViewId};
use toolgate_ports::{Body, BodyError, Platform, Scope, collect};
use toolgate_wire::{
    Bounds, Classified, Era, Headers, Message, ModernMethod, ModernRequest, Version, classify, classify_entry,
    code as rpc, reply,
};

use crate::{
    answer, code,
    context::{Accepts, ClientOrigin, Context, Where},
    core::Core,
    edge,
    forward::Forwarded,
    identity::{Identity, NotAdmitted},
    line::{Line, Outcome},
    session::Session,
};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// An answer that ends the way early.
type Early = Box<Response<Body>>;

impl<P: Platform> Core<P> {
    pub(crate) async fn mcp(
        self: &Rc<Self>,
        request: Request<Body>,
        tenant: Option<&str>,
        part: Option<&str>,
        scope: &Scope,
        line: &Rc<Line<P>>,
    ) -> Response<Body> {
        if edge::is_preflight(request.method()) {
            line.quiet();
            return edge::preflight(&request, &self.config);
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = match self.mcp_request(request, tenant, part, scope, line).await {
            Ok(response) => response,
            Err(early) => *early,
        };
        if response.status() != StatusCode::FORBIDDEN {
            edge::allow_origin(origin.as_ref(), response.headers_mut());
        }
        response
    }

    async fn mcp_request(
        self: &Rc<Self>,
        request: Request<Body>,
        tenant: Option<&str>,
        part: Option<&str>,
        scope: &Scope,
        line: &Rc<Line<P>>,
    ) -> Result<Response<Body>, Early> {
        let of_session = matches!(*request.method(), Method::GET | Method::DELETE);
        if request.method() != Method::POST && !(of_session && request.headers().contains_key(SESSION)) {
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
        let place = match part {
            Some(part) => self.part(&identity, part, scope, line).await?,
            None => Where::All,
        };
        // On the heap from the start: a future has room for everything that is moved in it, once for each place that it was at.
        let context = Box::new(Context {
            place,
            era: Era::Legacy,
            accepts: if edge::accepts_events(&head.headers) { Accepts::Events } else { Accepts::Json },
            session: None,
            capabilities: None,
            log_level: None,
            origin: ClientOrigin::of(&identity, &head),
            identity,
            head,
            body: Bytes::new(),
            scope: scope.clone(),
            line: Rc::clone(line),
            nested: None,
        });
        if context.head.method != Method::POST {
            // What is rare is boxed, here and below: there is room for the future of each request.
            return Box::pin(self.of_session(context)).await;
        }
        if !edge::is_json(&context.head.headers) {
            let words = "The Content-Type must be application/json.";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Box::new(answer::error(status, None, code::UNSUPPORTED_MEDIA_TYPE, words, None)));
        }
        let body = collect(body, self.config.limits.request_body).await.map_err(|error| Box::new(unread(&error)))?;
        self.posted(context, body).await
    }

    /// A session's stream, or its end.
    async fn of_session(self: &Rc<Self>, mut context: Box<Context<P>>) -> Result<Response<Body>, Early> {
        context.session = self.session(&context)?;
        let deletes = context.head.method == Method::DELETE;
        context.line.method("legacy", if deletes { "DELETE" } else { "GET" });
        Ok(if deletes { self.end_session(&context) } else { self.listen_legacy(Rc::from(context)).await })
    }

    /// A message, or several.
    async fn posted(self: &Rc<Self>, mut context: Box<Context<P>>, body: Bytes) -> Result<Response<Body>, Early> {
        context.body = body.clone();
        let headers = headers_of(&context.head);
        let classified = classify(&headers, &body, self.bounds()).map_err(|refusal| {
            context.line.detail(refusal.message.clone());
            Box::new(answer::json(refusal.status, refusal.body()))
        })?;
        Ok(match classified {
            Classified::Modern(request) => self.modern(context, request).await,
            Classified::Initialize(request) => {
                context.line.method("legacy", "initialize");
                Box::pin(self.initialize(&context, &request)).await
            }
            Classified::Notification(message) if is_modern(&context.head) => {
                context.line.method("modern", message.method().unwrap_or_default());
                answer::empty(StatusCode::ACCEPTED)
            }
            Classified::Legacy { message, .. } => {
                let context = self.within_session(context)?;
                self.legacy(&context, &message).await
            }
            Classified::Notification(message) => {
                let context = self.within_session(context)?;
                self.take_notification(&context, &message)
            }
            Classified::Response(message) => {
                let context = self.within_session(context)?;
                Box::pin(self.take_response(&context, &message)).await
            }
            Classified::Batch(entries) => {
                let mut context = context;
                context.accepts = Accepts::Json;
                let context = self.within_session(context)?;
                Box::pin(self.batch(&context, &entries)).await
            }
        })
    }

    /// The context of a legacy message.
    fn within_session(&self, mut context: Box<Context<P>>) -> Result<Rc<Context<P>>, Early> {
        context.session = self.session(&context)?;
        context.capabilities = context.session.as_ref().map(|session| session.capabilities.clone());
        Ok(Rc::from(context))
    }

    const fn bounds(&self) -> Bounds {
        Bounds { depth: self.config.limits.json_depth, batch: self.config.limits.batch }
    }

    /// The server or the view that the path names, if this key may know of it.
    async fn part(&self, identity: &Identity, part: &str, scope: &Scope, line: &Line<P>) -> Result<Where, Early> {
        let principal = identity.principal(self.platform.clock()).ok();
        let server = ServerId::new(part).ok().filter(|id| {
            let known = identity.snapshot.servers.get(id).is_some_and(|server| server.enabled);
            known && principal.is_some_and(|principal| toolgate_policy::touches(principal, id))
        });
        if let Some(server) = server {
            return Ok(Where::Server(server));
        }
        if let Ok(id) = ViewId::new(part) {
            let view = self.states.view(&identity.snapshot.tenant, &id, scope).await;
            let view = view.map_err(|error| Box::new(NotAdmitted::Store(error).answer(line)))?;
            let seen = view.filter(|view| {
                let touched = |server| {
                    principal.is_some_and(|principal| {
                        toolgate_policy::touches(principal.through(Some((&view.id, &view.record))), server)
                    })
                };
                view.record.enabled && view.record.servers.keys().any(touched)
            });
            if let Some(view) = seen {
                return Ok(Where::View(view));
            }
        }
        line.rule("no-such-server");
        line.outcome(Outcome::Unknown);
        let words = "There is no server or view of this name here. The whole of what this key may use is at /mcp.";
        Err(Box::new(answer::error(StatusCode::NOT_FOUND, None, code::NOT_FOUND, words, None)))
    }

    /// The session that the request names. A legacy request may also come without one.
    fn session(&self, context: &Context<P>) -> Result<Option<Rc<Session>>, Early> {
        let Some(handle) = edge::header_text(&context.head.headers, &SESSION) else { return Ok(None) };
        let identity = &context.identity;
        let session = self.resume_session(&identity.snapshot.tenant, &identity.key, handle);
        session.map(|session| Some(Rc::new(session))).ok_or_else(|| {
            let words = "The session is unknown or over: initialize again.";
            Box::new(answer::error(StatusCode::NOT_FOUND, None, code::NOT_FOUND, words, None))
        })
    }

    async fn modern(self: &Rc<Self>, mut context: Box<Context<P>>, request: ModernRequest<'_>) -> Response<Body> {
        context.line.method("modern", request.method.as_str());
        context.era = Era::Modern;
        context.capabilities = request.meta.client_capabilities.map(str::to_owned);
        context.log_level = request.meta.log_level.map(str::to_owned);
        let message = &request.message;
        let context = Rc::from(context);
        match request.method {
            ModernMethod::ServerDiscover => self.discover(&context, message).await,
            ModernMethod::ToolsList => self.list(&context, message, ItemKind::Tool).await,
            ModernMethod::PromptsList => self.list(&context, message, ItemKind::Prompt).await,
            ModernMethod::ResourcesList => self.list(&context, message, ItemKind::Resource).await,
            ModernMethod::ResourcesTemplatesList => self.list(&context, message, ItemKind::Template).await,
            ModernMethod::ToolsCall => self.forward(context, message, Forwarded::Tool).await,
            ModernMethod::PromptsGet => self.forward(context, message, Forwarded::Prompt).await,
            ModernMethod::ResourcesRead => self.forward(context, message, Forwarded::Resource).await,
            ModernMethod::CompletionComplete => self.forward(context, message, Forwarded::Completion).await,
            ModernMethod::SubscriptionsListen => Box::pin(self.listen_modern(context, message)).await,
            ModernMethod::TasksGet => Box::pin(self.task(context, message, "tasks/get")).await,
            ModernMethod::TasksUpdate => Box::pin(self.task(context, message, "tasks/update")).await,
            ModernMethod::TasksCancel => Box::pin(self.task(context, message, "tasks/cancel")).await,
        }
    }

    async fn legacy(self: &Rc<Self>, context: &Rc<Context<P>>, message: &Message<'_>) -> Response<Body> {
        let method = message.method().unwrap_or_default();
        context.line.method("legacy", method);
        let id = message.id().unwrap_or("null");
        let forward = |what| self.forward(Rc::clone(context), message, what);
        match method {
            "ping" => answer::json(StatusCode::OK, reply::result(id, "{}")),
            "tools/list" => self.list(context, message, ItemKind::Tool).await,
            "prompts/list" => self.list(context, message, ItemKind::Prompt).await,
            "resources/list" => self.list(context, message, ItemKind::Resource).await,
            "resources/templates/list" => self.list(context, message, ItemKind::Template).await,
            "tools/call" => forward(Forwarded::Tool).await,
            "prompts/get" => forward(Forwarded::Prompt).await,
            "resources/read" => forward(Forwarded::Resource).await,
            "completion/complete" => forward(Forwarded::Completion).await,
            "logging/setLevel" => Box::pin(self.set_log_level(context, message)).await,
            "resources/subscribe" | "resources/unsubscribe" => Box::pin(self.subscribe(context, message)).await,
            "tasks/get" => Box::pin(self.task(Rc::clone(context), message, "tasks/get")).await,
            "tasks/result" => Box::pin(self.task(Rc::clone(context), message, "tasks/result")).await,
            "tasks/cancel" => Box::pin(self.task(Rc::clone(context), message, "tasks/cancel")).await,
            _ => {
                context.line.outcome(Outcome::BadRequest);
                answer::error(StatusCode::OK, Some(id), rpc::METHOD_NOT_FOUND, "Method not found", None)
            }
        }
    }

    /// One after the other; answers that would stream are waited for.
    async fn batch(self: &Rc<Self>, context: &Rc<Context<P>>, entries: &[&[u8]]) -> Response<Body> {
        let mut answers: Vec<Cow<'_, str>> = Vec::new();
        // All answers together are kept until the last is there.
        let mut left = self.config.limits.upstream_body;
        for entry in entries {
            let answer = match classify_entry(entry, self.bounds()) {
                Ok(Classified::Legacy { message, version: Version::V2025_03_26 }) => {
                    let response = self.legacy(context, &message).await;
                    match collect(response.into_body(), left).await {
                        Ok(body) => {
                            left -= body.len();
                            String::from_utf8_lossy(&body).into_owned()
                        }
                        Err(error) => reply::error(message.id(), rpc::INTERNAL_ERROR, &error.to_string(), None),
                    }
                }
                Ok(Classified::Notification(message)) => {
                    let _ = self.take_notification(context, &message);
                    continue;
                }
                Ok(Classified::Response(message)) => {
                    let _ = self.take_response(context, &message).await;
                    continue;
                }
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

fn headers_of(head: &Parts) -> Headers<'_> {
    Headers {
        protocol_version: edge::header_text(&head.headers, &PROTOCOL_VERSION),
        method: edge::header_text(&head.headers, &METHOD),
        name: edge::header_text(&head.headers, &NAME),
        session: edge::header_text(&head.headers, &SESSION),
    }
}

/// Whether the headers speak of a modern revision.
fn is_modern(head: &Parts) -> bool {
    let version = edge::header_text(&head.headers, &PROTOCOL_VERSION).and_then(|text| Version::parse(text.trim()));
    version.is_some_and(|version| version.era() == Era::Modern)
}

/// No server behind the endpoint says anything by itself.
pub(crate) fn no_stream() -> Response<Body> {
    let words =
        "There is no stream to GET here: no server says anything by itself, or TOOLGATE_SESSION_STREAM_MS is 0.";
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, None, code::METHOD_NOT_ALLOWED, words, None);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, DELETE, OPTIONS"));
    response
}

fn post_only() -> Response<Body> {
    let words = "This endpoint takes POST; a legacy session's stream takes GET, and its end DELETE, both with its Mcp-Session-Id.";
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, None, code::METHOD_NOT_ALLOWED, words, None);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, GET, DELETE, OPTIONS"));
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
