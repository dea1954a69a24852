//! Server-sent events, both ways. The decoder takes bytes as they arrive, cut anywhere, and looks at each once.
//!
//! Must never know what an event's data means.

use std::collections::VecDeque;

/// Sent on a stream that has been silent: a comment, which every reader skips.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The data: the event's `data` lines, joined by line feeds.
    pub data: Vec<u8>,
    /// The event's type, where it names one.
    pub event: Option<String>,
    /// The id this event sets, where it sets one.
    pub id: Option<String>,
    /// The milliseconds to wait before connecting again, where this event says so.
    pub retry: Option<u64>,
}

/// A line or an event is longer than allowed; the stream is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event longer than {max} bytes, which is the limit")]
pub struct EventTooLong {
    /// The longest allowed.
    pub max: usize,
}

/// Turns the bytes of a stream into events. An iterator: it gives `None` when more bytes are needed.
#[derive(Clone, Debug)]
pub struct Decoder {
    max: usize,
    /// The part of a line that came before the bytes at hand.
    line: Vec<u8>,
    /// The last byte was a CR: a LF now belongs to it.
    after_cr: bool,
    /// A line was seen: a byte order mark can't come any more.
    begun: bool,
    failed: bool,
    event: Event,
    /// The event has data, be it empty.
    has_data: bool,
    ready: VecDeque<Event>,
    last_id: Option<String>,
    retry: Option<u64>,
}

impl Decoder {
    /// A decoder at the start of a stream whose lines, and the data of whose events, have at most `max_event` bytes.
    #[must_use]
    pub fn new(max_event: usize) -> Self {
        Self {
            max: max_event,
            line: Vec::new(),
            after_cr: false,
            begun: false,
            failed: false,
            event: Event::default(),
            has_data: false,
            ready: VecDeque::new(),
            last_id: None,
            retry: None,
        }
    }

    /// Takes the next bytes. Events that were complete before one was too long are still given.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), EventTooLong> {
        let result = if self.failed { Err(self.too_long()) } else { self.take(bytes) };
        self.failed = result.is_err();
        result
    }

    fn take(&mut self, mut rest: &[u8]) -> Result<(), EventTooLong> {
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                return self.keep(rest);
            };
            self.after_cr = rest[end] == b'\r';
            if self.line.is_empty() {
                self.line(&rest[..end])?;
            } else {
                self.keep(&rest[..end])?;
                let line = std::mem::take(&mut self.line);
                self.line(&line)?;
            }
            rest = &rest[end + 1..];
        }
        Ok(())
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), EventTooLong> {
        if self.line.len() + part.len() > self.max {
            return Err(self.too_long());
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), EventTooLong> {
        if line.len() > self.max {
            return Err(self.too_long());
        }
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.is_empty() {
            self.dispatch();
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => return self.data(value),
            b"event" => self.event.event = Some(String::from_utf8_lossy(value).into_owned()),
            b"id" if !value.contains(&0) => self.event.id = Some(String::from_utf8_lossy(value).into_owned()),
            b"retry" => self.event.retry = milliseconds(value).or(self.event.retry),
            _ => {}
        }
        Ok(())
    }

    fn data(&mut self, value: &[u8]) -> Result<(), EventTooLong> {
        if self.event.data.len() + value.len() + usize::from(self.has_data) > self.max {
            return Err(self.too_long());
        }
        if std::mem::replace(&mut self.has_data, true) {
            self.event.data.push(b'\n');
        }
        self.event.data.extend_from_slice(value);
        Ok(())
    }

    /// An empty line ends an event. One without data is none, but what it says about the stream holds.
    fn dispatch(&mut self) {
        let event = std::mem::take(&mut self.event);
        if event.id.is_some() {
            self.last_id.clone_from(&event.id);
        }
        self.retry = event.retry.or(self.retry);
        if std::mem::take(&mut self.has_data) {
            self.ready.push_back(event);
        }
    }

    fn too_long(&self) -> EventTooLong {
        EventTooLong { max: self.max }
    }

    /// The last id the stream set: what to resume from.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The milliseconds to wait before connecting again, as the stream last said.
    #[must_use]
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// The stream has ended: an event that no empty line ended is dropped, as the HTML standard has it.
    pub fn finish(&mut self) {
        self.line.clear();
        self.event = Event::default();
        self.has_data = false;
    }
}

impl Iterator for Decoder {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }
}

fn milliseconds(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// `data` as one event. A line break in it becomes a line break between `data` lines, which reads back as a line feed.
#[must_use]
pub fn encode(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 8);
    encode_into(&mut out, data);
    out
}

/// `data` as one event at the end of `out`.
pub fn encode_into(out: &mut Vec<u8>, data: &[u8]) {
    let mut rest = data;
    loop {
        out.extend_from_slice(b"data: ");
        let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else { break };
        out.extend_from_slice(&rest[..end]);
        out.push(b'\n');
        rest = &rest[end + if rest[end..].starts_with(b"\r\n") { 2 } else { 1 }..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\n\n");
}
