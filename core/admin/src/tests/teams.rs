//! Teams, and the keys that belong to them.

use serde_json::json;

use super::World;

const PATH: &str = "/tenants/acme/teams/backend";

#[test]
fn a_team_is_created_shown_replaced_changed_and_deleted() {
    let world = World::with_tenant();
    world.get(PATH).fails(404, "team-not-found");
    let created = world.put(PATH, &json!({"display_name": "Backend"})).is(201);
    assert_eq!((&created.body["id"], &created.body["enabled"]), (&json!("backend"), &json!(true)));
    assert_eq!(world.put(PATH, &json!({"enabled": false})).is(200).body.get("display_name"), None);
    assert_eq!(world.patch(PATH, &json!({"enabled": null})).is(200).body["enabled"], true);
    assert_eq!(world.get("/tenants/acme/teams").body["items"], json!([world.get(PATH).body]));
    world.put(PATH, &json!({"members": []})).fails(400, "unknown-field");
    world.put("/tenants/acme/teams/A", &json!({})).fails(400, "invalid-id");
    world.delete(PATH).is(204);
    world.get(PATH).fails(404, "team-not-found");
}

#[test]
fn a_key_belongs_to_a_team_that_is_there_and_acts_for_a_user() {
    let world = World::with_tenant();
    let body = json!({"name": "n", "grants": [], "team": "backend", "user": "*"});
    let refused = world.post("/tenants/acme/keys", &body).fails(400, "invalid-field");
    assert_eq!(refused.pointers(), ["/team"]);
    assert!(refused.text.contains("PUT /admin/v1/tenants/acme/teams/backend"), "{}", refused.text);
    world.post("/tenants/acme/keys?dry_run=true", &body).is(200);
    world.put(PATH, &json!({})).is(201);
    let created = world.post("/tenants/acme/keys", &body).is(201).body;
    assert_eq!((&created["team"], &created["user"]), (&json!("backend"), &json!("*")));
    let key = format!("/tenants/acme/keys/{}", created["id"].as_str().unwrap());
    world.patch(&key, &json!({"team": "none"})).fails(400, "invalid-field");
    world.patch(&key, &json!({"user": "a b"})).fails(400, "invalid-field");
    world.delete(PATH).is(204);
    // A team that is gone is in the way of nothing else.
    assert_eq!(world.patch(&key, &json!({"user": "eve@example.com"})).is(200).body["user"], "eve@example.com");
    let bare = world.patch(&key, &json!({"team": null, "user": null})).is(200).body;
    assert_eq!((bare.get("team"), bare.get("user")), (None, None));
    world.post("/tenants/none/keys", &body).fails(404, "tenant-not-found");
}
