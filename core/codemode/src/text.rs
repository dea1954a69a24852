//! Text from upstreams, made fit to stand in a declaration: one line, nothing invisible, nothing that ends a comment, and no longer than it
//! may be. Must never decide what is shown.

use std::fmt::Write;

/// Stands where text was cut.
pub(crate) const ELLIPSIS: char = '…';

/// What a reader can't see, or what makes a reader see something else than what stands there: controls, format characters, directions,
/// tags and what is spaced like nothing.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` as one line: runs of white space and of invisible characters become one space, a comment's end is broken, and what is longer
/// than `max` characters is cut and ends in an ellipsis.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || is_invisible(c) {
            gap = true;
            continue;
        }
        let gapped = std::mem::take(&mut gap) && length > 0;
        let ends_comment = c == '/' && !gapped && out.ends_with('*');
        let needed = 1 + usize::from(gapped) + usize::from(ends_comment);
        if length + needed > max {
            return cut(out, max);
        }
        if gapped || ends_comment {
            out.push(' ');
        }
        out.push(c);
        length += needed;
    }
    out
}

/// The first sentence of `text` as one line, without the full stop.
pub(crate) fn first_sentence(text: &str, max: usize) -> String {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '#' || is_invisible(c));
    let mut sentence = line(&text[..sentence_end(text)], max);
    if sentence.ends_with('.') {
        sentence.pop();
    }
    sentence
}

/// Where the first sentence of `text` ends: after a full stop that a space follows, or at the end of a line that does not go on.
fn sentence_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match c {
            '.' | '!' | '?' | '。' if next.is_none_or(char::is_whitespace) && !abbreviates(&text[..at]) => {
                return at + c.len_utf8();
            }
            // What goes on in small letters is a sentence that was wrapped.
            '\n' if !text[at + 1..].trim_start_matches([' ', '\t', '\r']).starts_with(char::is_lowercase) => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether a full stop after `text` ends an abbreviation and no sentence.
fn abbreviates(text: &str) -> bool {
    ["e.g", "i.e", "etc", "vs", "cf", "approx"].iter().any(|short| {
        text.len() >= short.len()
            && text.as_bytes()[text.len() - short.len()..].eq_ignore_ascii_case(short.as_bytes())
            && !text[..text.len() - short.len()].ends_with(char::is_alphanumeric)
    })
}

fn cut(mut out: String, max: usize) -> String {
    while out.chars().count() >= max.max(1) {
        out.pop();
    }
    let kept = out.trim_end().len();
    out.truncate(kept);
    out.push(ELLIPSIS);
    out
}

/// `text` as a string literal of JSON and JavaScript: exactly that text, with nothing invisible standing in it as it is.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_invisible(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to memory does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The longest beginning of `text` of at most `max` bytes that ends between characters.
pub(crate) fn prefix(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("  a\r\n\tb\u{2028}c  ", 99), "a b c");
        assert_eq!(line("a\u{202e}b\u{200b}c\u{e0041}", 99), "a b c");
        assert_eq!(line("\u{1b}[31mred", 99), "[31mred");
    }

    #[test]
    fn no_line_ends_a_comment() {
        assert_eq!(line("a */ b", 99), "a * / b");
        assert_eq!(line("**//*/", 99), "** //* /");
        assert!(!line("*\u{200b}/", 99).contains("*/"));
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        assert_eq!(line("abcd efgh", 6), "abcd…");
        assert_eq!(line("héééééé", 3), "hé…");
    }

    #[test]
    fn a_sentence_ends_at_its_stop_or_with_its_line() {
        assert_eq!(first_sentence("List issues. Pages.", 99), "List issues");
        assert_eq!(first_sentence("Reads v1.2 files, e.g. PDFs. More", 99), "Reads v1.2 files, e.g. PDFs");
        assert_eq!(first_sentence("# Search\n\nUsage: x", 99), "Search");
        assert_eq!(first_sentence("wrapped\nline. Next", 99), "wrapped line");
        assert_eq!(first_sentence("Retrieve a user\nErrors:\n400", 99), "Retrieve a user");
        assert_eq!(first_sentence("What? Yes", 99), "What?");
        assert_eq!(first_sentence("", 99), "");
    }

    #[test]
    fn a_quoted_text_is_exact_and_visible() {
        for text in ["a\"b\\c\n", "\u{202e}\u{e0041}x", "é…", "\u{0}\u{7f}"] {
            let quoted = quote(text);
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
            assert!(!quoted.contains(is_invisible), "{quoted}");
        }
    }
}
