//! Documents and facts for the tests.

#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;

use toolgate_model::{Effect, ItemKind, Network, PolicyDocument, Rule, RuleName};
use toolgate_rules::{
    Annotations, Arguments, Bounds, Facts, KeyFacts, NetworkFacts, Policy, PolicyError, PrincipalFacts, Problem,
    ServerFacts, ToolFacts, Verdict,
};

pub(crate) fn rule(name: &str, effect: Effect, when: &str) -> Rule {
    Rule { name: RuleName::new(name).unwrap(), effect, when: when.into(), description: None }
}

pub(crate) fn document(rules: &[(&str, Effect, &str)]) -> PolicyDocument {
    let rules = rules.iter().map(|(name, effect, when)| rule(name, *effect, when)).collect();
    PolicyDocument { zone: Some("Europe/Berlin".into()), rules }
}

pub(crate) fn compile(when: &str) -> Result<Policy, Vec<PolicyError>> {
    Policy::compile(&document(&[("rule", Effect::Allow, when)]), Bounds::default())
}

/// The one problem of a condition, and where it is.
pub(crate) fn refused(when: &str) -> (Problem, Option<(u32, u32)>) {
    let Err(mut errors) = compile(when) else { panic!("this is taken: {when}") };
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = errors.remove(0);
    (error.problem, error.position.map(|position| (position.line, position.column)))
}

/// What a request has, owned.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) team: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) tool: String,
    pub(crate) title: Option<String>,
    pub(crate) read_only: Option<bool>,
    pub(crate) ip: Option<String>,
    pub(crate) time: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            labels: [("env", "prod"), ("cost-center", "42")].map(|(name, label)| (name.into(), label.into())).into(),
            team: Some("ops".into()),
            user: None,
            tool: "list_issues".into(),
            title: None,
            read_only: Some(true),
            ip: Some("10.1.2.3".into()),
            // 2026-11-25T14:30:00Z, a Wednesday.
            time: 1_795_617_000_000,
        }
    }
}

impl World {
    pub(crate) fn facts<'a>(&'a self, arguments: Arguments<'a>) -> Facts<'a> {
        Facts {
            principal: PrincipalFacts {
                tenant: "acme",
                key: KeyFacts { id: "0123456789abcdef", name: "ci", labels: &self.labels },
                team: self.team.as_deref(),
                user: self.user.as_deref(),
                view: None,
            },
            tool: ToolFacts {
                name: &self.tool,
                kind: ItemKind::Tool,
                title: self.title.as_deref(),
                description: Some("Lists the issues of a repository."),
                annotations: Annotations { read_only: self.read_only, ..Annotations::default() },
            },
            server: ServerFacts { id: "github", network: Network::Public },
            arguments,
            time: toolgate_model::Timestamp::from_millis(self.time),
            network: NetworkFacts { ip: self.ip.as_deref(), host: Some("acme.example.com") },
        }
    }
}

/// How a condition comes out for the usual request, with these arguments.
pub(crate) fn verdict(when: &str, arguments: &str) -> Verdict {
    verdict_of(when, Arguments::Json(arguments))
}

pub(crate) fn verdict_of(when: &str, arguments: Arguments<'_>) -> Verdict {
    let policy = compile(when).unwrap_or_else(|errors| panic!("{when}: {}", errors[0]));
    policy.explain(&World::default().facts(arguments)).rules.remove(0).verdict
}
