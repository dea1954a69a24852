//! How CEL spells numbers and texts. Knows only the literal itself.

use crate::lexer::Token;

/// How a text begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) raw: bool,
    pub(crate) bytes: bool,
    /// The quotation mark that ends it.
    pub(crate) quote: &'static str,
    /// How many bytes the opening takes: prefix and quotation mark.
    pub(crate) length: usize,
}

/// The opening of the text that `rest` begins with, if it begins with one.
pub(crate) fn opening(rest: &str) -> Option<Opening> {
    let prefix = rest.bytes().take(2).take_while(|b| matches!(b, b'r' | b'R' | b'b' | b'B')).count();
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest[prefix..].starts_with(quote))?;
    let has = |letter: u8| rest.bytes().take(prefix).any(|b| b.eq_ignore_ascii_case(&letter));
    Some(Opening { raw: has(b'r'), bytes: has(b'b'), quote, length: prefix + quote.len() })
}

impl Opening {
    /// Where in `rest` the text ends: before its closing quotation mark.
    pub(crate) fn find_end(self, rest: &str) -> Option<usize> {
        let mut skip = false;
        for (index, char) in rest.char_indices() {
            if skip {
                skip = false;
            } else if rest[index..].starts_with(self.quote) {
                return Some(index);
            } else if char == '\n' && self.quote.len() == 1 {
                return None;
            } else {
                skip = char == '\\' && !self.raw;
            }
        }
        None
    }
}

/// The number that `text` spells.
pub(crate) fn number(text: &str) -> Option<Token<'static>> {
    let (digits, unsigned) = text.strip_suffix(['u', 'U']).map_or((text, false), |digits| (digits, true));
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let whole = match hex {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    };
    match whole {
        Some(whole) if unsigned => Some(Token::Uint(whole)),
        Some(whole) => Some(Token::Int(whole)),
        None => double(text),
    }
}

/// Not what Rust reads beside digits (`inf`, `nan`), nor what is too large.
fn double(text: &str) -> Option<Token<'static>> {
    let spelled = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let marked = text.contains(['.', 'e', 'E']);
    let double: f64 = text.parse().ok()?;
    (spelled && marked && double.is_finite()).then_some(Token::Double(double))
}

/// `text` with its escapes replaced; an escape that is none, as it is written.
pub(crate) fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (char, length) = escaped(escape).ok_or_else(|| escape.chars().take(10).collect::<String>())?;
        out.push(char);
        rest = &escape[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// What the escape that `text` begins with stands for, and how many bytes it takes.
fn escaped(text: &str) -> Option<(char, usize)> {
    let code = |from: usize, digits: usize, radix: u32| {
        let digits = text.get(from..from + digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let char = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
        Some((char, from + digits.len()))
    };
    let simple = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'a' => '\x07',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'v' => '\x0b',
        byte @ (b'\\' | b'?' | b'"' | b'\'' | b'`') => char::from(*byte),
        b'x' | b'X' => return code(2, 2, 16),
        b'u' => return code(2, 4, 16),
        b'U' => return code(2, 8, 16),
        b'0'..=b'3' => return code(1, 3, 8),
        _ => return None,
    };
    Some((simple, 2))
}
