//! What holds for every input: nothing panics, nothing that is not edited changes, and it does not matter how a stream
//! is cut. `serde_json` is the second opinion.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::ops::Range;

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value, value::RawValue};
use toolgate_wire::{
    Bounds, Classified, Headers, Message, Meta, classify, depth, header, is_batch, list, reply,
    splice::{self, Edit},
    split_batch,
    sse::{Decoder, Event, encode},
};

/// Any JSON value, some levels deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![vec(inner.clone(), 0..6).prop_map(Value::from), vec((text(), inner), 0..6).prop_map(object)]
    })
}

fn object(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("name".to_owned()), any::<String>(), "[\\\\\"{}\\[\\],:\n\u{1}é]{0,12}"]
}

/// Text that is often nearly JSON, or nearly an event stream.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\""),
        Just("\\"),
        Just(" "),
        Just("\"jsonrpc\":\"2.0\""),
        Just("\"id\":1"),
        Just("\"method\":\"tools/call\""),
        Just("\"params\":{"),
        Just("\"_meta\":{"),
        Just("\"name\":"),
        Just("\"tools\":["),
        Just("\"a\""),
        Just("é"),
        Just("\\ud800"),
        Just("1"),
        Just("-"),
        Just("e"),
        Just("."),
        Just("0"),
        Just("true"),
        Just("nul"),
        Just("\\u00"),
        Just("\u{0}"),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..200), nearly().prop_map(String::into_bytes)]
}

/// JSON printed plainly or with space everywhere.
fn print(value: &Value, pretty: bool) -> String {
    if pretty { format!(" {value:#} \n") } else { value.to_string() }
}

/// One string of an event stream, from the pieces that matter.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("\n"),
        Just("\r"),
        Just("\r\n"),
        Just("\n\n"),
        Just("data:"),
        Just("data: "),
        Just("id: "),
        Just("event: "),
        Just("retry: "),
        Just("12"),
        Just(":"),
        Just("x"),
        Just("{\"a\":1}"),
        Just("\u{feff}"),
        Just("é"),
        Just("\0"),
    ];
    prop_oneof![vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes()), vec(any::<u8>(), 0..60)]
}

/// Every event and whether the stream failed, for `bytes` pushed in parts.
fn decode<'a>(
    max: usize,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, bool, Option<String>, Option<u64>) {
    let mut decoder = Decoder::new(max);
    let mut events = Vec::new();
    let mut failed = false;
    for part in parts {
        failed |= decoder.push(part).is_err();
        events.extend(decoder.by_ref());
    }
    decoder.finish();
    events.extend(decoder.by_ref());
    (events, failed, decoder.last_id().map(str::to_owned), decoder.retry())
}

fn naive_depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(naive_depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(naive_depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Nesting counted byte by byte.
fn naive_check(bytes: &[u8], max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max {
            return false;
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_input_panics(body in bytes(), version in any::<Option<String>>(), at in any::<(usize, usize)>()) {
        let bounds = Bounds { depth: 8, batch: 4 };
        for version in [version.as_deref(), Some("2026-07-28"), Some("2025-11-25"), None] {
            let headers = Headers { protocol_version: version, method: version, name: version, session: None };
            if let Err(refusal) = classify(&headers, &body, bounds) {
                prop_assert!(serde_json::from_str::<Value>(&refusal.body()).is_ok());
            }
        }
        let _ = depth::check(&body, 3);
        let text = String::from_utf8_lossy(&body);
        let _ = Meta::read(Some(&text));
        for member in splice::members(&text) {
            let _ = (&text[member.value_span], &text[member.whole], &text[member.name_span]);
        }
        for item in splice::elements(&text) {
            let _ = &text[item];
        }
        let _ = (splice::string(&text), header::decode_value(&text), list::named(&text, "a"), list::tools(&text).is_ok());
        let span = at.0 % 220..at.1 % 220;
        let edit = Edit::new(&text).replace(span.clone(), "x").insert_first(span.clone(), "y", "1");
        let _ = edit.remove_member(span, "a").insert_first(0..text.len(), "z", "2").finish();
    }

    #[test]
    fn what_is_json_is_what_serde_json_says(text in prop_oneof![nearly(), (json(), any::<bool>()).prop_map(|(value, pretty)| print(&value, pretty))]) {
        let expected = serde_json::from_str::<&RawValue>(&text).is_ok();
        // As a member of a message, so that only the JSON decides.
        let body = format!(r#"{{"jsonrpc":"2.0","method":"m","x":{text}}}"#);
        prop_assert_eq!(Message::parse(body.as_bytes(), 1000).is_ok() && expected, expected);
        let entry = format!("[{text}]");
        let split = split_batch(entry.as_bytes(), 1000, 1000);
        if expected {
            prop_assert_eq!(split.unwrap(), [text.trim_matches([' ', '\n', '\r', '\t']).as_bytes()]);
        } else {
            prop_assert_eq!(split.is_ok(), serde_json::from_str::<Vec<&RawValue>>(&entry).is_ok_and(|all| !all.is_empty()));
        }
        prop_assert_eq!(is_batch(entry.as_bytes()), true);
    }

    #[test]
    fn json_cut_short_is_no_message(value in json(), cut in any::<Index>()) {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"m","x":{value}}}"#);
        prop_assert!(Message::parse(body.as_bytes(), 100).is_ok());
        prop_assert!(Message::parse(&body.as_bytes()[..cut.index(body.len())], 100).is_err());
    }

    #[test]
    fn depth_is_what_a_naive_count_says(value in json(), noise in bytes(), max in 0_usize..8) {
        prop_assert_eq!(depth::check(value.to_string().as_bytes(), max).is_ok(), naive_depth(&value) <= max);
        prop_assert_eq!(depth::check(&noise, max).is_ok(), naive_check(&noise, max));
        let body = format!(r#"{{"jsonrpc":"2.0","method":"m","x":{value}}}"#);
        prop_assert_eq!(Message::parse(body.as_bytes(), max).is_ok(), naive_depth(&value) < max);
    }

    #[test]
    fn deep_nesting_is_read_right(shape in vec(any::<bool>(), 0..300)) {
        let open: String = shape.iter().map(|object| if *object { "{\"a\":" } else { "[" }).collect();
        let close: String = shape.iter().rev().map(|object| if *object { "}" } else { "]" }).collect();
        let body = format!(r#"[{open}1{close}]"#);
        prop_assert!(split_batch(body.as_bytes(), shape.len(), 1).is_ok());
        prop_assert!(shape.is_empty() || split_batch(body.as_bytes(), shape.len() - 1, 1).is_err());
        if let Some(last) = close.chars().next_back() {
            let wrong = if last == '}' { ']' } else { '}' };
            let broken = format!("[{open}1{}{wrong}]", &close[..close.len() - 1]);
            prop_assert!(split_batch(broken.as_bytes(), 1000, 1).is_err());
        }
    }

    #[test]
    fn members_and_elements_are_those_serde_json_sees(value in json(), pretty in any::<bool>()) {
        let text = print(&value, pretty);
        let members: Vec<_> = splice::members(&text).collect();
        let seen: Map<String, Value> = members
            .iter()
            .map(|member| (member.name.to_string(), serde_json::from_str(&text[member.value_span.clone()]).unwrap()))
            .collect();
        prop_assert_eq!(seen, value.as_object().cloned().unwrap_or_default());
        for member in &members {
            prop_assert_eq!(splice::member(&text, &member.name), Some(member.value_span.clone()));
        }
        let items: Vec<Value> = splice::elements(&text).map(|item| serde_json::from_str(&text[item]).unwrap()).collect();
        prop_assert_eq!(items, value.as_array().cloned().unwrap_or_default());
    }

    #[test]
    fn splicing_changes_no_other_byte(
        members in vec((text(), json()), 0..6), pretty in any::<bool>(), replace in any::<Index>(), with in json(), name in text(),
    ) {
        let text = print(&object(members), pretty);
        let text = text.trim();
        let found: Vec<_> = splice::members(text).collect();
        let with = with.to_string();
        let inserted = Edit::new(text).insert_first(0..text.len(), &name, with.as_str()).finish();
        let comma = if found.is_empty() { "" } else { "," };
        prop_assert_eq!(inserted, format!("{{{}:{with}{comma}{}", splice::quote(&name), &text[1..]));
        if !found.is_empty() {
            let Range { start, end } = found[replace.index(found.len())].value_span.clone();
            let replaced = Edit::new(text).replace(start..end, with.as_str()).finish();
            prop_assert_eq!(replaced, format!("{}{with}{}", &text[..start], &text[end..]));
        }
    }

    #[test]
    fn edits_of_an_object_do_what_they_say(
        members in vec((text(), json()), 0..8), pretty in any::<bool>(), keep in any::<u8>(), inserted in any::<Option<i32>>(),
    ) {
        let Value::Object(mut expected) = object(members) else { unreachable!() };
        let text = print(&Value::Object(expected.clone()), pretty);
        let all = text.find('{').unwrap()..text.rfind('}').unwrap() + 1;
        let names: Vec<String> = expected.keys().cloned().collect();
        let gone: Vec<&String> = names.iter().enumerate().filter(|(at, _)| keep >> at & 1 == 0).map(|(_, name)| name).collect();
        let kept: Vec<String> = splice::members(&text)
            .filter(|member| !gone.iter().any(|name| **name == member.name))
            .map(|member| text[member.name_span.start..member.value_span.end].to_owned())
            .collect();
        let raw = inserted.map(|number| number.to_string());
        let mut edit = Edit::new(&text);
        for name in gone {
            edit = edit.remove_member(all.clone(), name);
            expected.remove(name);
        }
        if let Some(raw) = &raw {
            edit = edit.insert_first(all, "\u{1}new", raw.as_str());
            expected.insert("\u{1}new".to_owned(), inserted.into());
        }
        let edited = edit.finish();
        prop_assert_eq!(serde_json::from_str::<Value>(&edited).unwrap(), Value::Object(expected));
        // What is kept is kept to the byte, and in order.
        let mut rest = &*edited;
        for member in kept {
            let at = rest.find(&member);
            prop_assert!(at.is_some(), "{} lost from {}", member, edited);
            rest = &rest[at.unwrap() + member.len()..];
        }
    }

    #[test]
    fn strings_read_back(text in any::<String>()) {
        let raw = splice::quote(&text);
        prop_assert_eq!(splice::string(&raw).unwrap(), text.as_str());
        prop_assert_eq!(serde_json::from_str::<String>(&raw).unwrap(), text.as_str());
        let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        let escaped = format!("\"{ascii}\"");
        prop_assert_eq!(splice::string(&escaped).unwrap(), text);
    }

    #[test]
    fn header_values_read_back(value in prop_oneof![any::<String>(), "[ \t]?(=\\?base64\\?)?[ -~]{0,8}(\\?=)?[ \t]?"]) {
        let raw = header::encode_value(&value);
        prop_assert!(raw.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')));
        prop_assert_eq!(header::decode_value(&raw).unwrap(), value.as_str());
        let padded = format!("  {raw}\t");
        prop_assert_eq!(header::decode_value(&padded).unwrap(), value);
    }

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut(stream in stream(), max in 0_usize..40, cuts in vec(any::<Index>(), 0..8)) {
        let whole = decode(max, [&stream[..]]);
        prop_assert_eq!(&decode(max, stream.chunks(1)), &whole);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        prop_assert_eq!(&decode(max, cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]])), &whole);
    }

    #[test]
    fn events_read_back(data in vec(any::<u8>(), 0..80), event in "[a-z]{0,4}", id in "[ -~]{0,4}", retry in any::<Option<u64>>()) {
        let normal = String::from_utf8_lossy(&data).replace("\r\n", "\n").replace('\r', "\n");
        let (events, failed, ..) = decode(1000, [&encode(String::from_utf8_lossy(&data).as_bytes())[..]]);
        prop_assert!(!failed);
        prop_assert_eq!(events, [Event { data: normal.clone().into_bytes(), ..Event::default() }]);
        let event = Event { data: normal.into_bytes(), event: (!event.is_empty()).then_some(event), id: Some(id), retry };
        let mut out = Vec::new();
        event.encode_into(&mut out);
        prop_assert_eq!(decode(1000, [&out[..]]).0, [event]);
    }

    #[test]
    fn answers_are_messages(id in prop_oneof![any::<i64>().prop_map(|id| id.to_string()), any::<String>().prop_map(|id| splice::quote(&id))], text in any::<String>(), value in json()) {
        let raw = value.to_string();
        let answer = reply::result(&id, &raw);
        let message = Message::parse(answer.as_bytes(), 100).unwrap();
        prop_assert_eq!((message.id(), message.result()), (Some(&*id), Some(&*raw)));
        let answer = reply::error(Some(&id), -32602, &text, Some(&raw));
        let message = Message::parse(answer.as_bytes(), 100).unwrap();
        let error = message.error().unwrap();
        prop_assert_eq!(message.id(), Some(&*id));
        prop_assert_eq!(splice::value(error, "data"), Some(&*raw));
        prop_assert_eq!(splice::string(splice::value(error, "message").unwrap()).unwrap(), text);
    }

    #[test]
    fn a_call_is_routed_and_nothing_else_changes(name in text(), arguments in json(), pretty in any::<bool>()) {
        let body = serde_json::json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "arguments": arguments, "name": name, "vendor": 1.0e3, "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
        }}});
        let body = print(&body, pretty);
        let header = header::encode_value(&name);
        let headers = Headers {
            protocol_version: Some("2026-07-28"), method: Some("tools/call"), name: Some(&header), session: None,
        };
        let bounds = Bounds { depth: 100, batch: 1 };
        let Ok(Classified::Modern(request)) = classify(&headers, body.as_bytes(), bounds) else { panic!("{body}") };
        let target = request.target.unwrap();
        prop_assert_eq!(&*target.name, name);
        let routed = Edit::new(request.message.text()).replace(target.span.clone(), "\"t\"").finish();
        prop_assert_eq!(routed, format!("{}\"t\"{}", &body[..target.span.start], &body[target.span.end..]));
    }
}
