//! What the program wrote with `console.log`, kept as JSON strings separated by commas, within a number of bytes.

use crate::{json, memory::Single, report};

struct Logs {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

static LOGS: Single<Logs> = Single::new(Logs { bytes: Vec::new(), limit: 0, full: false });

/// Begins a program's logs, which may be as long as `limit` bytes.
pub(crate) fn begin(limit: usize) {
    *LOGS.get() = Logs { bytes: Vec::new(), limit, full: false };
}

/// How many bytes of text may still be added.
pub(crate) fn room() -> usize {
    let logs = LOGS.get();
    if logs.full { 0 } else { logs.limit.saturating_sub(logs.bytes.len()) }
}

/// Adds a line. What does not fit is cut, and the cut is marked; after that nothing more is kept.
pub(crate) fn add(line: &str) {
    let room = room();
    if room == 0 {
        return mark_full();
    }
    let kept = json::prefix(line, room);
    push(kept);
    if kept.len() < line.len() {
        mark_full();
    }
}

fn mark_full() {
    let logs = LOGS.get();
    if !logs.full {
        logs.full = true;
        let limit = logs.limit;
        push(&format!("[the logs end here: more than {limit} bytes]"));
    }
}

fn push(line: &str) {
    let logs = LOGS.get();
    if !logs.bytes.is_empty() {
        logs.bytes.push(b',');
    }
    json::write_str(&mut logs.bytes, line);
    report::logged(&logs.bytes);
}

/// Bytes that stay where they are until the instance is gone.
pub(crate) fn leak(text: &str) -> &'static [u8] {
    let cut = json::prefix(text, 500);
    Box::leak(cut.as_bytes().to_vec().into_boxed_slice())
}
