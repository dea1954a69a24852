//! Lists in pages: everything once, in order, to the end.

use serde_json::json;

use super::World;

fn walk(world: &World, path: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{path}?limit={limit}{cursor}")).is(200);
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[test]
fn every_list_is_walked_to_its_end_with_no_loss_or_repeat() {
    let world = World::with_tenant();
    let mut keys = Vec::new();
    for n in 0..13 {
        world.put(&format!("/tenants/t{n}"), &json!({})).is(201);
        world.put(&format!("/tenants/acme/servers/s{n}"), &json!({"url": "https://example.com/"})).is(201);
        let key = world.post("/tenants/acme/keys", &json!({"name": "n", "grants": []})).is(201);
        keys.push(key.body["id"].as_str().unwrap().to_owned());
    }
    let mut tenants: Vec<String> = (0..13).map(|n| format!("t{n}")).chain(["acme".to_owned()]).collect();
    let mut servers: Vec<String> = (0..13).map(|n| format!("s{n}")).collect();
    for list in [&mut tenants, &mut servers, &mut keys] {
        list.sort();
    }
    for limit in [1, 2, 5, 13, 14, 200] {
        assert_eq!(walk(&world, "/tenants", limit), tenants, "{limit}");
        assert_eq!(walk(&world, "/tenants/acme/servers", limit), servers, "{limit}");
        assert_eq!(walk(&world, "/tenants/acme/keys", limit), keys, "{limit}");
    }
}

#[test]
fn a_walk_goes_on_past_what_was_deleted_meanwhile() {
    let world = World::new();
    for id in ["a", "b", "c", "d"] {
        world.put(&format!("/tenants/{id}"), &json!({})).is(201);
    }
    let first = world.get("/tenants?limit=2").is(200);
    world.delete("/tenants/b").is(204);
    let rest = world.get(&format!("/tenants?cursor={}", first.body["next_cursor"].as_str().unwrap())).is(200);
    let ids: Vec<_> = rest.body["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, ["c", "d"]);
}

#[test]
fn a_page_holds_fifty_unless_said_and_a_cursor_is_of_its_own_list() {
    let world = World::new();
    for n in 0..51 {
        world.put(&format!("/tenants/t{n}"), &json!({})).is(201);
    }
    let page = world.get("/tenants").is(200);
    assert_eq!(page.body["items"].as_array().unwrap().len(), 50);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let reply = world.get(&format!("/tenants/t1/keys?cursor={cursor}")).fails(400, "invalid-parameter");
    assert_eq!(reply.body["errors"][0]["parameter"], "cursor");
    for limit in ["0", "201", "x"] {
        world.get(&format!("/tenants?limit={limit}")).fails(400, "invalid-parameter");
    }
}
