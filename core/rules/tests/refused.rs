//! What is refused when a policy is saved, where, and in which words.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{compile, document, refused, rule};
use toolgate_model::{Effect, PolicyDocument};
use toolgate_rules::{Bounds, Policy, Problem};

/// Every condition is refused, at this column, in words that say this.
fn check(cases: &[(&str, u32, &str)]) {
    for (when, column, words) in cases {
        let (problem, at) = refused(when);
        assert_eq!(at, Some((1, *column)), "{when}: {problem}");
        assert!(problem.to_string().contains(words), "{when}: {problem}");
    }
}

#[test]
fn names_that_are_not_there() {
    check(&[
        ("tools.name == \"a\"", 1, "rules see principal, tool, server, arguments, time and network"),
        ("tool.nme == \"a\"", 6, "it has name, kind, title, description, annotations"),
        ("principal.key.label.env == \"a\"", 15, "it has id, name, labels"),
        ("tool.annotations.readOnly", 18, "readOnlyHint"),
        ("has(tool.foo)", 10, "no member \"foo\""),
        ("toUpper(tool.name) == \"A\"", 1, "there are size, contains, startsWith"),
        ("tool.name.upper() == \"A\"", 11, "there is no function"),
        ("timestamp(\"2026-01-01T00:00:00Z\") < timestamp(\"\")", 1, "there is no function"),
        ("x.all(y, true)", 1, "there is no \"x\""),
        ("[1].all(x, true) && x == 1", 21, "there is no \"x\""),
    ]);
}

#[test]
fn types_that_do_not_go_together() {
    check(&[
        ("tool.name == 1", 11, "one side is of type string, the other of type int"),
        ("tool.name != true", 11, "can never hold"),
        ("principal.team == null", 11, "has(principal.team)"),
        ("tool.name == null", 11, "whether a member is there, has(…) says"),
        ("tool.name in [1, 2]", 11, "can never hold"),
        ("1 in principal.key.labels", 3, "can never hold"),
        ("\"a\" in tool.name", 5, "contains(…)"),
        ("tool.name < 1", 11, "\"<\"".trim_matches('"')),
        ("tool.annotations.readOnlyHint < true", 31, "numbers have an order"),
        ("tool.name && true", 6, "&& needs bool"),
        ("!tool.name", 7, "! needs bool"),
        ("-tool.name == \"a\"", 1, "- needs int or double"),
        ("time.hour + 1.5 > 2.0", 11, "convert one of them"),
        ("1u + 1 == 2", 4, "convert one of them"),
        ("1.5 % 2.0 == 1.0", 5, "% does not go with"),
        ("\"a\" - \"b\" == \"\"", 5, "- does not go with string and string"),
        ("true + true == true", 6, "+ does not go with"),
        ("tool.name.size.x == 1", 11, "a member needs a map, this is of type string"),
        ("tool.name[0] == \"a\"", 10, "a list or a map"),
        ("[1][\"a\"] == 1", 4, "[…] of a list needs int"),
        ("principal.key.labels[1] == \"a\"", 21, "needs string"),
        ("size(1) == 1", 1, "size needs a string, a list or a map"),
        ("time.hour.startsWith(\"1\")", 6, "startsWith needs string"),
        ("[\"a\"].contains(\"a\")", 1, "in says"),
        ("int([1]) == 1", 1, "int needs"),
        ("string([1]) == \"\"", 1, "string needs"),
        ("1.all(x, true)", 3, "a loop needs a list or a map"),
        ("[1].all(x, x)", 12, "a loop's condition needs bool"),
        ("[1].map(x, x, x) == [1]", 12, "map needs bool"),
        ("[\"a\", 1] == []", 7, "the elements of a list must be of one type"),
        ("true ? 1 : \"a\"", 12, "both branches of ? :"),
        ("1 ? true : false", 1, "? needs bool"),
    ]);
}

#[test]
fn what_is_no_condition() {
    check(&[
        ("tool.name", 6, "true or false, this is of type string"),
        ("1", 1, "of type int"),
        ("arguments", 1, "of type map(string, dyn)"),
        ("[true]", 1, "of type list(bool)"),
        ("arguments.flag", 11, "== true"),
        ("tool", 1, "name one of its members"),
        ("principal.key == 1", 11, "principal.key is no value"),
    ]);
}

#[test]
fn comparisons_that_never_hold() {
    check(&[
        ("tool.kind == \"tol\"", 11, "it is tool, prompt, resource, template"),
        ("\"Tool\" == tool.kind", 8, "tool.kind is never \"Tool\""),
        ("server.network in [\"public\", \"internal\"]", 16, "server.network is never \"internal\""),
        ("time.weekday == 0", 14, "1 (Monday) to 7 (Sunday)"),
        ("time.weekday in [0, 6]", 14, "never 0"),
        ("time.month != 13", 12, "1 to 12"),
        ("time.hour > 23", 11, "never > 23"),
        ("24 <= time.hour", 4, "never >= 24"),
        ("time.minute < 0", 13, "never < 0"),
    ]);
    for fine in ["time.hour >= 18 && time.hour < 24", "time.weekday <= 5", "tool.kind in [\"tool\", \"prompt\"]"] {
        assert!(compile(fine).is_ok(), "{fine}");
    }
}

#[test]
fn members_that_may_be_absent_are_asked_for_first() {
    check(&[
        ("principal.team == \"a\"", 11, "write has(principal.team) && … before it"),
        ("principal.team == \"a\" && has(principal.team)", 11, "may be absent"),
        ("has(principal.team) || principal.team == \"a\"", 34, "may be absent"),
        ("!has(principal.team) && principal.team == \"a\"", 35, "may be absent"),
        ("has(principal.user) && principal.team == \"a\"", 34, "may be absent"),
        ("network.ip == \"a\"", 9, "has(network.ip)"),
        ("principal.key.labels.env == \"a\"", 22, "has(principal.key.labels.env)"),
        ("principal.key.labels[\"a-b\"] == \"a\"", 21, "\"a-b\" in principal.key.labels"),
        ("has(principal.team) ? true : principal.team == \"a\"", 40, "may be absent"),
    ]);
    for fine in [
        "has(principal.team) && principal.team == \"a\"",
        "!has(principal.team) || principal.team == \"a\"",
        "!(has(principal.team) && true) || principal.team == \"a\"",
        "has(principal.team) && has(principal.user) && principal.user == principal.team",
        "has(principal.team) ? principal.team == \"a\" : false",
        "!has(principal.team) ? false : principal.team == \"a\"",
        "has(principal.team) && [1].all(x, principal.team == \"a\" && x == 1)",
        "\"a-b\" in principal.key.labels && principal.key.labels[\"a-b\"] == \"a\"",
        "has(principal.key.labels.env) && principal.key.labels[\"env\"] == \"a\"",
        "has(arguments.a) && arguments.a == 1 || arguments.b == 1",
    ] {
        assert!(compile(fine).is_ok(), "{fine}: {}", compile(fine).unwrap_err()[0]);
    }
}

#[test]
fn functions_called_as_they_are_not() {
    check(&[
        ("size() == 1", 1, "write it as size(value)"),
        ("tool.name.startsWith() ", 11, "write it as text.startsWith"),
        ("startsWith(tool.name, \"a\")", 1, "write it as text.startsWith"),
        ("has(tool)", 1, "write it as has(principal.team)"),
        ("has(principal.key.labels[\"a\"])", 1, "\"name\" in map"),
        ("[1].all(1, true)", 9, "write it as list.all"),
        ("[1].all(x)", 5, "write it as list.all"),
        ("[1].all(tool, true)", 9, "\"tool\" is taken"),
        ("[1].all(x, [2].all(x, true))", 20, "\"x\" is taken"),
        ("[1].all(a, [2].all(b, [3].all(c, [4].all(d, true))))", 38, "3 deep"),
        ("tool.name.matches(server.id)", 26, "a regular expression must be a literal"),
        ("tool.name.matches(\"(\")", 19, "can't be used"),
        ("tool.name.matches(\"(?=a)\")", 19, "can't be used"),
        ("tool.name.matches(\"(a{900}){900}\")", 19, "can't be used"),
        ("inCidr(\"::1\", \"10.0.0.1/8\")", 15, "write \"10.0.0.0/8\""),
        ("inCidr(\"::1\", tool.name)", 20, "must be a literal"),
        ("{tool.name: 1} == {}", 7, "must be a literal"),
        ("{\"a\": 1, \"a\": 2} == {}", 1, "the member \"a\" twice"),
    ]);
}

#[test]
fn texts_that_are_no_cel() {
    check(&[
        ("", 1, "here is the end, and there should be a value"),
        ("tool.name == ", 14, "here is the end"),
        ("(true", 6, "\")\""),
        ("[1, 2", 6, "\",\" or \"]\""),
        ("true true", 6, "an operator, or the end"),
        ("a = 1", 3, "\"==\""),
        ("true & false", 6, "\"&&\""),
        ("true and false", 6, "an operator"),
        ("tool.\"name\" == 1", 6, "a member's name"),
        ("tool.?name == 1", 6, "has(…)"),
        ("arguments[?\"a\"] == 1", 11, "has(…)"),
        ("[?1] == []", 2, "has(…)"),
        ("Foo{a: 1} == 1", 4, "an operator, or the end"),
        ("true ? false", 13, "\":\""),
        ("\"abc", 1, "does not end"),
        ("\"a\\qb\" == \"\"", 1, "is not an escape"),
        ("b\"a\" == b\"a\"", 1, "no byte texts"),
        ("9223372036854775808 > 0", 1, "is not a number"),
        ("-9223372036854775809 > 0", 1, "is not a number"),
        ("while == 1", 1, "reserved word"),
        ("true # no", 6, "'#' means nothing here"),
        ("in == 1", 1, "here is \"in\""),
    ]);
}

#[test]
fn hostile_texts_are_refused_before_they_cost_anything() {
    let wide = Bounds { condition_bytes: 2 << 20, condition_parts: 1 << 20, ..Bounds::default() };
    let n = 300_000;
    let hostile = [
        "(".repeat(n),
        "[".repeat(n),
        "{\"a\":".repeat(n),
        "!".repeat(n),
        "-".repeat(n),
        format!("true{}", " ? true : true".repeat(n / 10)),
        format!("1{}", "+1".repeat(n)),
        format!("arguments{}", ".a".repeat(n)),
        format!("arguments{}", "[0]".repeat(n)),
        format!("{}1{}", "size(".repeat(n), ")".repeat(n)),
        format!("{}true{}", "[1].all(x,".repeat(n / 10), ")".repeat(n / 10)),
        format!("a{}", ".all(x, true)".repeat(n / 10)),
        "\u{202e}\u{0}\u{feff}".repeat(n / 10),
        "\"\\".repeat(n),
        "'".repeat(n),
        "𝕒".repeat(n / 4),
        "// ".repeat(n),
        "1".repeat(n),
        ".1e".repeat(n),
    ];
    for text in hostile {
        let start: String = text.chars().take(20).collect();
        let policy = PolicyDocument { zone: None, rules: vec![rule("rule", Effect::Allow, &text)] };
        let errors = Policy::compile(&policy, wide).unwrap_err();
        assert!(errors[0].to_string().len() < 600, "{start}");
        let errors = Policy::compile(&policy, Bounds::default()).unwrap_err();
        assert!(matches!(errors[0].problem, Problem::TooLong { most: 4096, .. }), "{start}");
    }
}

#[test]
fn a_long_chain_is_no_deep_one() {
    let chain = vec!["tool.name == \"a\""; 100].join(" || ");
    assert!(compile(&chain).is_ok());
    let list = format!("tool.name in [{}]", vec!["\"name\""; 500].join(","));
    assert!(compile(&list).is_ok());
    let parts = format!("tool.name in [{}]", vec!["1"; 1_100].join(","));
    assert!(matches!(refused(&parts).0, Problem::TooManyParts { most: 1_000 }));
}

#[test]
fn documents_that_are_refused_as_a_whole() {
    let compile = |document: &PolicyDocument| Policy::compile(document, Bounds::default()).unwrap_err();
    let mut twice = document(&[("a", Effect::Allow, "true"), ("a", Effect::Deny, "true")]);
    let errors = compile(&twice);
    assert_eq!((errors.len(), &errors[0].problem), (1, &Problem::SameName));
    assert_eq!(errors[0].rule.as_ref().unwrap().index, 1);
    twice.zone = Some("Europe/Berlyn".into());
    let errors = compile(&twice);
    assert_eq!(errors.len(), 2);
    assert!(errors[0].to_string().contains("no time zone \"Europe/Berlyn\""));
    assert!(errors[1].to_string().starts_with("rule a (number 2): another rule has this name"));
    let many = document(&[("a", Effect::Allow, "true"); 65]);
    assert!(matches!(compile(&many)[0].problem, Problem::TooManyRules { found: 65, most: 64 }));
    let mut long = document(&[("a", Effect::Allow, "true")]);
    long.rules[0].description = Some("x".repeat(2_000));
    assert!(matches!(compile(&long)[0].problem, Problem::Description { .. }));
    let broken = document(&[("a", Effect::Allow, "tru"), ("b", Effect::Allow, "true"), ("c", Effect::Deny, "\n  1 +")]);
    let texts: Vec<String> = compile(&broken).iter().map(ToString::to_string).collect();
    assert!(texts[0].starts_with("rule a (number 1), line 1, column 1: there is no \"tru\""), "{texts:?}");
    assert!(texts[1].starts_with("rule c (number 3), line 2, column 6: here is the end"), "{texts:?}");
}

#[test]
fn a_policy_that_may_cost_too_much_is_refused() {
    let costly = [
        "arguments.a.all(x, arguments.b.exists(y, x == y))",
        "arguments.a.all(x, x.matches(\"^[a-z]+$\"))",
        "arguments.a.map(x, x + x).map(x, x + x).all(x, arguments.b.all(y, y != x))",
    ];
    for when in costly {
        assert!(matches!(refused(when).0, Problem::TooCostly { .. }), "{when}: {}", refused(when).0);
    }
    for fine in [
        "arguments.a.all(x, x.startsWith(\"a\") && x in [\"ab\", \"ac\"])",
        "arguments.a.all(x, x.b.contains(\"c\") && x.name != tool.name)",
        "arguments.a.matches(\"^https://([a-z0-9-]+\\\\.)*example\\\\.com(/|$)\")",
        "principal.tenant in arguments.a",
    ] {
        assert!(compile(fine).is_ok(), "{fine}: {}", compile(fine).unwrap_err()[0]);
    }
    let sum = [("a", Effect::Allow, "arguments.a.contains(\"b\")"); 20].map(|(_, effect, when)| (effect, when));
    let rules = sum.iter().enumerate().map(|(i, (effect, when))| rule(&format!("r{i}"), *effect, when)).collect();
    let errors = Policy::compile(&PolicyDocument { zone: None, rules }, Bounds::default()).unwrap_err();
    assert!(matches!(errors[0].problem, Problem::TooCostly { .. }));
}
