//! What waits for a person's approval, and what is decided.

use std::{rc::Rc, time::Duration};

use serde_json::{Value, json};
use toolgate_model::{
    ApprovalId, ApprovalRecord, Decided, KeyId, Limits, SealedText, ServerId, TenantId, UserId, WaitingCall, Waits,
};
use toolgate_ports::{Clock, Commit, Consistency, Platform, RecordKey, RecordKind, Store, Write};
use toolgate_testkit::{MemoryPlatform, logged};

use super::{
    Reply, TOKEN, World, document,
    watched::{Rival, Watched},
};

const PATH: &str = "/tenants/acme/approvals/0123456789abcdef0123456789abcdef";
const STATE: &str = "how-the-program-goes-on";

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn key(path: &str) -> RecordKey {
    let id = ApprovalId::new(path.rsplit('/').next().unwrap()).unwrap();
    RecordKey::new(RecordKind::Approval, id.as_str())
}

/// A program that waits for an hour.
fn waiting(memory: &MemoryPlatform) -> ApprovalRecord {
    let now = memory.clock.now();
    let call = WaitingCall {
        number: Some(2),
        server: ServerId::new("github").unwrap(),
        tool: "delete repository".into(),
        arguments: json!({"repo": "website"}).to_string(),
        digest: "00".repeat(32),
        rule: "approve:deletes".into(),
    };
    ApprovalRecord {
        key: KeyId::new("0123456789abcdef").unwrap(),
        user: Some(UserId::new("eve@example.com").unwrap()),
        waits: Waits::Program,
        calls: vec![call],
        state: Some(SealedText(STATE.into())),
        decided: None,
        created_at: now,
        updated_at: now,
        expires_at: now.plus_millis(3_600_000),
    }
}

/// Stores it as the gateway does.
fn ask(memory: &MemoryPlatform, path: &str, record: &ApprovalRecord) {
    let write = Write::Put(key(path), serde_json::to_vec(record).unwrap().into());
    memory.run(memory.store.commit(&acme(), Commit { expect: vec![], writes: vec![write] })).unwrap();
}

fn stored(memory: &MemoryPlatform) -> ApprovalRecord {
    let found = memory.run(memory.store.get(&acme(), &key(PATH), Consistency::Strong)).unwrap().unwrap();
    serde_json::from_slice(&found.value).unwrap()
}

/// Where one waits.
fn world() -> World {
    let world = World::with_tenant();
    ask(&world.memory, PATH, &waiting(&world.memory));
    world
}

impl<P: Platform> World<P> {
    fn approve(&self, note: &Value) -> Reply {
        self.post(&format!("{PATH}/approve"), note)
    }
    fn deny(&self, note: &Value) -> Reply {
        self.post(&format!("{PATH}/deny"), note)
    }
}

#[test]
fn what_waits_is_shown_with_all_it_would_do_and_not_how_it_goes_on() {
    let world = world();
    let shown = world.get(PATH).is(200);
    let expected = json!({
        "id": "0123456789abcdef0123456789abcdef", "status": "pending", "key": "0123456789abcdef", "user": "eve@example.com",
        "waits": "program", "expires_at": "2026-11-22T01:00:00Z", "created_at": "2026-11-22T00:00:00Z",
        "updated_at": "2026-11-22T00:00:00Z", "revision": 2, "calls": [{"number": 2, "server": "github",
        "tool": "delete repository", "arguments": "{\"repo\":\"website\"}",
        "digest": "00".repeat(32), "rule": "approve:deletes"}]});
    assert_eq!((&shown.body, shown.header("etag")), (&expected, "\"2\""));
    document::shows_all("WaitingCall", &shown.body["calls"][0]);
    assert_eq!(world.get("/tenants/acme/approvals").is(200).body, json!({"items": [expected]}));
    let denied = world.deny(&json!({"note": "No."})).is(200);
    document::shows_all("Approval", &denied.body);
    document::shows_all("Decision", &denied.body["decided"]);
    for reply in [shown, denied, world.get("/tenants/acme/approvals"), world.get(PATH)] {
        assert!(!reply.text.contains(STATE) && reply.body.get("state").is_none(), "{}", reply.text);
    }
}

#[test]
fn an_operator_approves_or_denies_and_the_gateway_finds_who_and_why() {
    let world = world();
    world.memory.clock.advance(Duration::from_secs(300));
    let before = waiting(&world.memory);
    let approved = world.approve(&json!({"note": "Once."})).is(200);
    let decided = json!({"approved": true, "by": "owner", "at": "2026-11-22T00:05:00Z", "note": "Once."});
    assert_eq!((&approved.body["status"], &approved.body["decided"]), (&json!("approved"), &decided));
    assert_eq!((&approved.body["updated_at"], approved.header("etag")), (&json!("2026-11-22T00:05:00Z"), "\"3\""));
    assert_eq!(world.get(PATH).is(200).text, approved.text);
    let stored = stored(&world.memory);
    assert_eq!(stored.decided.as_ref().unwrap().by, "owner");
    assert_eq!((&stored.state, &stored.calls), (&before.state, &before.calls), "the rest is as it was");

    let other = PATH.replace("0123", "ffff");
    ask(&world.memory, &other, &before);
    let operator = world.post("/operators", &json!({"name": "ops", "role": "tenant-admin", "tenant": "acme"})).is(201);
    let token = operator.body["secret"].as_str().unwrap();
    // No body, of no type.
    let request =
        http::Request::post(format!("/admin/v1{other}/deny")).header("authorization", format!("Bearer {token}"));
    let denied = world.send(request.body(toolgate_ports::Body::Empty).unwrap()).is(200);
    assert_eq!((&denied.body["status"], &denied.body["decided"]["by"]), (&json!("denied"), &json!("ops")));
    assert_eq!(denied.body["decided"].get("note"), None);
}

#[test]
fn deciding_so_again_changes_nothing_and_deciding_otherwise_is_refused() {
    let world = world();
    let first = world.deny(&json!({"note": "No."})).is(200);
    world.memory.clock.advance(Duration::from_secs(60));
    assert_eq!(world.deny(&json!({"note": "Never."})).is(200).text, first.text);
    let refused = world.approve(&json!({})).fails(409, "approval-decided");
    assert_eq!(
        refused.body["detail"],
        "owner denied it at 2026-11-22T00:00:00Z, so it can't be approved: delete it, and it can be asked for again"
    );
    assert_eq!(world.get(PATH).is(200).text, first.text);
}

#[test]
fn what_expired_is_shown_so_and_can_not_be_decided() {
    let world = world();
    let other = PATH.replace("0123", "ffff");
    let at = world.memory.clock.now();
    let decided = Decided { approved: true, by: "ops".into(), at, note: None };
    ask(&world.memory, &other, &ApprovalRecord { decided: Some(decided), ..waiting(&world.memory) });
    let statuses = || {
        let listed = world.get("/tenants/acme/approvals").is(200).body["items"].clone();
        listed.as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    world.memory.clock.advance(Duration::from_secs(3_599));
    assert_eq!(statuses(), ["pending", "approved"]);
    world.memory.clock.advance(Duration::from_secs(1));
    assert_eq!(statuses(), ["expired", "expired"]);
    for reply in
        [world.approve(&json!({})), world.deny(&json!({})), world.post(&format!("{other}/approve"), &json!({}))]
    {
        let reply = reply.fails(409, "approval-expired");
        assert_eq!(reply.body["detail"], "it expired at 2026-11-22T01:00:00Z: whoever still wants it must ask again");
    }
    assert_eq!(stored(&world.memory).decided, None);
    world.delete(PATH).is(204);
    world.get(PATH).fails(404, "approval-not-found");
}

#[test]
fn what_is_withdrawn_is_gone_and_what_is_not_there_is_said_to_be() {
    let world = world();
    world.call("DELETE", PATH, &[("if-match", "\"9\"")], None).fails(412, "precondition-failed");
    world.delete(PATH).is(204);
    for (method, path) in [
        ("GET", PATH.to_owned()),
        ("DELETE", PATH.to_owned()),
        ("POST", format!("{PATH}/approve")),
        ("POST", format!("{PATH}/deny")),
    ] {
        world.call(method, &path, &[], Some(&json!({}))).fails(404, "approval-not-found");
        let nowhere = path.replace("acme", "nobody");
        world.call(method, &nowhere, &[], Some(&json!({}))).fails(404, "tenant-not-found");
        for bad in ["x", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef"] {
            let bad = path.replace("0123456789abcdef0123456789abcdef", bad);
            world.call(method, &bad, &[], Some(&json!({}))).fails(400, "invalid-id");
        }
    }
    assert_eq!(world.get("/tenants/acme/approvals").is(200).body, json!({"items": []}));
    world.get("/tenants/nobody/approvals").fails(404, "tenant-not-found");
    world.call("PUT", PATH, &[], Some(&json!({}))).fails(405, "wrong-method");
}

#[test]
fn a_note_is_bounded_and_nothing_else_goes_with_a_decision() {
    let world = world();
    for (body, slug, pointer) in [
        (json!({"note": "x".repeat(501)}), "invalid-field", "/note"),
        (json!({"note": ""}), "invalid-field", "/note"),
        (json!({"note": "a\u{1b}[2J"}), "invalid-field", "/note"),
        (json!({"note": 1}), "invalid-field", "/note"),
        (json!({"approved": true}), "unknown-field", "/approved"),
    ] {
        assert_eq!(world.approve(&body).fails(400, slug).pointers(), [pointer], "{body}");
        assert_eq!(world.deny(&body).fails(400, slug).pointers(), [pointer], "{body}");
    }
    world.post(&format!("{PATH}/approve?dry_run=true"), &json!({})).fails(400, "invalid-parameter");
    assert_eq!(stored(&world.memory).decided, None);
    let note = "\u{e9}".repeat(500);
    assert_eq!(world.approve(&json!({"note": note})).is(200).body["decided"]["note"], note);
}

#[test]
fn an_auditor_sees_and_decides_nothing() {
    let world = world();
    let auditor = world.post("/operators", &json!({"name": "a", "role": "auditor"})).is(201);
    let token = auditor.body["secret"].as_str().unwrap();
    world.call_as(token, "GET", PATH, &[], None).is(200);
    world.call_as(token, "GET", "/tenants/acme/approvals", &[], None).is(200);
    for (method, path) in [("POST", "/approve"), ("POST", "/deny"), ("DELETE", "")] {
        world.call_as(token, method, &format!("{PATH}{path}"), &[], Some(&json!({}))).fails(403, "forbidden");
    }
    assert_eq!(stored(&world.memory).decided, None);
}

#[test]
fn a_decision_leaves_an_event_of_its_own_and_one_that_changes_nothing_does_not() {
    let world = world();
    let events = logged(|| {
        world.approve(&json!({"note": "Once."})).is(200);
        world.approve(&json!({})).is(200);
        world.deny(&json!({})).is(409);
    });
    let of = |target: &str| events.iter().filter(|event| event["target"] == target).collect::<Vec<_>>();
    let [decided] = of("toolgate::approval")[..] else { panic!("{events:?}") };
    let fields = ["tenant", "approval", "approved", "by"].map(|name| decided[name].clone());
    assert_eq!(fields, [json!("acme"), json!("0123456789abcdef0123456789abcdef"), json!(true), json!("owner")]);
    assert_eq!(decided["level"], "INFO");
    let changed: Vec<_> = of("toolgate::admin").iter().map(|event| event["changed"].clone()).collect();
    assert_eq!(changed, ["approval/0123456789abcdef0123456789abcdef", "-", "-"]);
}

/// Decides while a rival is quicker `times` times.
fn raced(rival: Rival, times: u32, method: &str, path: &str, condition: &[(&str, &str)]) -> Reply {
    let memory = MemoryPlatform::new();
    let watched = Watched::new(&memory, rival);
    let world = World::on(memory, Rc::clone(&watched), Some(TOKEN), Limits::default());
    world.put("/tenants/acme", &json!({})).is(201);
    ask(&world.memory, PATH, &waiting(&world.memory));
    watched.store.quicker.set(times);
    let body = (method == "POST").then(|| json!({}));
    world.call(method, &format!("{PATH}{path}"), condition, body.as_ref())
}

#[test]
fn a_decision_is_made_on_what_was_read_and_on_nothing_else() {
    for (method, path, status) in [("POST", "/approve", 200), ("POST", "/deny", 200), ("DELETE", "", 204)] {
        raced(Rival::Writes, 1, method, path, &[]).is(status);
        raced(Rival::Writes, 2, method, path, &[]).fails(409, "conflict");
        raced(Rival::Writes, 0, method, path, &[("if-match", "\"2\"")]).is(status);
        raced(Rival::Writes, 1, method, path, &[("if-match", "\"2\"")]).fails(412, "precondition-failed");
        raced(Rival::DeletesTheTenant, 1, method, path, &[]).fails(404, "tenant-not-found");
    }
    raced(Rival::Denies, 1, "POST", "/approve", &[]).fails(409, "approval-decided");
    let agreed = raced(Rival::Denies, 1, "POST", "/deny", &[]).is(200);
    assert_eq!(agreed.body["decided"]["by"], "rival", "the first who decides is the one who did");
    raced(Rival::Uses, 1, "POST", "/approve", &[]).fails(404, "approval-not-found");
}
