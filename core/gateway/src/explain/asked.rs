//! A question with the records that it is about.

use std::rc::Rc;

use toolgate_admin::{Asker, ExplainError, Question, WhichPolicy};
use toolgate_model::{Item, KeyRecord, Timestamp};
use toolgate_policy::{Decision, Origin, Principal, Refusal, Rules, permits};
use toolgate_ports::{Clock, Platform, Scope};
use toolgate_state::{Server, Snapshot, StateError, View};

use super::report::{Report, Stop};
use crate::{
    core::Core,
    identity::{Identity, acts_for},
};

/// See the module.
pub(super) struct Asked {
    pub(super) identity: Identity,
    pub(super) server: Rc<Server>,
    view: Option<Rc<View>>,
    pub(super) rules: Option<Rc<Rules>>,
    ip: Option<String>,
    pub(super) now: Timestamp,
}

fn wrong(field: &'static str, detail: impl Into<String>) -> ExplainError {
    ExplainError::Wrong { field, detail: detail.into() }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn unavailable(error: StateError) -> ExplainError {
    ExplainError::Unavailable(error.to_string())
}

impl<P: Platform> Core<P> {
    /// Reads what `question` is about, as the store has it now.
    pub(super) async fn asked(&self, question: &Question, scope: &Scope) -> Result<Asked, ExplainError> {
        let Question { tenant, server, user, .. } = question;
        self.states.refreshed(tenant).await.map_err(unavailable)?;
        let snapshot = self.states.tenant(tenant, scope).await.map_err(unavailable)?;
        let snapshot = snapshot.ok_or_else(|| ExplainError::Unavailable("the tenant is gone".to_owned()))?;
        let server = snapshot.servers.get(server).map(Rc::clone);
        let server = server.ok_or_else(|| wrong("server", "the tenant has no such server"))?;
        let key = self.asker(question, scope).await?;
        let view = self.seen_through(question, scope).await?;
        let rules = rules(question, &snapshot)?;
        let user = acts_for(&key, || Ok::<_, ExplainError>(user.clone()))?;
        let (ip, now) =
            (question.ip.map(|ip| ip.to_string()), question.at.unwrap_or_else(|| self.platform.clock().now()));
        Ok(Asked { identity: Identity { snapshot, key, user }, server, view, rules, ip, now })
    }

    async fn asker(&self, question: &Question, scope: &Scope) -> Result<Rc<KeyRecord>, ExplainError> {
        match &question.asker {
            Asker::Assumed(key) => Ok(Rc::new((**key).clone())),
            Asker::Key(id) => {
                let known = self.states.key(&question.tenant, id, scope).await.map_err(unavailable)?;
                known.ok_or_else(|| wrong("key", "the tenant has no such key"))
            }
        }
    }

    async fn seen_through(&self, question: &Question, scope: &Scope) -> Result<Option<Rc<View>>, ExplainError> {
        let Some(id) = &question.view else { return Ok(None) };
        let known = self.states.view(&question.tenant, id, scope).await.map_err(unavailable)?;
        known.map(Some).ok_or_else(|| wrong("view", "the tenant has no such view"))
    }
}

fn rules(question: &Question, snapshot: &Snapshot) -> Result<Option<Rc<Rules>>, ExplainError> {
    match question.policy {
        WhichPolicy::Current => Ok(snapshot.policy.clone()),
        WhichPolicy::Draft => {
            let draft = snapshot.draft.clone();
            draft.map(Some).ok_or_else(|| wrong("policy", "the tenant has no draft: save one at …/policy/draft"))
        }
    }
}

impl Asked {
    /// Who asks, if let in then.
    pub(super) fn admitted(&self, report: &mut Report) -> Result<Principal<'_>, Stop> {
        let admitted = self.identity.principal_at(self.now);
        let refusal = admitted.as_ref().err().copied();
        let key = &self.identity.key;
        let steps =
            [("tenant", "it is enabled"), ("key", "it is enabled and has not expired"), ("team", "it is enabled")];
        for (step, good) in steps.into_iter().filter(|(step, _)| *step != "team" || key.team.is_some()) {
            match refusal {
                Some(refusal) if step_of(refusal) == step => {
                    return Err(report.denies(step, over(refusal), refusal.rule()));
                }
                _ => report.passes(step, good),
            }
        }
        let principal = admitted.map_err(|refusal| report.denies("key", over(refusal), refusal.rule()))?;
        if self.view.as_ref().is_some_and(|view| !view.record.enabled) {
            return Err(report.denies("view", "the view is disabled", "view-disabled"));
        }
        let view = self.view.as_deref().map(|view| (&view.id, &view.record));
        let origin = Origin { ip: self.ip.as_deref(), host: None };
        Ok(principal.through(view).from(origin).under(self.rules.as_deref()))
    }

    /// What grants and view say of the name alone.
    pub(super) fn granted(&self, principal: Principal<'_>, item: Item<'_>, report: &mut Report) -> Result<(), Stop> {
        match permits(principal, &self.server.id, item) {
            Ok(grant) => report.passes("grants", format!("the grant {grant} covers it")),
            Err(denied @ Decision::NoGrant) => {
                let words = "none of the key's grants covers it";
                return Err(report.denies("grants", words, denied.to_string()));
            }
            Err(denied) => {
                report.passes("grants", "a grant covers it");
                return Err(report.denies("view", "the view does not show it", denied.to_string()));
            }
        }
        if self.view.is_some() {
            report.passes("view", "the view shows it");
        }
        Ok(())
    }

    /// Whether there is such a server for clients.
    pub(super) fn served(&self, report: &mut Report) -> Result<(), Stop> {
        if !self.server.enabled {
            return Err(report.denies("server", "the server is disabled", "server-disabled"));
        }
        report.passes("server", "it is enabled");
        Ok(())
    }
}

const fn step_of(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TenantDisabled => "tenant",
        Refusal::KeyDisabled | Refusal::KeyExpired => "key",
        Refusal::TeamDisabled => "team",
    }
}

const fn over(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TenantDisabled => "the tenant is disabled",
        Refusal::KeyDisabled => "the key is disabled",
        Refusal::KeyExpired => "the key has expired by then",
        Refusal::TeamDisabled => "the key's team is disabled, or there is no such team",
    }
}
