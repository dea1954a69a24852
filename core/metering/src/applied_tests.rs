use serde_json::{Value, json};
use toolgate_model::{KeyId, LimitId, LimitRecord, LimitSpec, MicroUsd, ServerId, TeamId, TenantId, Timestamp, UserId};

use super::*;
use crate::Price;

fn limit(scope: &Value) -> Limit {
    limit_of(&json!({"scope": scope, "kind": "budget", "unit": "calls", "amount": 10, "window": "day"}))
}

fn limit_of(limit: &Value) -> Limit {
    let spec = LimitSpec::read(limit.as_object().unwrap()).unwrap();
    let now = Timestamp::from_millis(0);
    let record = LimitRecord { spec, enabled: true, created_at: now, updated_at: now };
    Limit { id: LimitId::new("l").unwrap(), record }
}

/// Key 0…1 of the team `core` for the user `al/ice` calls `create` on `github`.
fn with_call<T>(change: impl FnOnce(&mut Call<'_>) -> T) -> T {
    let (tenant, key) = (TenantId::new("acme").unwrap(), KeyId::new("0000000000000001").unwrap());
    let (team, user) = (TeamId::new("core").unwrap(), UserId::new("al/ice").unwrap());
    let server = ServerId::new("github").unwrap();
    change(&mut Call {
        tenant: &tenant,
        key: &key,
        team: Some(&team),
        user: Some(&user),
        server: &server,
        tool: Some("create"),
        estimate: Price { micro_usd: MicroUsd(Amount::at_most(5)), tokens: Amount::ZERO },
        idempotency: None,
    })
}

fn account(scope: &Value, change: impl FnOnce(&mut Call<'_>)) -> Option<String> {
    with_call(|call| {
        change(call);
        let limits = [limit(scope)];
        let found = applied(&limits, call);
        found.first().map(|one| one.account.as_str().trim_start_matches("l/budget,calls,day/").to_owned())
    })
}

#[test]
fn a_limit_applies_where_all_its_members_do() {
    for (scope, expected) in [
        (json!({}), Some("")),
        (json!({"key": "0000000000000001"}), Some("")),
        (json!({"key": "0000000000000002"}), None),
        (json!({"team": "core", "server": "github"}), Some("")),
        (json!({"team": "core", "server": "gitlab"}), None),
        (json!({"user": "al/ice"}), Some("")),
        (json!({"user": "bob"}), None),
        (json!({"tool": "github__create"}), Some("")),
        (json!({"tool": "gitlab__create"}), None),
        (json!({"server": "github", "tool": "create"}), Some("")),
        (json!({"server": "github", "tool": "delete"}), None),
        (json!({"server": "*", "tool": "create"}), Some("server=github")),
        (json!({"key": "*", "tool": "*"}), Some("key=0000000000000001&tool=github__create")),
        (json!({"server": "github", "tool": "*"}), Some("tool=create")),
        (json!({"user": "*", "team": "*"}), Some("team=core&user=al%2fice")),
    ] {
        assert_eq!(account(&scope, |_| {}).as_deref(), expected, "{scope}");
    }
}

#[test]
fn who_names_no_user_is_one_user_and_evades_nothing() {
    assert_eq!(account(&json!({"user": "*"}), |call| call.user = None).as_deref(), Some("user="));
    assert_eq!(account(&json!({"user": "al/ice"}), |call| call.user = None), None);
    assert_eq!(account(&json!({"team": "*"}), |call| call.team = None), None);
    assert_eq!(account(&json!({"tool": "*"}), |call| call.tool = None), None);
    assert_eq!(account(&json!({"server": "*"}), |call| call.tool = None).as_deref(), Some("server=github"));
}

#[test]
fn holders_never_look_alike_and_are_bounded() {
    let limits = [limit(&json!({"tool": "*"}))];
    let of = |tool: &str| {
        with_call(|call| applied(&limits, &Call { tool: Some(tool), ..*call })[0].account.as_str().to_owned())
    };
    let (one, other) = (of(&"ü".repeat(150)), of(&format!("{}x", "ü".repeat(149))));
    assert!(one != other && one.len() < 80 && one.contains("/~"));
    let sneaky = account(&json!({"user": "*", "tool": "*"}), |call| call.tool = Some("x&user=bob%")).unwrap();
    assert_eq!(sneaky, "user=al%2fice&tool=github__x%26user%3dbob%25");
}

#[test]
fn what_a_call_does_not_take_is_not_asked_for() {
    let tokens = limit_of(&json!({"scope": {}, "kind": "budget", "unit": "tokens", "amount": 10}));
    let money = limit_of(&json!({"scope": {}, "kind": "budget", "unit": "micro_usd", "amount": 10}));
    let mut off = limit(&json!({}));
    off.record.enabled = false;
    let limits = [tokens, money, off];
    with_call(|call| {
        let found = applied(&limits, call);
        let found: Vec<_> = found.iter().map(|one| (one.limit.record.spec.unit, one.need.get())).collect();
        assert_eq!(found, [(toolgate_model::Unit::MicroUsd, 5)]);
    });
}

#[test]
fn what_a_limit_sits_on_is_said_in_words() {
    let words = |scope: &Value| {
        let limit = limit(scope);
        with_call(|call| in_words(&limit.record.spec.scope, &holder(&limit.record.spec.scope, call)))
    };
    assert_eq!(words(&json!({})), "the whole tenant");
    assert_eq!(words(&json!({"key": "*", "server": "github"})), "key 0000000000000001, server github");
    let limit = limit(&json!({"user": "*"}));
    let scope = &limit.record.spec.scope;
    with_call(|call| {
        call.user = None;
        assert_eq!(in_words(scope, &holder(scope, call)), "no user");
    });
}
