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
    let padded = value.trim_matches([' ', '\t']).len() < value.len();
    let sentinel = value.starts_with(OPEN) && value.ends_with(CLOSE);
    let plain = !padded && !sentinel && value.bytes().all(is_plain);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_value_travels_as_it_is() {
        for value in ["", "execute_sql", "file:///a b.txt", "=?base64?", "a\tb", "\"quoted\""] {
            assert_eq!(encode_value(value), value);
            assert_eq!(decode_value(value).as_deref(), Some(value));
        }
    }

    #[test]
    fn what_a_header_cannot_carry_travels_as_base64() {
        for (value, encoded) in [
            ("café", "=?base64?Y2Fmw6k=?="),
            (" edge", "=?base64?IGVkZ2U=?="),
            ("edge\t", "=?base64?ZWRnZQk=?="),
            ("a\nb", "=?base64?YQpi?="),
            ("=?base64?Y2Fmw6k=?=", "=?base64?PT9iYXNlNjQ/WTJGbXc2az0/PQ==?="),
        ] {
            assert_eq!(encode_value(value), encoded);
            assert_eq!(decode_value(encoded).as_deref(), Some(value));
        }
    }

    #[test]
    fn space_around_a_value_is_the_headers() {
        assert_eq!(decode_value(" \texecute_sql ").as_deref(), Some("execute_sql"));
        assert_eq!(decode_value(" =?base64?Y2Fmw6k=?= ").as_deref(), Some("café"));
    }

    #[test]
    fn a_malformed_value_is_none() {
        for raw in ["café", "a\nb", "a\u{7f}", "=?base64?***?=", "=?base64?Y2Fmw6k?=", "=?base64?//8=?="] {
            assert_eq!(decode_value(raw), None, "{raw:?}");
        }
    }
}
