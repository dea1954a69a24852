//! Who is let in, and what is looked at before that: nothing.

use futures_util::{StreamExt, stream};
use http::Request;
use serde_json::json;
use toolgate_ports::Body;

use super::{TOKEN, World};

fn request(method: &str, path: &str, authorization: &[&str]) -> Request<Body> {
    let request = Request::builder().method(method).uri(format!("/admin/v1{path}"));
    let request = authorization.iter().fold(request, |request, value| request.header("authorization", *value));
    // Reading this body would be a failure of the test.
    let body = Body::Incoming(stream::poll_fn(|_| panic!("the body was read")).boxed_local());
    request.body(body).unwrap()
}

#[test]
fn only_the_token_lets_in_and_nothing_else_is_looked_at_before() {
    let world = World::with_tenant();
    let operations = world.memory.store.operations();
    let good = format!("Bearer {TOKEN}");
    let basic = format!("Basic {TOKEN}");
    for authorization in [
        vec![],
        vec![""],
        vec![TOKEN],
        vec![basic.as_str()],
        vec!["Bearer x"],
        vec!["Bearer "],
        vec![good.as_str(), good.as_str()],
    ] {
        for (method, path) in [
            ("GET", "/tenants/acme"),
            ("PUT", "/tenants/acme"),
            ("BREW", "/nowhere"),
            ("DELETE", "/tenants/A"),
            ("POST", "/openapi.json"),
        ] {
            let reply = world.send(request(method, path, &authorization));
            assert_eq!(reply.slug(), "unauthorized", "{authorization:?} {method} {path}");
            assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"toolgate admin\"");
        }
    }
    assert_eq!(world.memory.store.operations(), operations);
    world.send(request("GET", "/tenants/acme", &[&format!("bearer {TOKEN}")])).is(200);
    // The key header of MCP clients is none of this API's.
    let by_key = Request::get("/admin/v1/tenants").header("x-api-key", TOKEN).body(Body::Empty).unwrap();
    world.send(by_key).fails(401, "unauthorized");
}

#[test]
fn without_a_configured_token_nobody_is_let_in_and_the_setting_is_named() {
    let reply = World::without_token().get("/tenants").fails(503, "not-configured");
    assert!(reply.text.contains("TOOLGATE_OPERATOR_TOKEN"));
    assert_eq!(reply.header("retry-after"), "");
}

#[test]
fn unknown_paths_methods_and_ids_are_told_apart() {
    let world = World::with_tenant();
    for path in
        ["", "/", "/tenant", "/tenants/", "/tenants/acme/", "/tenants/acme/keys/0123456789abcdef/x", "/tenants/acme//x"]
    {
        world.get(path).fails(404, "unknown-path");
    }
    for (method, path, allow) in [
        ("POST", "/openapi.json", "GET"),
        ("POST", "/tenants", "GET"),
        ("POST", "/tenants/acme", "GET, PUT, PATCH, DELETE"),
        ("HEAD", "/tenants/acme", "GET, PUT, PATCH, DELETE"),
        ("PUT", "/tenants/acme/servers", "GET"),
        ("POST", "/tenants/acme/servers/s", "GET, PUT, PATCH, DELETE"),
        ("DELETE", "/tenants/acme/servers/s/tools", "GET"),
        ("PUT", "/tenants/acme/keys", "GET, POST"),
        ("PUT", "/tenants/acme/keys/0123456789abcdef", "GET, PATCH, DELETE"),
        ("put", "/tenants/acme", "GET, PUT, PATCH, DELETE"),
    ] {
        let reply = world.call(method, path, &[], None).fails(405, "wrong-method");
        assert_eq!(reply.header("allow"), allow, "{method} {path}");
    }
    for path in [
        "/tenants/Acme",
        "/tenants/%61cme",
        "/tenants/acme/servers/a__b",
        "/tenants/acme/servers/.",
        "/tenants/acme/keys/x",
        "/tenants/A/keys",
    ] {
        world.get(path).fails(400, "invalid-id");
    }
}

#[test]
fn query_parameters_that_mean_nothing_are_refused() {
    let world = World::with_tenant();
    for (method, path) in [
        ("GET", "/tenants/acme?limit=1"),
        ("GET", "/tenants/acme/servers/s/tools?x"),
        ("DELETE", "/tenants/acme?force=1"),
        ("POST", "/tenants/acme/keys?limit=1"),
        ("GET", "/tenants?offset=1"),
    ] {
        let reply =
            world.call(method, path, &[], Some(&json!({"name": "n", "grants": []}))).fails(400, "invalid-parameter");
        assert!(reply.body["errors"][0]["parameter"].is_string(), "{}", reply.text);
    }
    world.get("/tenants/acme?").is(200);
}

#[test]
fn a_store_that_is_down_is_said_to_be_and_comes_back() {
    let world = World::with_tenant();
    world.memory.store.take_down();
    for (method, path) in [
        ("GET", "/tenants"),
        ("GET", "/tenants/acme"),
        ("PUT", "/tenants/acme"),
        ("DELETE", "/tenants/acme"),
        ("GET", "/tenants/acme/keys"),
        ("GET", "/tenants/acme/servers/s/tools"),
    ] {
        let reply = world.call(method, path, &[], Some(&json!({}))).fails(503, "store-unavailable");
        assert_eq!(reply.header("retry-after"), "2");
    }
    world.post("/tenants/acme/keys", &json!({"name": "n", "grants": []})).fails(503, "store-unavailable");
    world.memory.store.bring_up();
    world.get("/tenants/acme").is(200);
}
