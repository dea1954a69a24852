//! Explain: what is asked of the engine, and what of its answer is shown.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::{Value, json};
use toolgate_model::{Amount, Effect, ItemKind, LimitId, Revision, RuleName, Selector, TeamId, UserId};
use toolgate_ports::{LocalFuture, Scope};

use super::World;
use crate::{
    Asker, Explain, ExplainError, ExplainedLimit, ExplainedRule, ExplainedStep, Explanation, Question, RuleOutcome,
    StepOutcome, WhichPolicy,
};

const PATH: &str = "/tenants/acme/explain";

/// Answers as it was told, and keeps what it was asked.
struct Told {
    asked: RefCell<Vec<Question>>,
    answer: Result<Explanation, ExplainError>,
}

impl Explain for Told {
    fn explain(&self, question: Question, _: Scope) -> LocalFuture<Result<Explanation, ExplainError>> {
        self.asked.borrow_mut().push(question);
        let answer = self.answer.clone();
        Box::pin(async move { answer })
    }
}

fn explanation() -> Explanation {
    let rule = |name: &str, verdict, detail: Option<&str>| ExplainedRule {
        name: RuleName::new(name).unwrap(),
        effect: Effect::Deny,
        verdict,
        detail: detail.map(str::to_owned),
    };
    let policy = ExplainedStep {
        step: "policy".into(),
        outcome: StepOutcome::Denies,
        detail: "the rule nights denies".into(),
        rules: vec![rule("nights", RuleOutcome::Holds, None), rule("x", RuleOutcome::Failed, Some("no such member"))],
    };
    let grants = ExplainedStep {
        step: "grants".into(),
        outcome: StepOutcome::Passes,
        detail: "github__* covers it".into(),
        rules: Vec::new(),
    };
    let limit = ExplainedLimit {
        limit: LimitId::new("daily").unwrap(),
        holder: BTreeMap::from([("key".to_owned(), "0123456789abcdef".to_owned())]),
        needs: Amount::at_most(1),
        left: Amount::ZERO,
        enough: false,
        resets_at: Some("2026-11-23T00:00:00Z".parse().unwrap()),
    };
    Explanation {
        allowed: false,
        needs_approval: false,
        decided_by: "policy@7:deny:nights".into(),
        policy_revision: Some(Revision(7)),
        steps: vec![grants, policy],
        limits: vec![limit],
    }
}

fn world(answer: Result<Explanation, ExplainError>) -> (World, Rc<Told>) {
    let told = Rc::new(Told { asked: RefCell::default(), answer });
    let mut world = World::with_tenant();
    world.admin = world.admin.explaining(Rc::clone(&told) as Rc<dyn Explain>);
    (world, told)
}

fn ask(more: &Value) -> Value {
    let mut body = json!({"key": "0123456789abcdef", "server": "github", "tool": "create issue"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn a_decision_is_shown_with_all_that_led_to_it() {
    let (world, told) = world(Ok(explanation()));
    let answer = world.post(PATH, &ask(&json!({}))).is(200).body;
    let rules = json!([{"name": "nights", "effect": "deny", "verdict": "holds"},
        {"name": "x", "effect": "deny", "verdict": "failed", "detail": "no such member"}]);
    let steps = json!([{"step": "grants", "outcome": "passes", "detail": "github__* covers it"},
        {"step": "policy", "outcome": "denies", "detail": "the rule nights denies", "rules": rules}]);
    assert_eq!((&answer["steps"], &answer["policy_revision"]), (&steps, &json!(7)));
    assert_eq!((&answer["allowed"], &answer["decided_by"]), (&json!(false), &json!("policy@7:deny:nights")));
    assert_eq!(answer["limits"][0]["holder"], json!({"key": "0123456789abcdef"}));
    let asked = told.asked.borrow();
    let Question { kind, name, arguments, at, policy, .. } = &asked[0];
    assert_eq!((*kind, name.as_str(), *policy), (ItemKind::Tool, "create issue", WhichPolicy::Current));
    assert_eq!((arguments, at), (&None, &None));
}

#[test]
fn a_question_may_say_everything_a_request_would() {
    let (world, told) = world(Ok(explanation()));
    let more = json!({"arguments": {"a": [1.5]}, "view": "support", "user": "eve@example.com", "at": "2027-01-01T00:00:00Z",
        "ip": "2001:db8::1", "policy": "draft"});
    world.post(PATH, &ask(&more)).is(200);
    let principal =
        json!({"name": "as if", "grants": ["github__*"], "labels": {"env": "prod"}, "team": "backend", "user": "*"});
    world.post(PATH, &json!({"principal": principal, "server": "github", "resource": "repo://x"})).is(200);
    let asked = told.asked.borrow();
    assert_eq!(asked[0].arguments.as_deref(), Some("{\"a\":[1.5]}"));
    assert_eq!(
        (asked[0].user.as_ref().map(UserId::as_str), asked[0].policy),
        (Some("eve@example.com"), WhichPolicy::Draft)
    );
    assert_eq!(asked[0].ip.unwrap().to_string(), "2001:db8::1");
    assert_eq!((asked[1].kind, asked[1].name.as_str()), (ItemKind::Resource, "repo://x"));
    let Asker::Assumed(key) = &asked[1].asker else { panic!("{:?}", asked[1].asker) };
    assert_eq!((key.grants.len(), &key.labels["env"], key.enabled), (1, &"prod".to_owned(), true));
    assert_eq!((key.team.as_ref().map(TeamId::as_str), &key.user), (Some("backend"), &Some(Selector::Every)));
}

#[test]
fn what_is_wrong_with_a_question_is_said_with_its_place() {
    let (world, told) = world(Ok(explanation()));
    for (body, slug, pointer) in [
        (json!({"server": "s", "tool": "t"}), "invalid-field", "/key"),
        (ask(&json!({"principal": {"grants": []}})), "invalid-field", "/key"),
        (ask(&json!({"key": "x"})), "invalid-field", "/key"),
        (json!({"principal": {}, "server": "s", "tool": "t"}), "invalid-field", "/principal/grants"),
        (json!({"principal": {"grants": ["x"]}, "server": "s", "tool": "t"}), "invalid-field", "/principal/grants/0"),
        (json!({"principal": {"id": "x"}, "server": "s", "tool": "t"}), "unknown-field", "/principal/id"),
        (json!({"key": "0123456789abcdef", "tool": "t"}), "invalid-field", "/server"),
        (ask(&json!({"server": "a__b"})), "invalid-field", "/server"),
        (ask(&json!({"tool": null})), "invalid-field", "/tool"),
        (ask(&json!({"prompt": "p"})), "invalid-field", "/tool"),
        (ask(&json!({"tool": ""})), "invalid-field", "/tool"),
        (ask(&json!({"arguments": []})), "invalid-field", "/arguments"),
        (ask(&json!({"view": "A"})), "invalid-field", "/view"),
        (ask(&json!({"user": "*"})), "invalid-field", "/user"),
        (ask(&json!({"at": "now"})), "invalid-field", "/at"),
        (ask(&json!({"ip": "localhost"})), "invalid-field", "/ip"),
        (ask(&json!({"policy": "old"})), "invalid-field", "/policy"),
        (ask(&json!({"tools": []})), "unknown-field", "/tools"),
    ] {
        assert_eq!(world.post(PATH, &body).fails(400, slug).pointers(), [pointer], "{body}");
    }
    world.post("/tenants/none/explain", &ask(&json!({}))).fails(404, "tenant-not-found");
    assert!(told.asked.borrow().is_empty(), "nothing of it reached the engine");
}

#[test]
fn an_engine_that_can_not_say_says_why() {
    let wrong = ExplainError::Wrong { field: "view", detail: "there is no such view".into() };
    let refused = world(Err(wrong)).0.post(PATH, &ask(&json!({}))).fails(400, "invalid-field");
    assert_eq!(refused.pointers(), ["/view"]);
    let unavailable = ExplainError::Unavailable("the store did not answer".into());
    world(Err(unavailable)).0.post(PATH, &ask(&json!({}))).fails(502, "explain-unavailable");
    World::with_tenant().post(PATH, &ask(&json!({}))).fails(502, "explain-unavailable");
}
