//! JSON and values. The interpreter's own `JSON.parse` compiles the text as a program, and its converters recurse without a bound;
//! these are faster and keep to bounds.

mod natives;
mod read;
mod write;

pub(crate) use natives::install;
pub(crate) use read::parse;
pub(crate) use write::{Bounds, Proto, Style, write};

/// How deep JSON may nest.
pub(crate) const DEPTH: usize = 64;

/// Appends `text` as a JSON string.
pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        write_escape(out, u16::from(*byte));
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Appends the escape of a control character, a quotation mark, a backslash or a lone surrogate.
fn write_escape(out: &mut Vec<u8>, unit: u16) {
    let short = match unit {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        0x22 => b'"',
        0x5c => b'\\',
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u");
            out.extend([12, 8, 4, 0].map(|shift| DIGITS[usize::from(unit >> shift & 15)]));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// As much of `text` as `bytes` hold.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
