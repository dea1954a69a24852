//! The OpenAPI document tells the truth: all of it, and nothing else.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde_json::{Map, Value, json};
use toolgate_model::{
    CodeLimits, KeyRecord, LimitRecord, OperatorRecord, PolicyRecord, ServerRecord, TeamRecord, TenantRecord,
    ToolsMode, ViewRecord,
};

use super::{Reply, World};
use crate::{
    fields::READ_ONLY,
    problem::Kind,
    records::Kept,
    routes::{self, Resource},
};

thread_local! {
    static DOCUMENT: Rc<Value> = Rc::new(serde_json::from_slice(include_bytes!("../openapi.json")).unwrap());
    static VALIDATORS: RefCell<BTreeMap<String, Rc<Validator>>> = RefCell::default();
}

fn document() -> Rc<Value> {
    DOCUMENT.with(Rc::clone)
}

struct Validator {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

/// Making a validator takes longer than the request it judges: each is made once.
fn validator(document: &Value, schema: &Value) -> Rc<Validator> {
    let make = || {
        let mut schema = schema.clone();
        schema["components"] = document["components"].clone();
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.add_resource("schema:///", schema).unwrap();
        let index = compiler.compile("schema:///", &mut schemas).unwrap();
        Rc::new(Validator { schemas, index })
    };
    VALIDATORS.with_borrow_mut(|made| Rc::clone(made.entry(schema.to_string()).or_insert_with(make)))
}

/// The document spells methods in lower case; methods are case-sensitive.
fn spelled(method: &str) -> String {
    if method.bytes().all(|b| b.is_ascii_uppercase()) { method.to_ascii_lowercase() } else { "-".to_owned() }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(path) => document.pointer(path.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{path} is missing")),
        None => value,
    }
}

#[track_caller]
fn holds(document: &Value, schema: &Value, instance: &Value) {
    let validator = validator(document, schema);
    if let Err(errors) = validator.schemas.validate(instance, validator.index) {
        panic!("{instance} is not as the document says: {errors:#}");
    }
}

/// Holds an answer against what the document says of it.
#[track_caller]
pub(super) fn check(method: &str, resource: Option<Resource>, reply: &Reply) {
    let document = document();
    let operation =
        resource.map(|resource| &document["paths"][resource.template()][spelled(method)]).filter(|o| !o.is_null());
    // The answers that can come before the path and the method are judged are the same everywhere.
    let response = match operation {
        Some(operation) if !(reply.status == 405 || operation["responses"].get(reply.status.to_string()).is_none()) => {
            resolve(&document, &operation["responses"][reply.status.to_string()])
        }
        Some(_) => panic!("{method} {resource:?} is not said to answer {}: {}", reply.status, reply.text),
        None => &document["components"]["responses"][format!("Problem{}", reply.status)],
    };
    assert!(response.is_object(), "{method} {resource:?}: {} is not in the document: {}", reply.status, reply.text);
    for (name, _) in response["headers"].as_object().into_iter().flatten() {
        assert!(reply.headers.contains_key(name) || name == "Retry-After", "{name} is missing");
    }
    assert_eq!(reply.headers.contains_key("etag"), response["headers"].get("ETag").is_some());
    match response["content"].as_object().and_then(|content| content.iter().next()) {
        None => assert_eq!(reply.text, ""),
        Some((media, content)) => {
            assert_eq!(reply.header("content-type"), media);
            holds(&document, &content["schema"], &reply.body);
            if media == "application/problem+json" {
                assert_eq!(reply.body["status"], reply.status);
            }
        }
    }
}

/// Holds a body that was taken against what the document says of it.
#[track_caller]
pub(super) fn check_body(method: &str, path: &str, body: &Value) {
    let document = document();
    let path = format!("/admin/v1{}", path.split('?').next().unwrap());
    let (resource, _) = routes::find(&path).unwrap();
    let content =
        &document["paths"][resource.template()][spelled(method)]["requestBody"]["content"]["application/json"];
    assert!(content.is_object(), "{method} {resource:?} is not said to take a body");
    holds(&document, &content["schema"], body);
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

#[test]
fn it_has_every_route_and_method_and_no_other() {
    let document = document();
    let expected: BTreeSet<&str> = Resource::ALL.iter().map(|resource| resource.template()).collect();
    assert_eq!(keys(&document["paths"]), expected);
    for resource in Resource::ALL {
        let path = &document["paths"][resource.template()];
        let methods: BTreeSet<String> = resource.allow().split(", ").map(str::to_ascii_lowercase).collect();
        let said: BTreeSet<String> =
            keys(path).into_iter().filter(|key| *key != "parameters").map(String::from).collect();
        assert_eq!(said, methods, "{resource:?}");
        let named = path["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|p| resolve(&document, p)["name"].as_str().unwrap());
        let braced = resource.template().split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert!(named.eq(braced), "{resource:?}");
    }
}

fn has_fields<K: Kept>(name: &str, further: &[&str]) {
    let document = document();
    let fields: BTreeSet<&str> = K::FIELDS.iter().copied().collect();
    let schemas = &document["components"]["schemas"];
    for kind in ["Input", "Patch"] {
        assert_eq!(keys(&schemas[format!("{name}{kind}")]["properties"]), fields, "{name}{kind}");
    }
    let shown = keys(&schemas[name]["properties"]);
    let kept = ["id", "created_at", "updated_at", "revision"].into_iter().chain(further.iter().copied());
    assert!(kept.clone().all(|field| READ_ONLY.contains(&field)));
    assert_eq!(shown, fields.into_iter().chain(kept).collect(), "{name}");
}

#[test]
fn it_has_every_field_and_no_other() {
    has_fields::<TenantRecord>("Tenant", &[]);
    has_fields::<ServerRecord>("Server", &[]);
    has_fields::<ViewRecord>("View", &[]);
    has_fields::<KeyRecord>("Key", &["previous_expires_at"]);
    has_fields::<OperatorRecord>("Operator", &[]);
    has_fields::<TeamRecord>("Team", &[]);
    has_fields::<LimitRecord>("Limit", &[]);
    let policy: BTreeSet<&str> = PolicyRecord::FIELDS.iter().copied().collect();
    assert_eq!(keys(&document()["components"]["schemas"]["PolicyInput"]["properties"]), policy);
}

/// All properties of the schema are in `shown`: what is said to be shown is.
#[track_caller]
pub(super) fn shows_all(schema: &str, shown: &Value) {
    let document = document();
    assert_eq!(keys(&document["components"]["schemas"][schema]["properties"]), keys(shown), "{schema}");
}

#[test]
fn what_it_says_is_shown_is_shown_and_what_is_left_out_is_not_required() {
    let world = World::new();
    let code = json!({"limits": {"gas": 5_000_000}, "price": {"tokens": 1}});
    let tenant = json!({"display_name": "Acme", "enabled": true, "code": code, "approvals": {"destructive": "marked"}});
    shows_all("Tenant", &world.put("/tenants/acme", &tenant).body);
    let server = json!({"url": "https://example.com/mcp", "era": "modern", "network": "public", "headers": {"x-a": "1"},
        "aliases": {"a": "b"}, "price": {"micro_usd": 1}, "constraints": {"timeout_ms": 1}, "tools": {"t": {}}, "enabled": false});
    shows_all("Server", &world.put("/tenants/acme/servers/github", &server).body);
    shows_all("ServerTools", &world.get("/tenants/acme/servers/github/tools").body);
    shows_all("Team", &world.put("/tenants/acme/teams/t", &json!({"display_name": "T", "enabled": true})).body);
    let limit = json!({"scope": {"key": "*"}, "kind": "rate", "unit": "calls", "amount": 9, "window": "minute", "burst": 10,
        "mode": "leased", "fail_open": true, "enabled": true});
    shows_all("Limit", &world.put("/tenants/acme/limits/l", &limit).body);
    shows_all("LimitReport", &world.get("/tenants/acme/usage").body["items"][0]);
    let key = json!({"name": "ci", "grants": ["*"], "labels": {"env": "prod"}, "team": "t", "user": "*", "tools_mode": "auto",
        "code": {"calls": 0}, "expires_at": "2030-01-01T00:00:00Z", "enabled": true});
    let created = world.post("/tenants/acme/keys", &key).body;
    shows_all("NewKey", &created);
    let key = format!("/tenants/acme/keys/{}", created["id"].as_str().unwrap());
    shows_all("RotatedKey", &world.post(&format!("{key}/rotate"), &json!({"overlap": "1h"})).body);
    shows_all("Key", &world.get(&key).body);
    let view = json!({"display_name": "All", "prefix": "never", "servers": {"github": {}}, "tools_mode": "direct", "enabled": true});
    shows_all("View", &world.put("/tenants/acme/views/all", &view).body);
    let operator = json!({"name": "ci", "role": "tenant-admin", "tenant": "acme", "expires_at": "2030-01-01T00:00:00Z",
        "enabled": true});
    let created = world.post("/operators", &operator).body;
    shows_all("NewOperator", &created);
    shows_all("Operator", &world.get(&format!("/operators/{}", created["id"].as_str().unwrap())).body);
    shows_all("Whoami", &world.call_as(created["secret"].as_str().unwrap(), "GET", "/whoami", &[], None).body);
    let rule = json!({"name": "a", "effect": "allow", "when": "true", "description": "all"});
    shows_all("Policy", &world.put("/tenants/acme/policy", &json!({"zone": "UTC", "rules": [rule]})).body);
    shows_all("PolicyVersion", &world.get("/tenants/acme/policy/versions").body["items"][0]);
    let refused = world.put("/tenants/acme", &json!({"x": 1})).body;
    shows_all("Problem", &refused);
    // The same with as little as can be given: the check in `send` sees to the required ones.
    world.put("/tenants/b", &json!({})).is(201);
    world.put("/tenants/b/servers/s", &json!({"url": "https://example.com/"})).is(201);
    world.put("/tenants/b/views/v", &json!({"servers": {}})).is(201);
    world.post("/tenants/b/keys", &json!({"name": "n", "grants": []})).is(201);
    world.put("/tenants/b/teams/t", &json!({})).is(201);
    let limit = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 9});
    world.put("/tenants/b/limits/l", &limit).is(201);
    world.get("/tenants/b/usage").is(200);
    world.post("/operators", &json!({"name": "n", "role": "owner"})).is(201);
    world.get("/whoami").is(200);
}

#[test]
fn its_examples_are_as_it_says() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            holds(&document, &json!({"$ref": format!("#/components/schemas/{name}")}), example);
        }
    }
}

#[test]
fn it_has_the_bounds_of_programs_and_their_words() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for schema in ["CodeLimits", "CodeLimitsInput"] {
        let said = &schemas[schema]["properties"];
        assert_eq!(keys(said), CodeLimits::BOUNDS.iter().map(|bound| bound.name).collect(), "{schema}");
        for bound in CodeLimits::BOUNDS {
            let of = |word: &str| said[bound.name][word].as_u64();
            assert_eq!(
                (of("minimum"), of("maximum")),
                (Some(bound.least), Some(bound.most)),
                "{schema} {}",
                bound.name
            );
            let words = said[bound.name]["description"].as_str().unwrap();
            assert!(words.ends_with(&format!("said: {}.", bound.default)), "{words}");
        }
    }
    let modes: Vec<&str> = ToolsMode::ALL.iter().map(|mode| mode.as_str()).collect();
    for (schema, nullable) in
        [("Key", 0), ("KeyInput", 1), ("KeyPatch", 1), ("View", 0), ("ViewInput", 1), ("ViewPatch", 1)]
    {
        let said = schemas[schema]["properties"]["tools_mode"]["enum"].as_array().unwrap();
        let words: Vec<&str> = said.iter().filter_map(Value::as_str).collect();
        assert_eq!((words, said.len()), (modes.clone(), modes.len() + nullable), "{schema}");
    }
}

#[test]
fn it_has_every_kind_of_problem_and_no_other() {
    let document = document();
    let said: BTreeSet<&str> = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|uri| uri.as_str().unwrap().strip_prefix("urn:toolgate:problem:").unwrap())
        .collect();
    assert_eq!(said, Kind::ALL.iter().map(|kind| kind.slug()).collect());
    for kind in Kind::ALL {
        let name = format!("Problem{}", kind.status().as_u16());
        assert!(document["components"]["responses"].get(&name).is_some(), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(String::from));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    // An answer to a method that a path does not take belongs to no method of the path.
    found.insert("#/components/responses/Problem405".to_owned());
    let mut there = BTreeSet::new();
    for section in ["parameters", "responses", "schemas"] {
        there
            .extend(keys(&document["components"][section]).iter().map(|name| format!("#/components/{section}/{name}")));
    }
    assert_eq!(found, there);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["security"], json!([{"operator": []}]));
}

#[test]
fn it_is_served_to_anybody() {
    let reply = World::without_token()
        .send(http::Request::get("/admin/v1/openapi.json").body(toolgate_ports::Body::Empty).unwrap());
    assert_eq!(reply.is(200).body, *document());
}
