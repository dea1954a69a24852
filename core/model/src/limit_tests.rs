use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{LimitRecord, Timestamp};

fn read(value: Value) -> Result<LimitSpec, Vec<LimitError>> {
    match value {
        Value::Object(members) => LimitSpec::read(&members),
        _ => panic!("not an object"),
    }
}

fn complaint(change: &Value) -> Vec<(String, Wrong)> {
    let mut limit = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 100, "window": "day"});
    for (name, value) in change.as_object().unwrap() {
        limit[name] = value.clone();
    }
    let errors = read(limit).err().unwrap_or_default();
    errors.into_iter().map(|error| (error.path.join("/"), error.wrong)).collect()
}

#[test]
fn a_limit_is_shown_as_it_was_written() {
    for limit in [
        json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 100, "mode": "strict"}),
        json!({
            "scope": {"key": "0123456789abcdef", "tool": "github__create_issue"}, "kind": "budget", "unit": "micro_usd",
            "amount": 0, "window": {"calendar": "month", "zone": "Europe/Berlin"}, "mode": "leased", "fail_open": true
        }),
        json!({
            "scope": {"user": "*", "team": "core", "server": "github", "tool": "create_issue"}, "kind": "rate",
            "unit": "tokens", "amount": 7, "window": "second", "burst": 70, "mode": "strict"
        }),
        json!({"scope": {"tool": "*"}, "kind": "concurrency", "unit": "calls", "amount": 3, "mode": "strict"}),
    ] {
        let spec = read(limit.clone()).unwrap();
        let now = Timestamp::from_millis(0);
        let record = LimitRecord { spec: spec.clone(), enabled: true, created_at: now, updated_at: now };
        let mut shown = serde_json::to_value(&record).unwrap();
        assert_eq!(serde_json::from_value::<LimitRecord>(shown.clone()).unwrap(), record);
        shown.as_object_mut().unwrap().retain(|name, _| LimitSpec::FIELDS.contains(&name.as_str()));
        assert_eq!(shown, limit);
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let spec = read(json!({"scope": {}, "kind": "budget", "unit": "tokens", "amount": 1, "burst": null})).unwrap();
    assert_eq!((spec.window, spec.burst, spec.mode, spec.fail_open), (None, None, Mode::Strict, false));
}

#[test]
fn each_mistake_is_named_where_it_stands() {
    for (change, at) in [
        (json!({"amount": -1}), "amount"),
        (json!({"amount": 1.5}), "amount"),
        (json!({"amount": "100"}), "amount"),
        (json!({"amount": 1_000_000_000_000_001_u64}), "amount"),
        (json!({"amount": null}), "amount"),
        (json!({"kind": "quota"}), "kind"),
        (json!({"unit": "usd"}), "unit"),
        (json!({"mode": "loose"}), "mode"),
        (json!({"fail_open": "yes"}), "fail_open"),
        (json!({"scope": null}), "scope"),
        (json!({"scope": "*"}), "scope"),
        (json!({"scope": {"key": "nobody"}}), "scope/key"),
        (json!({"scope": {"key": ["0123456789abcdef"]}}), "scope/key"),
        (json!({"scope": {"team": "Core Team"}}), "scope/team"),
        (json!({"scope": {"user": "two words"}}), "scope/user"),
        (json!({"scope": {"server": "a__b"}}), "scope/server"),
        (json!({"scope": {"tool": "create_issue"}}), "scope/tool"),
        (json!({"scope": {"tool": ""}}), "scope/tool"),
        (json!({"scope": {"server": "*", "tool": "x\ny"}}), "scope/tool"),
        (json!({"window": "second"}), "window"),
        (json!({"window": "eon"}), "window"),
        (json!({"burst": 5}), "burst"),
        (json!({"kind": "rate", "window": null}), "window"),
        (json!({"kind": "rate", "window": "month"}), "window"),
        (json!({"kind": "rate", "window": "8d"}), "window"),
        (json!({"kind": "rate", "window": {"calendar": "day", "zone": "Europe/Berlin"}}), "window"),
        (json!({"kind": "rate", "burst": 0}), "burst"),
        (json!({"kind": "concurrency"}), "window"),
        (json!({"kind": "concurrency", "window": null, "unit": "tokens"}), "unit"),
        (json!({"kind": "concurrency", "window": null, "mode": "leased"}), "mode"),
        (json!({"kind": "concurrency", "window": null, "amount": 1_001}), "amount"),
    ] {
        assert_eq!(complaint(&change), [(at.to_owned(), Wrong::Invalid)], "{change}");
    }
    for (change, at) in [(json!({"limit": 5}), "limit"), (json!({"scope": {"tenant": "acme"}}), "scope/tenant")] {
        assert_eq!(complaint(&change), [(at.to_owned(), Wrong::Unknown)]);
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let paths = complaint(&json!({"amount": -1, "kind": "x", "scope": {"key": 1, "place": 2}, "window": 5}));
    let paths: Vec<&str> = paths.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["scope/place", "scope/key", "kind", "amount", "window"]);
}

proptest! {
    #[test]
    fn nothing_that_is_read_breaks_what_the_ledger_relies_on(
        kind in "budget|rate|concurrency", unit in "calls|micro_usd|tokens", amount: u64, window in "second|day|year|90s|[a-z0-9]{0,4}",
    ) {
        if let Ok(spec) = read(json!({"scope": {}, "kind": kind, "unit": unit, "amount": amount, "window": window})) {
            prop_assert!(spec.amount <= Amount::MAX);
            let refills = spec.window.as_ref().and_then(Window::millis).is_some_and(|m| (1_000..=MAX_REFILL).contains(&m));
            prop_assert!(spec.kind != LimitKind::Rate || refills);
        }
    }
}
