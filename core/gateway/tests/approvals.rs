//! Calls that need a person's approval, from the outside: made by clients and by programs, decided by operators and at the client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::needless_pass_by_value, reason = "json!() is written in place")]

#[allow(dead_code, reason = "each test file uses its part")]
mod common;

use std::{cell::RefCell, rc::Rc, time::Duration};

use common::{Answer, Upstream, World, modern_request};
use serde_json::{Value, json};
use toolgate_model::{ApprovalRecord, TenantId};
use toolgate_ports::{Body, Commit, Consistency, RecordKey, RecordKind, Store, Write};
use toolgate_testkit::json_response;

/// A server that reads and deletes, and what it was called with.
struct Shop {
    world: World,
    key: String,
    calls: Rc<RefCell<Vec<String>>>,
}

const MANUAL: fn(bool) -> Value =
    |by_operator| json!({"destructive": "marked", "by": if by_operator { "operator" } else { "anyone" }});

impl Shop {
    fn new(approvals: Value) -> Self {
        let world = World::new();
        let calls: Rc<RefCell<Vec<String>>> = Rc::default();
        let noted = Rc::clone(&calls);
        let tools = [("read", json!({"readOnlyHint": true})), ("drop", json!({"destructiveHint": true}))];
        let tools = tools.map(|(name, annotations)| {
            json!({"name": name, "inputSchema": {"type": "object"}, "annotations": annotations}).to_string()
        });
        let upstream = Upstream {
            tools: tools.into(),
            on_call: Rc::new(move |message| {
                let (name, arguments) = (&message["params"]["name"], &message["params"]["arguments"]);
                noted.borrow_mut().push(format!("{} {arguments}", name.as_str().unwrap()));
                let result = json!({"content": [{"type": "text", "text": format!("did {name}")}]});
                Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
            }),
            ..Upstream::modern(&[])
        };
        world.server("db", upstream);
        let tenant = json!({"enabled": true, "approvals": approvals, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
        world.put("acme", RecordKey::tenant(), &tenant);
        let key = world.key_with("acme", 1, &["*"], &json!({"tools_mode": "code"}));
        Self { world, key, calls }
    }

    fn drop_table(&self) -> Answer {
        self.world.legacy(&self.key, "tools/call", &json!({"name": "db__drop", "arguments": {"table": "t"}}))
    }

    fn execute(&self, code: &str) -> Value {
        let params = json!({"name": "execute", "arguments": {"code": code}});
        result(&self.world.legacy(&self.key, "tools/call", &params))["structuredContent"].clone()
    }

    /// A modern client's call, which can be asked.
    fn modern(&self, mut params: Value, more: Value) -> Value {
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut request = modern_request(&self.key, "/t/acme/mcp", "tools/call", params);
        let Body::Full(body) = request.body() else { unreachable!() };
        let mut body: Value = serde_json::from_slice(body).unwrap();
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {}});
        *request.body_mut() = Body::Full(body.to_string().into());
        let answer = self.world.send(request);
        let text = answer.text.split_once("data: ").map_or(answer.text.as_str(), |(_, data)| data.trim());
        serde_json::from_str(text).unwrap()
    }

    fn waiting(&self) -> Vec<(String, ApprovalRecord)> {
        let tenant = TenantId::new("acme").unwrap();
        let store = &self.world.platform.store;
        let all = store.list(&tenant, RecordKind::Approval, None, 100, Consistency::Strong);
        let all = self.world.platform.run(all).unwrap().records;
        all.into_iter().map(|record| (record.key.id, serde_json::from_slice(&record.value).unwrap())).collect()
    }

    /// An operator decides on the one thing that waits.
    fn decide(&self, approved: bool) -> String {
        let mut waiting = self.waiting();
        assert_eq!(waiting.len(), 1);
        let (id, record) = waiting.pop().unwrap();
        let mut record = serde_json::to_value(record).unwrap();
        record["decided"] =
            json!({"approved": approved, "by": "olga", "at": "2026-01-01T00:00:00Z", "note": "as you say"});
        let write = Write::Put(RecordKey::new(RecordKind::Approval, &id), record.to_string().into());
        let commit = Commit { expect: vec![], writes: vec![write] };
        self.world.platform.run(self.world.platform.store.commit(&TenantId::new("acme").unwrap(), commit)).unwrap();
        id
    }

    fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }
}

fn result(answer: &Answer) -> Value {
    let text = answer.text.split_once("data: ").map_or(answer.text.as_str(), |(_, data)| data.trim());
    let message: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {}", answer.text));
    assert!(message["result"].is_object(), "{message}");
    message["result"].clone()
}

const DROP: &str = r#"drop {"table":"t"}"#;

#[test]
fn a_call_waits_until_an_operator_approves_and_is_made_once() {
    let shop = Shop::new(MANUAL(false));
    let refused = shop.drop_table();
    assert_eq!(refused.code(), -31425);
    let data = refused.json()["error"]["data"].clone();
    assert_eq!((&data["status"], &data["approver"]), (&json!("pending"), &json!("an operator")));
    assert_eq!(shop.drop_table().json()["error"]["data"], data, "asking again is the same");
    let (id, record) = shop.waiting().pop().unwrap();
    assert_eq!(data["approval"], json!(id));
    assert_eq!((record.calls[0].tool.as_str(), record.calls[0].arguments.as_str()), ("drop", r#"{"table":"t"}"#));
    assert_eq!(record.calls[0].rule, "approve:destructive");
    shop.decide(true);
    assert!(shop.calls().is_empty());
    assert!(shop.drop_table().json()["result"].is_object());
    assert_eq!(shop.calls(), [DROP]);
    assert_eq!(shop.drop_table().code(), -31425, "an approval serves once");
}

#[test]
fn a_limit_that_refuses_an_approved_call_leaves_the_approval_as_it_was() {
    let shop = Shop::new(MANUAL(false));
    let hourly = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 1, "window": "hour"});
    shop.world.limit("hourly", &hourly);
    assert_eq!(shop.execute("1")["status"], "completed");
    shop.drop_table();
    let id = shop.decide(true);
    assert_eq!(shop.drop_table().code(), -31429);
    assert_eq!(shop.waiting().pop().unwrap().0, id, "it was not used");
    shop.world.platform.clock.advance(Duration::from_hours(1));
    assert!(shop.drop_table().json()["result"].is_object());
    assert!(shop.waiting().is_empty());
    assert_eq!(shop.calls(), [DROP]);
}

#[test]
fn a_denied_call_is_not_made_and_says_who_denied_it() {
    let shop = Shop::new(MANUAL(false));
    shop.drop_table();
    shop.decide(false);
    let denied = shop.drop_table();
    assert_eq!(denied.code(), -31425);
    assert_eq!(denied.json()["error"]["message"], "olga denied this call: as you say.");
    assert!(shop.calls().is_empty() && shop.waiting().is_empty());
}

#[test]
fn an_approval_is_of_one_call_by_one_key_and_ends() {
    let shop = Shop::new(MANUAL(false));
    shop.drop_table();
    shop.decide(true);
    let other = shop.world.key_with("acme", 2, &["*"], &json!({}));
    let params = json!({"name": "db__drop", "arguments": {"table": "t"}});
    assert_eq!(shop.world.legacy(&other, "tools/call", &params).code(), -31425, "another key");
    let params = json!({"name": "db__drop", "arguments": {"table": "u"}});
    assert_eq!(shop.world.legacy(&shop.key, "tools/call", &params).code(), -31425, "other arguments");
    shop.world.platform.clock.advance(Duration::from_secs(25 * 3_600));
    assert_eq!(shop.drop_table().code(), -31425, "too late");
    assert!(shop.calls().is_empty());
}

#[test]
fn a_tenant_that_allows_destructive_calls_is_not_asked() {
    let shop = Shop::new(json!({"destructive": "allowed"}));
    assert!(shop.drop_table().json()["result"].is_object());
}

const PROGRAM: &str = "const seen = await db.read({id: Math.random()});
    let done; try { done = await db.drop({table: 't'}) } catch (e) { done = e.message }
    return [seen, done]";

#[test]
fn a_program_waits_and_goes_on_where_it_was() {
    let shop = Shop::new(MANUAL(false));
    let paused = shop.execute(PROGRAM);
    assert_eq!(paused["status"], "paused", "{paused}");
    assert_eq!((&paused["calls"], &paused["paused"]["waitsFor"]), (&json!(["db.read"]), &json!(["db.drop"])));
    assert_eq!(paused["paused"]["executionId"], json!(shop.waiting()[0].0));
    assert_eq!(shop.execute(PROGRAM)["status"], "paused", "nobody has decided");
    assert_eq!(shop.calls().len(), 1, "and nothing is done meanwhile");
    shop.decide(true);
    let done = shop.execute(PROGRAM);
    assert_eq!(done["result"], json!(["did \"read\"", "did \"drop\""]), "{done}");
    let calls = shop.calls();
    assert_eq!((calls.len(), calls[1].as_str()), (2, DROP), "what was read is not read again");
    assert!(shop.waiting().is_empty());
}

#[test]
fn a_denied_call_of_a_program_is_an_error_that_it_can_catch() {
    let shop = Shop::new(MANUAL(false));
    shop.execute(PROGRAM);
    shop.decide(false);
    let done = shop.execute(PROGRAM);
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["result"][1], "olga denied this call: as you say");
    assert_eq!(shop.calls().len(), 1);
}

#[test]
fn a_program_may_wait_again_and_several_calls_wait_together() {
    let shop = Shop::new(MANUAL(false));
    let code = "await Promise.all([db.drop({n: 1}), db.drop({n: 2})]); return await db.drop({n: 3})";
    let paused = shop.execute(code);
    assert_eq!(paused["paused"]["waitsFor"], json!(["db.drop", "db.drop"]), "{paused}");
    shop.decide(true);
    assert_eq!(shop.execute(code)["paused"]["waitsFor"], json!(["db.drop"]));
    shop.decide(true);
    assert_eq!(shop.execute(code)["status"], "completed");
    assert_eq!(shop.calls(), [1, 2, 3].map(|n| format!("drop {{\"n\":{n}}}")));
}

#[test]
fn what_was_fetched_before_a_pause_is_kept_sealed_and_has_a_limit() {
    let shop = Shop::new(MANUAL(false));
    shop.execute(PROGRAM);
    let (_, record) = shop.waiting().pop().unwrap();
    assert!(!serde_json::to_string(&record).unwrap().contains("did "), "{record:?}");
    shop.world.upstreams.borrow_mut().get_mut("db").unwrap().on_call = Rc::new(|message| {
        let result = json!({"content": [{"type": "text", "text": "x".repeat(300_000)}]});
        Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
    });
    let failed = shop.execute("await db.read({}); await db.drop({})");
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["error"]["completedCalls"][0], json!({"tool": "db.read", "ok": true}));
}

fn yes(state: &Value) -> Value {
    json!({"requestState": state, "inputResponses": {"approval": {"action": "accept", "content": {"approve": true}}}})
}

#[test]
fn the_person_at_a_modern_client_is_asked() {
    let shop = Shop::new(MANUAL(false));
    let call = || json!({"name": "db__drop", "arguments": {"table": "t"}});
    let asked = shop.modern(call(), json!({}))["result"].clone();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let question = &asked["inputRequests"]["approval"];
    assert_eq!(question["method"], "elicitation/create");
    let message = question["params"]["message"].as_str().unwrap();
    assert!(message.contains(r#"db: drop {"table":"t"}"#), "{message}");
    assert!(shop.calls().is_empty() && shop.waiting().is_empty());
    let state = &asked["requestState"];
    let other = json!({"name": "db__drop", "arguments": {"table": "u"}});
    assert_eq!(shop.modern(other, yes(state))["result"]["resultType"], "input_required", "of another call");
    let no = json!({"requestState": state, "inputResponses": {"approval": {"action": "decline"}}});
    assert_eq!(shop.modern(call(), no)["error"]["code"], -31425);
    let done = shop.modern(call(), yes(state));
    assert_eq!(done["result"]["content"][0]["text"], "did \"drop\"", "{done}");
    assert_eq!(shop.calls(), [DROP]);
}

#[test]
fn the_person_at_the_client_decides_on_a_program() {
    let shop = Shop::new(MANUAL(false));
    let call = || json!({"name": "execute", "arguments": {"code": PROGRAM}});
    let asked = shop.modern(call(), json!({}))["result"].clone();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    assert_eq!(shop.waiting().len(), 1, "operators can decide as well");
    let done = shop.modern(call(), yes(&asked["requestState"]))["result"].clone();
    assert_eq!(done["structuredContent"]["result"][1], "did \"drop\"", "{done}");
    assert_eq!(shop.calls().len(), 2);
}

#[test]
fn an_answer_about_some_calls_says_nothing_of_later_ones() {
    let shop = Shop::new(MANUAL(false));
    let call = || json!({"name": "execute", "arguments": {"code": "await db.drop({n: 1}); await db.drop({n: 2})"}});
    let first = shop.modern(call(), json!({}))["result"]["requestState"].clone();
    let second = shop.modern(call(), yes(&first))["result"].clone();
    assert_eq!((&second["resultType"], shop.calls().len()), (&json!("input_required"), 1), "{second}");
    let again = shop.modern(call(), yes(&first))["result"].clone();
    assert_eq!((&again["resultType"], shop.calls().len()), (&json!("input_required"), 1), "{again}");
    shop.modern(call(), yes(&second["requestState"]));
    assert_eq!(shop.calls().len(), 2);
}

#[test]
fn a_tenant_may_leave_it_to_operators() {
    let shop = Shop::new(MANUAL(true));
    let call = || json!({"name": "db__drop", "arguments": {"table": "t"}});
    let refused = shop.modern(call(), json!({}));
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["data"]["approver"]),
        (&json!(-31425), &json!("an operator"))
    );
    let forged = shop.modern(call(), yes(&json!("x")));
    assert_eq!(forged["error"]["code"], -31425);
    assert!(shop.calls().is_empty());
}

#[test]
fn what_a_server_asks_for_after_an_approval_does_not_ask_for_it_again() {
    asked_after_an_approval(false);
}

#[test]
fn nor_after_operators_have_given_it() {
    asked_after_an_approval(true);
}

fn asked_after_an_approval(by_operators: bool) {
    let shop = Shop::new(MANUAL(by_operators));
    shop.world.upstreams.borrow_mut().get_mut("db").unwrap().on_call = Rc::new(|message| {
        let params = &message["params"];
        let result = if params["requestState"] == "mine" && params["inputResponses"]["name"]["action"] == "accept" {
            json!({"resultType": "complete", "content": [{"type": "text", "text": "done"}]})
        } else {
            let question = json!({"method": "elicitation/create", "params": {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}});
            json!({"resultType": "input_required", "inputRequests": {"name": question}, "requestState": "mine"})
        };
        Ok(json_response(200, json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string()))
    });
    let call = || json!({"name": "db__drop", "arguments": {}});
    let asked = shop.modern(call(), json!({}))["result"].clone();
    let asked = if by_operators {
        shop.decide(true);
        shop.modern(call(), json!({}))["result"].clone()
    } else {
        shop.modern(call(), yes(&asked["requestState"]))["result"].clone()
    };
    assert!(asked["inputRequests"]["name"].is_object(), "{asked}");
    let answers = || json!({"requestState": asked["requestState"], "inputResponses": {"name": {"action": "accept", "content": {}}}});
    assert_eq!(shop.modern(call(), answers())["result"]["content"][0]["text"], "done");
    if by_operators {
        assert_eq!(shop.modern(call(), answers())["error"]["code"], -31425, "the call is over, and the approval used");
    }
}
