//! Values of `Mcp-Name` and `Mcp-Param-*`: plain where a header can carry them, base64 within a sentinel where not.
//! Must never know which header a value is for.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// What the raw value of a header says. `None` if it is no allowed value: bytes that a header can't carry, or a sentinel
/// with something in it that is no base64 of UTF-8.
#[must_use]
pub fn decode_value(raw: &str) -> Option<Cow<'_, str>> {
    let value = raw.trim_matches([' ', '\t']);
    if let Some(encoded) = value.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE)) {
        let bytes = STANDARD.decode(encoded).ok()?;
        return String::from_utf8(bytes).ok().map(Cow::Owned);
    }
    value.bytes().all(is_plain).then_some(Cow::Borrowed(value))
}

/// `value` as a header carries it.
#[must_use]
pub fn encode_value(value: &str) -> Cow<'_, str> {
    let edge = |byte: Option<u8>| matches!(byte, Some(b' ' | b'\t'));
    let plain = value.bytes().all(is_plain)
        && !edge(value.bytes().next())
        && !edge(value.bytes().next_back())
        && !(value.starts_with(OPEN) && value.ends_with(CLOSE));
    if plain {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(OPEN.len() + value.len().div_ceil(3) * 4 + CLOSE.len());
    out.push_str(OPEN);
    STANDARD.encode_string(value, &mut out);
    out.push_str(CLOSE);
    Cow::Owned(out)
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}
