//! What is logged: one event for each request, and never a secret.

use http::Request;
use serde_json::{Value, json};
use toolgate_ports::Body;
use toolgate_testkit::logged;

use super::{TOKEN, World};
use crate::RequestId;

#[test]
fn each_request_leaves_one_event_that_says_what_was_done() {
    let world = World::new();
    let events = logged(|| {
        world.put("/tenants/acme", &json!({})).is(201);
        world.put("/tenants/acme/servers/s", &json!({"url": "https://example.com/"})).is(201);
        world.get("/tenants/acme/servers/s?x=1").is(400);
        let mut request = Request::builder().uri("/admin/v1/tenants/acme").body(Body::Empty).unwrap();
        request.extensions_mut().insert(RequestId("from-outside".into()));
        let reply = world.send(request).is(401);
        assert_eq!(reply.body["instance"], "urn:toolgate:request:from-outside");
        world.memory.store.take_down();
        world.get("/tenants").is(503);
    });
    let said: Vec<Vec<&str>> = events
        .iter()
        .map(|event| {
            assert_eq!(event["target"], "toolgate::admin");
            ["method", "path", "tenant", "outcome", "changed"].map(|name| event[name].as_str().unwrap()).to_vec()
        })
        .collect();
    assert_eq!(
        said,
        [
            ["PUT", "/tenants/{tenant}", "acme", "done", "tenant/"],
            ["PUT", "/tenants/{tenant}/servers/{server}", "acme", "done", "server/s"],
            ["GET", "/tenants/{tenant}/servers/{server}", "acme", "invalid-parameter", "-"],
            ["GET", "-", "-", "unauthorized", "-"],
            ["GET", "/tenants", "-", "store-unavailable", "-"],
        ]
    );
    let statuses: Vec<u64> = events.iter().map(|event| event["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 400, 401, 503]);
    assert_eq!(events[3]["request_id"], "from-outside");
    assert_eq!(events[0]["request_id"].as_str().unwrap().len(), 16);
    assert_eq!((&events[0]["level"], &events[4]["level"]), (&json!("INFO"), &json!("WARN")));
}

#[test]
fn an_event_names_the_operator_and_the_role() {
    let world = World::with_tenant();
    let made = world.post("/operators", &json!({"name": "eve", "role": "auditor"})).is(201).body;
    let (id, token) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let events = logged(|| {
        world.call_as(token, "GET", "/tenants/acme", &[], None).is(200);
        world.call_as(token, "DELETE", "/tenants/acme", &[], None).is(403);
        world.get("/tenants/acme").is(200);
        world.call_as("nobody's", "GET", "/tenants/acme", &[], None).is(401);
    });
    let said = |event: &Value| ["operator", "name", "role", "outcome"].map(|name| event[name].clone());
    assert_eq!(said(&events[0]), [id, "eve", "auditor", "done"]);
    assert_eq!(said(&events[1]), [id, "eve", "auditor", "forbidden"]);
    assert_eq!(said(&events[2]), ["owner", "owner", "owner", "done"]);
    assert_eq!(said(&events[3]), ["-", "-", "-", "unauthorized"]);
    assert!(!format!("{events:?}").contains(&token[21..]));
}

#[test]
fn no_secret_is_in_any_answer_or_event() {
    let world = World::with_tenant();
    let path = "/tenants/acme/servers/s";
    let value = "s3cr3t-header-value";
    let mut answers = Vec::new();
    let mut secret = String::new();
    let events = logged(|| {
        for headers in [
            json!({"x-a": value}),
            json!({"x-a": value, "x-b": "***"}),
            json!({"host": value}),
            json!({"x-a": format!("{value}\n")}),
            json!({"x-a": [value]}),
        ] {
            let body = json!({"url": "https://example.com/", "headers": headers});
            answers.push(world.put(path, &body).text);
            answers.push(world.patch(path, &json!({"headers": headers})).text);
        }
        answers.push(world.put(path, &json!({"url": "https://example.com/", "x": value})).text);
        answers.push(world.put(path, &json!({"url": "https://example.com/", "enabled": value})).text);
        answers.push(world.get(path).text);
        answers.push(world.get("/tenants/acme/servers").text);
        let created = world.post("/tenants/acme/keys", &json!({"name": "n", "grants": ["*"]}));
        secret = created.body["secret"].as_str().unwrap()[21..].to_owned();
        answers.push(world.get("/tenants/acme/keys").text);
        answers.push(world.get(&format!("/tenants/acme/keys/{}", created.body["id"].as_str().unwrap())).text);
        world.memory.store.take_down();
        answers.push(world.put(path, &json!({"url": "https://example.com/", "headers": {"x-a": value}})).text);
    });
    assert_eq!(events.len(), 18);
    let everything = format!("{answers:?}{events:?}");
    for hidden in [value, &secret, TOKEN] {
        assert!(!everything.contains(hidden), "{hidden}");
    }
}
