//! `toolgate approvals`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::body,
    show::{list, plain},
};

/// How much of a call's arguments stands in a list, in characters.
const IN_A_LIST: usize = 60;

#[derive(Debug, Subcommand)]
pub(crate) enum Approvals {
    /// What waits for an approval in a tenant, and what was decided and not used yet.
    List { tenant: String },
    /// One approval: what would be called with which arguments, and for whom.
    Show { tenant: String, approval: String },
    /// Approve: the calls may be made when they are asked for again.
    Approve {
        tenant: String,
        approval: String,
        #[command(flatten)]
        decision: Decision,
    },
    /// Deny: the calls are refused when they are asked for again.
    Deny {
        tenant: String,
        approval: String,
        #[command(flatten)]
        decision: Decision,
    },
    /// Withdraw an approval, decided or not: whoever still wants it must ask again.
    Delete { tenant: String, approval: String },
}

#[derive(Debug, Args)]
pub(crate) struct Decision {
    /// What whoever asks is told.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The revision that `show` said: decide about nothing else.
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u64>,
}

impl Asks for Approvals {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List { tenant } => Ask::list(&["tenants", &tenant], "approvals", COLUMNS)?.told(all),
            Self::Show { tenant, approval } => Ask::get(&["tenants", &tenant, "approvals", &approval])?.told(one),
            Self::Approve { tenant, approval, decision } => decide(&tenant, &approval, "approve", decision)?,
            Self::Deny { tenant, approval, decision } => decide(&tenant, &approval, "deny", decision)?,
            Self::Delete { tenant, approval } => Ask::delete(&["tenants", &tenant, "approvals", &approval])?,
        })
    }
}

fn decide(tenant: &str, approval: &str, how: &str, decision: Decision) -> Result<Ask, OperateError> {
    let body = body([("note", decision.note.map(Value::from))]);
    let ask = Ask::post(&["tenants", tenant, "approvals", approval, how], body)?.told(one);
    Ok(match decision.revision {
        Some(revision) => ask.expecting(Some(&format!("\"{revision}\""))),
        None => ask,
    })
}

const COLUMNS: &[&str] = &["id", "status", "calls", "for", "since", "until"];

fn all(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = |item: &Value| {
        json!({"id": item["id"], "status": item["status"], "calls": in_short(&item["calls"]), "for": asker(item),
            "since": item["created_at"], "until": item["expires_at"]})
    };
    list(COLUMNS, &items.iter().map(told).collect())
}

/// The first of the calls, and how many more there are.
fn in_short(calls: &Value) -> String {
    let calls = calls.as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(first) = calls.first() else { return "-".into() };
    let mut text = format!("{} {}", tool(first), shortened(&plain(&first["arguments"])));
    if calls.len() > 1 {
        text.push_str(&format!(" and {} more", calls.len() - 1));
    }
    text
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(IN_A_LIST) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}

fn one(answer: &Value) -> Vec<String> {
    let calls = answer["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let waits = match answer["waits"].as_str() {
        Some("program") => "a program that a model wrote",
        _ => "a client's call",
    };
    let mut fields = vec![
        ("approval", plain(&answer["id"])),
        ("status", plain(&answer["status"])),
        ("for", asker(answer)),
        ("waits", waits.to_owned()),
        ("since", plain(&answer["created_at"])),
        ("until", plain(&answer["expires_at"])),
        ("revision", plain(&answer["revision"])),
    ];
    if answer["decided"].is_object() {
        fields.push(("decided", decision(&answer["decided"])));
    }
    let mut lines: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name:8}  {value}")).collect();
    lines.extend(calls.iter().flat_map(call));
    lines
}

/// For whom it is asked.
fn asker(approval: &Value) -> String {
    match approval["user"].is_string() {
        true => format!("{} (key {})", plain(&approval["user"]), plain(&approval["key"])),
        false => format!("key {}", plain(&approval["key"])),
    }
}

fn decision(decided: &Value) -> String {
    let word = if decided["approved"] == true { "approved" } else { "denied" };
    let note = if decided["note"].is_string() { format!(": {}", plain(&decided["note"])) } else { String::new() };
    format!("{word} by {} at {}{note}", plain(&decided["by"]), plain(&decided["at"]))
}

fn tool(call: &Value) -> String {
    format!("{}/{}", plain(&call["server"]), plain(&call["tool"]))
}

fn call(call: &Value) -> Vec<String> {
    let number = call["number"].as_u64().map(|number| format!(", call {number} of the program")).unwrap_or_default();
    let mut lines = vec![String::new(), format!("{}  ({}{number})", tool(call), plain(&call["rule"]))];
    lines.extend(arguments(call["arguments"].as_str().unwrap_or_default()).into_iter().map(|line| format!("  {line}")));
    lines
}

/// What is no whole JSON was cut.
fn arguments(text: &str) -> Vec<String> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => format!("{value:#}").lines().map(|line| plain(&line.into())).collect(),
        Err(_) => {
            vec![plain(&text.into()), "\u{2026} they are longer: only their beginning is kept for approvals".into()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval() -> Value {
        json!({"id": "00ff", "status": "denied", "key": "0123", "user": "eve@example.com", "waits": "program",
            "calls": [
                {"number": 2, "server": "github", "tool": "delete", "arguments": "{\"repo\":\"web\"}", "rule": "approve:deletes"},
                {"number": 3, "server": "github", "tool": "x\u{1b}", "arguments": "{\"a\":\"bb", "rule": "approve:all"}],
            "decided": {"approved": false, "by": "ops", "at": "2026-11-22T00:05:00Z", "note": "No."},
            "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T00:05:00Z",
            "expires_at": "2026-11-23T00:00:00Z", "revision": 7})
    }

    #[test]
    fn one_is_shown_with_all_that_it_would_do_and_for_whom() {
        let expected = [
            "approval  00ff",
            "status    denied",
            "for       eve@example.com (key 0123)",
            "waits     a program that a model wrote",
            "since     2026-11-22T00:00:00Z",
            "until     2026-11-23T00:00:00Z",
            "revision  7",
            "decided   denied by ops at 2026-11-22T00:05:00Z: No.",
            "",
            "github/delete  (approve:deletes, call 2 of the program)",
            "  {",
            "    \"repo\": \"web\"",
            "  }",
            "",
            "github/x\u{fffd}  (approve:all, call 3 of the program)",
            "  {\"a\":\"bb",
            "  \u{2026} they are longer: only their beginning is kept for approvals",
        ];
        assert_eq!(one(&approval()), expected);
        let call = json!({"server": "s", "tool": "t", "arguments": "{}", "rule": "r"});
        let bare = json!({"id": "1", "status": "pending", "key": "0123", "waits": "call", "calls": [call],
            "created_at": "a", "expires_at": "b", "revision": 1});
        let expected = [
            "approval  1",
            "status    pending",
            "for       key 0123",
            "waits     a client's call",
            "since     a",
            "until     b",
            "revision  1",
        ];
        assert_eq!(one(&bare)[..7], expected);
        assert_eq!(one(&bare)[7..], ["", "s/t  (r)", "  {}"]);
    }

    #[test]
    fn what_is_decided_is_what_was_shown() {
        let asked = |revision| decide("acme", "00ff", "approve", Decision { note: None, revision }).unwrap();
        assert_eq!(asked(None).condition(), None);
        assert_eq!(asked(Some(7)).condition(), Some(&(http::header::IF_MATCH, "\"7\"".to_owned())));
    }

    #[test]
    fn a_list_has_the_first_call_of_each_in_short() {
        assert_eq!(
            all(&json!({"items": [approval()]})),
            [
                "ID    STATUS  CALLS                                    FOR                         SINCE                 UNTIL",
                "00ff  denied  github/delete {\"repo\":\"web\"} and 1 more  eve@example.com (key 0123)  2026-11-22T00:00:00Z  2026-11-23T00:00:00Z",
            ]
        );
        assert_eq!(all(&json!({"items": []})), ["there are none"]);
        assert_eq!(shortened(&"\u{e9}".repeat(60)), "\u{e9}".repeat(60));
        assert_eq!(shortened(&"\u{e9}".repeat(61)), format!("{}\u{2026}", "\u{e9}".repeat(60)));
    }

    #[test]
    fn arguments_can_not_make_themselves_look_like_others() {
        let text = json!({"a": "x\u{1b}[2J\u{202e}y\u{9b}"}).to_string();
        assert_eq!(arguments(&text), ["{", "  \"a\": \"x\\u001b[2J\u{fffd}y\u{fffd}\"", "}"]);
    }
}
