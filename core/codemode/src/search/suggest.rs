//! The names that are most like one that does not exist. Must never be handed a name that its caller may not see.

use crate::order::sorted;

/// The longest name that is compared, in bytes.
const MAX_NAME: usize = 64;
/// The most suggestions.
const MAX_SUGGESTIONS: usize = 3;

/// Those of `names` that are most like `wanted`, best first: at most three, none that has little in common with it.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = folded(wanted);
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let other = folded(name);
            let most = wanted.len().max(other.len()) / 3;
            let contains = wanted.len() >= 4 && (holds(&other, &wanted) || other.len() >= 4 && holds(&wanted, &other));
            // Lengths that differ by more are further apart without a look at the letters.
            let apart = wanted.len().abs_diff(other.len());
            let distance = if apart <= most { distance(&wanted, &other) } else { apart };
            if distance <= most { Some((distance, name)) } else { contains.then_some((most + distance, name)) }
        })
        .collect();
    found = sorted(found, Ord::cmp);
    found.dedup();
    found.truncate(MAX_SUGGESTIONS);
    found.into_iter().map(|(_, name)| name).collect()
}

fn holds(long: &[u8], short: &[u8]) -> bool {
    short.len() <= long.len() && long.windows(short.len()).any(|part| part == short)
}

/// Letters and digits in lower case: `list-issues`, `listIssues` and `list_issues` are one.
fn folded(name: &str) -> Vec<u8> {
    name.bytes()
        .filter(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
        .take(MAX_NAME)
        .map(|byte| byte.to_ascii_lowercase())
        .collect()
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let width = b.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, y) in b.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(wanted: &str) -> Vec<&'static str> {
        nearest(wanted, ["list_issues", "list_issue_types", "get_issue", "merge_pull_request"].into_iter())
    }

    #[test]
    fn a_slip_leads_to_the_name() {
        assert_eq!(suggested("list_isues")[0], "list_issues");
        assert_eq!(suggested("listIssues")[0], "list_issues");
        assert_eq!(suggested("mrege_pull_request"), ["merge_pull_request"]);
        assert_eq!(suggested("pull_request"), ["merge_pull_request"]);
    }

    #[test]
    fn what_is_like_nothing_has_no_suggestion() {
        assert_eq!(suggested("zzz"), [""; 0]);
        assert_eq!(suggested(""), [""; 0]);
        assert_eq!(suggested("q".repeat(100_000).as_str()), [""; 0]);
    }

    #[test]
    fn letters_that_changed_places_are_one_step() {
        assert_eq!(distance(b"abc", b"acb"), 1);
        assert_eq!(distance(b"", b"ab"), 2);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }
}
