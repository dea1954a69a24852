//! What goes on to an upstream on a client's behalf: found, decided, put into the upstream's words, asked, and its answer brought back.

use std::{borrow::Cow, rc::Rc};

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use sha2::{Digest, Sha256};
use toolgate_catalogue::{Located, ParamHeader, Route, Routed};
use toolgate_codemode::MetaTool;
use toolgate_model::{ItemKind, ToolRules};
use toolgate_policy::{Decision, Principal, Subject, decide};
use toolgate_ports::{Body, Platform};
use toolgate_state::Server;
use toolgate_upstream::{Answer, Call, Caller, Effect, Endpoint, UpstreamError, UpstreamErrorKind, Verdict};
use toolgate_wire::{Era, Message, Span, code as rpc, header::decode_value, meta, reply, splice};

use crate::{
    answer,
    approval::{Approval, Gate, not_approved, waiting},
    charge::Charge,
    code, codemode, constraints,
    context::{Accepts, Context},
    core::Core,
    hand_over::HandOver,
    identity::NotAdmitted,
    line::{Line, Outcome},
    session::hex,
    stream::{self, CancelGuard, Talk},
    translate::{About, Frame, member_at, needs, url_elicitations},
};

/// The headers that carry arguments (`x-mcp-header`), to be passed on.
const PARAM_PREFIX: &str = "mcp-param-";
/// The longest name that is repeated in an error.
const MAX_NAME_SHOWN: usize = 128;
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

    const fn about(self) -> About {
        match self {
            Self::Tool => About::Tool,
            Self::Prompt => About::Prompt,
            Self::Resource => About::Resource,
            Self::Completion => About::Other,
        }
    }

    const fn effect(self) -> Effect {
        match self {
            Self::Tool => Effect::MayAct,
            Self::Prompt | Self::Resource | Self::Completion => Effect::Reads,
        }
    }
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

/// A request that may be made.
struct Cleared {
    /// The rule that allowed it.
    rule: String,
    /// Whether a person has to approve it first.
    needs_approval: bool,
}

/// A tool or a prompt that is asked for.
struct Asked<'a> {
    params: &'a str,
    /// Where its name stands in them.
    span: Span,
    name: Cow<'a, str>,
    /// The raw arguments.
    sent: Option<&'a str>,
    headers: ParamHeaders,
}

/// Whose `Mcp-Param-*` are sent to a modern server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ParamHeaders {
    /// Those that a modern client sent.
    Clients,
    /// Those that are made of the arguments.
    Made,
}

impl<'a> Asked<'a> {
    fn of(params: &'a str) -> Option<Self> {
        let [span, sent] = splice::find(params, ["name", "arguments"]);
        let span = span?;
        let name = splice::string(&params[span.clone()])?;
        Some(Self { params, span, name, sent: sent.map(|span| &params[span]), headers: ParamHeaders::Clients })
    }
}

impl Target {
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.server.endpoint.as_ref().ok()
    }

    pub(crate) fn era(&self) -> Era {
        self.verdict.era
    }
}

/// Why a request goes nowhere, as it is answered.
type Refused = Box<Response<Body>>;

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

    /// A tool or a prompt, by its name.
    async fn named(
        &self,
        context: &Context<P>,
        id: &str,
        params: &str,
        kind: ItemKind,
        what: Forwarded,
    ) -> Result<Vec<Target>, Refused> {
        let asked = Asked::of(params).ok_or_else(|| invalid(context, id, "name must be a string"))?;
        context.line.tool(&asked.name);
        let principal = self.admitted(context)?;
        let own = match kind {
            ItemKind::Tool => self.own_tool(context, principal, &asked.name).await,
            ItemKind::Prompt | ItemKind::Resource | ItemKind::Template => None,
        };
        match own {
            None => self.routed(context, id, asked, kind, what).await,
            Some(MetaTool::Call) => {
                let params = self.meant(context, principal, params).await;
                let params = params.map_err(|words| invalid(context, id, &words))?;
                let asked = Asked::of(&params).map(|asked| Asked { headers: ParamHeaders::Made, ..asked });
                let asked = asked.ok_or_else(|| invalid(context, id, "tool must be a string"))?;
                context.line.tool(&asked.name);
                Box::pin(self.routed(context, id, asked, kind, what)).await
            }
            Some(tool) => Ok(vec![codemode::own_target(context, tool, params)]),
        }
    }

    /// A server's tool or prompt, by its name.
    async fn routed(
        &self,
        context: &Context<P>,
        id: &str,
        asked: Asked<'_>,
        kind: ItemKind,
        what: Forwarded,
    ) -> Result<Vec<Target>, Refused> {
        let Asked { params, span, name, sent, headers } = asked;
        let principal = self.admitted(context)?;
        let snapshot = &context.identity.snapshot;
        let route = self.aggregate.route(principal, snapshot, context.place(), kind, &name, &context.scope).await;
        let routed = routed(context, id, &name, kind, route)?;
        let mut edit = splice::Edit::new(params);
        if routed.name != name {
            edit = edit.replace(span, splice::quote(&routed.name));
        }
        let mut arguments = sent.map(Cow::Borrowed);
        if !routed.arguments.is_empty() {
            let edited = routed.arguments.apply(sent.unwrap_or("{}"));
            let edited = edited.map_err(|hidden| {
                invalid(context, id, &format!("the argument {:?} is not one of this tool's", hidden.name))
            })?;
            edit = match splice::member(params, "arguments") {
                Some(span) => edit.replace(span, edited.clone()),
                None => edit.insert_first(0..params.len(), "arguments", edited.clone()),
            };
            arguments = Some(Cow::Owned(edited));
        }
        let cleared = self.cleared(context, id, &routed.subject().called_with(arguments.as_deref()))?;
        let rules = Rc::clone(routed.server.rules(if kind == ItemKind::Tool { &routed.name } else { "" }));
        let called = routed.catalogue.named(&routed.name).filter(|_| kind == ItemKind::Tool);
        self.keeps(context, id, &rules.constraints, called.map(|tool| (tool, arguments.as_deref())))?;
        let by_client = context.era == Era::Modern && headers == ParamHeaders::Clients;
        let headers = match by_client {
            true => {
                check_param_headers(context, id, &routed, sent)?;
                param_headers(context, &routed, arguments.as_deref())
            }
            false => made_headers(&routed.headers, arguments.as_deref()),
        };
        let approval = match cleared.needs_approval {
            false => Approval::NotNeeded,
            true => {
                let call = waiting(&routed.server.id, &routed.name, arguments.as_deref(), &cleared.rule);
                match &context.nested {
                    None => Approval::Needed(Rc::new(call)),
                    Some(nested) => nested.approved(context, id, call)?,
                }
            }
        };
        Ok(vec![Target {
            method: what.method(),
            name: Some(routed.name),
            params: edit.finish(),
            headers,
            about: what.about(),
            effect: what.effect(),
            uri: None,
            rules,
            server: routed.server,
            verdict: routed.verdict,
            rule: cleared.rule,
            approval,
            own: None,
        }])
    }

    /// A resource, by its URI.
    async fn located(
        &self,
        context: &Context<P>,
        id: &str,
        params: &str,
        path: &[&str],
        what: Forwarded,
    ) -> Result<Vec<Target>, Refused> {
        let (span, uri) = text_at(params, path)
            .ok_or_else(|| invalid(context, id, &format!("{} must be a string", path.join("."))))?;
        context.line.tool(&uri);
        let principal = self.admitted(context)?;
        let snapshot = &context.identity.snapshot;
        let located = self.aggregate.locate(principal, snapshot, context.place(), &uri, &context.scope).await;
        let resources = match located {
            Located::At(resources) => resources,
            Located::Unknown { rule } => {
                context.line.rule(rule);
                context.line.outcome(Outcome::Unknown);
                return Err(Box::new(unknown_resource(id, &uri)));
            }
            Located::Ambiguous { forms } => {
                context.line.rule("ambiguous-uri");
                context.line.outcome(Outcome::Unknown);
                let words = format!("several servers have the resource; read one of {}", forms.join(", "));
                return Err(invalid(context, id, &words));
            }
            Located::Unavailable(failure) => return Err(Box::new(failed(id, &failure.error, &context.line))),
        };
        let target = |resource: toolgate_catalogue::Resource| {
            let rule = match what {
                Forwarded::Resource => {
                    let cleared = self.cleared(context, id, &resource.subject().called_with(None))?;
                    if cleared.needs_approval {
                        context.line.rule(cleared.rule.as_str());
                        let words = "Reading this needs an approval, which only calls of tools can be given.";
                        return Err(Box::new(not_approved(context, id, words, None)));
                    }
                    cleared.rule
                }
                Forwarded::Completion | Forwarded::Prompt | Forwarded::Tool => {
                    decide(principal, &resource.subject()).to_string()
                }
            };
            let rules = Rc::clone(resource.server.rules(""));
            self.keeps(context, id, &rules.constraints, None)?;
            let mut edit = splice::Edit::new(params);
            if resource.uri != uri {
                edit = edit.replace(span.clone(), splice::quote(&resource.uri));
            }
            Ok(Target {
                method: what.method(),
                name: (what == Forwarded::Resource).then(|| resource.uri.clone()),
                params: edit.finish(),
                headers: HeaderMap::new(),
                about: what.about(),
                effect: what.effect(),
                uri: Some((resource.uri, uri.clone().into_owned())),
                rules,
                server: resource.server,
                verdict: resource.verdict,
                rule,
                approval: Approval::NotNeeded,
                own: None,
            })
        };
        resources.into_iter().map(target).collect()
    }

    /// What completes an argument: of a prompt, or of a resource template.
    async fn completed(&self, context: &Context<P>, id: &str, params: &str) -> Result<Vec<Target>, Refused> {
        let kind = text_at(params, &["ref", "type"]).map(|(_, kind)| kind);
        match kind.as_deref() {
            Some("ref/resource") => self.located(context, id, params, &["ref", "uri"], Forwarded::Completion).await,
            Some("ref/prompt") => {
                let (span, name) = text_at(params, &["ref", "name"])
                    .ok_or_else(|| invalid(context, id, "ref.name must be a string"))?;
                context.line.tool(&name);
                let principal = self.admitted(context)?;
                let snapshot = &context.identity.snapshot;
                let (place, kind) = (context.place(), ItemKind::Prompt);
                let route = self.aggregate.route(principal, snapshot, place, kind, &name, &context.scope).await;
                let routed = routed(context, id, &name, kind, route)?;
                let rule = decide(principal, &routed.subject()).to_string();
                let params = splice::Edit::new(params).replace(span, splice::quote(&routed.name)).finish();
                Ok(vec![Target {
                    method: Forwarded::Completion.method(),
                    name: None,
                    params,
                    headers: HeaderMap::new(),
                    about: About::Other,
                    effect: Effect::Reads,
                    uri: None,
                    rules: Rc::clone(routed.server.rules("")),
                    server: routed.server,
                    verdict: routed.verdict,
                    rule,
                    approval: Approval::NotNeeded,
                    own: None,
                }])
            }
            _ => Err(invalid(context, id, "ref.type must be \"ref/prompt\" or \"ref/resource\"")),
        }
    }

    /// Decides on a call whose arguments are known, and names the rule that allowed it. Whoever gets here sees what is called: so a
    /// denial is said as what it is.
    fn cleared(&self, context: &Context<P>, id: &str, subject: &Subject<'_>) -> Result<Cleared, Refused> {
        let principal = self.admitted(context)?;
        let decision = decide(principal, subject);
        shadow(context, principal, subject, &decision);
        if let Decision::Allowed(allowed) = &decision {
            return Ok(Cleared { needs_approval: allowed.needs_approval(), rule: decision.to_string() });
        }
        context.line.server(subject.server);
        context.line.rule(decision.to_string());
        context.line.outcome(Outcome::Refused);
        let (words, rule) = match &decision {
            Decision::Policy(_, ruling) => (
                "The tenant's policy does not allow this call with these arguments",
                ruling.rule.map(ToString::to_string),
            ),
            _ => ("This call is not allowed", None),
        };
        let data = rule.map(|rule| format!("{{\"rule\":{}}}", splice::quote(&rule)));
        Err(Box::new(answer::error(StatusCode::OK, Some(id), code::FORBIDDEN, &format!("{words}."), data.as_deref())))
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
            Approval::NotNeeded | Approval::Given => Gate::Open,
        };
        let mut frame = self.frame(context, id, &target).await;
        match gate {
            Gate::Open => {}
            Gate::Closed(response) => return Some(response),
            Gate::Ask(question) => {
                let (core, context) = (Rc::clone(self), Rc::clone(context));
                let talk = Talk { core, context, target, frame, charge: None };
                return Some(Box::pin(talk.gated(question)).await);
            }
        }
        if (context.era, target.era()) == (Era::Modern, Era::Legacy) {
            match self.without_modern_ways(context, id, &mut target, &mut frame) {
                Ok(None) => {}
                Ok(Some(mailbox)) => return Some(Box::pin(self.go_on(context, target, frame, mailbox)).await),
                Err(refused) => return Some(*refused),
            }
            if context.input_capabilities().is_some() && !context.scope.background.lasts() {
                return Some(hand_over(context, hex(&self.random::<16>())));
            }
        }
        let charge = match self.charged(context, id, &target).await {
            Ok(charge) => charge,
            Err(refused) => return Some(*refused),
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
        answer.map(|answer| self.carrying_approval(context, target, answer))
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

/// Logs what the tenant's draft of a policy would have decided, where that is something else.
fn shadow<P: Platform>(context: &Context<P>, principal: Principal<'_>, subject: &Subject<'_>, decided: &Decision<'_>) {
    let Some(draft) = context.identity.snapshot.draft.as_deref() else { return };
    let under_draft = decide(principal.under(Some(draft)), subject);
    let same = match (decided, &under_draft) {
        (Decision::Allowed(now), Decision::Allowed(then)) => now.needs_approval() == then.needs_approval(),
        (now, then) => now.allowed() == then.allowed(),
    };
    if same {
        return;
    }
    let would = match under_draft.allowed() {
        true if matches!(&under_draft, Decision::Allowed(allowed) if allowed.needs_approval()) => "need-approval",
        true => "allow",
        false => "deny",
    };
    let snapshot = &context.identity.snapshot;
    tracing::info!(
        target: "toolgate::shadow",
        request_id = context.line.id(), tenant = %snapshot.tenant, key_id = %principal.key(), server = %subject.server,
        decided = %decided, draft = %under_draft, would, "the draft would have decided otherwise"
    );
}

/// What a name led to, or why it leads nowhere.
fn routed<P: Platform>(
    context: &Context<P>,
    id: &str,
    name: &str,
    kind: ItemKind,
    route: Route,
) -> Result<Routed, Refused> {
    match route {
        Route::To(routed) => Ok(routed),
        Route::Unknown { server, rule } => {
            if let Some(server) = &server {
                context.line.server(server);
            }
            context.line.rule(rule);
            context.line.outcome(Outcome::Unknown);
            Err(unknown(id, kind, name))
        }
        Route::Ambiguous { servers } => {
            context.line.rule("ambiguous-name");
            context.line.outcome(Outcome::Unknown);
            let servers: Vec<&str> = servers.iter().map(toolgate_model::ServerId::as_str).collect();
            let shown = shown(name);
            Err(invalid(
                context,
                id,
                &format!(
                    "the name {shown} is ambiguous: {} have it; put the server's name before it, as in {}__{shown}",
                    servers.join(" and "),
                    servers.first().unwrap_or(&"server")
                ),
            ))
        }
        Route::Unavailable(failure) => Err(Box::new(failed(id, &failure.error, &context.line))),
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

/// The string at `path` of `params`, and where it stands.
fn text_at<'a>(params: &'a str, path: &[&str]) -> Option<(std::ops::Range<usize>, Cow<'a, str>)> {
    let span = member_at(params, 0..params.len(), path)?;
    let text = splice::string(&params[span.clone()])?;
    Some((span, text))
}

/// `Mcp-Param-*` towards a modern server: a modern client's own, or those that the tool's schema asks for.
fn param_headers<P: Platform>(context: &Context<P>, routed: &Routed, arguments: Option<&str>) -> HeaderMap {
    if routed.arguments.is_empty() {
        let headers = &context.head.headers;
        let is_param = |name: &HeaderName| name.as_str().starts_with(PARAM_PREFIX);
        return headers
            .iter()
            .filter(|(name, _)| is_param(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
    }
    made_headers(&routed.headers, arguments)
}

/// The headers that a tool's schema asks for.
fn made_headers(wanted: &[ParamHeader], arguments: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in wanted {
        let Some(value) = arguments.and_then(|arguments| header.value(arguments)) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(header.name.as_str()), HeaderValue::try_from(&*value)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Refuses a modern client's `Mcp-Param-*` that do not say what its arguments say. A modern server that gets both as they came sees to
/// it itself, and knows its schema better.
fn check_param_headers<P: Platform>(
    context: &Context<P>,
    id: &str,
    routed: &Routed,
    arguments: Option<&str>,
) -> Result<(), Refused> {
    let checks = !(routed.verdict.era == Era::Modern && routed.arguments.is_empty());
    for header in routed.headers.iter().filter(|_| checks) {
        let said = context.head.headers.get(&header.name).map(|value| value.to_str().ok().and_then(decode_value));
        let arguments = arguments.unwrap_or("{}");
        let agree = match &said {
            None => header.value(arguments).is_none(),
            Some(said) => said.as_ref().is_some_and(|said| header.agrees(said, arguments)),
        };
        if !agree {
            context.line.outcome(Outcome::BadRequest);
            let words = format!("Header mismatch: {} is not what the arguments say", header.name);
            return Err(Box::new(answer::error(StatusCode::BAD_REQUEST, Some(id), rpc::HEADER_MISMATCH, &words, None)));
        }
    }
    Ok(())
}

fn hand_over<P: Platform>(context: &Context<P>, name: String) -> Response<Body> {
    let request = http::Request::from_parts(context.head.clone(), context.body.clone());
    let mut response = answer::empty(StatusCode::SERVICE_UNAVAILABLE);
    response.extensions_mut().insert(HandOver { name, request });
    context.line.quiet();
    response
}

fn invalid<P: Platform>(context: &Context<P>, id: &str, words: &str) -> Refused {
    context.line.outcome_unless_set(Outcome::BadRequest);
    let words = format!("Invalid params: {words}");
    Box::new(answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &words, None))
}

fn shown(name: &str) -> String {
    name.chars().take(MAX_NAME_SHOWN).collect()
}

/// There is no such thing, or not for this client: the same words for both.
fn unknown(id: &str, kind: ItemKind, name: &str) -> Refused {
    let what = if kind == ItemKind::Tool { "tool" } else { "prompt" };
    let words = format!("Unknown {what}: {}", shown(name));
    Box::new(answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &words, None))
}

fn unknown_resource(id: &str, uri: &str) -> Response<Body> {
    let data = format!("{{\"uri\":{}}}", splice::quote(&uri.chars().take(2_048).collect::<String>()));
    answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, "Resource not found", Some(&data))
}

fn failed<P: Platform>(id: &str, error: &UpstreamError, line: &Line<P>) -> Response<Body> {
    answer::json(StatusCode::OK, failure(id, error, line))
}

/// The JSON-RPC error that stands for a failed upstream; the log gets the operator's words.
pub(crate) fn failure<P: Platform>(id: &str, error: &UpstreamError, line: &Line<P>) -> String {
    line.server(&error.server);
    line.outcome(Outcome::UpstreamFailed);
    line.detail(error.to_string());
    let (code, kind, words) = code::of_upstream(&error.kind);
    let retry = match error.kind {
        UpstreamErrorKind::Resting { retry_after } => format!(",\"retry_after_ms\":{}", retry_after.as_millis()),
        _ => String::new(),
    };
    let data = format!("{{\"server\":\"{}\",\"step\":\"{}\",\"kind\":\"{kind}\"{retry}}}", error.server, error.step);
    reply::error(Some(id), code, &format!("The server {:?} {words}.", error.server.as_str()), Some(&data))
}
