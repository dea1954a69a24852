//! The name a tool has in an aggregate: `server__tool`, at most 64 characters of `A-Z a-z 0-9 _ . -`.
//!
//! The rule, the same on every target and at every time:
//! 1. The part after `server__` is the tool's alias if the operator gave one, else its upstream name.
//! 2. Characters that names may not hold become `_`. If any did, or if the whole is longer than 64 characters, the name is cut to
//!    55 characters and `_` and the first 8 hexadecimal digits of the SHA-256 of the upstream name are added.
//! 3. If two tools of a server would have one name, an alias keeps it before an unchanged upstream name, and that before a changed
//!    one; every other gets the ending of rule 2.
//!
//! Tools of different servers can't collide: a server's id holds no `__` and ends in no `_`.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use toolgate_model::ServerId;

/// Between a server's id and a tool's name.
pub const SEPARATOR: &str = "__";
/// The longest name in an aggregate, in characters: what the strictest model APIs take.
pub const MAX_EXPOSED: usize = 64;
const HASH_DIGITS: usize = 8;

/// The exposed name of each of `tools` (upstream names, distinct), in their order.
#[must_use]
pub fn expose(server: &ServerId, aliases: &BTreeMap<String, String>, tools: &[&str]) -> Vec<String> {
    let wishes: Vec<Wish<'_>> = tools.iter().map(|tool| Wish::of(server, aliases, tool)).collect();
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|index| (wishes[*index].rank, wishes[*index].tool));
    let mut taken = BTreeSet::new();
    let mut names = vec![String::new(); wishes.len()];
    for index in order {
        let wish = &wishes[index];
        let name = if taken.contains(&wish.name) { hashed(&wish.name, wish.tool) } else { wish.name.clone() };
        taken.insert(name.clone());
        names[index] = name;
    }
    names
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Rank {
    Alias,
    Unchanged,
    Changed,
}

/// The name a tool would have if no other wanted it.
struct Wish<'a> {
    tool: &'a str,
    name: String,
    rank: Rank,
}

impl<'a> Wish<'a> {
    fn of(server: &ServerId, aliases: &BTreeMap<String, String>, tool: &'a str) -> Self {
        if let Some(alias) = aliases.get(tool) {
            return Self { tool, name: format!("{server}{SEPARATOR}{alias}"), rank: Rank::Alias };
        }
        let part: String = tool.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
        let name = format!("{server}{SEPARATOR}{part}");
        if part == tool && name.len() <= MAX_EXPOSED {
            return Self { tool, name, rank: Rank::Unchanged };
        }
        Self { tool, name: hashed(&name, tool), rank: Rank::Changed }
    }
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// `name`, ending in the hash of `tool`. `name` is ASCII.
fn hashed(name: &str, tool: &str) -> String {
    let digest = hex::encode(Sha256::digest(tool.as_bytes()));
    let kept = name.len().min(MAX_EXPOSED - HASH_DIGITS - 1);
    format!("{}_{}", &name[..kept], &digest[..HASH_DIGITS])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(aliases: &[(&str, &str)], tools: &[&str]) -> Vec<String> {
        let aliases = aliases.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        expose(&ServerId::new("s").unwrap(), &aliases, tools)
    }

    #[test]
    fn an_ordinary_name_only_gets_its_server() {
        assert_eq!(names(&[], &["a", "b.c-D_e"]), ["s__a", "s__b.c-D_e"]);
    }

    #[test]
    fn a_long_name_is_cut_and_told_apart() {
        let (one, two) = (format!("{}1", "x".repeat(70)), format!("{}2", "x".repeat(70)));
        let names = names(&[], &[&one, &two]);
        assert!(names.iter().all(|name| name.len() == MAX_EXPOSED));
        assert_ne!(names[0], names[1]);
        assert_eq!(names[0], format!("s__{}_{}", "x".repeat(52), &hex::encode(Sha256::digest(one.as_bytes()))[..8]));
    }

    #[test]
    fn a_name_with_other_characters_is_changed_and_told_apart() {
        let names = names(&[], &["a b", "a/b", "a_b"]);
        assert_eq!(names[2], "s__a_b");
        assert!(names[0].starts_with("s__a_b_") && names[1].starts_with("s__a_b_") && names[0] != names[1]);
    }

    #[test]
    fn an_alias_wins_over_the_tool_that_had_the_name() {
        let names = names(&[("a", "b")], &["a", "b"]);
        assert_eq!(names[0], "s__b");
        assert!(names[1].starts_with("s__b_"));
    }

    proptest! {
        #[test]
        fn names_are_short_distinct_clean_and_independent_of_order(
            tools in prop::collection::btree_set("[ab /_é]{1,4}|x{60,80}[ab]", 1..12),
            aliases in prop::collection::btree_map("[ab]{1,2}", "[ab]{1,2}", 0..2),
        ) {
            let forward: Vec<&str> = tools.iter().map(String::as_str).collect();
            let backward: Vec<&str> = tools.iter().rev().map(String::as_str).collect();
            let server = ServerId::new("srv").unwrap();
            let mut distinct: BTreeMap<String, String> = BTreeMap::new();
            for (from, to) in aliases {
                if !distinct.values().any(|known| *known == to) { distinct.insert(from, to); }
            }
            let names = expose(&server, &distinct, &forward);
            let mut again = expose(&server, &distinct, &backward);
            again.reverse();
            prop_assert_eq!(&names, &again);
            prop_assert!(names.iter().all(|name| name.len() <= MAX_EXPOSED && name.starts_with("srv__")));
            prop_assert!(names.iter().all(|name| name.chars().all(allowed)));
            prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        }
    }
}
