//! Whether a URI can come of a URI template (RFC 6570), as far as routing needs it. Takes time proportional to both lengths,
//! whatever they hold.

const MAX_URI: usize = 2_048;
const MAX_PARTS: usize = 64;

enum Part<'a> {
    Literal(&'a str),
    /// An expression by its operator.
    Expression(u8),
}

/// Whether `uri` can come of `template`.
#[must_use]
pub fn matches(template: &str, uri: &str) -> bool {
    if uri.len() > MAX_URI || template.len() > MAX_URI {
        return false;
    }
    let Some(parts) = parts(template) else { return false };
    let bytes = uri.as_bytes();
    // Which positions the parts so far can have reached.
    let mut reached = vec![false; bytes.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; bytes.len() + 1];
        match part {
            Part::Literal(text) => {
                for at in (0..reached.len()).filter(|at| reached[*at]) {
                    if bytes[at..].starts_with(text.as_bytes()) {
                        next[at + text.len()] = true;
                    }
                }
            }
            Part::Expression(operator) => spread(operator, bytes, &reached, &mut next),
        }
        reached = next;
    }
    reached[bytes.len()]
}

/// From each position reached, all that an expression can reach.
fn spread(operator: u8, bytes: &[u8], reached: &[bool], next: &mut [bool]) {
    let mut open = false;
    for at in 0..=bytes.len() {
        // What an operator begins with must stand there, or the expression is empty.
        let begins = match operator {
            b'/' | b'?' | b'&' | b';' | b'.' | b'#' => bytes.get(at) == Some(&operator),
            _ => true,
        };
        if reached[at] {
            next[at] = true;
        }
        if open {
            next[at] = true;
        }
        let goes_on = bytes.get(at).is_some_and(|byte| operator_takes(operator, *byte));
        open = (open || (reached[at] && begins)) && goes_on;
    }
}

fn operator_takes(operator: u8, byte: u8) -> bool {
    match operator {
        b'+' | b'#' | b'/' => true,
        b'?' | b'&' => byte != b'#',
        _ => !matches!(byte, b'/' | b'?' | b'#'),
    }
}

fn parts(template: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        if open > 0 {
            parts.push(Part::Literal(&rest[..open]));
        }
        let close = rest[open..].find('}')? + open;
        let first = *rest.as_bytes().get(open + 1)?;
        parts.push(Part::Expression(if b"+#./;?&".contains(&first) { first } else { 0 }));
        rest = &rest[close + 1..];
        if parts.len() > MAX_PARTS {
            return None;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn expressions_match_what_their_operator_takes() {
        for (template, uri, expected) in [
            ("test://template/{id}/data", "test://template/1/data", true),
            ("test://template/{id}/data", "test://template/{id}/data", true),
            ("test://template/{id}/data", "test://template/1/2/data", false),
            ("test://template/{id}/data", "test://template/1/dat", false),
            ("file:///{+path}", "file:///a/b/c", true),
            ("file:///{path}", "file:///a/b", false),
            ("x://{a}{/rest*}", "x://a/b/c", true),
            ("x://{a}{/rest*}", "x://a", true),
            ("x://a{?q,r}", "x://a?q=1&r=2", true),
            ("x://a{?q}", "x://a", true),
            ("x://a{?q}", "x://ab", false),
            ("x://a{.ext}", "x://a.txt", true),
            ("x://a", "x://a", true),
            ("x://{", "x://{", false),
            ("", "", true),
        ] {
            assert_eq!(matches(template, uri), expected, "{template} {uri}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_a_filled_in_template_matches(a in "[a-z0-9]{0,8}", b in "[a-z/]{0,8}", noise in ".{0,60}") {
            let uri = format!("x://{a}/y/{b}");
            let filled = matches("x://{a}/y/{+b}", &uri);
            prop_assert!(filled);
            let _ = matches(&noise, &uri);
            let _ = matches("{a}{b}{+c}{/d}{?e}x{f}", &noise);
        }
    }
}
