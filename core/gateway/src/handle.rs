//! What passes through clients and comes back: where the answer to a server's request goes, where a stream is taken up again, what a
//! call waits for, which task is whose. All of it is sealed, bound to the principal, and of no use to anybody else.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toolgate_model::{ServerId, Timestamp};
use toolgate_ports::{Clock, Platform};
use toolgate_seal::Purpose;
use toolgate_upstream::SessionRef;

use crate::{context::Context, core::Core};

/// Where the answer to a request goes that a client was sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AnswerTo {
    /// To a legacy server: within this session, under this raw id.
    #[serde(rename = "s")]
    Server(ServerId, SessionRef, String),
    /// To whoever waits under this name, as the answer to this question.
    #[serde(rename = "m")]
    Mailbox(String, String),
}

/// From where a stream of a legacy server goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventPlace {
    #[serde(rename = "s")]
    pub(crate) server: ServerId,
    #[serde(rename = "e")]
    pub(crate) event: String,
    /// The request whose answer it is; nothing on a stream that belongs to none.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Asked>,
}

/// A request that is being answered on a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The raw id that the client gave it.
    #[serde(rename = "c")]
    pub(crate) client: String,
    /// The raw id towards the server.
    #[serde(rename = "u")]
    pub(crate) upstream: String,
    #[serde(rename = "s")]
    pub(crate) session: SessionRef,
}

/// What a modern client's call waits for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// Under which name the exchange is held; nothing if the call is simply made again.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) mailbox: Option<String>,
    /// The digest of what was called.
    #[serde(rename = "d")]
    pub(crate) digest: String,
    /// Until when, in milliseconds since 1970.
    #[serde(rename = "x")]
    expires_at: u64,
}

/// A task of a server's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TaskOf {
    #[serde(rename = "s")]
    pub(crate) server: ServerId,
    #[serde(rename = "t")]
    pub(crate) task: String,
}

impl<P: Platform> Core<P> {
    /// The id under which a client is asked something, the same each time. It is bound to the client's session.
    pub(crate) fn seal_answer_to(&self, context: &Context<P>, to: &AnswerTo) -> String {
        self.sealer.seal_same(Purpose::ServerRequest, &context.session_owner(), &json(to))
    }

    pub(crate) fn open_answer_to(&self, context: &Context<P>, id: &str) -> Option<AnswerTo> {
        self.open(Purpose::ServerRequest, &context.session_owner(), id)
    }

    pub(crate) fn seal_event(&self, context: &Context<P>, place: &EventPlace) -> String {
        self.seal(Purpose::Event, &context.session_owner(), &json(place))
    }

    pub(crate) fn open_event(&self, context: &Context<P>, id: &str) -> Option<EventPlace> {
        self.open(Purpose::Event, &context.session_owner(), id)
    }

    /// `requestState` for a call with this digest.
    pub(crate) fn seal_waiting(&self, context: &Context<P>, mailbox: Option<String>, digest: String) -> String {
        let lifetime = u64::try_from(self.config.limits.input.as_millis()).unwrap_or(u64::MAX);
        let expires_at = self.platform.clock().now().plus_millis(lifetime).as_millis();
        self.seal(Purpose::RequestState, &context.owner(), &json(&Waiting { mailbox, digest, expires_at }))
    }

    /// What `state` says, if it is of the same call by the same principal and not over.
    pub(crate) fn open_waiting(&self, context: &Context<P>, state: &str, digest: &str) -> Option<Waiting> {
        let waiting: Waiting = self.open(Purpose::RequestState, &context.owner(), state)?;
        let good = waiting.digest == digest && self.platform.clock().now() < Timestamp::from_millis(waiting.expires_at);
        good.then_some(waiting)
    }

    /// The id of a task towards a client: the same each time, because clients compare it.
    pub(crate) fn seal_task(&self, context: &Context<P>, server: &ServerId, task: &str) -> String {
        let content = json(&TaskOf { server: server.clone(), task: task.to_owned() });
        self.sealer.seal_same(Purpose::Task, &context.owner(), &content)
    }

    pub(crate) fn open_task(&self, context: &Context<P>, id: &str) -> Option<TaskOf> {
        self.open(Purpose::Task, &context.owner(), id)
    }

    fn open<T: DeserializeOwned>(&self, purpose: Purpose, owner: &str, sealed: &str) -> Option<T> {
        let content = self.sealer.open(purpose, owner, sealed).ok()?;
        serde_json::from_slice(&content).ok()
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
