//! Regular expressions: compiled when a policy is saved, matched in time linear in the text.

use regex_lite::{Regex, RegexBuilder};

use crate::{bounds::MAX_PATTERN, problem::Problem};

/// The sizes that a compiled pattern is tried with, in bytes; the first in which it fits says what matching costs at most.
const SIZES: [u32; 6] = [512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10];

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    size: u32,
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// It is not valid, or too large.
    pub(crate) fn new(text: &str) -> Result<Self, Problem> {
        if text.len() > MAX_PATTERN {
            return Err(Problem::Pattern(format!("it has more than {MAX_PATTERN} bytes")));
        }
        let compile = |size: u32| RegexBuilder::new(text).size_limit(size as usize).build();
        let mut refused = String::new();
        for size in SIZES {
            match compile(size) {
                Ok(regex) => return Ok(Self { regex, size }),
                Err(error) => refused = error.to_string(),
            }
        }
        Err(Problem::Pattern(refused))
    }

    /// What it costs at most to match one byte.
    pub(crate) fn cost_of_byte(&self) -> u64 {
        u64::from(self.size)
    }

    /// Whether a part of `text` matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_part_of_the_text_is_enough() {
        assert!(matches("b+", "abc") && !matches("^b+$", "abc"));
        assert!(matches("(?i)^ADMIN$", "admin"));
        assert!(matches("^ä.$", "äö"));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_refused() {
        for bad in ["(", "[z-a]", "a{1000}{1000}", "(?=a)", r"(a)\1{9999}", &"(".repeat(200), &"a".repeat(513)] {
            assert!(matches!(Pattern::new(bad), Err(Problem::Pattern(_))), "{bad}");
        }
    }

    #[test]
    fn a_larger_pattern_costs_more() {
        let cost = |text: &str| Pattern::new(text).unwrap().cost_of_byte();
        assert!(cost("^a$") < cost("^[a-z0-9]{1,40}$"));
    }
}
