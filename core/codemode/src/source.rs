//! The model's code, freed of what models put around it: Markdown fences, language tags, a byte order mark, `export default`. Lines keep
//! their numbers, so that an error names the line that the model wrote. Must never parse or change the code itself.

use crate::text::is_invisible;

/// What stands after a fence, or alone in the first line.
const TAGS: &[&str] =
    &["javascript", "js", "mjs", "cjs", "jsx", "typescript", "ts", "mts", "tsx", "node", "ecmascript"];

/// Code to run, and where it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// The code: a part of what the model wrote.
    pub code: &'a str,
    /// How many lines come before it.
    skipped: u32,
}

impl<'a> Source<'a> {
    /// Of what the model wrote.
    #[must_use]
    pub fn new(written: &'a str) -> Self {
        let mut source = Self { code: written.trim_end(), skipped: 0 };
        source.trim();
        source.unfence();
        source.trim();
        if let Some(rest) = source.code.strip_prefix("export default")
            && rest.starts_with(char::is_whitespace)
        {
            source.drop_front(rest.len());
            source.trim();
        }
        source
    }

    /// The line of what the model wrote that `line` of the code is. Both count from 1.
    #[must_use]
    pub const fn line(&self, line: u32) -> u32 {
        line.saturating_add(self.skipped)
    }

    /// Leaves only the last `kept` bytes.
    fn drop_front(&mut self, kept: usize) {
        let (dropped, code) = self.code.split_at(self.code.len() - kept);
        let lines = dropped.bytes().filter(|byte| *byte == b'\n').count();
        self.skipped = self.skipped.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.code = code;
    }

    fn trim(&mut self) {
        let kept = self.code.trim_start_matches(|c: char| c.is_whitespace() || is_invisible(c)).len();
        self.drop_front(kept);
    }

    /// Takes off a fence around all of it, and a language's name in the first line.
    fn unfence(&mut self) {
        let mark = self.code.chars().next().filter(|c| *c == '`' || *c == '~').unwrap_or_default();
        let inner = self.code.trim_start_matches(mark);
        let fence = self.code.len() - inner.len();
        if fence >= 3 {
            self.drop_front(inner.len());
            self.code = self.code.strip_suffix(&mark.to_string().repeat(fence)).unwrap_or(self.code).trim_end();
            // The rest of the fence's line is its info string, unless all is in that line.
            let kept = self.code.find('\n').map_or_else(|| without_tag(self.code), |end| self.code.len() - end);
            self.drop_front(kept);
        } else if self.code.lines().next().is_some_and(is_tag) && self.code.contains('\n') {
            self.drop_front(without_tag(self.code));
        }
    }
}

fn is_tag(word: &str) -> bool {
    TAGS.iter().any(|tag| word.trim().eq_ignore_ascii_case(tag))
}

/// How long `code` is without a language's name that it begins with.
fn without_tag(code: &str) -> usize {
    let word = code.find(char::is_whitespace).unwrap_or(code.len());
    if is_tag(&code[..word]) { code.len() - word } else { code.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_without_anything_around_it_stays() {
        for code in ["return 1", "const a = `x`;\nreturn a", "js.run()", "`a`", "let s = `\n```\n`;\nreturn s", ""] {
            assert_eq!(Source::new(code), Source { code, skipped: 0 });
        }
    }

    #[test]
    fn a_fence_is_taken_off() {
        for written in [
            "```js\nreturn 1\n```",
            "```\nreturn 1\n```\n",
            "~~~ts\r\nreturn 1\n~~~",
            "````javascript title=\"a\"\nreturn 1\n````",
            "```js\nreturn 1",
            "js\nreturn 1",
        ] {
            let source = Source::new(written);
            assert_eq!((source.code, source.line(1)), ("return 1", 2), "{written}");
        }
        assert_eq!(Source::new("```js return 1```").code, "return 1");
        assert_eq!(Source::new("```return 1```").code, "return 1");
    }

    #[test]
    fn a_fence_within_the_code_stays() {
        let code = "const doc = `\n```js\nx\n```\n`;\nreturn doc";
        assert_eq!(Source::new(&format!("```js\n{code}\n```")).code, code);
    }

    #[test]
    fn what_is_exported_is_what_is_run() {
        assert_eq!(Source::new("export default async () => 1").code, "async () => 1");
        let source = Source::new("\u{feff}\n\n```js\nexport default\n  async function main() {}\n```");
        assert_eq!((source.code, source.line(1)), ("async function main() {}", 5));
        assert_eq!(Source::new("export defaults").code, "export defaults");
    }

    #[test]
    fn lines_are_those_of_what_was_written() {
        let source = Source::new("\u{feff}\n\n  return 1;\n  oops");
        assert_eq!(source.code, "return 1;\n  oops");
        assert_eq!(source.line(2), 4);
    }
}
