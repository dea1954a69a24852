//! Event streams. Input: where to cut (the bytes' values are the lengths of the pieces), and the stream.

use toolgate_wire::sse::{Decoder, Event, encode};

use crate::parts;

const LONG: usize = 1 << 20;
const SHORT: usize = 24;

pub(crate) fn check(input: &[u8]) {
    let [cuts, stream] = parts(input);
    let (events, failed, last_id, retry) = decode(LONG, [stream]);
    assert!(!failed || stream.len() > LONG);
    assert_eq!((events.clone(), last_id, retry), plainly(stream));
    for max in [LONG, SHORT] {
        assert_eq!(decode(max, pieces(stream, cuts)), decode(max, [stream]));
        assert_eq!(decode(max, stream.chunks(1)), decode(max, [stream]));
    }
    for event in events {
        reads_back(&event);
    }
    let (again, ..) = decode(LONG, [&encode(stream)[..]]);
    let normal = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    if std::str::from_utf8(stream).is_ok() {
        assert_eq!(again, [Event { data: normal.into_bytes(), ..Event::default() }]);
    }
}

/// Every event, whether the stream failed, its last id and its time to wait.
type Decoded = (Vec<Event>, bool, Option<String>, Option<u64>);

fn decode<'a>(max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(max);
    let (mut events, mut failed) = (Vec::new(), false);
    for piece in pieces {
        failed |= decoder.push(piece).is_err();
        events.extend(decoder.by_ref());
    }
    decoder.finish();
    events.extend(decoder.by_ref());
    (events, failed, decoder.last_id().map(str::to_owned), decoder.retry())
}

fn pieces<'a>(mut stream: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = stream.split_at(stream.len().min(usize::from(*cut)));
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}

fn reads_back(event: &Event) {
    let mut out = Vec::new();
    event.encode_into(&mut out);
    let (again, failed, ..) = decode(LONG, [&out[..]]);
    assert!(!failed);
    // A type with U+0000 in it can be read, but is not written.
    let event_type = event.event.clone().filter(|text| !text.contains('\0'));
    assert_eq!(again, [Event { event: event_type, ..event.clone() }]);
}

/// The whole stream as the HTML standard reads it, line by line.
fn plainly(stream: &[u8]) -> (Vec<Event>, Option<String>, Option<u64>) {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let (mut events, mut last_id, mut wait) = (Vec::new(), None, None);
    let mut event = Event::default();
    let mut has_data = false;
    for line in lines(stream) {
        if line.is_empty() {
            let Event { data, event, id, retry } = std::mem::take(&mut event);
            last_id = id.clone().or(last_id);
            wait = retry.or(wait);
            if std::mem::take(&mut has_data) {
                events.push(Event { data, event, id, retry });
            }
            continue;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = if value.first() == Some(&b' ') { &value[1..] } else { value };
        let text = String::from_utf8_lossy(value).into_owned();
        match field {
            b"data" => {
                if std::mem::replace(&mut has_data, true) {
                    event.data.push(b'\n');
                }
                event.data.extend_from_slice(value);
            }
            b"event" => event.event = Some(text).filter(|text| !text.is_empty()),
            b"id" if !text.contains('\0') => event.id = Some(text),
            b"retry" if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                event.retry = text.parse().ok().or(event.retry);
            }
            _ => {}
        }
    }
    (events, last_id, wait)
}

/// The lines that are ended: by CR LF, LF or CR.
fn lines(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        lines.push(&rest[..end]);
        rest = rest[end..].strip_prefix(b"\r\n").unwrap_or(&rest[end + 1..]);
    }
    lines
}
