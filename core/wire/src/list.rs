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
    /// A member is of the wrong type.
    #[error("\"{0}\" of the result is of the wrong type")]
    WrongType(&'static str),
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
    /// How long the result may be kept. `None` where the server does not say; a negative number reads as zero.
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
    for member in splice::members(result) {
        let raw = &result[member.value_span.clone()];
        match &*member.name {
            "nextCursor" if raw != "null" => {
                page.next_cursor = Some(splice::string(raw).ok_or(ListError::WrongType("nextCursor"))?);
            }
            "ttlMs" => page.ttl_ms = Some(milliseconds(raw).ok_or(ListError::WrongType("ttlMs"))?),
            "cacheScope" => page.cache_scope = cache_scope(raw),
            name if name == list => array = array.or(Some(member.value_span)),
            _ => {}
        }
    }
    page.array = array.ok_or(ListError::Missing(list))?;
    let raw = &result[page.array.clone()];
    if !raw.starts_with('[') {
        return Err(ListError::NotAnArray(list));
    }
    for item in splice::elements(raw) {
        if !raw[item.clone()].starts_with('{') {
            return Err(ListError::NotAnItem(list));
        }
        page.items.push(page.array.start + item.start..page.array.start + item.end);
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
