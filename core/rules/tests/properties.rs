//! What holds for every policy and every request.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{
    conditions::{Looking, condition},
    random::{arguments, random, tape, world},
    rule,
};
use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use toolgate_model::{Effect, PolicyDocument, Rule};
use toolgate_rules::{Arguments, Bounds, Cause, Need, Outcome, Policy, Verdict};

/// Small, so that random arguments come near them.
const SMALL: Bounds = Bounds {
    rules: 8,
    condition_bytes: 1 << 20,
    condition_parts: 100_000,
    patterns: 10_000,
    cost: 1 << 60,
    argument_bytes: 300,
    argument_nodes: 30,
    text_bytes: 40,
    labels: 3,
    matched_bytes: 60,
};

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let effect = select(vec![Effect::Allow, Effect::Deny, Effect::Approve]);
    vec((effect, random()), 0..6).prop_map(|rules| {
        let named = rules.into_iter().enumerate();
        named.map(|(index, (effect, when))| rule(&format!("r{index}"), effect, &when)).collect()
    })
}

fn compiled(rules: Vec<Rule>) -> Option<Policy> {
    Policy::compile(&PolicyDocument { zone: None, rules }, SMALL).ok()
}

fn of(condition: &str) -> Option<Policy> {
    compiled(vec![rule("rule", Effect::Allow, condition)])
}

#[test]
fn nearly_all_random_conditions_are_taken() {
    let mut runner = TestRunner::deterministic();
    let mut taken = 0;
    for _ in 0..1_000 {
        let condition = random().new_tree(&mut runner).unwrap().current();
        match Policy::compile(
            &PolicyDocument { zone: None, rules: vec![rule("rule", Effect::Allow, &condition)] },
            SMALL,
        ) {
            Ok(_) => taken += 1,
            Err(errors) => println!("{condition}\n  {}", errors[0]),
        }
    }
    assert!(taken > 900, "{taken} of 1000");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn no_evaluation_costs_more_than_was_computed_beforehand(
        condition in random(), world in world(), arguments in arguments(),
    ) {
        let Some(policy) = of(&condition) else { return Ok(()) };
        for arguments in [Arguments::Json(&arguments), Arguments::Absent, Arguments::Unknown] {
            let cost = policy.explain(&world.facts(arguments)).cost;
            prop_assert!(cost <= policy.cost(), "{cost} > {}: {condition}", policy.cost());
        }
    }

    #[test]
    fn an_evaluation_ends_when_its_budget_does(condition in random(), world in world(), arguments in arguments()) {
        let Some(policy) = of(&condition) else { return Ok(()) };
        let facts = world.facts(Arguments::Json(&arguments));
        let explained = policy.explain(&facts);
        // A policy whose bound is what this evaluation needs decides alike; it is refused when saved if it may need more.
        let exact = Bounds { cost: explained.cost, ..SMALL };
        let document = PolicyDocument { zone: None, rules: vec![rule("rule", Effect::Allow, &condition)] };
        match Policy::compile(&document, exact) {
            Ok(exact) => prop_assert_eq!(exact.decide(&facts), explained.ruling),
            Err(_) => prop_assert!(policy.cost() > explained.cost),
        }
    }

    #[test]
    fn what_is_certain_without_the_arguments_is_the_same_with_them(
        condition in random(), world in world(), arguments in arguments(),
    ) {
        let Some(policy) = of(&condition) else { return Ok(()) };
        let before = policy.explain(&world.facts(Arguments::Unknown)).rules.remove(0).verdict;
        for arguments in [Arguments::Json(&arguments), Arguments::Absent] {
            let then = policy.explain(&world.facts(arguments)).rules.remove(0).verdict;
            prop_assert_ne!(&then, &Verdict::Unknown, "{}", condition);
            prop_assert!(before == Verdict::Unknown || before == then, "{before:?} {then:?}: {condition}");
        }
    }

    #[test]
    fn a_certain_ruling_is_the_ruling_of_every_call(rules in rules(), world in world(), arguments in arguments()) {
        let Some(policy) = compiled(rules) else { return Ok(()) };
        let listed = policy.decide(&world.facts(Arguments::Unknown));
        let called = policy.decide(&world.facts(Arguments::Json(&arguments)));
        prop_assert!(called.certain);
        prop_assert!(!listed.certain || listed.outcome == called.outcome, "{listed:?} {called:?}");
        prop_assert!(listed.shows() || !called.shows());
    }

    #[test]
    fn what_type_checks_has_the_types_it_says(tape in tape(), world in world()) {
        let condition = condition(&tape, Looking::Elsewhere);
        let Some(policy) = of(&condition) else { return Ok(()) };
        prop_assert!(!policy.needs().has(Need::Arguments));
        match policy.explain(&world.facts(Arguments::Unknown)).rules.remove(0).verdict {
            Verdict::Holds | Verdict::DoesNotHold => {}
            Verdict::Unknown => prop_assert!(false, "{}", condition),
            Verdict::Failed(failure) => {
                let mistaken = matches!(&failure.cause, Cause::Mismatch { .. } | Cause::TooCostly { .. });
                let absent = matches!(&failure.cause, Cause::NoMember(name) if name != "[…]");
                prop_assert!(!mistaken && !absent, "{failure}: {condition}");
            }
        }
    }

    #[test]
    fn explaining_says_what_deciding_decides(rules in rules(), world in world(), arguments in arguments()) {
        let Some(policy) = compiled(rules) else { return Ok(()) };
        for arguments in [Arguments::Json(&arguments), Arguments::Unknown] {
            let facts = world.facts(arguments);
            prop_assert_eq!(policy.decide(&facts), policy.explain(&facts).ruling);
        }
    }

    #[test]
    fn the_order_of_rules_says_nothing(
        (rules, shuffled) in rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        world in world(), arguments in arguments(),
    ) {
        let (Some(policy), Some(shuffled)) = (compiled(rules), compiled(shuffled)) else { return Ok(()) };
        for arguments in [Arguments::Json(&arguments), Arguments::Unknown] {
            let facts = world.facts(arguments);
            let (one, other) = (policy.decide(&facts), shuffled.decide(&facts));
            prop_assert_eq!((one.outcome, one.certain), (other.outcome, other.certain));
        }
    }

    #[test]
    fn only_allow_rules_open_anything(rules in rules(), world in world(), arguments in arguments()) {
        let narrowing = rules.iter().filter(|rule| rule.effect == Effect::Allow).cloned().collect();
        let (Some(policy), Some(opening)) = (compiled(rules), compiled(narrowing)) else { return Ok(()) };
        for arguments in [Arguments::Json(&arguments), Arguments::Unknown] {
            let facts = world.facts(arguments);
            prop_assert!(!policy.decide(&facts).shows() || opening.decide(&facts).outcome == Outcome::Allowed);
        }
    }

    #[test]
    fn what_a_policy_does_not_need_makes_no_difference(
        condition in random(), world in world(), other in world(), arguments in arguments(),
    ) {
        let Some(policy) = of(&condition) else { return Ok(()) };
        let needs = policy.needs();
        let mut changed = world.clone();
        if !needs.has(Need::Time) {
            changed.time = other.time;
        }
        if !needs.has(Need::User) {
            changed.user = other.user;
        }
        if !needs.has(Need::Network) {
            changed.ip = other.ip;
        }
        let given = if needs.has(Need::Arguments) { Arguments::Json(&arguments) } else { Arguments::Unknown };
        prop_assert_eq!(policy.decide(&world.facts(Arguments::Json(&arguments))), policy.decide(&changed.facts(given)));
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in any::<String>()) {
        let _ = of(&text);
    }

    #[test]
    fn no_tokens_make_the_compiler_panic(tokens in vec(select(TOKENS.to_vec()), 0..60), blank in select(vec!["", " "])) {
        if let Err(errors) = Policy::compile(
            &PolicyDocument { zone: None, rules: vec![rule("rule", Effect::Allow, &tokens.join(blank))] }, SMALL,
        ) {
            prop_assert!(errors[0].to_string().len() < 600);
        }
    }
}

const TOKENS: [&str; 48] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    ":",
    "?",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    ">=",
    "in",
    "true",
    "null",
    "1",
    "1u",
    "1.5",
    "\"a\"",
    "'",
    "r\"",
    "\\",
    "tool",
    "name",
    "arguments",
    "principal",
    "has",
    "all",
    "map",
    "x",
    "size",
    "matches",
    "labels",
    "key",
    "// ",
    "\n",
    "é",
    "0x",
];
