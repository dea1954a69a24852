//! Conditional requests (RFC 9110 §13): a record's revision is its strong entity tag.

use http::{HeaderMap, HeaderName, header};
use toolgate_model::Revision;

use crate::problem::{Kind, Problem};

/// A record's entity tag.
pub(crate) fn etag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

#[derive(Debug)]
enum Tags {
    Any,
    These(Vec<String>),
}

impl Tags {
    fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut tags = Vec::new();
        for value in headers.get_all(name) {
            // What can't be read is a tag that matches nothing.
            let value = value.to_str().unwrap_or_default();
            if value.trim() == "*" {
                return Some(Self::Any);
            }
            tags.extend(value.split(',').map(|tag| tag.trim().to_owned()));
        }
        headers.contains_key(name).then_some(Self::These(tags))
    }

    fn hold(&self, found: Option<Revision>, same: impl Fn(&str, &str) -> bool) -> bool {
        let Some(found) = found else { return false };
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| same(tag, &etag(found))),
        }
    }
}

/// What a request expects of the record it changes.
#[derive(Debug)]
pub(crate) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Conditions {
    /// From the request's headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (if_match, if_none_match) =
            (Tags::of(headers, &header::IF_MATCH), Tags::of(headers, &header::IF_NONE_MATCH));
        Self { if_match, if_none_match }
    }

    /// Whether they hold, the record being at `found`.
    pub(crate) fn check(&self, found: Option<Revision>) -> Result<(), Problem> {
        let unmatched = self.if_match.as_ref().is_some_and(|tags| !tags.hold(found, |tag, etag| tag == etag));
        let weakly = |tag: &str, etag: &str| tag.strip_prefix("W/").unwrap_or(tag) == etag;
        let unwanted = self.if_none_match.as_ref().is_some_and(|tags| tags.hold(found, weakly));
        if !unmatched && !unwanted {
            return Ok(());
        }
        let now = found.map_or_else(|| "it does not exist".to_owned(), |found| format!("its ETag is {}", etag(found)));
        Err(Problem::new(Kind::PreconditionFailed, format!("{now}: read it again and decide anew")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(name: HeaderName, value: &'static str, found: Option<u64>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Conditions::of(&headers).check(found.map(Revision)).is_ok()
    }

    #[test]
    fn tags_are_compared_as_the_rfc_says() {
        for (value, found, expected) in [
            ("*", Some(3), true),
            ("*", None, false),
            ("\"3\"", Some(3), true),
            ("\"2\", \"3\"", Some(3), true),
            ("W/\"3\"", Some(3), false),
            ("3", Some(3), false),
            ("", Some(3), false),
            ("\"3\"", Some(33), false),
            ("\"3\"", None, false),
        ] {
            assert_eq!(holds(header::IF_MATCH, value, found), expected, "If-Match: {value} at {found:?}");
        }
        for (value, found, expected) in [
            ("*", None, true),
            ("*", Some(3), false),
            ("\"3\"", Some(3), false),
            ("W/\"3\"", Some(3), false),
            ("\"2\"", Some(3), true),
        ] {
            assert_eq!(holds(header::IF_NONE_MATCH, value, found), expected, "If-None-Match: {value} at {found:?}");
        }
        assert!(Conditions::of(&HeaderMap::new()).check(None).is_ok());
    }
}
