//! The policy that the documentation shows, and what it decides.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::World;
use toolgate_model::PolicyDocument;
use toolgate_rules::{Arguments, Bounds, Facts, Policy};

const DOCUMENT: &str = r#"{
  "zone": "Europe/Berlin",
  "rules": [
    {"name": "readers", "effect": "allow", "when": "tool.kind != \"tool\" || tool.annotations.readOnlyHint"},
    {"name": "platform-writes", "effect": "allow", "when": "has(principal.team) && principal.team in [\"ops\", \"platform\"]"},
    {"name": "own-tickets", "effect": "allow",
     "when": "server.id == \"jira\" && has(principal.user) && has(arguments.assignee) && arguments.assignee == principal.user"},
    {"name": "prod-keys-only", "effect": "deny",
     "when": "server.network != \"public\" && !(has(principal.key.labels.env) && principal.key.labels.env == \"prod\")"},
    {"name": "office-hours", "effect": "deny",
     "when": "tool.annotations.destructiveHint && !tool.annotations.readOnlyHint && (time.weekday > 5 || time.hour < 8 || time.hour >= 18)"},
    {"name": "from-the-office", "effect": "deny", "when": "server.id == \"postgres\" && !(has(network.ip) && inCidr(network.ip, \"10.0.0.0/8\"))"},
    {"name": "no-secrets", "effect": "deny",
     "when": "has(arguments.paths) && arguments.paths.exists(p, p.contains(\"..\") || p.lowerAscii().endsWith(\".pem\"))"},
    {"name": "large-payments", "effect": "approve",
     "when": "tool.name.matches(\"^(create|send)_payment$\") && double(arguments.amount) > 1000.0"}
  ]
}"#;

fn policy() -> Policy {
    let document: PolicyDocument = serde_json::from_str(DOCUMENT).unwrap();
    Policy::compile(&document, Bounds::default()).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

/// What is decided for the usual request, changed.
fn decided(arguments: Arguments<'_>, change: impl FnOnce(&mut Facts<'_>)) -> String {
    let world = World { read_only: None, team: None, ..World::default() };
    let mut facts = world.facts(arguments);
    change(&mut facts);
    policy().decide(&facts).to_string()
}

#[test]
fn the_documented_policy_decides_as_documented() {
    let none = Arguments::Absent;
    assert_eq!(decided(none, |_| {}), "no-allow-rule");
    assert_eq!(decided(none, |facts| facts.tool.annotations.read_only = Some(true)), "allow:readers");
    assert_eq!(decided(none, |facts| facts.principal.team = Some("ops")), "allow:platform-writes");
    let saturday = toolgate_model::Timestamp::from_millis(1_795_617_000_000 + 3 * 86_400_000);
    let late = |facts: &mut Facts<'_>| {
        facts.principal.team = Some("ops");
        facts.time = saturday;
    };
    assert_eq!(decided(none, late), "deny:office-hours");
    let elsewhere = |facts: &mut Facts<'_>| {
        facts.principal.team = Some("ops");
        facts.server.id = "postgres";
        facts.network.ip = Some("192.0.2.1");
    };
    assert_eq!(decided(none, elsewhere), "deny:from-the-office");
}

#[test]
fn what_depends_on_arguments_is_listed_and_decided_when_called() {
    let own = |facts: &mut Facts<'_>| {
        facts.server.id = "jira";
        facts.principal.user = Some("ann");
    };
    assert_eq!(decided(Arguments::Unknown, own), "maybe:own-tickets");
    assert_eq!(decided(Arguments::Json(r#"{"assignee": "ann"}"#), own), "allow:own-tickets");
    assert_eq!(decided(Arguments::Json(r#"{"assignee": "bob"}"#), own), "no-allow-rule");
    let ops = |facts: &mut Facts<'_>| facts.principal.team = Some("ops");
    assert_eq!(decided(Arguments::Json(r#"{"paths": ["a/b", "../c"]}"#), ops), "deny:no-secrets");
    let pay = |facts: &mut Facts<'_>| {
        facts.principal.team = Some("ops");
        facts.tool.name = "send_payment";
    };
    assert_eq!(decided(Arguments::Json(r#"{"amount": 1200}"#), pay), "approve:large-payments");
    assert_eq!(decided(Arguments::Json(r#"{"amount": "12.50"}"#), pay), "allow:platform-writes");
    assert_eq!(decided(Arguments::Json("{}"), pay), "failed:large-payments");
}
