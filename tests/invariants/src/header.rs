//! Values of `Mcp-Name` and `Mcp-Param-*`. Input: a value, and a raw header.

use http::HeaderValue;
use toolgate_wire::header::{decode_value, encode_value};

use crate::texts;

pub(crate) fn check(input: &[u8]) {
    let Some([value, raw]) = texts(input) else { return };
    for value in [value, raw] {
        let encoded = encode_value(value);
        assert!(HeaderValue::from_str(&encoded).is_ok(), "{encoded:?} is no header");
        assert_eq!(decode_value(&encoded).as_deref(), Some(value));
        assert_eq!(
            decode_value(&format!(" \t{encoded} ")).as_deref(),
            Some(value),
            "space around a value is the header's"
        );
    }
    assert_eq!(decode_value(raw).as_deref(), plainly(raw).as_deref());
}

/// As the specification says it, step by step.
fn plainly(raw: &str) -> Option<String> {
    let value = raw.trim_matches([' ', '\t']);
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(base64(encoded)?).ok(),
        None => value.chars().all(|c| c == '\t' || (' '..='~').contains(&c)).then(|| value.to_owned()),
    }
}

/// RFC 4648 with padding, strictly: no other spelling of the same bytes.
fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let padding = text.len() - text.trim_end_matches('=').len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bits = String::new();
    for digit in text[..text.len() - padding].chars() {
        bits += &format!("{:06b}", ALPHABET.find(digit)?);
    }
    let (whole, rest) = bits.split_at(bits.len() / 8 * 8);
    if rest.contains('1') || rest.len() != 2 * padding {
        return None;
    }
    whole.as_bytes().chunks(8).map(|byte| u8::from_str_radix(std::str::from_utf8(byte).ok()?, 2).ok()).collect()
}
