//! Results that hold a list (of tools, prompts, resources): where its items stand, and the list made anew from some of
//! them. Must never decide which items are kept.

use std::borrow::Cow;

use crate::{Span, splice};

/// Why a result holds no such list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The result is no object.
    #[error("the result is not an object")]
    NotAnObject,
    /// The list is missing.
    #[error("the result has no \"{0}\"")]
    Missing(&'static str),
    /// The list is no array.
    #[error("\"{0}\" of the result is not an array")]
    NotAnArray(&'static str),
    /// An item is no object.
    #[error("\"{0}\" of the result holds something that is not an object")]
    NotAnItem(&'static str),
    /// The cursor is no string: whether this is the last page can't be known.
    #[error("\"nextCursor\" of the result is not a string")]
    BadCursor,
}

/// Who may be given a cached result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheScope {
    /// Anyone.
    Public,
    /// Whoever has the same authorization.
    Private,
}

/// One page of a list. Spans are offsets into the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage<'a> {
    /// The array.
    pub array: Span,
    /// Its items, each an object.
    pub items: Vec<Span>,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<Cow<'a, str>>,
    /// How long the result may be kept. `None` where the server says no number; a negative one reads as zero.
    pub ttl_ms: Option<u64>,
    /// Who may be given it; `None` where the server does not say, or says something unknown.
    pub cache_scope: Option<CacheScope>,
}

/// The page of tools a raw `tools/list` result is.
pub fn tools(result: &str) -> Result<ListPage<'_>, ListError> {
    page(result, "tools")
}

/// The page of prompts a raw `prompts/list` result is.
pub fn prompts(result: &str) -> Result<ListPage<'_>, ListError> {
    page(result, "prompts")
}

/// The page of resources a raw `resources/list` result is.
pub fn resources(result: &str) -> Result<ListPage<'_>, ListError> {
    page(result, "resources")
}

/// The page of templates a raw `resources/templates/list` result is.
pub fn resource_templates(result: &str) -> Result<ListPage<'_>, ListError> {
    page(result, "resourceTemplates")
}

fn page<'a>(result: &'a str, list: &'static str) -> Result<ListPage<'a>, ListError> {
    if !result.starts_with('{') {
        return Err(ListError::NotAnObject);
    }
    let mut array = None;
    let mut page = ListPage { array: 0..0, items: Vec::new(), next_cursor: None, ttl_ms: None, cache_scope: None };
    let mut elements = Vec::new();
    let mut members = splice::members(result);
    while let Some(member) = members.next_with_elements(&mut elements) {
        let raw = &result[member.value_span.clone()];
        match &*member.name {
            "nextCursor" if raw != "null" => {
                page.next_cursor = Some(splice::string(raw).ok_or(ListError::BadCursor)?);
            }
            "ttlMs" => page.ttl_ms = milliseconds(raw),
            "cacheScope" => page.cache_scope = cache_scope(raw),
            name if name == list && array.is_none() => {
                array = Some(member.value_span);
                std::mem::swap(&mut page.items, &mut elements);
            }
            _ => {}
        }
    }
    page.array = array.ok_or(ListError::Missing(list))?;
    if !result[page.array.clone()].starts_with('[') {
        return Err(ListError::NotAnArray(list));
    }
    if page.items.iter().any(|item| !result[item.clone()].starts_with('{')) {
        return Err(ListError::NotAnItem(list));
    }
    Ok(page)
}

fn cache_scope(raw: &str) -> Option<CacheScope> {
    match &*splice::string(raw)? {
        "public" => Some(CacheScope::Public),
        "private" => Some(CacheScope::Private),
        _ => None,
    }
}

fn milliseconds(raw: &str) -> Option<u64> {
    if let Ok(whole) = raw.parse() {
        return Some(whole);
    }
    // Negative, or spelt as a fraction or with an exponent: what it comes to, as a cast has it (below zero is zero).
    raw.parse::<f64>().ok().map(|number| number as u64)
}

/// What an item is called, decoded, and where that stands in it, quotes included. `member` is `name` or `uri`.
#[must_use]
pub fn named<'a>(item: &'a str, member: &str) -> Option<(Cow<'a, str>, Span)> {
    let span = splice::member(item, member)?;
    Some((splice::string(&item[span.clone()])?, span))
}

/// Writes a list: what stands before the array, items with commas between them, what stands after it. Only copies.
#[derive(Clone, Debug)]
pub struct Writer {
    out: String,
    any: bool,
}

impl Writer {
    /// Begins with `head` and the array; `capacity` is a guess at the length of all that will be written.
    #[must_use]
    pub fn new(head: &str, capacity: usize) -> Self {
        let mut out = String::with_capacity(capacity.max(head.len() + 2));
        out.push_str(head);
        out.push('[');
        Self { out, any: false }
    }

    /// One item, in the parts it is made of: an item with another name is what stands before the name, the new name in
    /// quotes, and what stands after.
    pub fn push(&mut self, parts: &[&str]) {
        if std::mem::replace(&mut self.any, true) {
            self.out.push(',');
        }
        for part in parts {
            self.out.push_str(part);
        }
    }

    /// Ends the array and adds `tail`.
    #[must_use]
    pub fn finish(mut self, tail: &str) -> String {
        self.out.push(']');
        self.out.push_str(tail);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_its_items_stand_and_how_it_goes_on() {
        let result = r#"{"ttlMs": 60000, "tools": [ {"name":"a"} , {"name":"b","x":[{}]} ], "nextCursor":"c\u0031", "cacheScope":"public"}"#;
        let page = tools(result).unwrap();
        let items: Vec<_> = page.items.iter().map(|item| &result[item.clone()]).collect();
        assert_eq!(items, [r#"{"name":"a"}"#, r#"{"name":"b","x":[{}]}"#]);
        assert_eq!(&result[page.array.clone()], r#"[ {"name":"a"} , {"name":"b","x":[{}]} ]"#);
        assert_eq!(page.next_cursor.as_deref(), Some("c1"));
        assert_eq!((page.ttl_ms, page.cache_scope), (Some(60000), Some(CacheScope::Public)));
    }

    #[test]
    fn what_a_legacy_server_leaves_out_is_none() {
        let page = prompts(r#"{"prompts":[],"nextCursor":null}"#).unwrap();
        assert_eq!(page, ListPage { array: 11..13, items: vec![], next_cursor: None, ttl_ms: None, cache_scope: None });
    }

    #[test]
    fn of_two_lists_the_first_counts() {
        let page = tools(r#"{"tools":[{}],"tools":[{},{}]}"#).unwrap();
        assert_eq!((page.array, page.items.len()), (9..13, 1));
        assert_eq!(page.items[0], 10..12);
    }

    #[test]
    fn a_lifetime_is_a_number_of_whatever_spelling() {
        for (raw, ttl) in [("0", Some(0)), ("-5", Some(0)), ("1.5e3", Some(1500)), ("\"9\"", None), ("null", None)] {
            assert_eq!(tools(&format!(r#"{{"tools":[],"ttlMs":{raw}}}"#)).unwrap().ttl_ms, ttl, "{raw}");
        }
    }

    #[test]
    fn a_result_without_a_readable_list_says_why() {
        for (result, error) in [
            ("[]", ListError::NotAnObject),
            ("{}", ListError::Missing("resources")),
            (r#"{"tools":[]}"#, ListError::Missing("resources")),
            (r#"{"resources":{}}"#, ListError::NotAnArray("resources")),
            (r#"{"resources":[{},1]}"#, ListError::NotAnItem("resources")),
            (r#"{"resources":[],"nextCursor":7}"#, ListError::BadCursor),
        ] {
            assert_eq!(resources(result), Err(error), "{result}");
        }
        assert!(resource_templates(r#"{"resourceTemplates":[]}"#).is_ok());
    }

    #[test]
    fn a_list_is_written_from_parts_of_items() {
        let item = r#"{"a":1,"name":"b","z":[]}"#;
        let (name, span) = named(item, "name").unwrap();
        assert_eq!(name, "b");
        let mut writer = Writer::new(r#"{"tools":"#, 0);
        writer.push(&[&item[..span.start], r#""s__b""#, &item[span.end..]]);
        writer.push(&["{}"]);
        assert_eq!(writer.finish(r#","ttlMs":0}"#), r#"{"tools":[{"a":1,"name":"s__b","z":[]},{}],"ttlMs":0}"#);
        assert_eq!(Writer::new("", 0).finish(""), "[]");
    }

    #[test]
    fn an_item_with_no_usable_name_has_none() {
        for item in ["{}", r#"{"name":1}"#, r#"{"Name":"a"}"#] {
            assert_eq!(named(item, "name"), None, "{item}");
        }
    }
}
