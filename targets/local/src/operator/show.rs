//! Answers on the screen: lists as columns, one record as lines. What upstreams and tenants named is shown without
//! control characters and those that turn the direction of writing, so that it can't write elsewhere on the terminal.

use serde_json::{Map, Value};

use super::ask::Ask;
use crate::cli::say;

/// Prints `answer` as it is.
pub(super) fn json(answer: &Value) {
    if !answer.is_null() {
        say(&format!("{answer:#}"));
    }
}

/// Prints `answer` for people.
pub(super) fn text(ask: &Ask, answer: &Value) {
    let lines = ask.tell.map_or_else(|| lines(ask.columns, answer), |tell| tell(answer));
    for line in lines {
        say(&line);
    }
}

fn lines(columns: &[&str], answer: &Value) -> Vec<String> {
    match answer {
        Value::Object(record) if !columns.is_empty() => list(columns, &record["items"]),
        Value::Object(record) => one(record),
        _ => vec!["done".into()],
    }
}

/// A list as columns.
pub(super) fn list(columns: &[&str], items: &Value) -> Vec<String> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return vec!["there are none".into()];
    }
    let heads = columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect();
    let rows = items.iter().map(|item| columns.iter().map(|column| plain(&item[*column])).collect());
    table(std::iter::once(heads).chain(rows).collect::<Vec<Vec<String>>>().as_slice())
}

fn one(record: &Map<String, Value>) -> Vec<String> {
    let (tables, fields): (Vec<_>, Vec<_>) = record.iter().partition(|(_, value)| is_table(value));
    let rows: Vec<Vec<String>> = fields.into_iter().map(|(name, value)| vec![name.clone(), plain(value)]).collect();
    let mut lines = table(&rows);
    for (name, items) in tables {
        let columns = items[0].as_object().map(|first| first.keys().map(String::as_str).collect::<Vec<_>>());
        lines.push(String::new());
        lines.push(format!("{name}:"));
        lines.extend(list(&columns.unwrap_or_default(), items));
    }
    if record.contains_key("secret") {
        lines.push("Keep the secret now: it is not shown again.".into());
    }
    lines
}

fn is_table(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.first().is_some_and(Value::is_object))
}

fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A value on one line, with nothing in it that could write elsewhere.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect(),
        Value::Array(items) => joined(items.iter().map(plain)),
        Value::Object(members) => joined(members.iter().map(|(name, value)| format!("{name}={}", plain(value)))),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Whether it moves or turns what is written around it: control characters, and those of the bidirectional algorithm (UAX #9).
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn joined(cells: impl Iterator<Item = String>) -> String {
    let joined = cells.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "-".into() } else { joined }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_has_columns() {
        let answer = json!({"items": [{"id": "a", "grants": ["*"]}, {"id": "bcd", "grants": []}]});
        assert_eq!(lines(&["id", "grants"], &answer), ["ID   GRANTS", "a    *", "bcd  -"]);
        assert_eq!(lines(&["id"], &json!({"items": []})), ["there are none"]);
    }

    #[test]
    fn a_record_has_a_line_for_each_field_and_its_lists_come_last() {
        let answer = json!({"era": "modern", "tools": [{"name": "x", "exposed": "s__x"}], "version": "1"});
        let expected = ["era      modern", "version  1", "", "tools:", "EXPOSED  NAME", "s__x     x"];
        assert_eq!(lines(&[], &answer), expected);
    }

    #[test]
    fn control_characters_stay_out_of_the_terminal() {
        assert_eq!(plain(&json!("a\u{1b}[2Jb\u{202e}c")), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
