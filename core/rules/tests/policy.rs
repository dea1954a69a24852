//! What rules decide together.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{World, document};
use toolgate_model::{
    Effect::{self, Allow, Approve, Deny},
    PolicyDocument,
};
use toolgate_rules::{Arguments, Bounds, Need, Outcome, Policy, Verdict, Why};

fn policy(rules: &[(&str, Effect, &str)]) -> Policy {
    Policy::compile(&document(rules), Bounds::default()).unwrap()
}

/// Outcome, the ruling as the log has it, and whether it is certain.
fn ruling(rules: &[(&str, Effect, &str)], arguments: Arguments<'_>) -> (Outcome, String, bool) {
    let policy = policy(rules);
    let ruling = policy.decide(&World::default().facts(arguments));
    (ruling.outcome, ruling.to_string(), ruling.certain)
}

fn called(rules: &[(&str, Effect, &str)]) -> (Outcome, String) {
    let (outcome, log, certain) = ruling(rules, Arguments::Json(r#"{"path": "/tmp/a"}"#));
    assert!(certain);
    (outcome, log)
}

fn listed(rules: &[(&str, Effect, &str)]) -> (Outcome, String, bool) {
    ruling(rules, Arguments::Unknown)
}

#[test]
fn nothing_is_allowed_unless_a_rule_allows() {
    assert_eq!(called(&[]), (Outcome::Denied, "no-allow-rule".into()));
    assert_eq!(called(&[("a", Allow, "false")]), (Outcome::Denied, "no-allow-rule".into()));
    assert_eq!(called(&[("a", Approve, "true")]), (Outcome::Denied, "no-allow-rule".into()));
    assert_eq!(called(&[("a", Allow, "false"), ("b", Allow, "true")]), (Outcome::Allowed, "allow:b".into()));
}

#[test]
fn a_rule_that_denies_wins_wherever_it_stands() {
    for rules in [[("a", Allow, "true"), ("d", Deny, "true")], [("d", Deny, "true"), ("a", Allow, "true")]] {
        assert_eq!(called(&rules), (Outcome::Denied, "deny:d".into()));
    }
    assert_eq!(called(&[("a", Allow, "true"), ("d", Deny, "false")]), (Outcome::Allowed, "allow:a".into()));
}

#[test]
fn approval_marks_what_is_allowed() {
    let rules = [("p", Approve, "tool.annotations.destructiveHint"), ("a", Allow, "true")];
    assert_eq!(called(&rules), (Outcome::NeedsApproval, "approve:p".into()));
    assert_eq!(called(&[("p", Approve, "true"), ("d", Deny, "true"), ("a", Allow, "true")]).0, Outcome::Denied);
}

#[test]
fn a_failure_of_any_rule_denies_and_is_named() {
    for failing in
        [("f", Allow, "arguments.x == 1"), ("f", Deny, "arguments.x == 1"), ("f", Approve, "arguments.x == 1")]
    {
        assert_eq!(called(&[("a", Allow, "true"), failing]), (Outcome::Denied, "failed:f".into()));
        assert_eq!(called(&[failing, ("a", Allow, "true")]), (Outcome::Denied, "failed:f".into()));
        assert_eq!(called(&[failing, ("d", Deny, "true")]), (Outcome::Denied, "deny:d".into()));
    }
    let policy = policy(&[("f", Allow, "arguments.x == 1")]);
    let ruling = policy.decide(&World::default().facts(Arguments::Json("{}"))).why;
    let Why::Failed(failure) = ruling else { panic!("{ruling:?}") };
    assert_eq!(failure.to_string(), "line 1, column 11: there is no member \"x\": ask with has(…) first");
}

#[test]
fn arguments_that_are_not_as_they_must_be_deny_if_a_rule_looks_at_them() {
    let looking = [("a", Allow, "true"), ("d", Deny, "has(arguments.x)")];
    for bad in ["[]", "{", "", r#"{"x": 1, "x": 2}"#, r#"{"x": 1e999}"#] {
        assert_eq!(ruling(&looking, Arguments::Json(bad)), (Outcome::Denied, "failed:d".into(), true), "{bad}");
        assert_eq!(ruling(&[("a", Allow, "true")], Arguments::Json(bad)).0, Outcome::Allowed, "{bad}");
    }
}

#[test]
fn a_list_shows_what_a_call_may_be_allowed() {
    let path = "has(arguments.path) && arguments.path.startsWith(\"/tmp/\")";
    assert_eq!(listed(&[("a", Allow, path)]), (Outcome::Allowed, "maybe:a".into(), false));
    assert_eq!(called(&[("a", Allow, path)]), (Outcome::Allowed, "allow:a".into()));
    assert_eq!(listed(&[("a", Allow, "true"), ("d", Deny, path)]), (Outcome::Allowed, "allow:a".into(), false));
    assert_eq!(called(&[("a", Allow, "true"), ("d", Deny, path)]), (Outcome::Denied, "deny:d".into()));
    assert_eq!(listed(&[("a", Allow, "true"), ("p", Approve, path)]), (Outcome::Allowed, "allow:a".into(), false));
    assert_eq!(called(&[("a", Allow, "true"), ("p", Approve, path)]), (Outcome::NeedsApproval, "approve:p".into()));
    assert_eq!(
        listed(&[("a", Allow, path), ("p", Approve, "true")]),
        (Outcome::NeedsApproval, "approve:p".into(), false)
    );
}

#[test]
fn a_list_hides_what_no_call_can_be_allowed() {
    let path = "has(arguments.path)";
    assert_eq!(listed(&[("a", Allow, path), ("d", Deny, "true")]), (Outcome::Denied, "deny:d".into(), true));
    assert_eq!(listed(&[("a", Allow, "server.id == \"other\" && has(arguments.path)")]).0, Outcome::Denied);
    assert_eq!(listed(&[("d", Deny, path)]), (Outcome::Denied, "no-allow-rule".into(), true));
    assert_eq!(listed(&[("a", Allow, path), ("f", Allow, "1 / 0 == 1")]), (Outcome::Denied, "failed:f".into(), true));
}

#[test]
fn an_explanation_says_how_every_rule_came_out() {
    let policy = policy(&[
        ("a", Allow, "true"),
        ("d", Deny, "true"),
        ("f", Deny, "1 / 0 == 1"),
        ("u", Approve, "has(arguments.x)"),
    ]);
    let world = World::default();
    let explained = policy.explain(&world.facts(Arguments::Unknown));
    assert_eq!(explained.ruling.to_string(), "deny:d");
    let verdicts: Vec<&Verdict> = explained.rules.iter().map(|rule| &rule.verdict).collect();
    assert!(
        matches!(verdicts[..], [Verdict::Holds, Verdict::Holds, Verdict::Failed(_), Verdict::Unknown]),
        "{verdicts:?}"
    );
    assert!(explained.cost > 0 && explained.cost <= policy.cost());
}

#[test]
fn what_rules_look_at_is_known() {
    let needs = |when| {
        let needs = policy(&[("a", Allow, "true"), ("b", Deny, when)]).needs();
        [Need::Arguments, Need::Time, Need::Network, Need::User].map(|need| needs.has(need))
    };
    assert_eq!(needs("tool.name == \"a\" && has(principal.team)"), [false; 4]);
    assert_eq!(needs("has(arguments.x)"), [true, false, false, false]);
    assert_eq!(needs("time.hour == 1"), [false, true, false, false]);
    assert_eq!(needs("has(network.ip)"), [false, false, true, false]);
    assert_eq!(needs("has(principal.user) && principal.user == \"a\""), [false, false, false, true]);
}

#[test]
fn annotations_that_are_absent_are_what_the_specification_says() {
    let world = World { read_only: None, ..World::default() };
    let policy = policy(&[(
        "a",
        Allow,
        "!tool.annotations.readOnlyHint && tool.annotations.destructiveHint && !tool.annotations.idempotentHint && \
         tool.annotations.openWorldHint",
    )]);
    assert_eq!(policy.decide(&world.facts(Arguments::Absent)).outcome, Outcome::Allowed);
}

#[test]
fn time_is_told_in_the_zone_of_the_policy() {
    // 23:30 on Sunday in UTC, Monday in Berlin.
    let world = World { time: 1_795_995_000_000, ..World::default() };
    let outcome = |zone: Option<&str>, when| {
        let document = PolicyDocument { zone: zone.map(str::to_owned), ..document(&[("a", Allow, when)]) };
        Policy::compile(&document, Bounds::default()).unwrap().decide(&world.facts(Arguments::Absent)).outcome
    };
    assert_eq!(outcome(None, "time.weekday == 7 && time.date == \"2026-11-29\""), Outcome::Allowed);
    assert_eq!(outcome(Some("Europe/Berlin"), "time.weekday == 1 && time.date == \"2026-11-30\""), Outcome::Allowed);
    let never = World { time: u64::MAX, ..World::default() };
    let policy = policy(&[("a", Allow, "time.year > 0")]);
    assert_eq!(policy.decide(&never.facts(Arguments::Absent)).to_string(), "failed:a");
}

#[test]
fn facts_that_are_too_long_deny_the_rules_that_look_at_them() {
    let mut world = World { title: Some("x".repeat(20_000)), ..World::default() };
    let looking = policy(&[("a", Allow, "has(tool.title) && tool.title.contains(\"x\")")]);
    assert_eq!(looking.decide(&world.facts(Arguments::Absent)).to_string(), "failed:a");
    world.labels = (0..100).map(|n| (n.to_string(), String::new())).collect();
    let labels = policy(&[("a", Allow, "\"1\" in principal.key.labels")]);
    assert_eq!(labels.decide(&world.facts(Arguments::Absent)).to_string(), "failed:a");
    let elsewhere = policy(&[("a", Allow, "has(tool.title)")]);
    assert_eq!(elsewhere.decide(&world.facts(Arguments::Absent)).to_string(), "allow:a");
}

#[test]
fn an_address_in_any_spelling_is_in_its_range() {
    let policy = policy(&[("a", Allow, "has(network.ip) && inCidr(network.ip, \"10.0.0.0/8\")")]);
    for (ip, expected) in [
        (Some("10.1.2.3"), "allow:a"),
        (Some("::ffff:10.1.2.3"), "allow:a"),
        (Some("11.1.2.3"), "no-allow-rule"),
        (Some("::1"), "no-allow-rule"),
        (Some("unknown"), "failed:a"),
        (None, "no-allow-rule"),
    ] {
        let world = World { ip: ip.map(str::to_owned), ..World::default() };
        assert_eq!(policy.decide(&world.facts(Arguments::Absent)).to_string(), expected, "{ip:?}");
    }
}
