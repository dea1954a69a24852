//! What a request names: found, decided, and put into the words of the server that has it.

use std::{borrow::Cow, rc::Rc};

use http::{HeaderMap, StatusCode};
use toolgate_catalogue::{Located, Route, Routed};
use toolgate_codemode::MetaTool;
use toolgate_model::ItemKind;
use toolgate_policy::{Decision, Principal, Subject, decide};
use toolgate_ports::Platform;
use toolgate_upstream::Effect;
use toolgate_wire::{Era, Span, splice};

use crate::{
    answer,
    approval::{Approval, not_approved, waiting},
    code, codemode,
    context::Context,
    core::Core,
    forward::{Forwarded, Target},
    line::Outcome,
    param_headers::{check_param_headers, made_headers, param_headers},
    refusal::{Refused, failed, invalid, shown, unknown, unknown_resource},
    translate::{About, member_at},
};

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

impl<P: Platform> Core<P> {
    /// A tool or a prompt, by its name.
    pub(crate) async fn named(
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
    pub(crate) async fn located(
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
    pub(crate) async fn completed(&self, context: &Context<P>, id: &str, params: &str) -> Result<Vec<Target>, Refused> {
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

/// The string at `path` of `params`, and where it stands.
fn text_at<'a>(params: &'a str, path: &[&str]) -> Option<(std::ops::Range<usize>, Cow<'a, str>)> {
    let span = member_at(params, 0..params.len(), path)?;
    let text = splice::string(&params[span.clone()])?;
    Some((span, text))
}
