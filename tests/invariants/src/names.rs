//! Names and URIs in an aggregate. Input: a server, a URI, a URI template, and names of tools.

use std::collections::{BTreeMap, BTreeSet};

use toolgate_catalogue::{MAX_EXPOSED, SEPARATOR, UriMap, expose, taken_apart, template_matches};
use toolgate_model::ServerId;

use crate::texts;

pub(crate) fn check(input: &[u8]) {
    let Some([server, uri, template, tools]) = texts(input) else { return };
    let _ = taken_apart(uri);
    templates(template, uri);
    let Ok(server) = ServerId::new(server) else { return };
    uris(&server, uri);
    let mut distinct = BTreeSet::new();
    let tools: Vec<&str> = tools.split(',').filter(|tool| !tool.is_empty() && distinct.insert(*tool)).collect();
    names(&server, &tools);
}

/// A URI that several servers have names its server, and nothing else is changed.
fn uris(server: &ServerId, uri: &str) {
    let other = ServerId::new("other").unwrap();
    let map = UriMap::of([(server, uri), (&other, uri), (&other, "x://alone")]);
    if uri != "x://alone" {
        assert_eq!(map.exposed(&other, "x://alone"), "x://alone");
    }
    let exposed = map.exposed(server, uri);
    if *server == other {
        return assert_eq!(exposed, uri);
    }
    assert_eq!(taken_apart(&exposed), Some((server.clone(), uri.to_owned())));
    assert_ne!(exposed, map.exposed(&other, uri));
}

/// Names are short, clean, distinct, their server's, and don't depend on the order of the list.
fn names(server: &ServerId, tools: &[&str]) {
    let aliases: BTreeMap<String, String> =
        tools.first().map(|tool| ((*tool).to_owned(), "alias".to_owned())).into_iter().collect();
    for aliases in [BTreeMap::new(), aliases] {
        let names = expose(server, &aliases, tools);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), tools.len());
        for name in &names {
            assert!(name.len() <= MAX_EXPOSED, "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)), "{name}");
            assert_eq!(name.split_once(SEPARATOR).map(|(before, _)| before), Some(server.as_str()));
        }
        let backwards: Vec<&str> = tools.iter().rev().copied().collect();
        let mut again = expose(server, &aliases, &backwards);
        again.reverse();
        assert_eq!(again, names);
    }
}

fn templates(template: &str, uri: &str) {
    let matches = template_matches(template, uri);
    if template.len().max(uri.len()) <= 40 {
        assert_eq!(matches, plainly(template.as_bytes(), uri.as_bytes()), "{template:?} {uri:?}");
    }
}

/// By trying everything.
fn plainly(template: &[u8], uri: &[u8]) -> bool {
    let open = template.iter().position(|byte| *byte == b'{');
    let Some(open) = open else { return template == uri };
    let Some(close) = template[open..].iter().position(|byte| *byte == b'}') else { return false };
    let (literal, rest) = (&template[..open], &template[open + close + 1..]);
    let Some(uri) = uri.strip_prefix(literal) else { return false };
    let operator = template[open + 1];
    let begins = uri.first().is_some_and(|first| !b"/?&;.#".contains(&operator) || *first == operator);
    let takes = |byte: &u8| match operator {
        b'+' | b'#' | b'/' => true,
        b'?' | b'&' => *byte != b'#',
        _ => !matches!(byte, b'/' | b'?' | b'#'),
    };
    let longest = if begins { uri.iter().take_while(|byte| takes(byte)).count() } else { 0 };
    // What is left must be well formed even where it is never reached.
    (0..=longest).any(|taken| plainly(rest, &uri[taken..]))
}
