//! A catalogue as it is stored: one line of JSON about it, then the items as the upstream wrote them.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use toolgate_model::{Revision, Timestamp};
use toolgate_upstream::Verdict;
use toolgate_wire::splice;

use crate::catalogue::{Catalogue, Fetched};

/// Grows when the form changes; what has another form is fetched again.
const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    revision: Revision,
    fetched_at: Timestamp,
    ttl_ms: Option<u64>,
    verdict: Verdict,
}

pub(crate) fn encode(catalogue: &Catalogue) -> Option<Bytes> {
    let head = Head {
        format: FORMAT,
        revision: catalogue.revision,
        fetched_at: catalogue.fetched_at,
        ttl_ms: catalogue.ttl_ms,
        verdict: (*catalogue.verdict).clone(),
    };
    let head = serde_json::to_vec(&head).ok()?;
    let len = catalogue.items.iter().map(|item| item.raw.len() + 1).sum::<usize>();
    let mut stored = BytesMut::with_capacity(head.len() + len + 3);
    stored.put_slice(&head);
    stored.put_slice(b"\n[");
    for (index, item) in catalogue.items.iter().enumerate() {
        if index > 0 {
            stored.put_u8(b',');
        }
        stored.put_slice(&item.raw);
    }
    stored.put_u8(b']');
    Some(stored.freeze())
}

/// Reads what was stored for the server's record at `revision`; anything else is as if there were nothing.
pub(crate) fn decode(stored: &Bytes, revision: Revision) -> Option<Fetched> {
    let end = stored.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&stored[..end]).ok()?;
    if head.format != FORMAT || head.revision != revision {
        return None;
    }
    let array = stored.slice(end + 1..);
    let text = std::str::from_utf8(&array).ok()?;
    let items = splice::elements(text).map(|span| array.slice(span)).collect();
    Some(Fetched { fetched_at: head.fetched_at, ttl_ms: head.ttl_ms, verdict: head.verdict, items })
}
