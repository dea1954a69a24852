//! What was looked at, in words for an operator.

use toolgate_admin::{ExplainError, ExplainedLimit, ExplainedRule, ExplainedStep, Question, RuleOutcome, StepOutcome};
use toolgate_catalogue::Catalogue;
use toolgate_metering::{Forecast, Foreseen};
use toolgate_model::ItemKind;
use toolgate_policy::{Allowed, Decision, Principal, Rules, Subject, decide};
use toolgate_rules::{Outcome, RuleVerdict, Ruling, Verdict, Why};

use super::Allowance;
use crate::constraints::Broken;

/// What was looked at so far.
#[derive(Default)]
pub(super) struct Report {
    pub(super) steps: Vec<ExplainedStep>,
    pub(super) limits: Vec<ExplainedLimit>,
}

/// Why the way ends.
pub(super) enum Stop {
    /// This rule denies.
    Denied(String),
    /// It can't be said.
    Cannot(ExplainError),
}

impl Report {
    fn step(&mut self, step: &str, outcome: StepOutcome, detail: impl Into<String>, rules: Vec<ExplainedRule>) {
        self.steps.push(ExplainedStep { step: step.to_owned(), outcome, detail: detail.into(), rules });
    }

    pub(super) fn passes(&mut self, step: &str, detail: impl Into<String>) {
        self.step(step, StepOutcome::Passes, detail, Vec::new());
    }

    pub(super) fn denies(&mut self, step: &str, detail: impl Into<String>, rule: impl Into<String>) -> Stop {
        self.step(step, StepOutcome::Denies, detail, Vec::new());
        Stop::Denied(rule.into())
    }

    /// Whether the server lists what is asked for.
    pub(super) fn found(&mut self, catalogue: &Catalogue, question: &Question, listed: &str) -> Result<(), Stop> {
        let (what, is_listed) = (plural(catalogue.kind), catalogue.named(listed).is_some());
        if is_listed {
            let of = if listed == question.name { String::new() } else { format!(", as {listed}") };
            self.passes("item", format!("it is in the server's list of {what}{of}"));
            return Ok(());
        }
        if matches!(question.kind, ItemKind::Resource | ItemKind::Template) {
            self.passes("item", format!("it is not in the server's list of {what}: the server is asked for it"));
            return Ok(());
        }
        let words = format!("it is not in the server's list of {what}, fetched at {}", catalogue.fetched_at);
        Err(self.denies("item", words, "no-such-item"))
    }

    /// What is decided, and by what.
    pub(super) fn decided<'a>(&mut self, principal: Principal<'a>, subject: &Subject<'a>) -> Result<Allowance, Stop> {
        let decision = decide(principal, subject);
        let decided_by = decision.to_string();
        let explained = principal.rules().and_then(|rules| rules.explain(principal, subject));
        let rules = || explained.iter().flat_map(|explained| &explained.rules).map(rule).collect();
        match decision {
            Decision::NoGrant => Err(self.denies("grants", "none of the key's grants covers it", decided_by)),
            Decision::NotInView => Err(self.denies("view", "the view does not show it", decided_by)),
            Decision::ReadOnly => {
                let words = "the server is set to be only read, and the tool does not say that it changes nothing";
                Err(self.denies("access", words, decided_by))
            }
            Decision::NoPolicy(revision) => {
                let words = format!("the policy of revision {revision} can't be used, and so allows nothing");
                Err(self.denies("policy", words, decided_by))
            }
            Decision::Policy(_, ruling) => {
                self.step("policy", StepOutcome::Denies, said(&ruling), rules());
                Err(Stop::Denied(decided_by))
            }
            Decision::Allowed(allowed) => {
                self.passes("access", "the server's constraints let it be used");
                self.ruled(principal.rules(), &allowed, rules());
                Ok(Allowance { decided_by, needs_approval: allowed.needs_approval() })
            }
        }
    }

    fn ruled(&mut self, policy: Option<&Rules>, allowed: &Allowed<'_>, rules: Vec<ExplainedRule>) {
        match &allowed.ruling {
            None if policy.is_none() => self.passes("policy", "the tenant has no policy"),
            None => {}
            Some((_, ruling)) => {
                let outcome = match ruling.outcome {
                    Outcome::NeedsApproval => StepOutcome::NeedsApproval,
                    Outcome::Allowed | Outcome::Denied => StepOutcome::Passes,
                };
                self.step("policy", outcome, said(ruling), rules);
            }
        }
        if allowed.destructive {
            let words =
                "the tool may destroy something, and the tenant wants such calls approved (approvals.destructive)";
            self.step("approval", StepOutcome::NeedsApproval, words, Vec::new());
        }
    }

    /// What the constraints say.
    pub(super) fn kept(&mut self, kept: Result<(), Broken<'_>>) -> Result<(), Stop> {
        match kept {
            Ok(()) => {
                self.passes("constraints", "they let the call be made then");
                Ok(())
            }
            Err(broken) => Err(self.denies("constraints", broken.to_string(), broken.rule())),
        }
    }

    /// What the limits say.
    pub(super) fn counted(&mut self, forecast: Forecast) -> Result<(), Stop> {
        self.limits = forecast.limits.into_iter().map(limit).collect();
        match forecast.denied {
            Some(denied) => Err(self.denies("limits", denied.to_string(), format!("limit:{}", denied.limit))),
            None if self.limits.is_empty() => {
                self.passes("limits", "none applies");
                Ok(())
            }
            None => {
                self.passes("limits", "all that apply have enough left");
                Ok(())
            }
        }
    }
}

const fn plural(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tools",
        ItemKind::Prompt => "prompts",
        ItemKind::Resource => "resources",
        ItemKind::Template => "resource templates",
    }
}

fn limit(foreseen: Foreseen) -> ExplainedLimit {
    let Foreseen { limit, holder, need, left, enough, resets_at } = foreseen;
    ExplainedLimit { limit, holder: holder.0.into_iter().collect(), needs: need, left, enough, resets_at }
}

fn rule(rule: &RuleVerdict<'_>) -> ExplainedRule {
    let (verdict, detail) = match &rule.verdict {
        Verdict::Holds => (RuleOutcome::Holds, None),
        Verdict::DoesNotHold => (RuleOutcome::DoesNotHold, None),
        Verdict::Unknown => (RuleOutcome::Unknown, None),
        Verdict::Failed(failure) => (RuleOutcome::Failed, Some(failure.to_string())),
    };
    ExplainedRule { name: rule.name.clone(), effect: rule.effect, verdict, detail }
}

/// What a policy said.
fn said(ruling: &Ruling<'_>) -> String {
    let rule = ruling.rule.map(ToString::to_string).unwrap_or_default();
    let words = match (&ruling.why, ruling.outcome) {
        (Why::NothingAllows, _) => "no rule allows it".to_owned(),
        (Why::Failed(failure), _) => format!("the rule {rule} could not be evaluated, and so denies: {failure}"),
        (Why::MayHold, _) => format!("the rule {rule} may allow it, once the arguments are known"),
        (Why::Holds, Outcome::Denied) => format!("the rule {rule} denies it"),
        (Why::Holds, Outcome::Allowed) => format!("the rule {rule} allows it"),
        (Why::Holds, Outcome::NeedsApproval) => format!("the rule {rule} wants it approved"),
    };
    if ruling.certain { words } else { format!("{words}; with other arguments it may come out otherwise") }
}
