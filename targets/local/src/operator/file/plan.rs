//! What would have to be done for the gateway to be as a file says. The gateway itself says so: each thing in the file is sent to it as
//! a dry run, so that it is checked, and compared in the form it would have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    FileError,
    diff::{self, Difference},
    document::{Document, Item, Kind, Wrong},
};
use crate::operator::{
    ask::{Ask, AskError},
    client::{Answer, Client, ClientError},
};

/// How many of those that are left alone are named.
const NAMED: usize = 10;

/// What becomes of what only the gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prune {
    /// It is left alone.
    Leave,
    /// It is deleted.
    Delete,
}

impl Prune {
    pub(super) const fn of(given: bool) -> Self {
        if given { Self::Delete } else { Self::Leave }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) kind: Kind,
    /// Its id; of a key its name.
    pub(super) id: String,
    pub(super) action: Action,
    pub(super) differences: Vec<Difference>,
    /// Its place below `/admin/v1`, or for what is posted that of its collection.
    path: Vec<String>,
    body: Map<String, Value>,
}

/// What kind of change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    /// Of what stands at this ETag.
    Change(String),
    Delete(String),
}

impl Step {
    /// The request that makes the change, if the gateway still is as it was compared.
    pub(super) fn ask(&self) -> Result<Ask, AskError> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        Ok(match (&self.action, self.kind) {
            // Nobody else can have made the key that is made by this.
            (Action::Create, Kind::Key) => Ask::post(&path, self.body.clone())?,
            (Action::Create, _) => Ask::put(&path, self.body.clone())?.expecting(None),
            (Action::Change(etag), Kind::Key | Kind::Tenant) => {
                Ask::patch(&path, self.body.clone())?.expecting(Some(etag))
            }
            (Action::Change(etag), _) => Ask::put(&path, self.body.clone())?.expecting(Some(etag)),
            (Action::Delete(etag), _) => Ask::delete(&path)?.expecting(Some(etag)),
        })
    }

    /// `server github`
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.id).trim_end().to_owned()
    }
}

/// What only the gateway has, and keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extra {
    pub(super) kind: Kind,
    pub(super) count: usize,
    /// Some of their names.
    pub(super) names: Vec<String>,
}

/// What there is to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In the order in which it is done.
    pub(super) steps: Vec<Step>,
    pub(super) extras: Vec<Extra>,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Makes the plan for `document`, or says what is wrong with it.
pub(super) async fn make(
    client: &Client,
    document: &Document,
    prune: Prune,
) -> Result<Result<Plan, Vec<Wrong>>, FileError> {
    let mut making = Making { client, document, prune, plan: Plan::default(), wrong: Vec::new() };
    let found = making.found(&["tenants", &document.tenant]).await?;
    let keys = making.keys(found.is_some()).await?;
    for item in &document.items {
        making.item(item, found.as_ref(), &keys).await?;
    }
    if found.is_some() {
        making.extras().await?;
        making.no_policy().await?;
    }
    making.wrong.sort_by_key(|wrong| wrong.line);
    Ok(if making.wrong.is_empty() { Ok(in_order(making.plan)) } else { Err(making.wrong) })
}

/// What restricts first, deletions last and the other way round; and a tenant that is enabled by this, at the very end.
fn in_order(mut plan: Plan) -> Plan {
    let enables = |step: &Step| step.kind == Kind::Tenant && step.body.get("enabled") == Some(&Value::Bool(true));
    plan.steps.sort_by_key(|step| match step.action {
        Action::Delete(_) => (1, u8::MAX - step.kind as u8),
        Action::Change(_) if enables(step) => (2, 0),
        Action::Create | Action::Change(_) => (0, step.kind as u8),
    });
    plan
}

/// The keys of the tenant that the file names, by name.
type Keys = BTreeMap<String, Value>;

struct Making<'a> {
    client: &'a Client,
    document: &'a Document,
    prune: Prune,
    plan: Plan,
    wrong: Vec<Wrong>,
}

impl Making<'_> {
    async fn found(&self, path: &[&str]) -> Result<Option<Answer>, FileError> {
        let Ok(ask) = Ask::get(path) else { return Ok(None) };
        match self.client.answer(&ask).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ClientError::Refused(refusal)) if refusal.status == http::StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn path(&self, rest: &[&str]) -> Vec<String> {
        let path = ["tenants", self.document.tenant.as_str()].into_iter().chain(rest.iter().copied());
        path.map(str::to_owned).collect()
    }

    async fn item(&mut self, item: &Item, tenant: Option<&Answer>, keys: &Keys) -> Result<(), FileError> {
        match (item.kind, tenant) {
            (Kind::Tenant, None) => self.put(item, self.path(&[])).await,
            (Kind::Tenant, Some(found)) => {
                let mut body = diff::patch(&found.body, &item.body);
                if !item.body.contains_key("enabled") {
                    // Whether it is enabled is not every operator's to say: left out, it is left alone.
                    body.remove("enabled");
                }
                self.patch(item, self.path(&[]), body, &found.body).await
            }
            (Kind::Policy, _) => self.put(item, self.path(&["policy"])).await,
            (Kind::Key, _) => match keys.get(&item.id) {
                Some(found) => {
                    let path = self.path(&["keys", found["id"].as_str().unwrap_or_default()]);
                    self.patch(item, path, diff::patch(found, &item.body), found).await
                }
                None => self.post(item, self.path(&["keys"])).await,
            },
            (kind, _) => self.put(item, self.path(&[kind.section(), &item.id])).await,
        }
    }

    async fn put(&mut self, item: &Item, path: Vec<String>) -> Result<(), FileError> {
        let Some(answer) = self.tried(item, &path, Ask::put).await? else { return Ok(()) };
        let before = match answer.tried.as_deref() {
            Some("changed") => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                self.found(&path).await?.map(|found| found.body)
            }
            _ => None,
        };
        self.step(item, path, item.body.clone(), &answer, before.as_ref());
        Ok(())
    }

    async fn post(&mut self, item: &Item, path: Vec<String>) -> Result<(), FileError> {
        if let Some(answer) = self.tried(item, &path, Ask::post).await? {
            self.step(item, path, item.body.clone(), &answer, None);
        }
        Ok(())
    }

    async fn patch(
        &mut self,
        item: &Item,
        path: Vec<String>,
        body: Map<String, Value>,
        before: &Value,
    ) -> Result<(), FileError> {
        let patched = Item { body: body.clone(), ..item.clone() };
        if let Some(answer) = self.tried(&patched, &path, Ask::patch).await? {
            self.step(item, path, body, &answer, Some(before));
        }
        Ok(())
    }

    /// Has the gateway look at `item`; `None` if something is wrong with it, which is noted.
    async fn tried(
        &mut self,
        item: &Item,
        path: &[String],
        ask: impl Fn(&[&str], Map<String, Value>) -> Result<Ask, AskError>,
    ) -> Result<Option<Answer>, FileError> {
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let ask = match ask(&segments, item.body.clone()) {
            Ok(ask) => ask.dry(),
            Err(error) => {
                self.note(item, "", &error.to_string());
                return Ok(None);
            }
        };
        match self.client.answer(&ask).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ClientError::Refused(refusal)) if refusal.status == http::StatusCode::BAD_REQUEST => {
                match refusal.fields.is_empty() {
                    true => self.note(item, "", &refusal.to_string()),
                    false => refusal.fields.iter().for_each(|(pointer, detail)| self.note(item, pointer, detail)),
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn note(&mut self, item: &Item, pointer: &str, detail: &str) {
        let line = self.document.line_of(item, pointer);
        let place = format!("{}{pointer}", item.pointer);
        self.wrong.push(Wrong { line, detail: format!("{}: {detail}", place.trim_start_matches('/')) });
    }

    fn step(
        &mut self,
        item: &Item,
        path: Vec<String>,
        body: Map<String, Value>,
        answer: &Answer,
        before: Option<&Value>,
    ) {
        let action = match answer.tried.as_deref() {
            Some("created") => Action::Create,
            Some("changed") => Action::Change(answer.etag.clone().unwrap_or_default()),
            _ => return,
        };
        let nothing = Value::Object(Map::new());
        let differences = diff::between(before.unwrap_or(&nothing), &answer.body);
        self.plan.steps.push(Step { kind: item.kind, id: item.id.clone(), action, differences, path, body });
    }

    /// The gateway's keys that the file names. The others are counted, or noted for deletion, as they come by.
    async fn keys(&mut self, tenant_exists: bool) -> Result<Keys, FileError> {
        if !tenant_exists || !self.document.collections.contains(&Kind::Key) {
            return Ok(Keys::new());
        }
        let wanted: BTreeMap<&str, ()> = self.wanted(Kind::Key).map(|item| (item.id.as_str(), ())).collect();
        let (mut found, mut extras, mut same) = (Keys::new(), Vec::new(), BTreeMap::<String, usize>::new());
        let mut more = 0;
        let keep_all = self.prune == Prune::Delete;
        let Ok(ask) = Ask::list(&["tenants", &self.document.tenant], "keys", &["id"]) else { return Ok(found) };
        let take = |key: Value| {
            let name = key["name"].as_str().unwrap_or_default().to_owned();
            if wanted.contains_key(name.as_str()) {
                *same.entry(name.clone()).or_default() += 1;
                found.insert(name, key);
            } else if keep_all || extras.len() < NAMED {
                extras.push((name, key["id"].as_str().unwrap_or_default().to_owned(), key["revision"].to_string()));
            } else {
                more += 1;
            }
        };
        self.client.each(&ask, take).await?;
        if let Some((name, count)) = same.into_iter().find(|(_, count)| *count > 1) {
            return Err(FileError::SameName { name, count });
        }
        self.extra(Kind::Key, extras, more);
        Ok(found)
    }

    fn wanted(&self, kind: Kind) -> impl Iterator<Item = &Item> {
        self.document.items.iter().filter(move |item| item.kind == kind)
    }

    /// What else only the gateway has.
    async fn extras(&mut self) -> Result<(), FileError> {
        let kinds: Vec<Kind> = self.document.collections.iter().copied().filter(|kind| *kind != Kind::Key).collect();
        for kind in kinds {
            let Ok(ask) = Ask::list(&["tenants", &self.document.tenant], kind.section(), &["id"]) else { continue };
            let mut extras = Vec::new();
            let take = |record: Value| {
                let id = record["id"].as_str().unwrap_or_default().to_owned();
                if !self.wanted(kind).any(|item| item.id == id) {
                    extras.push((id.clone(), id, record["revision"].to_string()));
                }
            };
            self.client.each(&ask, take).await?;
            self.extra(kind, extras, 0);
        }
        Ok(())
    }

    /// `extras` are names, ids and revisions.
    fn extra(&mut self, kind: Kind, extras: Vec<(String, String, String)>, more: usize) {
        if self.prune == Prune::Leave && !extras.is_empty() {
            let count = extras.len() + more;
            let names = extras.into_iter().map(|(name, ..)| name).take(NAMED).collect();
            self.plan.extras.push(Extra { kind, count, names });
            return;
        }
        for (name, id, revision) in extras {
            self.delete(kind, name, self.path(&[kind.section(), &id]), format!("\"{revision}\""));
        }
    }

    fn delete(&mut self, kind: Kind, id: String, path: Vec<String>, etag: String) {
        let (action, differences, body) = (Action::Delete(etag), Vec::new(), Map::new());
        self.plan.steps.push(Step { kind, id, action, differences, path, body });
    }

    /// Of a file that says that there is no policy.
    async fn no_policy(&mut self) -> Result<(), FileError> {
        if !self.document.without_policy {
            return Ok(());
        }
        let path = self.path(&["policy"]);
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some(found) = self.found(&segments).await? else { return Ok(()) };
        if self.prune == Prune::Leave {
            self.plan.extras.push(Extra { kind: Kind::Policy, count: 1, names: Vec::new() });
        } else {
            self.delete(Kind::Policy, String::new(), path, found.etag.unwrap_or_default());
        }
        Ok(())
    }
}
