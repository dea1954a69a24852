//! Operators: their tokens, and what each role may do.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate_model::{OperatorRecord, TenantId};
use toolgate_ports::{Consistency, RecordKey, RecordKind, Store};
use toolgate_seal::PresentedToken;

use super::{Reply, World};
use crate::routes::Resource;

struct Operator {
    path: String,
    token: String,
}

fn operator(world: &World, body: &Value) -> Operator {
    let created = world.post("/operators", body).is(201);
    let path = format!("/operators/{}", created.body["id"].as_str().unwrap());
    assert_eq!(created.header("location"), format!("/admin/v1{path}"));
    Operator { path, token: created.body["secret"].as_str().unwrap().to_owned() }
}

fn of_role(world: &World, role: &str) -> Operator {
    let mut body = json!({"name": role, "role": role});
    if role == "tenant-admin" {
        body["tenant"] = json!("acme");
    }
    operator(world, &body)
}

impl World {
    fn as_operator(&self, operator: &Operator, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.call_as(&operator.token, method, path, &[], body)
    }
}

#[test]
fn an_operators_token_is_shown_once_and_lets_in_until_it_is_disabled_expired_or_deleted() {
    let world = World::with_tenant();
    let body = json!({"name": "ci", "role": "operator", "expires_at": "2026-11-22T00:01:00Z"});
    let one = operator(&world, &body);
    let shown = world.get(&one.path).is(200);
    assert_eq!((&shown.body["role"], &shown.body["enabled"]), (&json!("operator"), &json!(true)));
    let key = RecordKey::new(RecordKind::Operator, shown.body["id"].as_str().unwrap());
    let home = TenantId::reserved();
    let stored = world.memory.store.get(&home, &key, Consistency::Strong);
    let stored = world.memory.run(stored).unwrap().unwrap();
    let record: OperatorRecord = serde_json::from_slice(&stored.value).unwrap();
    assert!(PresentedToken::parse(&one.token).unwrap().matches(&record.hash));
    let texts = [shown.text, world.get("/operators").text, String::from_utf8_lossy(&stored.value).into_owned()];
    for answer in texts {
        assert!(!answer.contains(&one.token[21..]), "{answer}");
    }

    let ask = || world.as_operator(&one, "GET", "/tenants/acme", None);
    ask().is(200);
    world.patch(&one.path, &json!({"enabled": false})).is(200);
    ask().fails(401, "unauthorized");
    world.patch(&one.path, &json!({"enabled": null})).is(200);
    ask().is(200);
    world.memory.clock.advance(Duration::from_secs(60));
    ask().fails(401, "unauthorized");
    world.patch(&one.path, &json!({"expires_at": null})).is(200);
    ask().is(200);
    world.delete(&one.path).is(204);
    ask().fails(401, "unauthorized");
    world.get(&one.path).fails(404, "operator-not-found");
    world.delete(&one.path).fails(404, "operator-not-found");
    world.patch(&one.path, &json!({})).fails(404, "operator-not-found");
}

#[test]
fn a_token_that_is_nobodys_is_refused_and_one_look_up_is_all_it_costs() {
    let world = World::with_tenant();
    let good = of_role(&world, "auditor");
    let asked = || world.memory.store.operations();
    let renewed = toolgate_seal::Minted::renewed(PresentedToken::parse(&good.token).unwrap().id().unwrap(), &[1; 24]);
    let before = asked();
    world.call_as(&renewed.secret, "GET", "/whoami", &[], None).fails(401, "unauthorized");
    world.call_as(&good.token, "GET", "/whoami", &[], None).is(200);
    assert_eq!(asked() - before, 2);
    let before = asked();
    world.get("/whoami").is(200);
    world.call_as(&good.token.replace("tgo_", "tgk_"), "GET", "/whoami", &[], None).fails(401, "unauthorized");
    assert_eq!(asked(), before, "the owner's token, and what can be no token, are not looked up");
    world.memory.store.take_down();
    world.call_as(&good.token, "GET", "/whoami", &[], None).fails(503, "store-unavailable");
    world.get("/whoami").is(200);
}

#[test]
fn each_is_told_who_it_is() {
    let world = World::with_tenant();
    assert_eq!(world.get("/whoami").body, json!({"name": "owner", "role": "owner"}));
    let admin = of_role(&world, "tenant-admin");
    let told = world.as_operator(&admin, "GET", "/whoami", None);
    assert_eq!(told.body, json!({"name": "tenant-admin", "role": "tenant-admin", "tenant": "acme"}));
}

/// What the roles are there for, said once more and in other words than the table says it.
fn may(role: &str, method: &str, path: &str) -> bool {
    let own = path.starts_with("/tenants/acme");
    let explains = path.ends_with("/explain");
    match role {
        _ if path == "/whoami" || path == "/openapi.json" => true,
        "owner" => true,
        "operator" => !path.starts_with("/operators"),
        "auditor" => method == "GET" || explains,
        _ => own && !(path == "/tenants/acme" && (method == "PUT" || method == "DELETE")),
    }
}

#[test]
fn every_path_and_method_is_for_the_roles_it_is_meant_for_and_tells_others_nothing() {
    for role in ["owner", "operator", "auditor", "tenant-admin"] {
        for (resource, tenant) in Resource::ALL.into_iter().flat_map(|r| [(r, "acme"), (r, "other"), (r, "nobody")]) {
            for (method, _) in resource.methods() {
                let world = World::with_tenant();
                world.put("/tenants/other", &json!({})).is(201);
                let who = of_role(&world, role);
                let path = resource
                    .template()
                    .replace("{tenant}", tenant)
                    .replace("{operator}", "0123456789abcdef")
                    .replace("{key}", "0123456789abcdef");
                let path = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
                let path = path.collect::<Vec<_>>().join("/");
                let operations = world.memory.store.operations();
                let reply = world.as_operator(&who, method, &path, None);
                assert_eq!(reply.status != 403, may(role, method, &path), "{role} {method} {path}: {}", reply.text);
                if reply.status == 403 {
                    assert_eq!(world.memory.store.operations() - operations, 1, "{role} {method} {path}");
                    assert!(!reply.text.contains(tenant) || tenant == "acme", "{}", reply.text);
                }
            }
        }
    }
}

#[test]
fn a_tenants_admin_changes_all_but_whether_there_is_a_tenant() {
    let world = World::with_tenant();
    world.put("/tenants/other", &json!({})).is(201);
    let admin = of_role(&world, "tenant-admin");
    let server = json!({"url": "https://example.com/mcp"});
    world.as_operator(&admin, "PUT", "/tenants/acme/servers/s", Some(&server)).is(201);
    world.as_operator(&admin, "PATCH", "/tenants/acme", Some(&json!({"display_name": "Acme"}))).is(200);
    for change in [json!({"enabled": false}), json!({"enabled": true}), json!({"enabled": null, "display_name": "x"})] {
        let refused = world.as_operator(&admin, "PATCH", "/tenants/acme", Some(&change)).fails(403, "forbidden");
        assert!(refused.text.contains("this needs the role owner or operator"), "{}", refused.text);
    }
    assert_eq!(world.get("/tenants/acme").body["display_name"], "Acme");
    let texts = ["other", "nobody"].map(|tenant| {
        let path = format!("/tenants/{tenant}/servers/s");
        let refused = world.as_operator(&admin, "PUT", &path, Some(&server)).fails(403, "forbidden");
        refused.body["detail"].as_str().unwrap().to_owned()
    });
    assert_eq!(texts[0], texts[1], "it is not told which tenants there are");
}

#[test]
fn what_is_said_of_an_operator_must_fit_together() {
    let world = World::with_tenant();
    for (body, slug, pointer) in [
        (json!({"role": "owner"}), "invalid-field", "/name"),
        (json!({"name": "n"}), "invalid-field", "/role"),
        (json!({"name": "n", "role": "root"}), "invalid-field", "/role"),
        (json!({"name": "n", "role": "tenant-admin"}), "invalid-field", "/tenant"),
        (json!({"name": "n", "role": "auditor", "tenant": "acme"}), "invalid-field", "/tenant"),
        (json!({"name": "n", "role": "tenant-admin", "tenant": "A"}), "invalid-field", "/tenant"),
        (json!({"name": "n", "role": "tenant-admin", "tenant": "nobody"}), "invalid-field", "/tenant"),
        (json!({"name": "n", "role": "tenant-admin", "tenant": "tg--operators"}), "invalid-field", "/tenant"),
        (json!({"name": "n", "role": "owner", "expires_at": "soon"}), "invalid-field", "/expires_at"),
        (json!({"name": "n", "role": "owner", "tenants": ["acme"]}), "unknown-field", "/tenants"),
        (json!({"name": "n", "role": "owner", "hash": "x"}), "unknown-field", "/hash"),
    ] {
        let reply = world.post("/operators", &body).fails(400, slug);
        assert_eq!(reply.pointers(), [pointer], "{body}");
    }
    assert_eq!(world.get("/operators").body, json!({"items": []}));
    let admin = of_role(&world, "tenant-admin");
    world.patch(&admin.path, &json!({"role": "auditor"})).fails(400, "invalid-field");
    world.patch(&admin.path, &json!({"tenant": "nobody"})).fails(400, "invalid-field");
    assert_eq!(world.patch(&admin.path, &json!({"role": "auditor", "tenant": null})).is(200).body["role"], "auditor");
}

#[test]
fn the_reserved_tenant_is_nobodys() {
    let world = World::with_tenant();
    of_role(&world, "auditor");
    for (method, path) in [
        ("PUT", "/tenants/tg--operators"),
        ("GET", "/tenants/tg--operators"),
        ("DELETE", "/tenants/tg--operators"),
        ("GET", "/tenants/tg--operators/keys"),
        ("POST", "/tenants/tg--operators/keys"),
    ] {
        world.call(method, path, &[], Some(&json!({}))).fails(400, "invalid-id");
    }
    let listed = world.get("/tenants").body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(world.get("/operators").body["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_tenant_takes_its_admins_with_it_and_nobody_elses() {
    let world = World::with_tenant();
    let admins: Vec<Operator> = (0..25).map(|_| of_role(&world, "tenant-admin")).collect();
    let auditor = of_role(&world, "auditor");
    world.put("/tenants/other", &json!({})).is(201);
    let other = operator(&world, &json!({"name": "o", "role": "tenant-admin", "tenant": "other"}));
    world.delete("/tenants/acme").is(204);
    world.put("/tenants/acme", &json!({})).is(201);
    for admin in &admins {
        world.as_operator(admin, "GET", "/tenants/acme", None).fails(401, "unauthorized");
    }
    world.as_operator(&auditor, "GET", "/tenants/acme", None).is(200);
    world.as_operator(&other, "GET", "/tenants/other", None).is(200);
}

#[test]
fn there_are_at_most_500_operators() {
    let world = World::new();
    for n in 0..500 {
        world.post("/operators", &json!({"name": format!("o{n}"), "role": "auditor"})).is(201);
    }
    world.post("/operators", &json!({"name": "more", "role": "auditor"})).fails(409, "too-many-operators");
}
