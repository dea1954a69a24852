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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_the_id_as_it_came() {
        assert_eq!(
            error(Some(r#""a\u0031""#), -32601, "no \"such\"\nmethod", None),
            r#"{"jsonrpc":"2.0","id":"a\u0031","error":{"code":-32601,"message":"no \"such\"\nmethod"}}"#
        );
        assert_eq!(
            error(None, -32700, "x", Some(r#"{"a":1}"#)),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x","data":{"a":1}}}"#
        );
    }

    #[test]
    fn a_result_goes_in_untouched() {
        assert_eq!(result("1e3", r#"{ "x" : 1.0 }"#), r#"{"jsonrpc":"2.0","id":1e3,"result":{ "x" : 1.0 }}"#);
    }
}
