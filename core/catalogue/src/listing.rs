//! A list ready to be sent: one piece of bytes, cut into pages without copying.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};

use crate::catalogue::Listed;

/// In which order items are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// In the bytes order of their names.
    ByName,
    /// As the upstream has them.
    Upstream,
}

/// An item as it is listed.
pub(crate) struct Shown<'a> {
    /// Its name here.
    pub(crate) name: &'a str,
    pub(crate) item: &'a Listed,
    /// Its JSON, if more than its name is changed.
    pub(crate) edited: Option<String>,
}

/// What one principal sees, as it is sent.
#[derive(Debug)]
pub struct Listing {
    /// The items' JSON, separated by commas.
    items: Bytes,
    rows: Vec<Row>,
    order: Order,
}

#[derive(Debug)]
struct Row {
    name: Box<str>,
    /// Where its JSON ends in `items`.
    end: usize,
}

/// One page of a [`Listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf {
    /// The items' JSON, separated by commas.
    pub items: Bytes,
    /// The cursor of the next page.
    pub next_cursor: Option<String>,
}

/// A cursor that this list never gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that this list gave: begin again without a cursor")]
pub struct BadCursor;

impl Listing {
    pub(crate) fn new(mut shown: Vec<Shown<'_>>, order: Order) -> Self {
        if order == Order::ByName {
            shown.sort_by(|a, b| a.name.cmp(b.name));
        }
        let len = shown.iter().map(|shown| shown.item.raw.len() + shown.name.len() + 1).sum();
        let mut bytes = BytesMut::with_capacity(len);
        let mut rows = Vec::with_capacity(shown.len());
        for shown in shown {
            if !bytes.is_empty() {
                bytes.put_u8(b',');
            }
            match &shown.edited {
                Some(edited) => bytes.put_slice(edited.as_bytes()),
                None if shown.name == shown.item.name => bytes.put_slice(&shown.item.raw),
                None => put_renamed(&mut bytes, &shown),
            }
            rows.push(Row { name: shown.name.into(), end: bytes.len() });
        }
        Self { items: bytes.freeze(), rows, order }
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.items.len() + self.rows.len() * 64
    }

    /// How many items it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The page after `cursor` (the first without one), of at most `limit` items.
    ///
    /// # Errors
    /// [`BadCursor`] if `cursor` is not one of this list's.
    pub fn page(&self, cursor: Option<&str>, limit: usize) -> Result<PageOf, BadCursor> {
        let first = cursor.map_or(Ok(0), |cursor| self.after(cursor))?;
        let last = first.saturating_add(limit).min(self.rows.len());
        let next_cursor = (last < self.rows.len() && last > first).then(|| encode(&self.rows[last - 1].name));
        let end = self.end_before(last);
        Ok(PageOf { items: self.items.slice(self.start_of(first).min(end)..end), next_cursor })
    }

    /// Cursors name the last item given, so that they hold when others come and go.
    fn after(&self, cursor: &str) -> Result<usize, BadCursor> {
        let name = decode(cursor).ok_or(BadCursor)?;
        if let Some(index) = self.rows.iter().position(|row| *row.name == *name) {
            return Ok(index + 1);
        }
        match self.order {
            Order::ByName => Ok(self.rows.partition_point(|row| *row.name < *name)),
            Order::Upstream => Err(BadCursor),
        }
    }

    /// Where the row begins: after the comma behind the row before it.
    fn start_of(&self, row: usize) -> usize {
        let before = self.end_before(row);
        if before == 0 { 0 } else { (before + 1).min(self.items.len()) }
    }

    fn end_before(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.rows[before].end)
    }
}

fn put_renamed(bytes: &mut BytesMut, Shown { name, item, .. }: &Shown<'_>) {
    bytes.put_slice(&item.raw[..item.name_span.start]);
    bytes.put_slice(toolgate_wire::splice::quote(name).as_bytes());
    bytes.put_slice(&item.raw[item.name_span.end..]);
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

    fn tool(name: &str) -> Listed {
        let raw = format!("{{\"x\":1e3, \"name\" : \"{name}\",\"vendor\":{{}}}}");
        let start = raw.find(&format!("\"{name}\"")).unwrap();
        Listed {
            name: name.into(),
            exposed: format!("s__{name}"),
            name_span: start..start + name.len() + 2,
            raw: raw.into(),
            headers: std::rc::Rc::new([]),
            description: std::cell::OnceCell::new(),
            schema: std::cell::OnceCell::new(),
            loose_output: false,
        }
    }

    fn exposed(tools: &[Listed]) -> Listing {
        let shown = tools.iter().map(|item| Shown { name: &item.exposed, item, edited: None });
        Listing::new(shown.collect(), Order::ByName)
    }

    fn original(tools: &[Listed]) -> Listing {
        let shown = tools.iter().map(|item| Shown { name: &item.name, item, edited: None });
        Listing::new(shown.collect(), Order::Upstream)
    }

    #[test]
    fn only_the_name_is_changed_and_only_in_an_aggregate() {
        let tools = [tool("b"), tool("a")];
        let exposed = exposed(&tools).page(None, 10).unwrap();
        assert_eq!(
            exposed.items,
            "{\"x\":1e3, \"name\" : \"s__a\",\"vendor\":{}},{\"x\":1e3, \"name\" : \"s__b\",\"vendor\":{}}"
        );
        let original = original(&tools).page(None, 10).unwrap();
        assert_eq!(original.items, [&tools[0].raw[..], b",", &tools[1].raw[..]].concat());
        assert_eq!(original.next_cursor, None);
    }

    #[test]
    fn an_empty_list_is_one_empty_page() {
        let page = exposed(&[]).page(None, 10).unwrap();
        assert_eq!(page, PageOf { items: Bytes::new(), next_cursor: None });
    }

    #[test]
    fn a_cursor_of_another_making_is_refused() {
        let tools = [tool("a")];
        let listing = original(&tools);
        for bad in ["", "x", "%", &URL_SAFE_NO_PAD.encode("2:a"), &encode("gone")] {
            assert_eq!(listing.page(Some(bad), 1), Err(BadCursor), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole_list(count in 0_usize..12, limit in 1_usize..5, by_name in any::<bool>()) {
            let tools: Vec<Listed> = (0..count).map(|n| tool(&format!("t{n:02}"))).collect();
            let listing = if by_name { exposed(&tools) } else { original(&tools) };
            let whole = listing.page(None, usize::MAX).unwrap().items;
            let (mut pages, mut cursor) = (Vec::new(), None);
            loop {
                let page = listing.page(cursor.as_deref(), limit).unwrap();
                pages.push(page.items);
                cursor = page.next_cursor;
                if cursor.is_none() { break; }
            }
            prop_assert_eq!(pages.len(), count.div_ceil(limit).max(1));
            prop_assert_eq!(pages.join(&b','), whole);
        }
    }
}
