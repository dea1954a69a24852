//! Why something may be used, or may not: the question as operators write it, and the answer. Who decides is the gateway, in the way in
//! which it decides requests; here it is only asked.

use std::{collections::BTreeMap, net::IpAddr};

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use toolgate_model::{
    Amount, Effect, Grant, ItemKind, KeyId, KeyRecord, LimitId, Revision, RuleName, ServerId, TenantId, Timestamp,
    UserId, ViewId,
};
use toolgate_ports::{LocalFuture, Platform, Scope};

use crate::{
    answer::Answer,
    fields::{Fields, name, refuse_unknown},
    json::Members,
    keys,
    problem::{FieldError, Kind, Problem},
    records::Records,
};

/// How the API asks for a decision and its reasons.
pub trait Explain {
    /// Decides `question` as a request would be decided, but for what it would do: nothing is called, charged or logged as a call.
    fn explain(&self, question: Question, scope: Scope) -> LocalFuture<Result<Explanation, ExplainError>>;
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// In which tenant. It exists.
    pub tenant: TenantId,
    /// Who would ask.
    pub asker: Asker,
    /// Which server.
    pub server: ServerId,
    /// For a tool, a prompt or a resource,
    pub kind: ItemKind,
    /// by the server's own name of it, or its URI.
    pub name: String,
    /// With which arguments (JSON). `None`: they are not known, as in a list.
    pub arguments: Option<String>,
    /// Through which view.
    pub view: Option<ViewId>,
    /// For which end user.
    pub user: Option<UserId>,
    /// When; now, if it is not said.
    pub at: Option<Timestamp>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// By which policy.
    pub policy: WhichPolicy,
}

/// Who would ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Asker {
    /// A key of the tenant.
    Key(KeyId),
    /// A key that there is not, with these grants and labels. Its id and its secret are nobody's.
    Assumed(Box<KeyRecord>),
}

/// By which policy it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichPolicy {
    /// The one in force.
    Current,
    /// The draft.
    Draft,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// The question names something that is not there.
    #[error("{field}: {detail}")]
    Wrong {
        /// The field that names it.
        field: &'static str,
        /// What is wrong, and what to write.
        detail: String,
    },
    /// It can't be decided now. Retryable.
    #[error("{0}")]
    Unavailable(String),
}

/// A decision, and everything that led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Whether the call would be made, once it is approved if it has to be.
    pub allowed: bool,
    /// Whether a person would have to approve it first.
    pub needs_approval: bool,
    /// What decided, as the log names it: `grant:github__*`, `policy@7:deny:nights`, `no-grant`.
    pub decided_by: String,
    /// The revision of the policy that was asked, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_revision: Option<Revision>,
    /// What was looked at, in its order, up to what decided.
    pub steps: Vec<ExplainedStep>,
    /// The limits that the call would count in.
    pub limits: Vec<ExplainedLimit>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedStep {
    /// What: `tenant`, `key`, `team`, `grants`, `view`, `policy`, `constraints`, …
    pub step: String,
    /// How it came out.
    pub outcome: StepOutcome,
    /// Why, in words.
    pub detail: String,
    /// Of a policy, how each rule came out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ExplainedRule>,
}

/// How a step came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// It lets the call through.
    Passes,
    /// It ends it.
    Denies,
    /// It lets it through once a person has approved.
    NeedsApproval,
}

/// How one rule came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedRule {
    /// Its name.
    pub name: RuleName,
    /// What it does if it holds.
    pub effect: Effect,
    /// How it came out.
    pub verdict: RuleOutcome,
    /// Why it could not be evaluated, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleOutcome {
    /// Its condition is true.
    Holds,
    /// Its condition is false.
    DoesNotHold,
    /// It depends on arguments that are not known.
    Unknown,
    /// It could not be evaluated, and so denies.
    Failed,
}

/// A limit that the call would count in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedLimit {
    /// Its name.
    pub limit: LimitId,
    /// The scope values of the account it would count in.
    pub holder: BTreeMap<String, String>,
    /// How much the call would reserve.
    pub needs: Amount,
    /// How much the account has left.
    pub left: Amount,
    /// Whether that is enough.
    pub enough: bool,
    /// When there will be more, if that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Timestamp>,
}

const FIELDS: [&str; 12] =
    ["key", "principal", "server", "tool", "prompt", "resource", "arguments", "view", "user", "at", "ip", "policy"];
const PRINCIPAL_FIELDS: [&str; 5] = ["name", "grants", "labels", "team", "user"];
/// The longest name or URI, in bytes.
const MAX_NAME: usize = 2_048;
/// The id that an assumed key has.
const NOBODY: &str = "0000000000000000";

fn read(tenant: TenantId, members: Members, now: Timestamp) -> Result<Question, Problem> {
    refuse_unknown(&members, &FIELDS)?;
    let mut fields = Fields::new(members);
    let asker = asker(&mut fields, now)?;
    fields.need("server");
    let server = fields.text("server", id::<ServerId>);
    let item = item(&mut fields);
    let arguments = fields.object("arguments").map(|members| Value::Object(members).to_string());
    let view = fields.text("view", id::<ViewId>);
    let user = fields.text("user", id::<UserId>);
    let at = fields.text("at", |text| text.parse::<Timestamp>().map_err(|e| e.to_string()));
    let ip = fields.text("ip", |text| text.parse().map_err(|_| "write an IP address, like \"192.0.2.1\"".to_owned()));
    let policy = fields.text("policy", which).unwrap_or(WhichPolicy::Current);
    fields.done()?;
    let (Some(asker), Some(server), Some((kind, name))) = (asker, server, item) else {
        // What is missing has been noted, and so refused.
        return Err(Problem::new(Kind::InvalidField, "the question is not complete"));
    };
    Ok(Question { tenant, asker, server, kind, name, arguments, view, user, at, ip, policy })
}

fn id<T: std::str::FromStr<Err = toolgate_model::IdError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: toolgate_model::IdError| e.to_string())
}

fn asker(fields: &mut Fields, now: Timestamp) -> Result<Option<Asker>, Problem> {
    if fields.has("key") == fields.has("principal") {
        fields.wrong(&["key"], "write \"key\", the id of a key, or else \"principal\", a key as it might be");
        return Ok(None);
    }
    if fields.has("key") {
        return Ok(fields.text("key", id::<KeyId>).map(Asker::Key));
    }
    let Some(members) = fields.object("principal") else { return Ok(None) };
    fields.refuse_unknown(&["principal"], &members, &PRINCIPAL_FIELDS)?;
    Ok(fields.within(&["principal"], members, |fields| assumed(fields, now)))
}

fn assumed(fields: &mut Fields, now: Timestamp) -> Option<Asker> {
    fields.need("grants");
    let grants = fields.texts("grants", keys::MAX_GRANTS, |text| text.parse::<Grant>().map_err(|e| e.to_string()));
    let name = fields.text("name", name).unwrap_or_default();
    let labels = keys::labels(fields);
    let (team, user) = (keys::team(fields), keys::user(fields));
    let id = KeyId::new(NOBODY).ok()?;
    Some(Asker::Assumed(Box::new(KeyRecord {
        id,
        name,
        hash: String::new(),
        previous: None,
        grants,
        team,
        user,
        labels,
        expires_at: None,
        enabled: true,
        created_at: now,
        updated_at: now,
    })))
}

fn item(fields: &mut Fields) -> Option<(ItemKind, String)> {
    let forms = [("tool", ItemKind::Tool), ("prompt", ItemKind::Prompt), ("resource", ItemKind::Resource)];
    let given: Vec<_> = forms.into_iter().filter(|(name, _)| fields.has(name)).collect();
    let [(field, kind)] = given[..] else {
        fields.wrong(&["tool"], "write one of \"tool\", \"prompt\" and \"resource\", by its server's own name or URI");
        return None;
    };
    let name = fields.text(field, |text| match text.len() {
        1..=MAX_NAME => Ok(text.to_owned()),
        _ => Err(format!("it has 1 to {MAX_NAME} bytes")),
    });
    name.map(|name| (kind, name))
}

fn which(text: &str) -> Result<WhichPolicy, String> {
    match text {
        "current" => Ok(WhichPolicy::Current),
        "draft" => Ok(WhichPolicy::Draft),
        _ => Err("write \"current\" or \"draft\"".to_owned()),
    }
}

/// Answers a question.
pub(crate) async fn post<P: Platform>(
    records: &Records<'_, P>,
    tenant: TenantId,
    body: Members,
    now: Timestamp,
    (engine, scope): (Option<&dyn Explain>, &Scope),
) -> Result<Answer, Problem> {
    let question = read(tenant, body, now)?;
    records.tenant_exists(&question.tenant).await?;
    let unavailable = |detail: String| Problem::new(Kind::ExplainUnavailable, detail);
    let engine = engine.ok_or_else(|| unavailable("nothing here decides".to_owned()))?;
    match engine.explain(question, scope.clone()).await {
        Ok(explanation) => Answer::show(StatusCode::OK, &explanation),
        Err(ExplainError::Wrong { field, detail }) => {
            Err(Problem::fields(Kind::InvalidField, vec![FieldError::at(&[field], detail)]))
        }
        Err(ExplainError::Unavailable(detail)) => Err(unavailable(detail)),
    }
}
