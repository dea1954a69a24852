//! Answers as text: a result and an error in their envelope. Must never choose a code or a status.

use crate::splice::quote_into;

/// An error as the answer to the request with the raw id `id`; `null` where there is none. `data` is raw JSON.
#[must_use]
pub fn error(id: Option<&str>, code: i64, message: &str, data: Option<&str>) -> String {
    let id = id.unwrap_or("null");
    let mut out = String::with_capacity(64 + id.len() + message.len() + data.map_or(0, str::len));
    out.push_str(r#"{"jsonrpc":"2.0","id":"#);
    out.push_str(id);
    out.push_str(r#","error":{"code":"#);
    out.push_str(&code.to_string());
    out.push_str(r#","message":"#);
    quote_into(&mut out, message);
    if let Some(data) = data {
        out.push_str(r#","data":"#);
        out.push_str(data);
    }
    out.push_str("}}");
    out
}

/// A raw result as the answer to the request with the raw id `id`.
#[must_use]
pub fn result(id: &str, raw_result: &str) -> String {
    const PARTS: [&str; 3] = [r#"{"jsonrpc":"2.0","id":"#, r#","result":"#, "}"];
    [PARTS[0], id, PARTS[1], raw_result, PARTS[2]].concat()
}
