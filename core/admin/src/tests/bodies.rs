//! Bodies that are not taken, and what is said of them.

use futures_util::{StreamExt, stream};
use http::Request;
use serde_json::{Value, json};
use toolgate_model::Limits;
use toolgate_ports::{Body, FetchError, FetchErrorKind};

use super::{Reply, TOKEN, World};

const ROUTES: [(&str, &str); 5] = [
    ("PUT", "/tenants/acme"),
    ("PATCH", "/tenants/acme"),
    ("PUT", "/tenants/acme/servers/s"),
    ("PATCH", "/tenants/acme/servers/s"),
    ("POST", "/tenants/acme/keys"),
];

fn raw(world: &World, method: &str, path: &str, kind: Option<&str>, body: Body) -> Reply {
    let request = Request::builder().method(method).uri(format!("/admin/v1{path}"));
    let request = request.header("authorization", format!("Bearer {TOKEN}"));
    let request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
    world.send(request.body(body).unwrap())
}

fn text(text: &str) -> Body {
    Body::Full(text.to_owned().into())
}

#[test]
fn what_is_not_json_is_refused_on_every_route() {
    let world = World::with_tenant();
    let deep = format!("{{\"display_name\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (method, path) in ROUTES {
        for bad in [
            "",
            "{",
            "{\"enabled\":true}{}",
            "{\"enabled\":true,\"enabled\":true}",
            "{\"enabled\":tru}",
            "\u{feff}{}",
            &deep,
        ] {
            raw(&world, method, path, Some("application/json"), text(bad)).fails(400, "malformed-json");
        }
        for bad in ["[]", "null", "\"x\"", "[{\"enabled\":true}]"] {
            let reply = raw(&world, method, path, Some("application/json"), text(bad)).fails(400, "invalid-field");
            assert_eq!(reply.pointers(), [""]);
        }
    }
}

#[test]
fn only_json_content_types_are_taken() {
    let world = World::with_tenant();
    for (method, path) in ROUTES {
        for bad in [
            None,
            Some(""),
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonx"),
            Some("application/json-patch+json"),
        ] {
            raw(&world, method, path, bad, text("{}")).fails(415, "wrong-content-type");
        }
    }
    raw(&world, "PUT", "/tenants/acme", Some("Application/JSON; charset=utf-8"), text("{}")).is(200);
    raw(&world, "PUT", "/tenants/acme", Some("application/merge-patch+json"), text("{}"))
        .fails(415, "wrong-content-type");
    raw(&world, "PATCH", "/tenants/acme", Some("application/merge-patch+json"), text("{}")).is(200);
}

#[test]
fn the_size_is_bounded_exactly_and_however_it_comes() {
    let world = World::limited(Limits { admin_body: 64, ..Limits::default() });
    let body = |len: usize| format!("{{\"display_name\":\"{}\"}}", "x".repeat(len - 19));
    raw(&world, "PUT", "/tenants/acme", Some("application/json"), text(&body(64))).is(201);
    raw(&world, "PUT", "/tenants/acme", Some("application/json"), text(&body(65))).fails(413, "body-too-large");
    let endless = Body::Incoming(stream::repeat_with(|| Ok("xxxxxxxxxxxxxxxx".into())).boxed_local());
    raw(&world, "PUT", "/tenants/acme", Some("application/json"), endless).fails(413, "body-too-large");
    let broken = FetchError::new(FetchErrorKind::Broken, "gone");
    let broken = Body::Incoming(stream::iter([Ok("{".into()), Err(broken)]).boxed_local());
    raw(&world, "PUT", "/tenants/acme", Some("application/json"), broken).fails(400, "body-broken");
    world.get("/tenants/acme").is(200);
}

#[test]
fn unknown_fields_are_refused_by_name_even_in_a_patch_that_removes_them() {
    let world = World::with_tenant();
    world.put("/tenants/acme/servers/s", &json!({"url": "https://example.com/"})).is(201);
    let key = world.post("/tenants/acme/keys", &json!({"name": "n", "grants": []})).is(201);
    let key = format!("/tenants/acme/keys/{}", key.body["id"].as_str().unwrap());
    for (method, path) in ROUTES.into_iter().chain([("PATCH", key.as_str())]) {
        for value in [json!(1), Value::Null] {
            let body = json!({"displayname": value, "a/b~": 1, "enabled": true});
            let reply = world.call(method, path, &[], Some(&body)).fails(400, "unknown-field");
            assert_eq!(reply.pointers(), ["/a~1b~0", "/displayname"]);
        }
        for field in ["id", "revision", "created_at", "updated_at", "secret"] {
            let reply = world.call(method, path, &[], Some(&json!({field: "x"}))).fails(400, "unknown-field");
            assert!(reply.text.contains("leave it out"), "{}", reply.text);
        }
    }
}

/// Method, route, body and the pointer of its error.
type Refused = (&'static str, &'static str, Value, &'static str);

const TENANT: &str = "/tenants/acme";
const SERVER: &str = "/tenants/acme/servers/s";
const KEYS: &str = "/tenants/acme/keys";
const URL: &str = "https://example.com/mcp";

fn many(count: usize) -> serde_json::Map<String, Value> {
    (0..count).map(|n| (format!("x-{n}"), json!("1"))).collect()
}

/// What a tenant's record must not hold.
fn refused_tenants() -> Vec<Refused> {
    vec![
        ("PUT", TENANT, json!({"display_name": 1}), "/display_name"),
        ("PUT", TENANT, json!({"display_name": ""}), "/display_name"),
        ("PUT", TENANT, json!({"display_name": "a\nb"}), "/display_name"),
        ("PUT", TENANT, json!({"display_name": "x".repeat(201)}), "/display_name"),
        ("PUT", TENANT, json!({"enabled": "yes"}), "/enabled"),
    ]
}

/// What a server's record must not hold.
fn refused_servers() -> Vec<Refused> {
    vec![
        ("PUT", SERVER, json!({}), "/url"),
        ("PUT", SERVER, json!({"url": null}), "/url"),
        ("PUT", SERVER, json!({"url": 7}), "/url"),
        ("PUT", SERVER, json!({"url": "no url"}), "/url"),
        ("PUT", SERVER, json!({"url": format!("{URL}/{}", "x".repeat(2_048))}), "/url"),
        ("PUT", SERVER, json!({"url": "http://example.com/mcp"}), "/url"),
        ("PUT", SERVER, json!({"url": "https://user:pass@example.com/mcp"}), "/url"),
        ("PUT", SERVER, json!({"url": "http://127.0.0.1/mcp", "network": "private"}), "/url"),
        ("PUT", SERVER, json!({"url": "https://169.254.169.254/mcp", "network": "loopback"}), "/url"),
        ("PUT", SERVER, json!({"url": URL, "era": "future"}), "/era"),
        ("PUT", SERVER, json!({"url": URL, "network": "everywhere"}), "/network"),
        ("PUT", SERVER, json!({"url": URL, "network": ["public"]}), "/network"),
        ("PUT", SERVER, json!({"url": URL, "enabled": 1}), "/enabled"),
        ("PUT", SERVER, json!({"url": URL, "headers": []}), "/headers"),
        ("PUT", SERVER, json!({"url": URL, "headers": many(33)}), "/headers"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"a b": "x"}}), "/headers/a b"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"x-a": 1}}), "/headers/x-a"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"x-a": null}}), "/headers/x-a"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"x-a": "a\r\nb"}}), "/headers/x-a"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"x-a": "x".repeat(4_097)}}), "/headers/x-a"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"Host": "x"}}), "/headers/host"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"x-a": "1", "X-A": "2"}}), "/headers/x-a"),
        ("PUT", SERVER, json!({"url": URL, "headers": {"x-a": "***"}}), "/headers/x-a"),
        ("PUT", SERVER, json!({"url": URL, "aliases": "x"}), "/aliases"),
        ("PUT", SERVER, json!({"url": URL, "aliases": many(1_001)}), "/aliases"),
        ("PUT", SERVER, json!({"url": URL, "aliases": {"": "x"}}), "/aliases/"),
        ("PUT", SERVER, json!({"url": URL, "aliases": {"t": ""}}), "/aliases/t"),
        ("PUT", SERVER, json!({"url": URL, "aliases": {"t": "a b"}}), "/aliases/t"),
        ("PUT", SERVER, json!({"url": URL, "aliases": {"t": "x".repeat(62)}}), "/aliases/t"),
        ("PUT", SERVER, json!({"url": URL, "aliases": {"t": "x", "u": "x"}}), "/aliases/u"),
        ("PUT", SERVER, json!({"url": URL, "aliases": {"t": true}}), "/aliases/t"),
    ]
}

/// What a server must not cost, and what it can't be held to.
fn refused_tool_rules() -> Vec<Refused> {
    let quiet = |hours: Value| json!({"url": URL, "constraints": {"quiet_hours": [hours]}});
    vec![
        ("PUT", SERVER, json!({"url": URL, "price": 1}), "/price"),
        ("PUT", SERVER, json!({"url": URL, "price": {"micro_usd": -1}}), "/price/micro_usd"),
        ("PUT", SERVER, json!({"url": URL, "price": {"micro_usd": 1.5}}), "/price/micro_usd"),
        ("PUT", SERVER, json!({"url": URL, "price": {"tokens": 1_000_000_000_001_u64}}), "/price/tokens"),
        ("PUT", SERVER, json!({"url": URL, "price": {"tokens": {}}}), "/price/tokens"),
        ("PUT", SERVER, json!({"url": URL, "price": {"tokens": {"max": 1}}}), "/price/tokens"),
        ("PUT", SERVER, json!({"url": URL, "price": {"tokens": {"base": 1}}}), "/price/tokens/per_kib"),
        ("PUT", SERVER, json!({"url": URL, "price": {"tokens": {"meta": "", "max": 1}}}), "/price/tokens/meta"),
        ("PUT", SERVER, json!({"url": URL, "price": {"tokens": {"meta": "m"}}}), "/price/tokens/max"),
        ("PUT", SERVER, json!({"url": URL, "price": {"tokens": {"sized": 7}}}), "/price/tokens/sized"),
        ("PUT", SERVER, json!({"url": URL, "price": {"micro_usd": {"sized": {"max": 7}}}}), "/price/micro_usd/sized"),
        ("PUT", SERVER, json!({"url": URL, "constraints": {"timeout_ms": 0}}), "/constraints/timeout_ms"),
        ("PUT", SERVER, json!({"url": URL, "constraints": {"timeout_ms": 900_001}}), "/constraints/timeout_ms"),
        ("PUT", SERVER, json!({"url": URL, "constraints": {"max_result_bytes": "1"}}), "/constraints/max_result_bytes"),
        ("PUT", SERVER, json!({"url": URL, "constraints": {"arguments": "maybe"}}), "/constraints/arguments"),
        ("PUT", SERVER, json!({"url": URL, "constraints": {"access": "write"}}), "/constraints/access"),
        ("PUT", SERVER, json!({"url": URL, "constraints": {"quiet_hours": {}}}), "/constraints/quiet_hours"),
        ("PUT", SERVER, quiet(json!("22:00")), "/constraints/quiet_hours/0"),
        ("PUT", SERVER, quiet(json!({"from": "22:00"})), "/constraints/quiet_hours/0/to"),
        ("PUT", SERVER, quiet(json!({"from": "24:00", "to": "06:00"})), "/constraints/quiet_hours/0/from"),
        ("PUT", SERVER, quiet(json!({"from": "06:00", "to": "06:00"})), "/constraints/quiet_hours/0/to"),
        (
            "PUT",
            SERVER,
            quiet(json!({"from": "22:00", "to": "06:00", "days": ["Mon"]})),
            "/constraints/quiet_hours/0/days/0",
        ),
        (
            "PUT",
            SERVER,
            quiet(json!({"from": "22:00", "to": "06:00", "zone": "here now"})),
            "/constraints/quiet_hours/0/zone",
        ),
        ("PUT", SERVER, json!({"url": URL, "tools": {"": {}}}), "/tools/"),
        ("PUT", SERVER, json!({"url": URL, "tools": {"t": 1}}), "/tools/t"),
        ("PUT", SERVER, json!({"url": URL, "tools": {"t": {"price": {"tokens": -1}}}}), "/tools/t/price/tokens"),
    ]
}

/// What a key's record must not hold.
fn refused_keys() -> Vec<Refused> {
    vec![
        ("POST", KEYS, json!({"grants": []}), "/name"),
        ("POST", KEYS, json!({"name": "n"}), "/grants"),
        ("POST", KEYS, json!({"name": "", "grants": []}), "/name"),
        ("POST", KEYS, json!({"name": "n", "grants": "*"}), "/grants"),
        ("POST", KEYS, json!({"name": "n", "grants": ["*", "github"]}), "/grants/1"),
        ("POST", KEYS, json!({"name": "n", "grants": [1]}), "/grants/0"),
        ("POST", KEYS, json!({"name": "n", "grants": vec!["*"; 1_001]}), "/grants"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "labels": []}), "/labels"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "labels": many(33)}), "/labels"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "labels": {"": "x"}}), "/labels/"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "labels": {"a b": "x"}}), "/labels/a b"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "labels": {"a": 1}}), "/labels/a"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "labels": {"a": "x\ny"}}), "/labels/a"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "labels": {"a": "x".repeat(257)}}), "/labels/a"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "expires_at": "tomorrow"}), "/expires_at"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "expires_at": 1_900_000_000}), "/expires_at"),
        ("POST", KEYS, json!({"name": "n", "grants": [], "enabled": 0}), "/enabled"),
    ]
}

#[test]
fn values_that_are_not_valid_are_refused_each_at_its_place_and_nothing_is_kept() {
    let world = World::with_tenant();
    let refused = [refused_tenants(), refused_servers(), refused_tool_rules(), refused_keys()];
    for (method, path, body, pointer) in refused.into_iter().flatten() {
        let reply = world.call(method, path, &[], Some(&body)).fails(400, "invalid-field");
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    }
    world.get("/tenants/acme/servers/s").fails(404, "server-not-found");
    assert_eq!(world.get("/tenants/acme/keys").body["items"], json!([]));
    assert_eq!(world.get("/tenants/acme").body["revision"], 1);
}

#[test]
fn all_that_is_wrong_is_said_at_once_within_bounds() {
    let world = World::with_tenant();
    let body = json!({"name": 1, "grants": ["x", "*", "y"], "expires_at": "z", "enabled": 2});
    let reply = world.post("/tenants/acme/keys", &body).fails(400, "invalid-field");
    assert_eq!(reply.pointers(), ["/name", "/grants/0", "/grants/2", "/expires_at", "/enabled"]);
    let body = json!({"name": "n", "grants": vec!["x"; 1_000]});
    assert_eq!(world.post("/tenants/acme/keys", &body).fails(400, "invalid-field").pointers().len(), 100);
    let name = "n".repeat(100_000);
    let reply = world.post("/tenants/acme/keys", &json!({name: 1})).fails(400, "unknown-field");
    assert!(reply.text.len() < 2_000, "{} bytes", reply.text.len());
}
