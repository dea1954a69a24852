//! A list, put together from its pages within bounds. Looks into no item.

use std::collections::BTreeSet;

use bytes::Bytes;
use toolgate_model::{ItemKind, Limits};
use toolgate_wire::list::{self, ListError, ListPage};

use crate::{Reply, UpstreamErrorKind as Kind, refusal::result_of};

/// The pages so far.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) items: Vec<Bytes>,
    pub(crate) ttl_ms: Option<u64>,
    bytes: usize,
    cursors: BTreeSet<String>,
}

impl Pages {
    /// Takes a page and gives the cursor of the next.
    pub(crate) fn take(
        &mut self,
        kind: ItemKind,
        reply: &Reply,
        limits: &Limits,
    ) -> Result<Option<String>, (Kind, String)> {
        let result = result_of(reply).unwrap_or_default();
        let page = page(kind, result).map_err(|error| (Kind::Protocol, format!("its list is none: {error}")))?;
        let start = reply.result.as_ref().map_or(0, |span| span.start);
        self.bytes = self.bytes.saturating_add(result.len());
        if self.bytes > limits.upstream_body {
            return Err(too_large(&format!("is longer than {} bytes", limits.upstream_body)));
        }
        if self.items.len() + page.items.len() > limits.catalogue_tools {
            return Err(too_large(&format!("holds more than {} items", limits.catalogue_tools)));
        }
        self.items.extend(page.items.iter().map(|item| reply.message.slice(start + item.start..start + item.end)));
        self.ttl_ms = [self.ttl_ms, page.ttl_ms].into_iter().flatten().min();
        let Some(cursor) = page.next_cursor else { return Ok(None) };
        if self.cursors.len() + 1 >= limits.catalogue_pages {
            return Err(too_large(&format!("has more than {} pages", limits.catalogue_pages)));
        }
        if !self.cursors.insert(cursor.clone().into_owned()) {
            return Err((Kind::Protocol, "its list never ends: a cursor came twice".into()));
        }
        Ok(Some(cursor.into_owned()))
    }
}

fn too_large(what: &str) -> (Kind, String) {
    (Kind::TooLarge, format!("its list {what}, which is the limit"))
}

fn page(kind: ItemKind, result: &str) -> Result<ListPage<'_>, ListError> {
    match kind {
        ItemKind::Tool => list::tools(result),
        ItemKind::Prompt => list::prompts(result),
        ItemKind::Resource => list::resources(result),
        ItemKind::Template => list::resource_templates(result),
    }
}

/// The method that lists items of `kind`, and the capability that a server with such items declares.
pub(crate) const fn method_of(kind: ItemKind) -> (&'static str, &'static str) {
    match kind {
        ItemKind::Tool => ("tools/list", "tools"),
        ItemKind::Prompt => ("prompts/list", "prompts"),
        ItemKind::Resource => ("resources/list", "resources"),
        ItemKind::Template => ("resources/templates/list", "resources"),
    }
}
