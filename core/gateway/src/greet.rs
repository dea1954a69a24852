//! How a client is greeted, in its era: `initialize` or `server/discover`. Both say what the servers behind the endpoint can do.

use std::{rc::Rc, time::Duration};

use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use toolgate_ports::{Body, Clock, Platform};
use toolgate_upstream::Caller;
use toolgate_wire::{Era, Initialize, Message, SUPPORTED_MODERN, code as rpc, reply, splice};

use crate::{
    answer,
    capabilities::{Known, Streams, instructions, merged},
    context::{Context, Where},
    core::Core,
    session::MAX_CAPABILITIES,
};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// How the gateway presents itself: raw JSON.
pub(crate) const SERVER_INFO: &str =
    concat!("{\"name\":\"toolgate\",\"title\":\"Toolgate\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");
/// How long what `server/discover` says stays true, in milliseconds; if a server was missing, it is asked again sooner.
const DISCOVER_TTL_MS: u32 = 300_000;
const PARTIAL_TTL_MS: u32 = 5_000;
/// How long a greeting waits for servers that have never been asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of the servers of an endpoint.
pub(crate) struct Behind {
    pub(crate) known: Vec<Known>,
    /// Whether a server could not be asked.
    pub(crate) partial: bool,
}

impl<P: Platform> Core<P> {
    /// What the servers behind the endpoint speak and can do.
    pub(crate) async fn behind(&self, context: &Context<P>) -> Behind {
        let Ok(principal) = context.principal(self.platform.clock()) else {
            return Behind { known: Vec::new(), partial: true };
        };
        let snapshot = &context.identity.snapshot;
        let began = context.line.ticks();
        let place = context.place();
        let verdicts = self.aggregate.verdicts(principal, snapshot, place, PATIENCE).await;
        context.line.upstream_since(began);
        let partial = verdicts.iter().any(|(_, verdict)| verdict.is_err());
        let known = verdicts.into_iter().filter_map(|(server, verdict)| Some((server, verdict.ok()?)));
        Behind { known: known.collect(), partial }
    }

    pub(crate) async fn discover(&self, context: &Context<P>, message: &Message<'_>) -> Response<Body> {
        let behind = self.behind(context).await;
        let versions: Vec<String> = SUPPORTED_MODERN.iter().map(|version| splice::quote(version)).collect();
        let alone = matches!(context.place, Where::Server(_));
        let instructions = instructions(&behind.known, alone).map(|text| format!("\"instructions\":{text},"));
        let result = format!(
            "{{\"resultType\":\"complete\",\"supportedVersions\":[{}],\"capabilities\":{},{}\"ttlMs\":{},\"cacheScope\":\"private\",\
             \"_meta\":{{\"{}\":{SERVER_INFO}}}}}",
            versions.join(","),
            merged(&behind.known, Era::Modern, Streams::Offered),
            instructions.unwrap_or_default(),
            if behind.partial { PARTIAL_TTL_MS } else { DISCOVER_TTL_MS },
            toolgate_wire::meta::SERVER_INFO
        );
        answer::json(StatusCode::OK, reply::result(message.id().unwrap_or("null"), &result))
    }

    pub(crate) async fn initialize(&self, context: &Context<P>, request: &Initialize<'_>) -> Response<Body> {
        let id = request.message.id().unwrap_or("null");
        let capabilities = request.capabilities.unwrap_or("{}");
        if capabilities.len() > MAX_CAPABILITIES {
            let words = format!("Invalid params: capabilities are longer than {MAX_CAPABILITIES} bytes.");
            return answer::error(StatusCode::BAD_REQUEST, Some(id), rpc::INVALID_PARAMS, &words, None);
        }
        let behind = self.behind(context).await;
        let mut session = self.new_session(request.answered, capabilities);
        let partition = format!("{}:{}", context.identity.key.id, session.id);
        let opened = self.open_sessions(&behind.known, &partition, capabilities).await;
        session.remember(opened);
        let alone = matches!(context.place, Where::Server(_));
        let instructions = instructions(&behind.known, alone).map(|text| format!(",\"instructions\":{text}"));
        let none = self.config.limits.session_stream.is_zero();
        let streams = if none { Streams::None } else { Streams::Offered };
        let result = format!(
            "{{\"protocolVersion\":\"{}\",\"capabilities\":{},\"serverInfo\":{SERVER_INFO}{}}}",
            request.answered.as_str(),
            merged(&behind.known, Era::Legacy, streams),
            instructions.unwrap_or_default(),
        );
        let mut response = answer::json(StatusCode::OK, reply::result(id, &result));
        let handle = self.seal_session(&context.identity.snapshot.tenant, &context.identity.key, &session);
        if let Ok(handle) = HeaderValue::from_str(&handle) {
            response.headers_mut().insert(SESSION, handle);
        }
        response
    }

    /// Opens a session with each legacy server that has sessions, so that the client's own can name them and any instance can go on with
    /// them. A server that can't be reached now is greeted when it is needed.
    async fn open_sessions(
        &self,
        known: &[Known],
        partition: &str,
        capabilities: &str,
    ) -> Vec<(toolgate_model::ServerId, toolgate_upstream::SessionRef)> {
        let caller = Caller { partition, capabilities: Some(capabilities), client_info: None, session: None };
        let legacy = known.iter().filter(|(_, verdict)| verdict.era == Era::Legacy);
        let open = |(server, verdict): &Known| {
            let (server, verdict) = (Rc::clone(server), Rc::clone(verdict));
            async move {
                let endpoint = server.endpoint.as_ref().ok()?;
                let session = std::pin::pin!(self.client.open(endpoint, Some(&verdict), caller));
                let Either::Left((session, _)) = select(session, self.platform.clock().sleep(PATIENCE)).await else {
                    return None;
                };
                let session = session.ok().flatten().filter(|session| session.id.is_some())?;
                Some((server.id.clone(), session))
            }
        };
        let opened = stream::iter(legacy.map(open)).buffer_unordered(self.config.limits.fan_out);
        opened.filter_map(std::future::ready).collect().await
    }
}
