//! A list of tools ready to be sent: one piece of bytes, cut into pages without copying.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};

use crate::catalogue::Tool;

/// Under which names tools are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// `server__tool`, in the bytes order of these names.
    Exposed,
    /// As the upstream names them, in its order.
    Original,
}

/// The tools that one principal sees, as they are sent.
#[derive(Debug)]
pub struct Listing {
    /// The tools' JSON, separated by commas.
    tools: Bytes,
    rows: Vec<Row>,
    naming: Naming,
}

#[derive(Debug)]
struct Row {
    name: Box<str>,
    /// Where its JSON ends in `tools`.
    end: usize,
}

/// One page of a [`Listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf {
    /// The tools' JSON, separated by commas.
    pub tools: Bytes,
    /// The cursor of the next page.
    pub next_cursor: Option<String>,
}

/// A cursor that this list never gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that this list gave: begin again without a cursor")]
pub struct BadCursor;

impl Listing {
    pub(crate) fn new(mut tools: Vec<&Tool>, naming: Naming) -> Self {
        if naming == Naming::Exposed {
            tools.sort_by(|a, b| a.exposed.cmp(&b.exposed));
        }
        let len = tools.iter().map(|tool| tool.raw.len() + tool.exposed.len() + 1).sum();
        let mut bytes = BytesMut::with_capacity(len);
        let mut rows = Vec::with_capacity(tools.len());
        for tool in tools {
            if !bytes.is_empty() {
                bytes.put_u8(b',');
            }
            let name = match naming {
                Naming::Exposed => put_renamed(&mut bytes, tool),
                Naming::Original => {
                    bytes.put_slice(&tool.raw);
                    &tool.name
                }
            };
            rows.push(Row { name: name.as_str().into(), end: bytes.len() });
        }
        Self { tools: bytes.freeze(), rows, naming }
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.tools.len() + self.rows.len() * 64
    }

    /// How many tools it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The page after `cursor` (the first without one), of at most `limit` tools.
    ///
    /// # Errors
    /// [`BadCursor`] if `cursor` is not one of this list's.
    pub fn page(&self, cursor: Option<&str>, limit: usize) -> Result<PageOf, BadCursor> {
        let first = cursor.map_or(Ok(0), |cursor| self.after(cursor))?;
        let last = first.saturating_add(limit).min(self.rows.len());
        let next_cursor = (last < self.rows.len() && last > first).then(|| encode(&self.rows[last - 1].name));
        let end = self.end_before(last);
        Ok(PageOf { tools: self.tools.slice(self.start_of(first).min(end)..end), next_cursor })
    }

    /// Cursors name the last tool given, so that they hold when other tools come and go.
    fn after(&self, cursor: &str) -> Result<usize, BadCursor> {
        let name = decode(cursor).ok_or(BadCursor)?;
        if let Some(index) = self.rows.iter().position(|row| *row.name == *name) {
            return Ok(index + 1);
        }
        match self.naming {
            Naming::Exposed => Ok(self.rows.partition_point(|row| *row.name < *name)),
            Naming::Original => Err(BadCursor),
        }
    }

    /// Where the row begins: after the comma behind the row before it.
    fn start_of(&self, row: usize) -> usize {
        let before = self.end_before(row);
        if before == 0 { 0 } else { (before + 1).min(self.tools.len()) }
    }

    fn end_before(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.rows[before].end)
    }
}

fn put_renamed<'a>(bytes: &mut BytesMut, tool: &'a Tool) -> &'a String {
    bytes.put_slice(&tool.raw[..tool.name_span.start]);
    bytes.put_u8(b'"');
    // An exposed name holds nothing that JSON would escape.
    bytes.put_slice(tool.exposed.as_bytes());
    bytes.put_u8(b'"');
    bytes.put_slice(&tool.raw[tool.name_span.end..]);
    &tool.exposed
}

fn encode(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{name}"))
}

fn decode(cursor: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("1:").map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tool(name: &str) -> Tool {
        let raw = format!("{{\"x\":1e3, \"name\" : \"{name}\",\"vendor\":{{}}}}");
        let start = raw.find(&format!("\"{name}\"")).unwrap();
        Tool {
            name: name.into(),
            exposed: format!("s__{name}"),
            name_span: start..start + name.len() + 2,
            raw: raw.into(),
        }
    }

    #[test]
    fn only_the_name_is_changed_and_only_in_an_aggregate() {
        let tools = [tool("b"), tool("a")];
        let exposed = Listing::new(tools.iter().collect(), Naming::Exposed).page(None, 10).unwrap();
        assert_eq!(
            exposed.tools,
            "{\"x\":1e3, \"name\" : \"s__a\",\"vendor\":{}},{\"x\":1e3, \"name\" : \"s__b\",\"vendor\":{}}"
        );
        let original = Listing::new(tools.iter().collect(), Naming::Original).page(None, 10).unwrap();
        assert_eq!(original.tools, [&tools[0].raw[..], b",", &tools[1].raw[..]].concat());
        assert_eq!(original.next_cursor, None);
    }

    #[test]
    fn an_empty_list_is_one_empty_page() {
        let page = Listing::new(vec![], Naming::Exposed).page(None, 10).unwrap();
        assert_eq!(page, PageOf { tools: Bytes::new(), next_cursor: None });
    }

    #[test]
    fn a_cursor_of_another_making_is_refused() {
        let tools = [tool("a")];
        let listing = Listing::new(tools.iter().collect(), Naming::Original);
        for bad in ["", "x", "%", &URL_SAFE_NO_PAD.encode("2:a"), &encode("gone")] {
            assert_eq!(listing.page(Some(bad), 1), Err(BadCursor), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole_list(count in 0_usize..12, limit in 1_usize..5, exposed in any::<bool>()) {
            let tools: Vec<Tool> = (0..count).map(|n| tool(&format!("t{n:02}"))).collect();
            let naming = if exposed { Naming::Exposed } else { Naming::Original };
            let listing = Listing::new(tools.iter().collect(), naming);
            let whole = listing.page(None, usize::MAX).unwrap().tools;
            let (mut pages, mut cursor) = (Vec::new(), None);
            loop {
                let page = listing.page(cursor.as_deref(), limit).unwrap();
                pages.push(page.tools);
                cursor = page.next_cursor;
                if cursor.is_none() { break; }
            }
            prop_assert_eq!(pages.len(), count.div_ceil(limit).max(1));
            prop_assert_eq!(pages.join(&b','), whole);
        }
    }
}
