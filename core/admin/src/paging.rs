//! Lists in pages: `limit`, and a cursor that says after which id the next page begins. A cursor belongs to its list.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use toolgate_ports::AccountId;

use crate::{
    problem::{FieldError, Kind, Problem},
    records::Run,
    usage::{self, Narrow},
};

const MAX_LIMIT: usize = 200;
const DEFAULT_LIMIT: usize = 50;
/// The longest id of anything in a list, in bytes: a limit's account.
const LONGEST: usize = AccountId::MAX;

/// Which page is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageQuery {
    pub(crate) limit: usize,
    /// The last id of the page before.
    pub(crate) after: Option<String>,
}

/// One page.
#[derive(Debug, Serialize)]
pub(crate) struct PageView<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl<T> PageView<T> {
    /// `items`, the last of which has the id `last` if `more` come after it. `list` names the list.
    pub(crate) fn new(list: &str, items: Vec<T>, last: Option<&str>, more: bool) -> Self {
        let next_cursor = last.filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(format!("{list}\n{last}")));
        Self { items, next_cursor }
    }
}

/// Reads the query of a request for the list `list`.
pub(crate) fn page(list: &str, query: Option<&str>) -> Result<PageQuery, Problem> {
    let none = |name: &str, _: &str| Err(refuse(name, "there is no such parameter; there are limit, cursor"));
    page_and(list, query, none)
}

/// The same, where `other` takes the parameters that belong to no page.
pub(crate) fn page_and(
    list: &str,
    query: Option<&str>,
    mut other: impl FnMut(&str, &str) -> Result<(), Problem>,
) -> Result<PageQuery, Problem> {
    let (mut limit, mut after) = (None, None);
    for (name, value) in pairs(query) {
        match name {
            "limit" if limit.is_none() => limit = Some(limit_of(value)?),
            "cursor" if after.is_none() => after = Some(after_of(list, value)?),
            "limit" | "cursor" => return Err(refuse(name, "it is there twice")),
            _ => other(name, value)?,
        }
    }
    Ok(PageQuery { limit: limit.unwrap_or(DEFAULT_LIMIT), after })
}

/// Reads the query of a request for the report `list`, which may be narrowed to some values of scopes.
pub(crate) fn report(list: &str, query: Option<&str>) -> Result<(PageQuery, Narrow), Problem> {
    let mut wanted = Narrow::new();
    let page = page_and(list, query, |name, value| {
        let narrow = usage::narrow(name, value).map_err(|detail| refuse(name, &detail))?;
        let (member, value) = narrow.ok_or_else(|| {
            let known = usage::MEMBERS.join(", ");
            refuse(name, &format!("there is no such parameter; there are limit, cursor, {known}"))
        })?;
        match wanted.insert(member, value) {
            None => Ok(()),
            Some(_) => Err(refuse(name, "it is there twice")),
        }
    })?;
    Ok((page, wanted))
}

/// Refuses any query parameter.
pub(crate) fn no_query(query: Option<&str>) -> Result<(), Problem> {
    match pairs(query).next() {
        None => Ok(()),
        Some((name, _)) => Err(refuse(name, "this path and method take no parameters")),
    }
}

/// Reads the query of a request that may be a dry run.
pub(crate) fn run(query: Option<&str>) -> Result<Run, Problem> {
    let mut run = None;
    for (name, value) in pairs(query) {
        match (name, value) {
            ("dry_run", _) if run.is_some() => return Err(refuse(name, "it is there twice")),
            ("dry_run", "true") => run = Some(Run::Dry),
            ("dry_run", "false") => run = Some(Run::Real),
            ("dry_run", _) => return Err(refuse(name, "write true or false")),
            _ => return Err(refuse(name, "there is no such parameter; there is dry_run")),
        }
    }
    Ok(run.unwrap_or(Run::Real))
}

// The values taken need no percent-encoding, so none is undone: what is encoded is refused.
fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn limit_of(value: &str) -> Result<usize, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| refuse("limit", &format!("write a number from 1 to {MAX_LIMIT}")))
}

fn after_of(list: &str, value: &str) -> Result<String, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(value).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let after = text.as_deref().and_then(|text| text.split_once('\n')).filter(|(of, _)| *of == list);
    // Ids are short; anything longer was not made here.
    let after = after.map(|(_, after)| after.to_owned()).filter(|after| (1..=LONGEST).contains(&after.len()));
    after.ok_or_else(|| refuse("cursor", "it is not from this list: give back the next_cursor of the page before"))
}

fn refuse(parameter: &str, detail: &str) -> Problem {
    Problem::fields(Kind::InvalidParameter, vec![FieldError::parameter(parameter, detail)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_leads_on_in_its_own_list_only() {
        let view = PageView::new("acme/server", vec![1], Some("github"), true);
        let query = format!("limit=7&cursor={}", view.next_cursor.unwrap());
        let expected = PageQuery { limit: 7, after: Some("github".into()) };
        assert_eq!(page("acme/server", Some(&query)).unwrap(), expected);
        assert!(page("acme/key", Some(&query)).is_err());
        assert_eq!(PageView::new("x", vec![1], Some("a"), false).next_cursor, None);
    }

    #[test]
    fn other_queries_are_refused() {
        for bad in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=",
            "limit",
            "limit=5&limit=5",
            "cursor=",
            "cursor=%41",
            "x=1",
            "Limit=5",
        ] {
            assert_eq!(page("t", Some(bad)).unwrap_err().kind, Kind::InvalidParameter, "{bad}");
        }
        assert_eq!(page("t", Some("")).unwrap(), PageQuery { limit: 50, after: None });
        assert!(no_query(Some("")).is_ok());
        assert!(no_query(Some("limit=5")).is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_panic(query in "\\PC{0,80}") {
            let _ = page("t", Some(&query));
        }
    }
}
