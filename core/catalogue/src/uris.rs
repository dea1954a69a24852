//! Resource URIs in an aggregate: each as its server gives it, but where several servers list one, each is told apart by its server's
//! name: `scheme://server__rest`, or `scheme:server__rest` where there is no `//`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use toolgate_model::ServerId;

use crate::names::SEPARATOR;

/// Which URIs are not unique.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UriMap {
    colliding: BTreeSet<String>,
}

impl UriMap {
    /// Of what each server lists.
    pub fn of<'a>(listed: impl IntoIterator<Item = (&'a ServerId, &'a str)>) -> Self {
        let mut owners: BTreeMap<&str, &ServerId> = BTreeMap::new();
        let mut colliding = BTreeSet::new();
        for (server, uri) in listed {
            if owners.insert(uri, server).is_some_and(|owner| owner != server) {
                colliding.insert(uri.to_owned());
            }
        }
        Self { colliding }
    }

    /// Whether every URI stays as it is.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.colliding.is_empty()
    }

    /// A client's name for the URI `uri` of `server`.
    #[must_use]
    pub fn exposed<'a>(&self, server: &ServerId, uri: &'a str) -> Cow<'a, str> {
        if self.colliding.contains(uri) { Cow::Owned(told_apart(server, uri)) } else { Cow::Borrowed(uri) }
    }
}

/// `uri` with its server's name in it.
pub(crate) fn told_apart(server: &ServerId, uri: &str) -> String {
    let (before, rest) = halves(uri);
    format!("{before}{server}{SEPARATOR}{rest}")
}

/// The server named in `uri`, and the URI without it; nothing if there is no name that could be one.
#[must_use]
pub fn taken_apart(uri: &str) -> Option<(ServerId, String)> {
    let (before, rest) = halves(uri);
    let (server, rest) = rest.split_once(SEPARATOR)?;
    Some((ServerId::new(server).ok()?, format!("{before}{rest}")))
}

/// Up to and with `://` or `:`, and what follows.
fn halves(uri: &str) -> (&str, &str) {
    let end = match (uri.find("://"), uri.find(':')) {
        (Some(authority), Some(colon)) if authority == colon => authority + 3,
        (_, Some(colon)) => colon + 1,
        (_, None) => 0,
    };
    uri.split_at(end)
}

/// The scheme of `uri`.
pub(crate) fn scheme(uri: &str) -> &str {
    uri.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_collides_is_told_apart() {
        let (a, b) = (ServerId::new("a").unwrap(), ServerId::new("b").unwrap());
        let map = UriMap::of([(&a, "ui://x/1"), (&a, "ui://x/1"), (&b, "ui://x/1"), (&b, "mem:y")]);
        assert_eq!(map.exposed(&a, "ui://x/1"), "ui://a__x/1");
        assert_eq!(map.exposed(&b, "ui://x/1"), "ui://b__x/1");
        assert_eq!(map.exposed(&b, "mem:y"), "mem:y");
        assert!(UriMap::of([(&a, "x"), (&a, "x")]).is_identity());
        assert_eq!(told_apart(&b, "mem:y"), "mem:b__y");
        assert_eq!(told_apart(&b, "file:///etc"), "file://b__/etc");
    }

    proptest! {
        #[test]
        fn what_is_told_apart_is_taken_apart(uri in "([a-z]{1,5}:(//)?)?[ -~é]{0,20}", server in "[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?") {
            let server = ServerId::new(&server).unwrap();
            prop_assert_eq!(taken_apart(&told_apart(&server, &uri)), Some((server, uri)));
        }
    }
}
