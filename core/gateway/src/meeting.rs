//! Calls that need an answer from the client in the middle, where client and server are of different eras: what one era asks on an
//! open stream, the other asks as a result. The answer comes with another request, perhaps at another instance, and is left as a
//! letter for whoever holds the exchange.

use std::{borrow::Cow, collections::BTreeMap, rc::Rc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use toolgate_model::TenantId;
use toolgate_ports::{Body, Clock, Mailbox, Platform};
use toolgate_upstream::{EventStream, Item, SessionRef, Step, UpstreamError, UpstreamErrorKind};
use toolgate_wire::{code as rpc, reply, splice};

use crate::{
    code,
    context::Context,
    core::Core,
    forward::{Target, digest},
    handle::AnswerTo,
    line::Outcome,
    refusal::failure,
    session::hex,
    stream::{KEEP_ALIVE, Next, Out, Talk, next, respond},
    translate::{Frame, Needs, Notice, as_reply, without_elicitation_id},
};

/// Questions that a server asks within this time of each other are asked together.
const TOGETHER: Duration = Duration::from_millis(60);
/// The longest that is waited for questions, however much else a server says meanwhile.
const GATHERING: Duration = Duration::from_secs(1);
/// How long whoever holds an exchange may take to say that it got an answer.
const HOLDER_PATIENCE: Duration = Duration::from_secs(10);
/// The most questions at once.
const MAX_QUESTIONS: usize = 16;

/// A letter to whoever holds an exchange: the raw answers by the names of their questions.
#[derive(Serialize, Deserialize)]
struct Answers {
    answers: BTreeMap<String, Box<RawValue>>,
}

/// A letter from whoever holds an exchange.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum News {
    /// It has the answers, and goes on.
    Taken,
    /// A notification on the way, ready for the client.
    Notification(Box<RawValue>),
    /// The server's response, ready for the client but for the id.
    Reply(u16, Box<RawValue>),
    /// More questions.
    Questions(Vec<(String, Box<RawValue>)>),
}

/// A letter to a legacy client's call that waits for answers.
#[derive(Serialize, Deserialize)]
struct ClientAnswer {
    question: String,
    message: Box<RawValue>,
}

fn letter(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn raw(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

impl<P: Platform> Core<P> {
    /// Leaves a legacy client's answer for its call that waits for it.
    pub(crate) async fn leave_answer(
        &self,
        tenant: &TenantId,
        mailbox: &str,
        question: String,
        message: &str,
    ) -> Result<(), String> {
        let message = raw(message).ok_or("it is not JSON")?;
        let letter = letter(&ClientAnswer { question, message });
        self.platform.mailbox().put(tenant, mailbox, letter).await.map_err(|error| error.to_string())
    }

    /// Goes on with an exchange that is held under `mailbox`: leaves the answers there and waits for what becomes of it.
    pub(crate) async fn go_on(
        self: &Rc<Self>,
        context: &Rc<Context<P>>,
        target: Target,
        frame: Frame,
        mailbox: String,
    ) -> Response<Body> {
        // It was paid for when it began.
        let charge = None;
        let talk = Talk { core: Rc::clone(self), context: Rc::clone(context), target, frame, charge };
        context.line.outcome(Outcome::ClientGone);
        let accepts = context.accepts;
        respond(accepts, |out| talk.go_on(mailbox, out)).await
    }
}

impl<P: Platform> Talk<P> {
    /// Asks a legacy client what a modern server needs, and gives the params to ask the server with again.
    pub(crate) async fn ask_client(&self, needed: Needs, out: &Out) -> Result<String, String> {
        let (core, context) = (&self.core, &self.context);
        let can_answer = context.session.is_some() && matches!(out, Out::Events(_));
        if !needed.requests.is_empty() && !can_answer {
            return Err(
                "The tool asks for input while it runs, which this client did not declare to be able to give.".into()
            );
        }
        if needed.requests.len() > MAX_QUESTIONS {
            return Err("The tool asks for too much input at once.".into());
        }
        let mailbox = hex(&core.random::<16>());
        let mut questions = Vec::new();
        for (name, request) in &needed.requests {
            let to = AnswerTo::Mailbox(mailbox.clone(), name.clone());
            let id = splice::quote(&core.seal_answer_to(context, &to));
            let method = splice::value(request, "method").and_then(splice::string).unwrap_or_default();
            let params = splice::value(request, "params").unwrap_or("{}");
            if !context.can_be_asked(&method, params) {
                return Err(format!(
                    "The tool asks for {method}, which this client did not declare to be able to give."
                ));
            }
            let params = with_elicitation_id(params, || hex(&core.random::<16>()));
            let method = splice::quote(&method);
            questions.push(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":{method},\"params\":{params}}}"));
        }
        for question in questions {
            out.message(None, None, question.as_bytes()).await;
        }
        let answers = self.client_answers(&mailbox, &needed, out).await?;
        let params = &self.target.params;
        let whole = 0..params.len();
        let mut edit = splice::Edit::new(params)
            .remove_member(whole.clone(), "inputResponses")
            .remove_member(whole.clone(), "requestState");
        if !answers.is_empty() {
            let members: Vec<String> =
                answers.iter().map(|(name, raw)| format!("{}:{raw}", splice::quote(name))).collect();
            edit = edit.insert_first(whole.clone(), "inputResponses", format!("{{{}}}", members.join(",")));
        }
        if let Some(state) = needed.state {
            edit = edit.insert_first(whole, "requestState", state);
        }
        Ok(edit.finish())
    }

    async fn client_answers(
        &self,
        mailbox: &str,
        needed: &Needs,
        out: &Out,
    ) -> Result<BTreeMap<String, String>, String> {
        let (core, context) = (&self.core, &self.context);
        let tenant = &context.identity.snapshot.tenant;
        let mut answers = BTreeMap::new();
        let mut waited = Duration::ZERO;
        while answers.len() < needed.requests.len() {
            let taken = core.platform.mailbox().take(tenant, mailbox, KEEP_ALIVE).await;
            let Some(letter) = taken.map_err(|error| format!("The gateway lost the client's answer: {error}"))? else {
                waited += KEEP_ALIVE;
                if waited >= core.config.limits.input {
                    return Err("The client did not answer what the tool asked in time.".into());
                }
                out.keep_alive().await;
                continue;
            };
            let Ok(ClientAnswer { question, message }) = serde_json::from_slice(&letter) else { continue };
            let message = message.get();
            match splice::value(message, "result") {
                Some(result) if needed.requests.iter().any(|(name, _)| *name == question) => {
                    answers.insert(question, result.to_owned());
                }
                Some(_) => {}
                None => return Err("The client answered what the tool asked with an error.".into()),
            }
        }
        Ok(answers)
    }

    /// A legacy server asked a modern client: the questions go out as the result, and the stream is held until they are answered. Gives
    /// the stream back if there is nothing to ask: the client answered beforehand, or can't be asked.
    pub(crate) async fn hold(
        &self,
        first: Bytes,
        events: EventStream,
        session: SessionRef,
        id: String,
        out: &Out,
    ) -> Option<EventStream> {
        let mailbox = hex(&self.core.random::<16>());
        let mut held = Held {
            talk: Talk {
                core: Rc::clone(&self.core),
                context: Rc::clone(&self.context),
                target: self.target.clone(),
                frame: self.frame.clone(),
                charge: self.charge.clone(),
            },
            events,
            session,
            id,
            mailbox: mailbox.clone(),
            asked: BTreeMap::new(),
            names: 0,
        };
        held.asks(&first);
        let early = held.gather().await;
        for message in early {
            out.message(None, None, &message).await;
        }
        if let Some(given) = &self.frame.given {
            held.give(answers_in(given)).await;
        }
        // All of it is answered already, or was nothing that this client can be asked.
        if held.asked.is_empty() {
            return Some(held.events);
        }
        let questions = held.questions();
        let state = self.core.seal_waiting(&self.context, Some(mailbox), digest(&self.target));
        self.context.scope.background.hold(Box::pin(held.run()));
        self.ask_modern(&questions, &state, out).await;
        None
    }

    /// The client is back with answers: they are left for the holder, and its news goes to the client.
    async fn go_on(self, mailbox: String, out: Out) {
        let (core, context) = (&self.core, &self.context);
        let tenant = &context.identity.snapshot.tenant;
        let given = splice::value(std::str::from_utf8(&context.body).unwrap_or_default(), "params");
        let given = given.and_then(|params| splice::value(params, "inputResponses")).unwrap_or("{}");
        let answers = letter(&Answers { answers: answers_in(given) });
        if let Err(error) = core.platform.mailbox().put(tenant, &to_holder(&mailbox), answers).await {
            context.line.detail(error.to_string());
            return self.refuse(code::STORE_UNAVAILABLE, "The gateway could not pass the answers on.", &out).await;
        }
        let (mut silent, mut taken) = (Duration::ZERO, false);
        loop {
            let patience = if taken { core.config.limits.upstream_total } else { HOLDER_PATIENCE };
            let wait = KEEP_ALIVE.min(patience.saturating_sub(silent));
            let news = core.platform.mailbox().take(tenant, &from_holder(&mailbox), wait).await;
            let news = news.ok().flatten().and_then(|letter| serde_json::from_slice::<News>(&letter).ok());
            match news {
                None => {
                    silent += wait;
                    if silent >= patience {
                        let words = "The call that waited for these answers is over: make it again.";
                        return self.refuse(rpc::INVALID_PARAMS, words, &out).await;
                    }
                    out.keep_alive().await;
                }
                Some(News::Taken) => (silent, taken) = (Duration::ZERO, true),
                Some(News::Notification(message)) => out.message(None, None, message.get().as_bytes()).await,
                Some(News::Reply(status, message)) => {
                    let status = StatusCode::from_u16(status).unwrap_or_default();
                    let bytes = Bytes::from(message.get().to_owned());
                    let reply = as_reply(status, &bytes, core.config.limits.json_depth);
                    return match reply {
                        Some(reply) => self.finish(&reply, None, &out).await,
                        None => self.refuse(rpc::INTERNAL_ERROR, "The server's answer can't be read.", &out).await,
                    };
                }
                Some(News::Questions(questions)) => {
                    let state = core.seal_waiting(context, Some(mailbox), digest(&self.target));
                    let questions: Vec<(String, String)> =
                        questions.into_iter().map(|(name, raw)| (name, raw.get().to_owned())).collect();
                    return self.ask_modern(&questions, &state, &out).await;
                }
            }
        }
    }
}

/// What the legacy era needs of an elicitation at a URL: an id of its own.
fn with_elicitation_id(params: &str, id: impl FnOnce() -> String) -> Cow<'_, str> {
    let at_url = splice::value(params, "mode") == Some("\"url\"");
    if !at_url || splice::member(params, "elicitationId").is_some() {
        return Cow::Borrowed(params);
    }
    let id = splice::quote(&id());
    Cow::Owned(splice::Edit::new(params).insert_first(0..params.len(), "elicitationId", id).finish())
}

/// The answers in the raw object `given`. What is no object is no answer: its question is asked again.
fn answers_in(given: &str) -> BTreeMap<String, Box<RawValue>> {
    let answer = |member: splice::Member<'_>| {
        let raw = raw(&given[member.value_span]).filter(|raw| raw.get().starts_with('{'))?;
        Some((member.name.into_owned(), raw))
    };
    splice::members(given).filter_map(answer).take(MAX_QUESTIONS).collect()
}

fn to_holder(mailbox: &str) -> String {
    format!("{mailbox}/in")
}

fn from_holder(mailbox: &str) -> String {
    format!("{mailbox}/out")
}

/// A call to a legacy server, held open while its client is asked.
struct Held<P: Platform> {
    talk: Talk<P>,
    events: EventStream,
    session: SessionRef,
    /// The raw id of the call towards the server.
    id: String,
    mailbox: String,
    /// What the server asked and nobody answered yet: the raw id and the question, by its name.
    asked: BTreeMap<String, (String, String)>,
    names: usize,
}

/// What a held exchange came to.
enum Came {
    Reply(u16, Bytes),
    Asked,
}

impl<P: Platform> Held<P> {
    /// Takes note of a request of the server's.
    fn asks(&mut self, message: &Bytes) {
        let text = std::str::from_utf8(message).unwrap_or_default();
        let (Some(id), Some(method)) = (splice::value(text, "id"), splice::value(text, "method")) else { return };
        let about = splice::string(method).unwrap_or_default();
        let params = splice::value(text, "params").unwrap_or("{}");
        let (core, context) = (&self.talk.core, &self.talk.context);
        if !context.can_be_asked(&about, params) || self.asked.len() >= MAX_QUESTIONS {
            return core.refuse_request(context, &self.talk.target, &self.session, message);
        }
        self.names += 1;
        let about = about.split('/').next().unwrap_or("input");
        let params = without_elicitation_id(params);
        let question = format!("{{\"method\":{method},\"params\":{params}}}");
        let name = name_in(id).filter(|name| !self.asked.contains_key(name));
        let name = name.unwrap_or_else(|| format!("{about}-{}", self.names));
        self.asked.insert(name, (id.to_owned(), question));
    }

    /// Gives the server those of `answers` that it waits for.
    async fn give(&mut self, answers: BTreeMap<String, Box<RawValue>>) {
        let Ok(endpoint) = &self.talk.target.server.endpoint else { return };
        for (name, answer) in answers {
            let Some((id, _)) = self.asked.remove(&name) else { continue };
            let message = reply::result(&id, answer.get());
            if let Err(error) = self.talk.core.client.post(endpoint, &self.session, message.into()).await {
                tracing::warn!(target: "toolgate::gateway", %error, "a server did not take the answer it asked for");
            }
        }
    }

    fn questions(&self) -> Vec<(String, String)> {
        self.asked.iter().map(|(name, (_, question))| (name.clone(), question.clone())).collect()
    }

    /// Waits a moment for more questions; gives the notifications that came meanwhile.
    async fn gather(&mut self) -> Vec<Bytes> {
        let mut notifications = Vec::new();
        let core = Rc::clone(&self.talk.core);
        let clock = core.platform.clock();
        let until = clock.ticks().saturating_add(u64::try_from(GATHERING.as_micros()).unwrap_or(u64::MAX));
        // Stops at anything that is no question: a reply can't come while one is open, and what comes later is read later.
        while clock.ticks() < until
            && let Next::Event(Some(Ok(event))) = next(&core, &mut self.events, TOGETHER).await
        {
            match event.item {
                Some(Item::Request(message)) => self.asks(&message),
                Some(Item::Notification(message)) => {
                    if let Notice::Pass(message) = self.talk.frame.notice(&message) {
                        notifications.push(message);
                    }
                }
                Some(Item::Reply(reply)) => {
                    // The server did not wait for the answer.
                    self.events = futures_util::stream::iter([Ok(toolgate_upstream::Event {
                        id: None,
                        retry: None,
                        item: Some(Item::Reply(reply)),
                    })])
                    .boxed_local();
                    break;
                }
                None => {}
            }
        }
        notifications
    }

    async fn say(&self, news: &News) {
        let tenant = &self.talk.context.identity.snapshot.tenant;
        let mailbox = self.talk.core.platform.mailbox();
        if let Err(error) = mailbox.put(tenant, &from_holder(&self.mailbox), letter(news)).await {
            tracing::warn!(target: "toolgate::gateway", %error, "a held call could not be answered");
        }
    }

    /// Holds the exchange until it is over, or nobody answers.
    async fn run(mut self) {
        loop {
            if !self.answers().await {
                let Talk { core, context, target, .. } = &self.talk;
                core.cancel(context, &target.server, self.session.clone(), &self.id, "The client did not answer.");
                return;
            }
            match self.goes_on().await {
                Came::Asked => {
                    self.gather().await;
                    let questions = self.questions().into_iter();
                    let questions = questions.filter_map(|(name, text)| Some((name, raw(&text)?))).collect();
                    self.say(&News::Questions(questions)).await;
                }
                Came::Reply(status, message) => {
                    let status_code = StatusCode::from_u16(status).unwrap_or_default();
                    let reply = as_reply(status_code, &message, self.talk.core.config.limits.json_depth);
                    if let (Some(charge), Some(reply)) = (&self.talk.charge, reply) {
                        charge.answered(&reply, &self.talk.context.line);
                    }
                    if let Some(message) = std::str::from_utf8(&message).ok().and_then(raw) {
                        self.say(&News::Reply(status, message)).await;
                    }
                    return;
                }
            }
        }
    }

    /// Waits for the client's answers and gives them to the server; whether they came.
    async fn answers(&mut self) -> bool {
        let core = Rc::clone(&self.talk.core);
        let tenant = self.talk.context.identity.snapshot.tenant.clone();
        let patience = core.config.limits.input;
        let taken = core.platform.mailbox().take(&tenant, &to_holder(&self.mailbox), patience).await;
        let Some(letter) = taken.ok().flatten() else { return false };
        let Ok(Answers { answers }) = serde_json::from_slice(&letter) else { return false };
        self.say(&News::Taken).await;
        self.give(answers).await;
        true
    }

    fn closed(&self) -> UpstreamError {
        UpstreamError {
            server: self.talk.target.server.id.clone(),
            step: Step::Call,
            kind: UpstreamErrorKind::Closed,
            message: "its stream ended without a response".to_owned(),
        }
    }

    /// Follows the server until it answers or asks again. What was asked and not answered is asked again at once.
    async fn goes_on(&mut self) -> Came {
        if !self.asked.is_empty() {
            return Came::Asked;
        }
        loop {
            let event = match self.events.next().await.unwrap_or_else(|| Err(self.closed())) {
                Ok(event) => event,
                Err(error) => {
                    let message = failure("null", &error, &self.talk.context.line);
                    // The id has its place, so that the client's can be put there.
                    return Came::Reply(200, message.replacen("\"id\":null", "\"id\":0", 1).into());
                }
            };
            match event.item {
                Some(Item::Reply(reply)) => return Came::Reply(reply.status.as_u16(), reply.message),
                Some(Item::Request(message)) => {
                    self.asks(&message);
                    if !self.asked.is_empty() {
                        return Came::Asked;
                    }
                }
                Some(Item::Notification(message)) => {
                    if let Notice::Pass(message) = self.talk.frame.notice(&message)
                        && let Some(message) = std::str::from_utf8(&message).ok().and_then(raw)
                    {
                        self.say(&News::Notification(message)).await;
                    }
                }
                None => {}
            }
        }
    }
}

/// A server's raw id as the name of its question, if it is a word: a server that names its questions is understood so.
fn name_in(id: &str) -> Option<String> {
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    splice::string(id).filter(|text| (1..=64).contains(&text.len()) && word(text)).map(std::borrow::Cow::into_owned)
}
