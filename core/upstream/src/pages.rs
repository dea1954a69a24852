//! A list of tools, put together from its pages within bounds. Looks into no tool.

use std::collections::BTreeSet;

use bytes::Bytes;
use toolgate_model::Limits;
use toolgate_wire::list;

use crate::{Reply, UpstreamErrorKind as Kind, refusal::result_of};

/// The pages so far.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) tools: Vec<Bytes>,
    pub(crate) ttl_ms: Option<u64>,
    bytes: usize,
    cursors: BTreeSet<String>,
}

impl Pages {
    /// Takes a page and gives the cursor of the next.
    pub(crate) fn take(&mut self, reply: &Reply, limits: &Limits) -> Result<Option<String>, (Kind, String)> {
        let result = result_of(reply).unwrap_or_default();
        let page =
            list::tools(result).map_err(|error| (Kind::Protocol, format!("its list of tools is none: {error}")))?;
        let start = reply.result.as_ref().map_or(0, |span| span.start);
        self.bytes = self.bytes.saturating_add(result.len());
        if self.bytes > limits.upstream_body {
            return Err(too_large(&format!("is longer than {} bytes", limits.upstream_body)));
        }
        if self.tools.len() + page.items.len() > limits.catalogue_tools {
            return Err(too_large(&format!("holds more than {} tools", limits.catalogue_tools)));
        }
        self.tools.extend(page.items.iter().map(|item| reply.message.slice(start + item.start..start + item.end)));
        self.ttl_ms = [self.ttl_ms, page.ttl_ms].into_iter().flatten().min();
        let Some(cursor) = page.next_cursor else { return Ok(None) };
        if self.cursors.len() + 1 >= limits.catalogue_pages {
            return Err(too_large(&format!("has more than {} pages", limits.catalogue_pages)));
        }
        if !self.cursors.insert(cursor.clone().into_owned()) {
            return Err((Kind::Protocol, "its list of tools never ends: a cursor came twice".into()));
        }
        Ok(Some(cursor.into_owned()))
    }
}

fn too_large(what: &str) -> (Kind, String) {
    (Kind::TooLarge, format!("its list of tools {what}, which is the limit"))
}
