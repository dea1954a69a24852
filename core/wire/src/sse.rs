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

/// An event that no empty line has ended yet.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// No data is something else than empty data.
    data: Option<Vec<u8>>,
    event: Option<String>,
    id: Option<String>,
    retry: Option<u64>,
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
    /// What the lines since the last empty one said.
    pending: Pending,
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
            pending: Pending::default(),
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
            b"event" => self.pending.event = Some(text(value)).filter(|event| !event.is_empty()),
            b"id" if !value.contains(&0) => self.pending.id = Some(text(value)),
            b"retry" => self.pending.retry = milliseconds(value).or(self.pending.retry),
            _ => {}
        }
        Ok(())
    }

    fn data(&mut self, value: &[u8]) -> Result<(), EventTooLong> {
        let Some(data) = &mut self.pending.data else {
            self.pending.data = Some(value.to_vec());
            return Ok(());
        };
        if data.len() + 1 + value.len() > self.max {
            return Err(self.too_long());
        }
        data.push(b'\n');
        data.extend_from_slice(value);
        Ok(())
    }

    /// An empty line ends an event. One without data is none, but what it says about the stream holds.
    fn dispatch(&mut self) {
        let Pending { data, event, id, retry } = std::mem::take(&mut self.pending);
        if id.is_some() {
            self.last_id.clone_from(&id);
        }
        self.retry = retry.or(self.retry);
        if let Some(data) = data {
            self.ready.push_back(Event { data, event, id, retry });
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
        self.pending = Pending::default();
    }
}

impl Iterator for Decoder {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn milliseconds(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

impl Event {
    /// The event at the end of `out`, with all it says. An id or a type with a line break in it is left out.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let fields = [("event: ", &self.event), ("id: ", &self.id)];
        for (field, value) in fields {
            if let Some(value) = value.as_ref().filter(|value| !value.contains(['\n', '\r', '\0'])) {
                out.extend([field, value, "\n"].concat().into_bytes());
            }
        }
        if let Some(retry) = self.retry {
            out.extend(format!("retry: {retry}\n").into_bytes());
        }
        encode_into(out, &self.data);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<Event> {
        let mut decoder = Decoder::new(1024);
        decoder.push(bytes).unwrap();
        decoder.finish();
        decoder.collect()
    }

    fn data(bytes: &[u8]) -> Vec<String> {
        decode(bytes).into_iter().map(|event| String::from_utf8(event.data).unwrap()).collect()
    }

    #[test]
    fn every_line_ending_ends_a_line() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = "data: a\ndata: b\n\n\ndata:c\n\n".replace('\n', end);
            assert_eq!(data(stream.as_bytes()), ["a\nb", "c"], "{end:?}");
        }
        assert_eq!(data(b"data: a\r\n\rdata: b\n\r\ndata: c\r\r"), ["a", "b", "c"]);
    }

    #[test]
    fn fields_are_read_as_the_standard_has_it() {
        let events = decode(b"event: message\nid: 7\nretry: 1500\ndata:  x\nother: y\nnocolon\n\n");
        assert_eq!(
            events,
            [Event {
                data: b" x".to_vec(),
                event: Some("message".to_owned()),
                id: Some("7".to_owned()),
                retry: Some(1500)
            }]
        );
        let odd = decode(b"event\nid: a\0b\nretry: 1x\nretry: \ndata\n\n");
        assert_eq!(odd, [Event::default()]);
    }

    #[test]
    fn comments_and_a_byte_order_mark_are_skipped() {
        assert_eq!(data(b"\xef\xbb\xbfdata: a\n\n: comment\n\n:\n\ndata: b\n:x\n\n"), ["a", "b"]);
        assert_eq!(data(b"data: a\n\n\xef\xbb\xbfdata: b\n\n"), ["a"]);
        assert_eq!(data(KEEP_ALIVE), [""; 0]);
    }

    #[test]
    fn an_event_without_data_is_none_but_speaks_for_the_stream() {
        let mut decoder = Decoder::new(64);
        decoder.push(b"id: 1\nretry: 20\n\n").unwrap();
        assert_eq!(decoder.next(), None);
        assert_eq!((decoder.last_id(), decoder.retry()), (Some("1"), Some(20)));
        decoder.push(b"data\n\nid\ndata: x\n\n").unwrap();
        assert_eq!(decoder.next(), Some(Event::default()));
        assert_eq!(decoder.next().unwrap().id.as_deref(), Some(""));
        assert_eq!((decoder.last_id(), decoder.retry()), (Some(""), Some(20)));
    }

    #[test]
    fn an_unfinished_event_is_dropped() {
        assert_eq!(data(b"data: a\n\ndata: b\n"), ["a"]);
        assert_eq!(data(b"data: a\n\ndata: b"), ["a"]);
    }

    #[test]
    fn what_is_longer_than_allowed_ends_the_stream() {
        let too_long = Err(EventTooLong { max: 8 });
        for stream in ["data: abc\n\n", ":12345678\n", "data:abc\ndata:abcd\ndata:\n\n", "123456789"] {
            let mut decoder = Decoder::new(8);
            assert_eq!(decoder.push(b"data: 1\n\n"), Ok(()));
            assert_eq!(decoder.push(stream.as_bytes()), too_long, "{stream:?}");
            assert_eq!(decoder.push(b"\n\ndata: 2\n\n"), too_long);
            assert_eq!(decoder.by_ref().count(), 1);
        }
        let mut decoder = Decoder::new(8);
        assert_eq!(decoder.push(b"data: 12\n\n:1234567\n:\n:\n:\n:\ndata:abc\ndata:abc\n\n"), Ok(()));
        assert_eq!(decoder.count(), 2);
    }

    #[test]
    fn the_limit_is_of_lines_and_data_not_of_pieces() {
        let mut decoder = Decoder::new(8);
        assert_eq!(decoder.push(b"data:"), Ok(()));
        assert_eq!(decoder.push(b"123"), Ok(()));
        assert_eq!(decoder.push(b"4"), Err(EventTooLong { max: 8 }));
        let mut decoder = Decoder::new(8);
        assert_eq!(decoder.push(b"data:123\ndata:456\ndata\n"), Ok(()));
        assert_eq!(decoder.push(b"data\n"), Err(EventTooLong { max: 8 }));
    }

    #[test]
    fn what_is_encoded_reads_back() {
        assert_eq!(encode(b"{}"), b"data: {}\n\n");
        assert_eq!(encode(b"a\r\nb\rc\n"), b"data: a\ndata: b\ndata: c\ndata: \n\n");
        let event = Event { data: b"x".to_vec(), event: Some("e".into()), id: Some("1".into()), retry: Some(5) };
        let mut out = Vec::new();
        event.encode_into(&mut out);
        assert_eq!(decode(&out), std::slice::from_ref(&event));
        let mut out = Vec::new();
        Event { id: Some("a\ndata: forged".into()), ..event.clone() }.encode_into(&mut out);
        assert_eq!(decode(&out), [Event { id: None, ..event }]);
    }
}
