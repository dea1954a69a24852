//! Code Mode and approvals, as operators set them: of tenants, keys and views.

use serde_json::{Map, Value, json};
use toolgate_model::{CodeLimits, ToolsMode};

use super::World;

const TENANT: &str = "/tenants/acme";
const KEYS: &str = "/tenants/acme/keys";
const VIEW: &str = "/tenants/acme/views/v";

fn key(more: &Value) -> Value {
    let mut body = json!({"name": "ci", "grants": ["*"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A limit alone.
fn limit(name: &str, value: u64) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value.into())]))
}

#[test]
fn every_limit_is_taken_at_its_bounds_and_refused_beyond_them() {
    let world = World::with_tenant();
    for bound in CodeLimits::BOUNDS {
        for good in [bound.least, bound.most] {
            let limits = limit(bound.name, good);
            let tenant = world.put(TENANT, &json!({"code": {"limits": limits}})).is(200).body;
            assert_eq!(tenant["code"], json!({"limits": limits}));
            assert_eq!(world.post(KEYS, &key(&json!({"code": limits}))).is(201).body["code"], limits);
        }
        let name = bound.name;
        let wrong = [bound.least.checked_sub(1), Some(bound.most + 1)].into_iter().flatten().map(Value::from);
        for bad in wrong.chain([json!(-1), json!(1.5), json!("1"), json!(true)]) {
            let tenant = world.put(TENANT, &json!({"code": {"limits": {name: bad}}})).fails(400, "invalid-field");
            assert_eq!(tenant.pointers(), [format!("/code/limits/{name}")], "{bad}");
            let key = world.post(KEYS, &key(&json!({"code": {name: bad}}))).fails(400, "invalid-field");
            assert_eq!(key.pointers(), [format!("/code/{name}")], "{bad}");
        }
    }
}

#[test]
fn every_way_to_show_tools_is_taken_of_keys_and_views() {
    let world = World::with_tenant();
    for mode in ToolsMode::ALL {
        let body = json!({"tools_mode": mode});
        let shown = world.post(KEYS, &key(&body)).is(201).body;
        // What is so for every key is not shown.
        assert_eq!(
            shown.get("tools_mode").and_then(Value::as_str),
            Some(mode.as_str()).filter(|mode| *mode != "direct")
        );
        let view = world.put(VIEW, &json!({"servers": {}, "tools_mode": mode}));
        assert_eq!(view.body["tools_mode"], mode.as_str(), "a view may say so against a key");
    }
    let id = world.post(KEYS, &key(&json!({"tools_mode": "code", "code": {"calls": 3}}))).is(201).body["id"].clone();
    let path = format!("{KEYS}/{}", id.as_str().unwrap());
    let changed = world.patch(&path, &json!({"code": {"parallel": 1}})).is(200).body;
    assert_eq!((&changed["tools_mode"], &changed["code"]), (&json!("code"), &json!({"calls": 3, "parallel": 1})));
    let reset = world.patch(&path, &json!({"code": {"calls": null}, "tools_mode": null})).is(200).body;
    assert_eq!((reset.get("tools_mode"), &reset["code"]), (None, &json!({"parallel": 1})));
    assert_eq!(world.patch(&path, &json!({"code": null})).is(200).body.get("code"), None);
    assert_eq!(world.patch(VIEW, &json!({"tools_mode": null})).is(200).body.get("tools_mode"), None);
}

#[test]
fn a_tenants_settings_are_kept_changed_member_by_member_and_reset() {
    let world = World::with_tenant();
    let code = json!({"limits": {"gas": 2_000_000, "time_ms": 100}, "price": {"micro_usd": 7, "tokens": {"sized": {"max": 9}}}});
    let approvals = json!({"destructive": "assumed", "by": "operator"});
    let put = world.put(TENANT, &json!({"code": code, "approvals": approvals})).is(200).body;
    assert_eq!((&put["code"], &put["approvals"]), (&code, &approvals));
    let changed =
        world.patch(TENANT, &json!({"code": {"limits": {"gas": null}}, "approvals": {"by": "anyone"}})).is(200).body;
    assert_eq!(changed["code"], json!({"limits": {"time_ms": 100}, "price": code["price"]}));
    assert_eq!(changed["approvals"], json!({"destructive": "assumed", "by": "anyone"}));
    let reset = world.patch(TENANT, &json!({"code": null, "approvals": null})).is(200).body;
    assert_eq!((reset.get("code"), reset.get("approvals")), (None, None));
    for destructive in ["marked", "assumed"] {
        let shown = world.put(TENANT, &json!({"approvals": {"destructive": destructive}})).is(200).body;
        assert_eq!(shown["approvals"], json!({"destructive": destructive, "by": "anyone"}));
    }
    world.put(TENANT, &json!({"approvals": {"destructive": "allowed"}})).is(200);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let world = World::with_tenant();
    for (path, body, slug, pointer) in [
        (TENANT, json!({"code": 1}), "invalid-field", "/code"),
        (TENANT, json!({"code": {"gas": 1}}), "unknown-field", "/code/gas"),
        (TENANT, json!({"code": {"limits": []}}), "invalid-field", "/code/limits"),
        (TENANT, json!({"code": {"limits": {"fuel": 1}}}), "unknown-field", "/code/limits/fuel"),
        (TENANT, json!({"code": {"price": {"micro_usd": -1}}}), "invalid-field", "/code/price/micro_usd"),
        (TENANT, json!({"code": {"price": {"euro": 1}}}), "unknown-field", "/code/price/euro"),
        (TENANT, json!({"approvals": "marked"}), "invalid-field", "/approvals"),
        (TENANT, json!({"approvals": {"destructive": true}}), "invalid-field", "/approvals/destructive"),
        (TENANT, json!({"approvals": {"destructive": "none"}}), "invalid-field", "/approvals/destructive"),
        (TENANT, json!({"approvals": {"by": "nobody"}}), "invalid-field", "/approvals/by"),
        (TENANT, json!({"approvals": {"who": "anyone"}}), "unknown-field", "/approvals/who"),
        (VIEW, json!({"servers": {}, "tools_mode": "all"}), "invalid-field", "/tools_mode"),
        (VIEW, json!({"servers": {}, "code": {}}), "unknown-field", "/code"),
    ] {
        assert_eq!(world.put(path, &body).fails(400, slug).pointers(), [pointer], "{body}");
    }
    for (body, slug, pointer) in [
        (json!({"tools_mode": "Direct"}), "invalid-field", "/tools_mode"),
        (json!({"tools_mode": 1}), "invalid-field", "/tools_mode"),
        (json!({"code": {"limits": {}}}), "unknown-field", "/code/limits"),
        (json!({"code": {"gas": 1, "calls": 1_001}}), "invalid-field", "/code/gas"),
        (json!({"approvals": {}}), "unknown-field", "/approvals"),
    ] {
        let refused = world.post(KEYS, &key(&body)).fails(400, slug);
        assert_eq!(refused.pointers()[0], pointer, "{body}");
    }
    let both = world.post(KEYS, &key(&json!({"code": {"gas": 1, "calls": 1_001}}))).fails(400, "invalid-field");
    assert_eq!(both.pointers(), ["/code/gas", "/code/calls"]);
}

#[test]
fn a_tenants_own_admin_may_set_them() {
    let world = World::with_tenant();
    let admin = json!({"name": "a", "role": "tenant-admin", "tenant": "acme"});
    let secret = world.post("/operators", &admin).is(201).body["secret"].as_str().unwrap().to_owned();
    let body = json!({"code": {"limits": {"calls": 3}}, "approvals": {"destructive": "marked"}});
    world.call_as(&secret, "PATCH", TENANT, &[], Some(&body)).is(200);
}
