//! How deep JSON is nested, without parsing it. For bodies that are handed to a recursive parser; a [`crate::Message`]
//! checks this itself. Must never recurse.

use crate::scan;

/// The text is nested deeper than `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("JSON nested deeper than {max} levels")]
pub struct TooDeep {
    /// The deepest nesting allowed.
    pub max: usize,
}

/// Whether at most `max` arrays and objects stand within each other in `bytes`. Brackets within strings don't count.
/// Whether the bytes are JSON at all is not asked.
pub fn check(bytes: &[u8], max: usize) -> Result<(), TooDeep> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' if depth == max => return Err(TooDeep { max }),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some(end) = scan::skip_string(bytes, at) else { return Ok(()) };
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_allowed_to_the_limit() {
        assert_eq!(check(b"[[{}]]", 3), Ok(()));
        assert_eq!(check(b"[[{}]]", 2), Err(TooDeep { max: 2 }));
        assert_eq!(check(b"1", 0), Ok(()));
        assert_eq!(check(b"[]", 0), Err(TooDeep { max: 0 }));
    }

    #[test]
    fn width_is_not_depth() {
        assert_eq!(check(b"[[],[],{\"a\":[],\"b\":{}}]", 3), Ok(()));
    }

    #[test]
    fn what_closes_nothing_counts_for_nothing() {
        assert_eq!(check(b"]}[[", 2), Ok(()));
        assert_eq!(check(b"]}[[", 1), Err(TooDeep { max: 1 }));
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(check(br#"["[[[[\"[[[["]"#, 1), Ok(()));
        assert_eq!(check(br#"["\\",[["#, 2), Err(TooDeep { max: 2 }));
        assert_eq!(check(br#"["[[[["#, 1), Ok(()));
    }

    #[test]
    fn a_million_brackets_cost_no_stack() {
        assert_eq!(check(&b"[".repeat(1_000_000), 100), Err(TooDeep { max: 100 }));
        assert_eq!(check(&b"[".repeat(1_000_000), usize::MAX), Ok(()));
    }
}
