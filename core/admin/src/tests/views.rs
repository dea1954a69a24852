//! Views, and that none shares its id with a server.

use serde_json::json;

use super::World;

const PATH: &str = "/tenants/acme/views/support";

#[test]
fn a_view_is_created_shown_replaced_changed_and_deleted() {
    let world = World::with_tenant();
    world.get(PATH).fails(404, "view-not-found");
    let created = world.put(PATH, &json!({"servers": {"github": {}}})).is(201);
    let all = json!({"tools": ["*"], "prompts": ["*"], "resources": ["*"]});
    assert_eq!(created.body["prefix"], "always");
    assert_eq!(created.body["servers"], json!({"github": all}));
    let shown = json!({"tools": ["list_issues"], "prompts": [], "resources": ["repo://{owner}"],
        "rename": {"list_issues": "issues"},
        "arguments": {"list_issues": {"owner": {"pinned": "acme"}, "page": "hidden"}}});
    let body =
        json!({"display_name": "Support", "prefix": "collision", "servers": {"github": shown}, "enabled": false});
    let replaced = world.put(PATH, &body).is(200);
    assert_eq!(replaced.body["servers"]["github"], shown);
    let patch = json!({"enabled": null, "servers": {"github": {"rename": null, "tools": ["*"]}, "jira": {}}});
    let patched = world.patch(PATH, &patch).is(200).body;
    assert_eq!(patched["servers"]["jira"], all);
    assert_eq!(patched["servers"]["github"]["arguments"], shown["arguments"]);
    assert_eq!((&patched["servers"]["github"]["tools"], &patched["enabled"]), (&json!(["*"]), &json!(true)));
    assert_eq!(world.get("/tenants/acme/views").is(200).body["items"], json!([world.get(PATH).body]));
    world.delete(PATH).is(204);
    world.get(PATH).fails(404, "view-not-found");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let world = World::with_tenant();
    for (body, slug, pointer) in [
        (json!({}), "invalid-field", "/servers"),
        (json!({"servers": []}), "invalid-field", "/servers"),
        (json!({"servers": {"A": {}}}), "invalid-field", "/servers/A"),
        (json!({"servers": {"a": {"tool": []}}}), "unknown-field", "/servers/a/tool"),
        (json!({"servers": {"a": {"tools": "*"}}}), "invalid-field", "/servers/a/tools"),
        (json!({"servers": {"a": {"tools": [""]}}}), "invalid-field", "/servers/a/tools/0"),
        (json!({"servers": {"a": {"rename": {"x": "a b"}}}}), "invalid-field", "/servers/a/rename/x"),
        (json!({"servers": {"a": {"rename": {"x": "n", "y": "n"}}}}), "invalid-field", "/servers/a/rename/y"),
        (json!({"servers": {"a": {"arguments": {"t": {"x": "gone"}}}}}), "invalid-field", "/servers/a/arguments/t/x"),
        (json!({"servers": {}, "prefix": "sometimes"}), "invalid-field", "/prefix"),
    ] {
        let reply = world.put(PATH, &body).fails(400, slug);
        assert_eq!(reply.body["errors"][0]["pointer"], pointer, "{body}");
    }
    world.get(PATH).fails(404, "view-not-found");
}

#[test]
fn a_view_and_a_server_never_have_the_same_id() {
    let world = World::with_tenant();
    let (server, view) = (json!({"url": "https://example.com/mcp"}), json!({"servers": {}}));
    world.put("/tenants/acme/servers/one", &server).is(201);
    let refused = world.put("/tenants/acme/views/one", &view).fails(409, "name-taken");
    assert!(refused.text.contains("server"), "{}", refused.text);
    world.put("/tenants/acme/views/two", &view).is(201);
    world.put("/tenants/acme/servers/two", &server).fails(409, "name-taken");
    world.delete("/tenants/acme/servers/one").is(204);
    world.put("/tenants/acme/views/one", &view).is(201);
}
