//! What conditions mean.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{verdict, verdict_of};
use toolgate_rules::{Arguments, Cause, Verdict};

const ARGUMENTS: &str = r#"{
    "path": "/srv/data/a.txt", "count": 3, "ratio": 0.5, "big": 9223372036854775808, "flag": true, "nothing": null,
    "tags": ["a", "B", "c"], "items": [{"name": "x", "size": 1}, {"name": "y", "size": 20}], "owner": {"login": "octo"}
}"#;

fn holds(when: &str) {
    assert_eq!(verdict(when, ARGUMENTS), Verdict::Holds, "{when}");
}

fn holds_not(when: &str) {
    assert_eq!(verdict(when, ARGUMENTS), Verdict::DoesNotHold, "{when}");
}

fn fails(when: &str) -> Cause {
    match verdict(when, ARGUMENTS) {
        Verdict::Failed(failure) => failure.cause,
        other => panic!("{when}: {other:?}"),
    }
}

#[test]
fn every_member_can_be_asked() {
    for when in [
        r#"principal.tenant == "acme" && principal.key.id == "0123456789abcdef" && principal.key.name == "ci""#,
        r#"has(principal.team) && principal.team == "ops" && !has(principal.user) && !has(principal.view)"#,
        r#"tool.name == "list_issues" && tool.kind == "tool" && !has(tool.title) && has(tool.description)"#,
        r#"tool.annotations.readOnlyHint && tool.annotations.destructiveHint"#,
        r#"!tool.annotations.idempotentHint && tool.annotations.openWorldHint && !has(tool.annotations.title)"#,
        r#"server.id == "github" && server.network == "public""#,
        r#"time.epoch_ms == 1795617000000 && time.year == 2026 && time.month == 11 && time.day == 25"#,
        r#"time.hour == 15 && time.minute == 30 && time.weekday == 3 && time.date == "2026-11-25""#,
        r#"has(network.ip) && inCidr(network.ip, "10.0.0.0/8") && has(network.host) && network.host.endsWith(".com")"#,
        r#"has(principal.key.labels.env) && principal.key.labels.env == "prod""#,
        r#""cost-center" in principal.key.labels && principal.key.labels["cost-center"] == "42""#,
        r#"arguments.owner.login == "octo" && arguments["owner"]["login"] == "octo""#,
    ] {
        holds(when);
    }
}

#[test]
fn operators_bind_as_cel_says() {
    for when in [
        "true || false && false",
        "!false == true",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9",
        "7 - 2 - 1 == 4 && 100 / 10 / 5 == 2 && 7 % 4 == 3 && -7 / 2 == -3 && -7 % 3 == -1",
        "false ? false : true ? true : false",
        "1 < 2 == true",
        "- -1 == 1 && -9223372036854775808 < 0",
        "1u + 2u == 3u && 1.5 * 2.0 == 3.0 && 0x10 == 16",
        r#""a" + 'b' == "ab" && [1] + [2, 3] == [1, 2, 3]"#,
        "// a comment\ntrue // and another",
    ] {
        holds(when);
    }
}

#[test]
fn numbers_compare_across_their_types() {
    for when in [
        "1 == 1.0 && 1u == 1 && 1 != 1.5 && 2 > 1.5 && 1u < 2",
        "arguments.count == 3.0 && arguments.count > 2u && arguments.ratio < 1",
        "arguments.big > 9223372036854775807 && arguments.big == 9223372036854775808u",
        "9007199254740993 != 9007199254740992.0",
        "3 in [1.0, 3.0]",
    ] {
        holds(when);
    }
    holds_not("0.0 / 0.0 == 0.0 / 0.0");
}

#[test]
fn values_are_equal_in_depth() {
    for when in [
        r#"{"b": [1, 2], "a": null} == {"a": null, "b": [1.0, 2.0]}"#,
        r#"arguments.items == [{"size": 1, "name": "x"}, {"name": "y", "size": 20}]"#,
        r#"arguments.items != [{"size": 1, "name": "x"}, {"name": "y", "size": 21}]"#,
        r#"arguments.owner != {"login": "octo", "id": 1}"#,
        r#"arguments.nothing == null && arguments.path != null"#,
        r#"principal.key.labels == {"env": "prod", "cost-center": "42"}"#,
        r#"arguments.count != "3" && arguments.flag == true"#,
    ] {
        holds(when);
    }
}

#[test]
fn functions_do_what_cel_says() {
    for when in [
        r#"size("äö") == 2 && "äö".size() == 2 && size(arguments.tags) == 3 && size(arguments.owner) == 1 && size([]) == 0"#,
        r#""Straße".contains("aß") && "abc".startsWith("ab") && "abc".endsWith("bc") && "abc".contains("")"#,
        r#""abc".matches("^a.c$") && "xabcx".matches("b") && matches("abc", "a|z") && !"abc".matches("^b")"#,
        r#""ÄbC".lowerAscii() == "Äbc" && "abc".lowerAscii() == "abc""#,
        r#"string(12) == "12" && string(1.5) == "1.5" && string(true) == "true" && string(7u) == "7" && string("a") == "a""#,
        r#"int("-12") == -12 && int(1.9) == 1 && int(-1.9) == -1 && int(7u) == 7 && int(3) == 3"#,
        r#"double("1.5") == 1.5 && double(2) == 2.0 && double(2u) == 2.0 && string(1e300) == "1e300""#,
        r#"double(arguments.count) * 1.5 == 4.5 && arguments.count + 1 == 4"#,
        r#""a" in arguments.tags && !("z" in arguments.tags) && "path" in arguments && "y" in {"y": 1}"#,
        r#"{"dev": 1, "prod": 5}["prod"] == 5 && [1, 2, 3][2] == 3 && arguments.tags[1] == "B""#,
    ] {
        holds(when);
    }
}

#[test]
fn loops_do_what_cel_says() {
    for when in [
        r#"arguments.items.all(i, i.size > 0) && arguments.items.exists(i, i.size > 10)"#,
        r#"arguments.items.exists_one(i, i.size > 10) && !arguments.items.exists_one(i, i.size > 0)"#,
        r#"arguments.items.filter(i, i.size > 10).map(i, i.name) == ["y"]"#,
        r#"arguments.items.map(i, i.size > 10, i.name + "!") == ["y!"]"#,
        r#"[].all(x, x == 1) && ![].exists(x, x == 1)"#,
        r#"arguments.owner.all(name, name == "login") && principal.key.labels.exists(l, l == "env")"#,
        r#"[1, 2].all(x, [3, 4].all(y, [10].all(z, x < y && y < z)))"#,
        r#"arguments.tags.map(t, t.lowerAscii()) == ["a", "b", "c"]"#,
        // A later element decides, though an earlier one fails.
        r#"arguments.items.exists(i, i.size / (i.size - 1) >= 1)"#,
        r#"!arguments.items.all(i, i.size / (i.size - 1) > 1)"#,
    ] {
        holds(when);
    }
}

#[test]
fn a_part_that_decides_outweighs_one_that_fails() {
    holds("arguments.missing == 1 || true");
    holds("true || arguments.missing == 1");
    holds_not("arguments.missing == 1 && false");
    holds_not("1 / 0 == 1 && arguments.missing == 1 && false");
    assert!(matches!(fails("arguments.missing == 1 || false"), Cause::NoMember(name) if name == "missing"));
    assert!(matches!(fails("arguments.count || false"), Cause::Mismatch { .. }));
}

#[test]
fn what_goes_wrong_is_named() {
    assert!(matches!(fails("arguments.a.b == 1"), Cause::NoMember(name) if name == "a"));
    assert!(matches!(fails("has(arguments.a.b)"), Cause::NoMember(name) if name == "a"));
    assert!(matches!(fails("has(arguments.path.b)"), Cause::Mismatch { .. }));
    assert!(matches!(fails("arguments.path.b == 1"), Cause::Mismatch { .. }));
    assert!(matches!(fails("arguments.tags[3] == 1"), Cause::NoElement { index: 3, length: 3 }));
    assert!(matches!(fails("arguments.tags[-1] == 1"), Cause::NoElement { .. }));
    assert!(matches!(fails("9223372036854775807 + 1 > 0"), Cause::Overflow("+")));
    assert!(matches!(fails("-9223372036854775808 / -1 > 0"), Cause::Overflow("/")));
    assert!(matches!(fails("0u - 1u > 0u"), Cause::Overflow("-")));
    assert!(matches!(fails("1 / 0 == 1"), Cause::ByZero("/")));
    assert!(matches!(fails("1u % 0u == 1u"), Cause::ByZero("%")));
    assert!(matches!(fails("int(arguments.path) == 1"), Cause::NotANumber("int")));
    assert!(matches!(fails("int(1e30) == 1"), Cause::Overflow("int")));
    assert!(matches!(fails("int(arguments.big) == 1"), Cause::Overflow("int")));
    assert!(matches!(fails("arguments.count * 1.5 > 1.0"), Cause::Mismatch { what: "*", .. }));
    assert!(matches!(fails("arguments.path > 1"), Cause::Mismatch { what: ">", .. }));
    assert!(matches!(fails("arguments.count.startsWith(\"a\")"), Cause::Mismatch { what: "startsWith", .. }));
    assert!(matches!(fails("arguments.count.exists(x, x == 1)"), Cause::Mismatch { .. }));
    assert!(matches!(fails("1 in arguments.path"), Cause::Mismatch { what: "in", .. }));
    assert!(matches!(fails("inCidr(arguments.path, \"::/0\")"), Cause::NotAnAddress));
}

#[test]
fn arguments_that_are_absent_are_empty() {
    assert_eq!(verdict_of("size(arguments) == 0 && arguments == {}", Arguments::Absent), Verdict::Holds);
    assert_eq!(verdict_of("has(arguments.path)", Arguments::Absent), Verdict::DoesNotHold);
}

#[test]
fn what_is_not_known_yet_is_unknown_unless_it_does_not_matter() {
    for (when, expected) in [
        ("arguments.x == 1", Verdict::Unknown),
        ("has(arguments.x)", Verdict::Unknown),
        ("arguments.x == 1 && true", Verdict::Unknown),
        ("arguments.x == 1 && server.id == \"other\"", Verdict::DoesNotHold),
        ("server.id == \"github\" || arguments.x == 1", Verdict::Holds),
        ("!(arguments.x == 1)", Verdict::Unknown),
        ("arguments.x == 1 ? true : true", Verdict::Unknown),
        ("server.id == \"github\" ? true : arguments.x == 1", Verdict::Holds),
        ("[1, 2].exists(i, i == 2 || arguments.x == i)", Verdict::Holds),
        ("[1, 2].all(i, i == 1 || arguments.x == i)", Verdict::Unknown),
        ("[1, 2].exists_one(i, i == arguments.x)", Verdict::Unknown),
        ("arguments.list.all(i, false)", Verdict::Unknown),
        // What fails may come not to matter.
        ("1 / 0 == 1 && arguments.x == 1", Verdict::Unknown),
        ("1 / 0 == 1 || arguments.x == 1", Verdict::Unknown),
    ] {
        assert_eq!(verdict_of(when, Arguments::Unknown), expected, "{when}");
    }
    assert!(matches!(verdict_of("1 / 0 == 1 && size(string(1)) == 1", Arguments::Unknown), Verdict::Failed(_)));
}
