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

/// Every refused value, its route and the pointer of its error.
fn refused() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let url = "https://example.com/mcp";
    let (tenant, server, keys) = ("/tenants/acme", "/tenants/acme/servers/s", "/tenants/acme/keys");
    let quiet = |hours: Value| json!({"url": "https://example.com/mcp", "constraints": {"quiet_hours": [hours]}});
    let many = |count: usize| (0..count).map(|n| (format!("x-{n}"), json!("1"))).collect::<serde_json::Map<_, _>>();
    vec![
        ("PUT", tenant, json!({"display_name": 1}), "/display_name"),
        ("PUT", tenant, json!({"display_name": ""}), "/display_name"),
        ("PUT", tenant, json!({"display_name": "a\nb"}), "/display_name"),
        ("PUT", tenant, json!({"display_name": "x".repeat(201)}), "/display_name"),
        ("PUT", tenant, json!({"enabled": "yes"}), "/enabled"),
        ("PUT", server, json!({}), "/url"),
        ("PUT", server, json!({"url": null}), "/url"),
        ("PUT", server, json!({"url": 7}), "/url"),
        ("PUT", server, json!({"url": "no url"}), "/url"),
        ("PUT", server, json!({"url": format!("{url}/{}", "x".repeat(2_048))}), "/url"),
        ("PUT", server, json!({"url": "http://example.com/mcp"}), "/url"),
        ("PUT", server, json!({"url": "https://user:pass@example.com/mcp"}), "/url"),
        ("PUT", server, json!({"url": "http://127.0.0.1/mcp", "network": "private"}), "/url"),
        ("PUT", server, json!({"url": "https://169.254.169.254/mcp", "network": "loopback"}), "/url"),
        ("PUT", server, json!({"url": url, "era": "future"}), "/era"),
        ("PUT", server, json!({"url": url, "network": "everywhere"}), "/network"),
        ("PUT", server, json!({"url": url, "network": ["public"]}), "/network"),
        ("PUT", server, json!({"url": url, "enabled": 1}), "/enabled"),
        ("PUT", server, json!({"url": url, "headers": []}), "/headers"),
        ("PUT", server, json!({"url": url, "headers": many(33)}), "/headers"),
        ("PUT", server, json!({"url": url, "headers": {"a b": "x"}}), "/headers/a b"),
        ("PUT", server, json!({"url": url, "headers": {"x-a": 1}}), "/headers/x-a"),
        ("PUT", server, json!({"url": url, "headers": {"x-a": null}}), "/headers/x-a"),
        ("PUT", server, json!({"url": url, "headers": {"x-a": "a\r\nb"}}), "/headers/x-a"),
        ("PUT", server, json!({"url": url, "headers": {"x-a": "x".repeat(4_097)}}), "/headers/x-a"),
        ("PUT", server, json!({"url": url, "headers": {"Host": "x"}}), "/headers/host"),
        ("PUT", server, json!({"url": url, "headers": {"x-a": "1", "X-A": "2"}}), "/headers/x-a"),
        ("PUT", server, json!({"url": url, "headers": {"x-a": "***"}}), "/headers/x-a"),
        ("PUT", server, json!({"url": url, "aliases": "x"}), "/aliases"),
        ("PUT", server, json!({"url": url, "aliases": many(1_001)}), "/aliases"),
        ("PUT", server, json!({"url": url, "aliases": {"": "x"}}), "/aliases/"),
        ("PUT", server, json!({"url": url, "aliases": {"t": ""}}), "/aliases/t"),
        ("PUT", server, json!({"url": url, "aliases": {"t": "a b"}}), "/aliases/t"),
        ("PUT", server, json!({"url": url, "aliases": {"t": "x".repeat(62)}}), "/aliases/t"),
        ("PUT", server, json!({"url": url, "aliases": {"t": "x", "u": "x"}}), "/aliases/u"),
        ("PUT", server, json!({"url": url, "aliases": {"t": true}}), "/aliases/t"),
        ("PUT", server, json!({"url": url, "price": 1}), "/price"),
        ("PUT", server, json!({"url": url, "price": {"micro_usd": -1}}), "/price/micro_usd"),
        ("PUT", server, json!({"url": url, "price": {"micro_usd": 1.5}}), "/price/micro_usd"),
        ("PUT", server, json!({"url": url, "price": {"tokens": 1_000_000_000_001_u64}}), "/price/tokens"),
        ("PUT", server, json!({"url": url, "price": {"tokens": {}}}), "/price/tokens"),
        ("PUT", server, json!({"url": url, "price": {"tokens": {"max": 1}}}), "/price/tokens"),
        ("PUT", server, json!({"url": url, "price": {"tokens": {"base": 1}}}), "/price/tokens/per_kib"),
        ("PUT", server, json!({"url": url, "price": {"tokens": {"meta": "", "max": 1}}}), "/price/tokens/meta"),
        ("PUT", server, json!({"url": url, "price": {"tokens": {"meta": "m"}}}), "/price/tokens/max"),
        ("PUT", server, json!({"url": url, "price": {"tokens": {"sized": 7}}}), "/price/tokens/sized"),
        ("PUT", server, json!({"url": url, "price": {"micro_usd": {"sized": {"max": 7}}}}), "/price/micro_usd/sized"),
        ("PUT", server, json!({"url": url, "constraints": {"timeout_ms": 0}}), "/constraints/timeout_ms"),
        ("PUT", server, json!({"url": url, "constraints": {"timeout_ms": 900_001}}), "/constraints/timeout_ms"),
        ("PUT", server, json!({"url": url, "constraints": {"max_result_bytes": "1"}}), "/constraints/max_result_bytes"),
        ("PUT", server, json!({"url": url, "constraints": {"arguments": "maybe"}}), "/constraints/arguments"),
        ("PUT", server, json!({"url": url, "constraints": {"access": "write"}}), "/constraints/access"),
        ("PUT", server, json!({"url": url, "constraints": {"quiet_hours": {}}}), "/constraints/quiet_hours"),
        ("PUT", server, quiet(json!("22:00")), "/constraints/quiet_hours/0"),
        ("PUT", server, quiet(json!({"from": "22:00"})), "/constraints/quiet_hours/0/to"),
        ("PUT", server, quiet(json!({"from": "24:00", "to": "06:00"})), "/constraints/quiet_hours/0/from"),
        ("PUT", server, quiet(json!({"from": "06:00", "to": "06:00"})), "/constraints/quiet_hours/0/to"),
        (
            "PUT",
            server,
            quiet(json!({"from": "22:00", "to": "06:00", "days": ["Mon"]})),
            "/constraints/quiet_hours/0/days/0",
        ),
        (
            "PUT",
            server,
            quiet(json!({"from": "22:00", "to": "06:00", "zone": "here now"})),
            "/constraints/quiet_hours/0/zone",
        ),
        ("PUT", server, json!({"url": url, "tools": {"": {}}}), "/tools/"),
        ("PUT", server, json!({"url": url, "tools": {"t": 1}}), "/tools/t"),
        ("PUT", server, json!({"url": url, "tools": {"t": {"price": {"tokens": -1}}}}), "/tools/t/price/tokens"),
        ("POST", keys, json!({"grants": []}), "/name"),
        ("POST", keys, json!({"name": "n"}), "/grants"),
        ("POST", keys, json!({"name": "", "grants": []}), "/name"),
        ("POST", keys, json!({"name": "n", "grants": "*"}), "/grants"),
        ("POST", keys, json!({"name": "n", "grants": ["*", "github"]}), "/grants/1"),
        ("POST", keys, json!({"name": "n", "grants": [1]}), "/grants/0"),
        ("POST", keys, json!({"name": "n", "grants": vec!["*"; 1_001]}), "/grants"),
        ("POST", keys, json!({"name": "n", "grants": [], "labels": []}), "/labels"),
        ("POST", keys, json!({"name": "n", "grants": [], "labels": many(33)}), "/labels"),
        ("POST", keys, json!({"name": "n", "grants": [], "labels": {"": "x"}}), "/labels/"),
        ("POST", keys, json!({"name": "n", "grants": [], "labels": {"a b": "x"}}), "/labels/a b"),
        ("POST", keys, json!({"name": "n", "grants": [], "labels": {"a": 1}}), "/labels/a"),
        ("POST", keys, json!({"name": "n", "grants": [], "labels": {"a": "x\ny"}}), "/labels/a"),
        ("POST", keys, json!({"name": "n", "grants": [], "labels": {"a": "x".repeat(257)}}), "/labels/a"),
        ("POST", keys, json!({"name": "n", "grants": [], "expires_at": "tomorrow"}), "/expires_at"),
        ("POST", keys, json!({"name": "n", "grants": [], "expires_at": 1_900_000_000}), "/expires_at"),
        ("POST", keys, json!({"name": "n", "grants": [], "enabled": 0}), "/enabled"),
    ]
}

#[test]
fn values_that_are_not_valid_are_refused_each_at_its_place_and_nothing_is_kept() {
    let world = World::with_tenant();
    for (method, path, body, pointer) in refused() {
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
