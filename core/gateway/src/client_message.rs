//! What a legacy client sends beside its requests: answers to what servers asked it, notifications, the log level, subscriptions, the
//! end of its session.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use toolgate_catalogue::Located;
use toolgate_ports::{Body, Mailbox, Platform};
use toolgate_upstream::{Caller, SessionRef};
use toolgate_wire::{Era, Message, code as rpc, reply, splice};

use crate::{
    answer,
    context::{Context, owner},
    core::Core,
    handle::AnswerTo,
    line::Outcome,
    refusal::failure,
};

const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

impl<P: Platform> Core<P> {
    /// The answer to something that a server asked: it goes to that server, or to the call that waits for it.
    pub(crate) async fn take_response(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        message: &Message<'_>,
    ) -> Response<Body> {
        context.line.method("legacy", "response");
        let sealed = message.id().and_then(splice::string);
        let to = sealed.and_then(|sealed| self.open_answer_to(context, &sealed));
        let (Some(to), Some(span)) = (to, message.id_span()) else {
            context.line.outcome(Outcome::BadRequest);
            let words = "Nothing was asked of this session under this id.";
            return answer::error(StatusCode::BAD_REQUEST, None, rpc::INVALID_REQUEST, words, None);
        };
        let taken = match to {
            AnswerTo::Server(server, session, id) => {
                let mut answered = splice::Edit::new(message.text()).replace(span, id);
                if let Some((span, task)) = self.task_answered(context, message.text()) {
                    answered = answered.replace(span, task);
                }
                let answered = answered.finish();
                let server = context.identity.snapshot.servers.get(&server).filter(|server| server.enabled);
                match server.and_then(|server| server.endpoint.as_ref().ok()) {
                    Some(endpoint) => {
                        let posted = self.client.post(endpoint, &session, answered.into()).await;
                        posted.map_err(|error| error.to_string())
                    }
                    None => Err("the server that asked is gone".to_owned()),
                }
            }
            AnswerTo::Mailbox(mailbox, question) => {
                let tenant = &context.identity.snapshot.tenant;
                self.leave_answer(tenant, &mailbox, question, message.text()).await
            }
        };
        match taken {
            Ok(()) => answer::empty(StatusCode::ACCEPTED),
            Err(why) => {
                context.line.outcome(Outcome::UpstreamFailed);
                context.line.detail(why);
                let words = "The answer could not be passed on to the server that asked.";
                answer::error(StatusCode::BAD_GATEWAY, None, crate::code::UPSTREAM_UNAVAILABLE, words, None)
            }
        }
    }

    /// A notification: it goes on to the client's sessions with legacy servers, if it is about something that goes on there.
    pub(crate) fn take_notification(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        message: &Message<'_>,
    ) -> Response<Body> {
        let method = message.method().unwrap_or_default();
        context.line.method("legacy", method);
        let goes_on =
            matches!(method, "notifications/cancelled" | "notifications/progress" | "notifications/roots/list_changed");
        if goes_on {
            let body = Bytes::copy_from_slice(message.text().as_bytes());
            for (server, session) in sessions(context) {
                self.post_later(context, &server, session, body.clone());
            }
        }
        answer::empty(StatusCode::ACCEPTED)
    }

    /// `logging/setLevel`: said to each legacy server, and remembered for the modern ones, which are told with each request.
    pub(crate) async fn set_log_level(&self, context: &Rc<Context<P>>, message: &Message<'_>) -> Response<Body> {
        let id = message.id().unwrap_or("null");
        let params = message.params().unwrap_or("{}");
        let level = splice::value(params, "level")
            .filter(|raw| splice::string(raw).is_some_and(|level| LEVELS.contains(&&*level)));
        let Some(level) = level else {
            context.line.outcome(Outcome::BadRequest);
            let words = format!("Invalid params: level must be one of {}", LEVELS.join(", "));
            return answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &words, None);
        };
        if let Some(session) = &context.session {
            self.set_level(&session.id, level);
        }
        let tell = sessions(context).into_iter().map(|(server, session)| async move {
            let Ok(endpoint) = &server.endpoint else { return };
            let params = format!("{{\"level\":{level}}}");
            if let Err(error) = self.client.ask_within(endpoint, &session, "logging/setLevel", &params).await {
                tracing::debug!(target: "toolgate::gateway", server = %server.id, %error, "did not take the log level");
            }
        });
        futures_util::future::join_all(tell).await;
        answer::json(StatusCode::OK, reply::result(id, "{}"))
    }

    /// `resources/subscribe` and `resources/unsubscribe`: said to the server, if it is a legacy one; left for the session's stream, if it is
    /// a modern one, which is listened to there.
    pub(crate) async fn subscribe(self: &Rc<Self>, context: &Rc<Context<P>>, message: &Message<'_>) -> Response<Body> {
        let id = message.id().unwrap_or("null");
        let method = message.method().unwrap_or_default();
        let params = message.params().unwrap_or("{}");
        let invalid = |words: &str| answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, words, None);
        let Some(uri) = splice::value(params, "uri").and_then(splice::string) else {
            return invalid("Invalid params: uri must be a string");
        };
        let principal = match self.admitted(context) {
            Ok(principal) => principal,
            Err(refused) => return *refused,
        };
        let snapshot = &context.identity.snapshot;
        let resource = match self.aggregate.locate(principal, snapshot, context.place(), &uri, &context.scope).await {
            Located::At(resources) => resources.into_iter().next(),
            Located::Unknown { .. } => None,
            Located::Ambiguous { forms } => {
                return invalid(&format!("Invalid params: several servers have the resource: {}", forms.join(", ")));
            }
            Located::Unavailable(failed) => {
                return answer::json(StatusCode::OK, failure(id, &failed.error, &context.line));
            }
        };
        let Some((resource, endpoint)) = resource.as_ref().and_then(|r| Some((r, r.server.endpoint.as_ref().ok()?)))
        else {
            context.line.outcome(Outcome::Unknown);
            return invalid("Resource not found");
        };
        context.line.server(&resource.server.id);
        let done = match (resource.verdict.era, &context.session) {
            (_, None) => return invalid("Invalid params: subscribing needs a session: initialize first"),
            (Era::Legacy, Some(session)) => {
                let partition = context.partition();
                let caller = Caller {
                    partition: &partition,
                    capabilities: Some(&session.capabilities),
                    client_info: None,
                    session: session.servers.get(&resource.server.id),
                };
                let params = format!("{{\"uri\":{}}}", splice::quote(&resource.uri));
                match self.client.open(endpoint, Some(&resource.verdict), caller).await {
                    Ok(Some(open)) => self.client.ask_within(endpoint, &open, method, &params).await,
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            (Era::Modern, Some(session)) => {
                let on = method == "resources/subscribe";
                let letter = serde_json::json!({"server": resource.server.id, "uri": resource.uri, "on": on});
                let name = subscriptions_of(&session.id);
                let left = self.platform.mailbox().put(&snapshot.tenant, &name, letter.to_string().into()).await;
                if let Err(error) = left {
                    context.line.detail(error.to_string());
                    let words = "The gateway could not note the subscription.";
                    return answer::error(StatusCode::OK, Some(id), crate::code::STORE_UNAVAILABLE, words, None);
                }
                Ok(())
            }
        };
        match done {
            Ok(()) => answer::json(StatusCode::OK, reply::result(id, "{}")),
            Err(error) => answer::json(StatusCode::OK, failure(id, &error, &context.line)),
        }
    }

    /// A client wants its session to end. Its sessions with servers are ended; but its handle is kept nowhere and holds until its time
    /// is over, wherever it is shown. So the answer is the one that the specification has for servers whose sessions a client can't end.
    pub(crate) fn end_session(self: &Rc<Self>, context: &Context<P>) -> Response<Body> {
        for (server, session) in sessions(context) {
            self.end_later(context, server, session);
        }
        tracing::debug!(owner = owner(&context.identity.snapshot.tenant, &context.identity.key), "a session was ended");
        let words =
            "The session's servers were told; the session itself can't be ended by a client, and ends with its time.";
        let code = crate::code::METHOD_NOT_ALLOWED;
        let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, None, code, words, None);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, GET, OPTIONS"));
        response
    }
}

impl<P: Platform> Core<P> {
    /// Ends a session with a server, in the background.
    pub(crate) fn end_later(
        self: &Rc<Self>,
        context: &Context<P>,
        server: Rc<toolgate_state::Server>,
        session: SessionRef,
    ) {
        let core = Rc::clone(self);
        context.scope.background.spawn(Box::pin(async move {
            if let Ok(endpoint) = &server.endpoint {
                // A server may not let its sessions be ended.
                let _ = core.client.end(endpoint, &session).await;
            }
        }));
    }
}

/// Where the stream of a session learns what is subscribed to.
pub(crate) fn subscriptions_of(session: &str) -> String {
    format!("subscriptions/{session}")
}

/// The client's sessions with legacy servers.
fn sessions<P: Platform>(context: &Context<P>) -> Vec<(Rc<toolgate_state::Server>, SessionRef)> {
    let Some(session) = &context.session else { return Vec::new() };
    let servers = &context.identity.snapshot.servers;
    let known = session.servers.iter().filter_map(|(server, kept)| Some((servers.get(server)?, kept)));
    known.filter(|(server, _)| server.enabled).map(|(server, kept)| (Rc::clone(server), kept.clone())).collect()
}
