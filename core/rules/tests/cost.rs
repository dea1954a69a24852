//! That the bound computed beforehand holds, and is near, where arguments are as large as the bounds allow.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{World, rule};
use toolgate_model::{Effect, PolicyDocument};
use toolgate_rules::{Arguments, Bounds, Cause, Explanation, Policy, Verdict};

/// `policy.explain`, where the bounds are what these arguments have, and nothing more.
fn at_the_bounds(condition: &str, arguments: &str, nodes: usize, check: impl FnOnce(&Policy, &Explanation<'_>)) {
    let bounds = Bounds {
        argument_bytes: arguments.len(),
        argument_nodes: nodes,
        text_bytes: 40,
        labels: 2,
        matched_bytes: 1 << 20,
        cost: 1 << 60,
        condition_bytes: 1 << 20,
        condition_parts: 1 << 20,
        ..Bounds::default()
    };
    let document = PolicyDocument { zone: None, rules: vec![rule("rule", Effect::Allow, condition)] };
    let policy = Policy::compile(&document, bounds).unwrap_or_else(|errors| panic!("{condition}: {}", errors[0]));
    let world = World::default();
    check(&policy, &policy.explain(&world.facts(Arguments::Json(arguments))));
}

fn close(condition: &str, arguments: &str, nodes: usize) {
    at_the_bounds(condition, arguments, nodes, |policy, explained| {
        let failed = matches!(explained.rules[0].verdict, Verdict::Failed(_));
        assert!(!failed, "{condition}: {explained:?}");
        let (bound, cost) = (policy.cost(), explained.cost);
        assert!(cost <= bound && bound <= 2 * cost, "{cost} of at most {bound}: {condition}");
    });
}

/// `{"a":[1,1,…]}`
fn numbers(count: usize) -> (String, usize) {
    (format!("{{\"a\":[{}]}}", vec!["1"; count].join(",")), count + 3)
}

/// `{"a":["xx…","xx…",…]}`
fn texts(count: usize, length: usize) -> (String, usize) {
    let text = format!("\"{}\"", "x".repeat(length));
    (format!("{{\"a\":[{}]}}", vec![text; count].join(",")), count + 3)
}

#[test]
fn a_loop_over_arguments_costs_what_they_are_large() {
    let (arguments, nodes) = numbers(2_000);
    for condition in [
        "arguments.a.all(x, x == 1)",
        "!arguments.a.exists(x, x > 1 || x < 0)",
        "arguments.a.exists_one(x, x == 1) == false",
        "size(arguments.a.filter(x, x == 1)) > 0",
        "size(arguments.a.map(x, [x])) > 0",
        "size(arguments.a + arguments.a) > 0",
        "arguments.a.all(x, [1, 2, 3].all(y, y >= x))",
        "!(2 in arguments.a)",
    ] {
        close(condition, &arguments, nodes);
    }
}

#[test]
fn a_loop_within_a_loop_over_arguments_costs_their_square() {
    let (arguments, nodes) = numbers(100);
    close("arguments.a.all(x, arguments.a.all(y, x == y))", &arguments, nodes);
    close("arguments.a.all(x, arguments.a.all(y, arguments.a.all(z, x == y && y == z)))", &arguments, nodes);
}

#[test]
fn texts_of_arguments_cost_their_bytes() {
    let (arguments, nodes) = texts(10, 10_000);
    for condition in [
        "arguments.a.all(x, !x.contains(\"y\"))",
        "arguments.a.all(x, x.startsWith(\"x\"))",
        "arguments.a.all(x, size(x) > 0)",
        "arguments.a.all(x, x.lowerAscii() != \"\")",
        "arguments.a.all(x, (x + x).contains(\"x\"))",
        "arguments.a.all(x, !x.matches(\"y\"))",
        "arguments.a == arguments.a",
        "!(\"y\" in arguments.a)",
    ] {
        close(condition, &arguments, nodes);
    }
}

#[test]
fn literals_cost_their_size() {
    let list = format!("[{}]", vec!["1"; 1_000].join(", "));
    let long = format!("\"{}\"", "x".repeat(2_000));
    for condition in [
        format!("{list}.all(x, x == 1)"),
        format!("false ? true : {list}.all(x, x == 1)"),
        format!("true ? {list}.all(x, x == 1) : true"),
        format!("size([{long} + \"a\", {long}]) == 2 && size({{\"a\": {long} + \"a\"}}) == 1"),
        format!("{long}.contains({long}) && {list}.map(x, [x, x]).all(y, size(y) == 2)"),
        format!("!\"a\".contains({long})"),
        format!("[{long}].filter(x, true).all(x, x.lowerAscii() != \"\")"),
        format!("{list}.filter(x, x != 2) == {list}.map(x, x == 1, x)"),
        format!("{list} + {list} == {list} + {list}"),
        format!("!({long} in {{\"a\": 1}})"),
        format!("!({long} in [{long} + \"a\"])"),
        format!("{{{long}: 1}}[{long}] == 1"),
        format!("{{\"a\": 1}}[\"a\"] == 1 && {long} < {long} + \"a\""),
    ] {
        close(&condition, "{}", 1);
    }
}

#[test]
fn labels_cost_their_number() {
    let condition = ["has(principal.key.labels.env)"; 100].join(" && ");
    close(&condition, "{}", 1);
}

#[test]
fn arguments_beyond_the_bounds_are_not_looked_at() {
    let (arguments, nodes) = numbers(100);
    at_the_bounds("arguments.a[0] == 1", &arguments, nodes - 1, |policy, explained| {
        assert!(
            matches!(&explained.rules[0].verdict, Verdict::Failed(f) if matches!(f.cause, Cause::ArgumentNodes { .. }))
        );
        assert!(explained.cost <= policy.cost());
    });
}
