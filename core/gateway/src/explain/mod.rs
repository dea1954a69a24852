//! What would be decided, and why: asked of the very functions that decide requests, in the order in which requests are decided. Nothing is
//! called, charged or logged as a call. This module must never decide anything by itself.

mod asked;
mod found;
mod report;

use std::rc::Rc;

use toolgate_admin::{Explain, ExplainError, Explanation, Question};
use toolgate_model::{ItemKind, Revision};
use toolgate_policy::{Rules, touches};
use toolgate_ports::{LocalFuture, Platform, Scope};

use self::{
    asked::Asked,
    found::Found,
    report::{Report, Stop},
};
use crate::{charge::counted, constraints, core::Core};

/// Answers the admin API's questions out of one gateway.
pub(crate) struct Explainer<P: Platform>(pub(crate) Rc<Core<P>>);

impl<P: Platform> Explain for Explainer<P> {
    fn explain(&self, question: Question, scope: Scope) -> LocalFuture<Result<Explanation, ExplainError>> {
        let core = Rc::clone(&self.0);
        Box::pin(async move { core.explain(&question, &scope).await })
    }
}

/// What decided, where nothing denied.
struct Allowance {
    decided_by: String,
    needs_approval: bool,
}

impl<P: Platform> Core<P> {
    async fn explain(&self, question: &Question, scope: &Scope) -> Result<Explanation, ExplainError> {
        let asked = self.asked(question, scope).await?;
        let mut report = Report::default();
        let walked = Box::pin(self.walk(&asked, question, &mut report, scope)).await;
        let (allowed, needs_approval, decided_by) = match walked {
            Ok(Allowance { decided_by, needs_approval }) => (true, needs_approval, decided_by),
            Err(Stop::Denied(rule)) => (false, false, rule),
            Err(Stop::Cannot(error)) => return Err(error),
        };
        let policy_revision: Option<Revision> = asked.rules.as_deref().map(Rules::revision);
        let Report { steps, limits } = report;
        Ok(Explanation { allowed, needs_approval, decided_by, policy_revision, steps, limits })
    }

    /// The way of a request, up to what ends it.
    async fn walk(
        &self,
        asked: &Asked,
        question: &Question,
        report: &mut Report,
        scope: &Scope,
    ) -> Result<Allowance, Stop> {
        let principal = asked.admitted(report)?;
        // A resource may be granted by the template that it comes of: that is known once it is found.
        let by_name =
            matches!(question.kind, ItemKind::Tool | ItemKind::Prompt) || !touches(principal, &question.server);
        if by_name {
            asked.granted(principal, question.kind.item(&question.name), report)?;
        }
        asked.served(report)?;
        let found = self.found(asked, principal, question, report, scope).await?;
        if !by_name {
            asked.granted(principal, question.kind.item(found.name()), report)?;
        }
        let arguments = found.arguments(question.arguments.as_deref(), report)?;
        let allowed = report.decided(principal, &found.subject(question.kind, arguments.as_deref()))?;
        found.is_reached(report)?;
        if allowed.needs_approval && matches!(question.kind, ItemKind::Resource | ItemKind::Template) {
            let words = "reading it needs an approval, which only calls of tools can be given";
            return Err(report.denies("approval", words, allowed.decided_by));
        }
        let called = found.called_with(arguments.as_deref());
        report.kept(constraints::check(&found.rules().constraints, asked.now, called))?;
        self.counted(asked, question, (&found, arguments.as_deref()), report).await?;
        Ok(allowed)
    }

    /// What the limits that the call would count in have left.
    async fn counted(
        &self,
        asked: &Asked,
        question: &Question,
        (found, arguments): (&Found, Option<&str>),
        report: &mut Report,
    ) -> Result<(), Stop> {
        let tool = (question.kind == ItemKind::Tool).then_some(question.name.as_str());
        let bytes = arguments.map_or(0, str::len);
        let call = counted(&asked.identity, (&question.server, tool), found.rules(), bytes);
        let forecast = self.meters.foresee(&asked.identity.snapshot.limits, &call, question.at).await;
        report.counted(forecast.map_err(|error| Stop::Cannot(ExplainError::Unavailable(error.to_string())))?)
    }
}
