//! A plan on the screen. No secret is in it: the gateway shows none, and what the file resolves is only sent.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    diff::spelled,
    plan::{Action, Extra, Plan, Step},
};
use crate::cli::say;

/// Prints `plan`.
pub(super) fn plan(plan: &Plan, file: &Path, gateway: &str, as_json: bool) {
    if as_json {
        say(&format!("{:#}", value(plan)));
        return;
    }
    say(&format!("{} and {gateway}:", file.display()));
    for line in lines(plan) {
        say(&line);
    }
}

fn lines(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan.steps.iter().flat_map(step).collect();
    lines.extend(plan.extras.iter().map(extra));
    let count = |action: fn(&Action) -> bool| plan.steps.iter().filter(|step| action(&step.action)).count();
    let created = count(|action| matches!(action, Action::Create));
    let changed = count(|action| matches!(action, Action::Change(_)));
    let deleted = count(|action| matches!(action, Action::Delete(_)));
    lines.push(match plan.is_empty() {
        true => "The gateway is as the file says.".to_owned(),
        false => format!("{created} to create, {changed} to change, {deleted} to delete."),
    });
    lines
}

fn step(step: &Step) -> Vec<String> {
    let name = printable(&step.name());
    let (head, says) = match step.action {
        Action::Create => (format!("  + {name}: is not on the gateway"), None),
        Action::Delete(_) => (format!("  - {name}: is only on the gateway"), None),
        Action::Change(_) => (format!("  ~ {name}: differs"), Some(("gateway", "file"))),
    };
    let mut lines = vec![head];
    for difference in &step.differences {
        let (field, after) = (printable(&difference.field), spelled(difference.after.as_ref()));
        lines.push(match says {
            Some((before, now)) => {
                format!("      {field}: {before} {}, {now} {after}", spelled(difference.before.as_ref()))
            }
            None => format!("      {field}: {after}"),
        });
    }
    if says.is_some() && step.differences.is_empty() {
        lines.push("      headers: other values (which are not shown)".to_owned());
    }
    lines
}

fn extra(extra: &Extra) -> String {
    let Extra { kind, count, names } = extra;
    let mut named = names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ");
    if *count > names.len() && !names.is_empty() {
        named.push_str(", …");
    }
    let named = if named.is_empty() { named } else { format!(" ({named})") };
    format!("  ? {count} {}{named}: only on the gateway, left alone without --prune", kind.section())
}

/// What others named, without what could write elsewhere on the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn value(plan: &Plan) -> Value {
    let steps = plan.steps.iter().map(|step| {
        let action = match step.action {
            Action::Create => "create",
            Action::Change(_) => "change",
            Action::Delete(_) => "delete",
        };
        let fields = step.differences.iter();
        let fields = fields.map(|d| json!({"field": d.field, "before": d.before, "after": d.after}));
        json!({"action": action, "kind": step.kind.as_str(), "id": step.id, "fields": fields.collect::<Vec<_>>()})
    });
    let extras = plan.extras.iter();
    let extras = extras.map(|extra| json!({"kind": extra.kind.as_str(), "count": extra.count, "names": extra.names}));
    json!({"changes": steps.collect::<Vec<_>>(), "only_on_the_gateway": extras.collect::<Vec<_>>()})
}
