//! What goes on to an upstream on a client's behalf: asked, and its answer brought back. What it is for is found before ([`crate::find`]).

use std::rc::Rc;

use http::{HeaderMap, Response, StatusCode};
use sha2::{Digest, Sha256};
use toolgate_codemode::MetaTool;
use toolgate_model::{ItemKind, ToolRules};
use toolgate_policy::Principal;
use toolgate_ports::{Body, Platform};
use toolgate_state::Server;
use toolgate_upstream::{Answer, Call, Caller, Effect, Endpoint, UpstreamError, Verdict};
use toolgate_wire::{Era, Message, code as rpc, meta, splice};

use crate::{
    answer,
    approval::{Approval, Gate},
    charge::Charge,
    constraints,
    context::{Accepts, Context},
    core::Core,
    hand_over::HandOver,
    identity::NotAdmitted,
    line::Outcome,
    param_headers::made_headers,
    refusal::{Refused, failed, invalid, unknown_resource},
    session::hex,
    stream::{self, CancelGuard, Talk},
    translate::{About, Frame, member_at, needs, url_elicitations},
};

/// What a legacy client is told of a modern server's log, unless it set a level.
const DEFAULT_LEVEL: &str = "\"info\"";

/// The requests that go on to one upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// `tools/call`.
    Tool,
    /// `prompts/get`.
    Prompt,
    /// `resources/read`.
    Resource,
    /// `completion/complete`.
    Completion,
}

impl Forwarded {
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Tool => "tools/call",
            Self::Prompt => "prompts/get",
            Self::Resource => "resources/read",
            Self::Completion => "completion/complete",
        }
    }

    pub(crate) const fn about(self) -> About {
        match self {
            Self::Tool => About::Tool,
            Self::Prompt => About::Prompt,
            Self::Resource => About::Resource,
            Self::Completion => About::Other,
        }
    }

    pub(crate) const fn effect(self) -> Effect {
        match self {
            Self::Tool => Effect::MayAct,
            Self::Prompt | Self::Resource | Self::Completion => Effect::Reads,
        }
    }
}

/// How a request goes on that may.
enum Ready<P: Platform> {
    /// The upstream is asked, at this charge.
    Ask(Option<Rc<Charge<P>>>),
    /// With an exchange that is held under this name.
    GoOn(String),
}

/// Where a request goes, in the upstream's words.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) server: Rc<Server>,
    pub(crate) verdict: Rc<Verdict>,
    pub(crate) method: &'static str,
    /// For `Mcp-Name`.
    pub(crate) name: Option<String>,
    /// The raw params.
    pub(crate) params: String,
    /// `Mcp-Param-*`.
    pub(crate) headers: HeaderMap,
    pub(crate) about: About,
    pub(crate) effect: Effect,
    /// A URI that is read: the upstream's and the client's.
    pub(crate) uri: Option<(String, String)>,
    /// The rule that allowed it.
    pub(crate) rule: String,
    /// What it costs and must keep to.
    pub(crate) rules: Rc<ToolRules>,
    /// Whether a person has to approve it.
    pub(crate) approval: Approval,
    /// The tool of the gateway's own that it is; then nothing goes anywhere.
    pub(crate) own: Option<MetaTool>,
}

impl Target {
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.server.endpoint.as_ref().ok()
    }

    pub(crate) fn era(&self) -> Era {
        self.verdict.era
    }
}

impl<P: Platform> Core<P> {
    /// Answers a request by asking the upstream that it is for.
    pub(crate) async fn forward(
        self: &Rc<Self>,
        context: Rc<Context<P>>,
        message: &Message<'_>,
        what: Forwarded,
    ) -> Response<Body> {
        let id = message.id().unwrap_or("null").to_owned();
        let params = message.params().unwrap_or("{}");
        let found = match what {
            Forwarded::Tool => self.named(&context, &id, params, ItemKind::Tool, what).await,
            Forwarded::Prompt => self.named(&context, &id, params, ItemKind::Prompt, what).await,
            Forwarded::Resource => self.located(&context, &id, params, &["uri"], what).await,
            Forwarded::Completion => self.completed(&context, &id, params).await,
        };
        let targets = match found {
            Ok(targets) => targets,
            Err(refused) => return *refused,
        };
        let last = targets.len().saturating_sub(1);
        for (number, target) in targets.into_iter().enumerate() {
            let response = self.ask_target(&context, &id, target, number < last).await;
            if let Some(response) = response {
                return response;
            }
        }
        context.line.outcome(Outcome::Unknown);
        unknown_resource(&id, "")
    }

    pub(crate) fn admitted<'a>(&self, context: &'a Context<P>) -> Result<Principal<'a>, Refused> {
        let principal = context.principal(self.platform.clock());
        principal.map_err(|refusal| Box::new(NotAdmitted::Over(refusal).answer(context.line.as_ref())))
    }

    /// Asks one upstream. Nothing, if it says that it has no such thing and another is to be asked (`more`).
    async fn ask_target(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        id: &str,
        mut target: Target,
        more: bool,
    ) -> Option<Response<Body>> {
        context.line.server(&target.server.id);
        context.line.rule(target.rule.as_str());
        if target.own.is_none() && target.endpoint().is_none() {
            return Some(answer::error(
                StatusCode::OK,
                Some(id),
                rpc::INTERNAL_ERROR,
                "The server can't be used",
                None,
            ));
        }
        let gate = match target.approval {
            Approval::Needed(_) => Box::pin(self.gate(context, id, &mut target)).await,
            Approval::NotNeeded | Approval::Given(_) | Approval::Taken(_) => Gate::Open,
        };
        match gate {
            Gate::Closed(response) => return Some(response),
            Gate::Ask(question) => {
                let frame = self.frame(context, id, &target).await;
                let (core, context) = (Rc::clone(self), Rc::clone(context));
                let talk = Talk { core, context, target, frame, charge: None };
                return Some(Box::pin(talk.gated(question)).await);
            }
            Gate::Open => {}
        }
        let mut frame = self.frame(context, id, &target).await;
        let charge = match self.readied(context, id, &mut target, &mut frame).await {
            Ok(Ready::Ask(charge)) => charge,
            Ok(Ready::GoOn(mailbox)) => return Some(Box::pin(self.go_on(context, target, frame, mailbox)).await),
            Err(refused) => {
                if let Approval::Taken(taken) = &target.approval {
                    self.put_back(&context.identity.snapshot.tenant, taken).await;
                }
                return Some(*refused);
            }
        };
        let began = context.line.ticks();
        let mut answer = self.ask(context, id, &target).await;
        if self.has_other_headers(context, &mut target, &answer).await {
            answer = self.ask(context, id, &target).await;
        }
        context.line.upstream_since(began);
        match answer {
            Err(error) => {
                if let Some(charge) = charge {
                    charge.failed(&error.kind);
                }
                Some(failed(id, &error, &context.line))
            }
            Ok(Answer::Reply(reply)) if more && stream::is_not_found(&reply) => {
                if let Some(charge) = charge {
                    charge.answered(&reply, &context.line);
                }
                None
            }
            Ok(answer) => Some(self.answered(context, target, frame, charge, answer).await),
        }
    }

    /// The last before the upstream is asked.
    async fn readied(
        &self,
        context: &Context<P>,
        id: &str,
        target: &mut Target,
        frame: &mut Frame,
    ) -> Result<Ready<P>, Refused> {
        if (context.era, target.era()) == (Era::Modern, Era::Legacy) {
            if let Some(mailbox) = self.without_modern_ways(context, id, target, frame)? {
                return Ok(Ready::GoOn(mailbox));
            }
            if context.input_capabilities().is_some() && !context.scope.background.lasts() {
                return Err(Box::new(hand_over(context, hex(&self.random::<16>()))));
            }
        }
        self.charged(context, id, target).await.map(Ready::Ask)
    }

    /// A modern server that does not agree with the headers of a tool's call wants others than those that its last list asked for. So
    /// that list is fetched anew; and if it was the gateway that made the headers, they are made once more: whether that gave others.
    async fn has_other_headers(
        &self,
        context: &Context<P>,
        target: &mut Target,
        answer: &Result<Answer, UpstreamError>,
    ) -> bool {
        let refused = matches!(answer, Ok(Answer::Reply(reply)) if stream::is_header_mismatch(reply));
        if !refused || target.about != About::Tool {
            return false;
        }
        self.changed(context, &target.server.id, &[ItemKind::Tool]);
        let (Era::Legacy, Ok(endpoint)) = (context.era, &target.server.endpoint) else { return false };
        let catalogues = self.aggregate.catalogues();
        let renewed = Box::pin(catalogues.offer(&target.server, endpoint, ItemKind::Tool, &context.scope)).await;
        let name = target.name.as_deref().unwrap_or_default();
        let Some(item) = renewed.catalogue.as_ref().and_then(|catalogue| catalogue.named(name)) else { return false };
        let headers = made_headers(&item.headers, splice::value(&target.params, "arguments"));
        headers != std::mem::replace(&mut target.headers, headers.clone())
    }

    /// The frame that answers to `target` are put into.
    pub(crate) async fn frame(&self, context: &Context<P>, id: &str, target: &Target) -> Frame {
        let uris = self.aggregate.uris(&context.identity.snapshot, context.place()).await;
        Frame {
            id: id.to_owned(),
            client: context.era,
            upstream: target.era(),
            about: target.about,
            server: target.server.id.clone(),
            uris,
            uri: target.uri.clone(),
            progress: None,
            log_level: context.log_level.clone(),
            given: None,
        }
    }

    /// Makes of a modern request one that a legacy server understands. Gives the name under which its exchange is held already, if
    /// this is a request that goes on with one.
    fn without_modern_ways(
        &self,
        context: &Context<P>,
        id: &str,
        target: &mut Target,
        frame: &mut Frame,
    ) -> Result<Option<String>, Refused> {
        let state = splice::value(&target.params, "requestState").map(str::to_owned);
        let given = splice::value(&target.params, "inputResponses").map(str::to_owned);
        if given.as_ref().is_some_and(|given| !given.starts_with('{')) {
            return Err(invalid(context, id, "inputResponses must be an object"));
        }
        if state.is_some() || given.is_some() {
            let whole = 0..target.params.len();
            let edit = splice::Edit::new(&target.params).remove_member(whole.clone(), "requestState");
            target.params = edit.remove_member(whole, "inputResponses").finish();
        }
        if let Some(state) = state {
            let state = splice::string(&state).unwrap_or_default();
            let waiting = self.open_waiting(context, &state, &digest(target));
            let waiting = waiting.ok_or_else(|| {
                context.line.rule("request-state");
                invalid(context, id, "requestState is not one of this call's, or its time is over: make the call again")
            })?;
            if let Some(mailbox) = waiting.mailbox {
                return Ok(Some(mailbox));
            }
        }
        frame.given = given.map(Rc::from);
        let token = member_at(&target.params, 0..target.params.len(), &["_meta", meta::PROGRESS_TOKEN]);
        if let Some(span) = token {
            let theirs = target.params[span.clone()].to_owned();
            let ours = splice::quote(&hex(&self.random::<8>()));
            target.params = splice::Edit::new(&target.params).replace(span, ours.as_str()).finish();
            frame.progress = Some((ours, theirs));
        }
        Ok(None)
    }

    /// Sends the request.
    pub(crate) async fn ask(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        id: &str,
        target: &Target,
    ) -> Result<Answer, UpstreamError> {
        if let Some(tool) = target.own {
            return Ok(Box::pin(self.own_answer(context, id, tool, &target.params)).await);
        }
        let endpoint = match &target.server.endpoint {
            Ok(endpoint) => endpoint,
            Err(problem) => return Err(self.aggregate.catalogues().unusable(&target.server, problem).error.clone()),
        };
        let (partition, upstream) = (context.partition(), target.era());
        let asked = context.session.is_some() && context.accepts == Accepts::Events;
        let capabilities = match (context.era, upstream) {
            (Era::Modern, _) => context.input_capabilities(),
            (Era::Legacy, Era::Legacy) => context.session.as_ref().map(|session| session.capabilities.clone()),
            (Era::Legacy, Era::Modern) if asked => context.input_capabilities(),
            (Era::Legacy, Era::Modern) => None,
        };
        let level = match (context.era, &context.session) {
            (Era::Modern, _) => context.log_level.clone(),
            (Era::Legacy, session) => {
                let set = session.as_ref().and_then(|session| self.level(&session.id));
                Some(set.unwrap_or_else(|| DEFAULT_LEVEL.to_owned()))
            }
        };
        let session = context.session.as_ref();
        let guard = CancelGuard::new(self, context, target);
        let call = Call {
            method: target.method,
            params: &target.params,
            name: target.name.as_deref(),
            id: Some(id).filter(|_| session.is_some()),
            from: context.era,
            caller: Caller {
                partition: &partition,
                capabilities: capabilities.as_deref(),
                client_info: None,
                session: session.and_then(|session| session.servers.get(&target.server.id)),
            },
            param_headers: &target.headers,
            log_level: level.as_deref(),
            effect: target.effect,
            allowed: constraints::allowed(&target.rules.constraints),
            sent: Some(guard.sent()),
        };
        let answer = self.client.call(endpoint, Some(&target.verdict), call).await;
        guard.answered(answer.as_ref().err());
        Ok(self.carrying_approval(context, target, answer?).await)
    }

    /// The client's answer of an upstream's: at once, or as it comes.
    async fn answered(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        target: Target,
        frame: Frame,
        charge: Option<Rc<Charge<P>>>,
        answer: Answer,
    ) -> Response<Body> {
        if let Answer::Reply(reply) = &answer {
            let waits = match context.era {
                Era::Legacy => needs(reply).is_some(),
                Era::Modern => {
                    target.era() == Era::Legacy && context.can_be_sent_to_urls() && url_elicitations(reply).is_some()
                }
            };
            if !waits {
                if let Some(charge) = charge {
                    charge.answered(reply, &context.line);
                }
                context.line.outcome(if reply.error.is_some() { Outcome::ToolError } else { Outcome::Ok });
                let status = frame.status(reply);
                let body = frame.reply(reply, &|task| self.seal_task(context, &frame.server, task));
                return answer::of(status, answer::JSON, Body::Parts(body));
            }
        }
        let talk = Talk { core: Rc::clone(self), context: Rc::clone(context), target, frame, charge };
        Box::pin(talk.answer(answer)).await
    }
}

/// The digest of what a call asks for, apart from what belongs to one request only.
pub(crate) fn digest(target: &Target) -> String {
    let mut hash = Sha256::new();
    for part in [target.server.id.as_str(), target.method, target.name.as_deref().unwrap_or_default()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.update(splice::value(&target.params, "arguments").unwrap_or("{}"));
    hex(&hash.finalize()[..16])
}

fn hand_over<P: Platform>(context: &Context<P>, name: String) -> Response<Body> {
    let request = http::Request::from_parts(context.head.clone(), context.body.clone());
    let mut response = answer::empty(StatusCode::SERVICE_UNAVAILABLE);
    response.extensions_mut().insert(HandOver { name, request });
    context.line.quiet();
    response
}
