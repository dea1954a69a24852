//! One JSON-RPC message, borrowed: validated once, then only spans. Must never know a method or a revision.

use std::borrow::Cow;

use crate::{
    Span,
    scan::{Fault, Scanner, skip_space},
    splice,
};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has a result or an error.
    Response,
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not JSON.
    #[error("not JSON (at byte {at})")]
    NotJson {
        /// Where it stops being JSON.
        at: usize,
    },
    /// JSON, but nested too deep.
    #[error("nested deeper than {max} levels, which is the limit")]
    TooDeep {
        /// The deepest nesting allowed.
        max: usize,
    },
    /// An array of messages, where one message was expected.
    #[error("a batch (an array) where one message is expected")]
    Batch,
    /// A batch with nothing in it.
    #[error("an empty batch")]
    EmptyBatch,
    /// A batch with too much in it.
    #[error("a batch of more than {max} messages, which is the limit")]
    BatchTooLong {
        /// The most messages allowed.
        max: usize,
    },
    /// JSON, but no JSON-RPC message.
    #[error("not a JSON-RPC message: {reason}")]
    NotAMessage {
        /// What is wrong with it.
        reason: &'static str,
        /// The raw id it carries, where it carries a usable one.
        id: Option<String>,
    },
}

/// A place in the text; a [`Span`] that can be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    start: usize,
    end: usize,
}

impl Place {
    fn span(self) -> Span {
        self.start..self.end
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self { start: span.start, end: span.end }
    }
}

/// The members of the envelope, as found.
#[derive(Clone, Copy, Debug, Default)]
struct Envelope {
    jsonrpc: Option<Place>,
    id: Option<Place>,
    method: Option<Place>,
    params: Option<Place>,
    result: Option<Place>,
    error: Option<Place>,
    /// A member that is there twice.
    twice: Option<&'static str>,
}

const ID_TWICE: &str = "\"id\" is there twice";

impl Envelope {
    fn note(&mut self, name: &str, value: Span) {
        let (slot, reason) = match name {
            "jsonrpc" => (&mut self.jsonrpc, "\"jsonrpc\" is there twice"),
            "id" => (&mut self.id, ID_TWICE),
            "method" => (&mut self.method, "\"method\" is there twice"),
            "params" => (&mut self.params, "\"params\" is there twice"),
            "result" => (&mut self.result, "\"result\" is there twice"),
            "error" => (&mut self.error, "\"error\" is there twice"),
            _ => return,
        };
        if slot.replace(value.into()).is_some() && self.twice != Some(ID_TWICE) {
            self.twice = Some(reason);
        }
    }
}

/// One JSON-RPC message in the bytes it came in.
#[derive(Clone)]
pub struct Message<'a> {
    text: &'a str,
    kind: Kind,
    id: Option<Place>,
    method: Option<Cow<'a, str>>,
    params: Option<Place>,
    result: Option<Place>,
    error: Option<Place>,
}

impl<'a> Message<'a> {
    /// Reads `bytes` as one message of at most `max_depth` containers within each other.
    ///
    /// The whole text is validated. Members of the envelope that JSON-RPC does not know are left alone; members it
    /// knows must be there once at most, for two readers could otherwise see two different messages.
    pub fn parse(bytes: &'a [u8], max_depth: usize) -> Result<Self, MessageError> {
        let text = std::str::from_utf8(bytes).map_err(|_| MessageError::NotUtf8)?;
        let envelope = envelope(text, max_depth)?;
        Self::new(text, envelope)
            .map_err(|reason| MessageError::NotAMessage { reason, id: readable_id(text, envelope).map(str::to_owned) })
    }

    fn new(text: &'a str, envelope: Envelope) -> Result<Self, &'static str> {
        let Envelope { jsonrpc, id, method, params, result, error, twice } = envelope;
        let raw = |place: Place| &text[place.span()];
        if let Some(reason) = twice {
            return Err(reason);
        }
        let jsonrpc = jsonrpc.ok_or("\"jsonrpc\" is missing")?;
        if raw(jsonrpc) != r#""2.0""# && splice::string(raw(jsonrpc)).as_deref() != Some("2.0") {
            return Err("\"jsonrpc\" must be \"2.0\"");
        }
        let method = match method {
            None => None,
            Some(place) => Some(splice::string(raw(place)).ok_or("\"method\" must be a string")?),
        };
        if params.is_some_and(|place| !raw(place).starts_with('{')) {
            return Err("\"params\" must be an object");
        }
        if error.is_some_and(|place| !raw(place).starts_with('{')) {
            return Err("\"error\" must be an object");
        }
        if id.is_some_and(|place| !is_id(raw(place)) && raw(place) != "null") {
            return Err("\"id\" must be a string or a number");
        }
        let usable_id = id.filter(|place| is_id(raw(*place)));
        let kind = match (&method, result, error) {
            (Some(_), None, None) if usable_id.is_some() => Kind::Request,
            (Some(_), None, None) if id.is_some() => return Err("\"id\" of a request must not be null"),
            (Some(_), None, None) => Kind::Notification,
            (None, Some(_), None) if usable_id.is_none() => return Err("a result must have an \"id\""),
            (None, Some(_), None) | (None, None, Some(_)) => Kind::Response,
            (None, None, None) => return Err("there is no \"method\", \"result\" or \"error\""),
            _ => return Err("only one of \"method\", \"result\" and \"error\" may be there"),
        };
        Ok(Self { text, kind, id: usable_id, method, params, result, error })
    }

    /// The text of the whole message.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// What the message is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The raw JSON of the id, a string or a number. A request and a result have one; an error may have none.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.raw(self.id)
    }

    /// Where the id stands.
    #[must_use]
    pub fn id_span(&self) -> Option<Span> {
        self.id.map(Place::span)
    }

    /// The method, decoded.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The raw JSON of the params, an object.
    #[must_use]
    pub fn params(&self) -> Option<&'a str> {
        self.raw(self.params)
    }

    /// Where the params stand.
    #[must_use]
    pub fn params_span(&self) -> Option<Span> {
        self.params.map(Place::span)
    }

    /// The raw JSON of the result.
    #[must_use]
    pub fn result(&self) -> Option<&'a str> {
        self.raw(self.result)
    }

    /// Where the result stands.
    #[must_use]
    pub fn result_span(&self) -> Option<Span> {
        self.result.map(Place::span)
    }

    /// The raw JSON of the error, an object.
    #[must_use]
    pub fn error(&self) -> Option<&'a str> {
        self.raw(self.error)
    }

    /// Where the error stands.
    #[must_use]
    pub fn error_span(&self) -> Option<Span> {
        self.error.map(Place::span)
    }

    fn raw(&self, place: Option<Place>) -> Option<&'a str> {
        place.map(|place| &self.text[place.span()])
    }
}

/// Says what the message is, and nothing of what it holds: arguments are nobody's business.
impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("method", &self.method)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

fn is_id(raw: &str) -> bool {
    matches!(raw.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9'))
}

/// The id an answer to something that is no message can carry.
fn readable_id(text: &str, envelope: Envelope) -> Option<&str> {
    let id = envelope.id.filter(|_| envelope.twice != Some(ID_TWICE))?;
    Some(&text[id.span()]).filter(|raw| is_id(raw))
}

/// Validates the whole text and notes what the envelope holds.
fn envelope(text: &str, max_depth: usize) -> Result<Envelope, MessageError> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.space();
    if scanner.peek() != Some(b'{') {
        return Err(no_envelope(scanner, max_depth));
    }
    let max = max_depth.checked_sub(1).ok_or(MessageError::TooDeep { max: max_depth })?;
    members(text, &mut scanner, max).map_err(|fault| failed(fault, max_depth))
}

fn members(text: &str, scanner: &mut Scanner<'_>, max: usize) -> Result<Envelope, Fault> {
    let mut envelope = Envelope::default();
    scanner.expect(b'{')?;
    scanner.space();
    if !scanner.eat(b'}') {
        loop {
            let (name, spelling) = scanner.name()?;
            let value = scanner.value(max)?;
            envelope.note(&splice::name(&text[name], spelling), value);
            scanner.space();
            if scanner.eat(b'}') {
                break;
            }
            scanner.expect(b',')?;
        }
    }
    scanner.end()?;
    Ok(envelope)
}

/// What text that doesn't begin an object is.
fn no_envelope(mut scanner: Scanner<'_>, max_depth: usize) -> MessageError {
    let batch = scanner.peek() == Some(b'[');
    match scanner.value(max_depth).and_then(|_| scanner.end()) {
        Err(fault) => failed(fault, max_depth),
        Ok(()) if batch => MessageError::Batch,
        Ok(()) => MessageError::NotAMessage { reason: "it must be an object", id: None },
    }
}

fn failed(fault: Fault, max: usize) -> MessageError {
    match fault {
        Fault::Syntax(at) => MessageError::NotJson { at },
        Fault::TooDeep => MessageError::TooDeep { max },
    }
}

/// Whether `bytes` begin an array rather than one message.
#[must_use]
pub fn is_batch(bytes: &[u8]) -> bool {
    bytes.get(skip_space(bytes, 0)) == Some(&b'[')
}

/// The entries of a batch, each still to be parsed. The batch must be JSON as a whole, of at most `max_depth` containers
/// within each other in each entry, and hold one to `max_entries` entries.
pub fn split_batch(bytes: &[u8], max_depth: usize, max_entries: usize) -> Result<Vec<&[u8]>, MessageError> {
    std::str::from_utf8(bytes).map_err(|_| MessageError::NotUtf8)?;
    let mut entries = Vec::new();
    let mut scanner = Scanner::new(bytes);
    let mut read = || {
        scanner.space();
        scanner.expect(b'[')?;
        scanner.space();
        if !scanner.eat(b']') {
            loop {
                let entry = scanner.value(max_depth)?;
                if entries.len() <= max_entries {
                    entries.push(&bytes[entry]);
                }
                scanner.space();
                if scanner.eat(b']') {
                    break;
                }
                scanner.expect(b',')?;
            }
        }
        scanner.end()
    };
    read().map_err(|fault| failed(fault, max_depth))?;
    match entries.len() {
        0 => Err(MessageError::EmptyBatch),
        len if len > max_entries => Err(MessageError::BatchTooLong { max: max_entries }),
        _ => Ok(entries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTH: usize = 8;

    fn parse(text: &str) -> Result<Message<'_>, MessageError> {
        Message::parse(text.as_bytes(), DEPTH)
    }

    fn refused(text: &str) -> (&'static str, Option<String>) {
        match parse(text) {
            Err(MessageError::NotAMessage { reason, id }) => (reason, id),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_request_is_read_as_it_stands() {
        let text = r#" { "jsonrpc" : "2.0" , "x":[1], "id": 1e0, "method":"tools\/call", "params": { "a" : 1.0 } } "#;
        let message = parse(text).unwrap();
        assert_eq!(message.kind(), Kind::Request);
        assert_eq!(message.id(), Some("1e0"));
        assert_eq!(message.method(), Some("tools/call"));
        assert_eq!(message.params(), Some(r#"{ "a" : 1.0 }"#));
        assert_eq!(&text[message.params_span().unwrap()], message.params().unwrap());
        assert_eq!(&text[message.id_span().unwrap()], "1e0");
        assert_eq!((message.result(), message.error()), (None, None));
        assert_eq!(message.text(), text);
    }

    #[test]
    fn names_of_members_are_compared_decoded() {
        let message = parse(r#"{"jsonrpc":"2.\u0030","\u0069d":"\ud800","m\u0065thod":"a"}"#).unwrap();
        assert_eq!((message.kind(), message.id()), (Kind::Request, Some(r#""\ud800""#)));
    }

    #[test]
    fn kinds_follow_from_the_members() {
        for (text, kind) in [
            (r#"{"jsonrpc":"2.0","method":"a"}"#, Kind::Notification),
            (r#"{"jsonrpc":"2.0","id":"","method":"a"}"#, Kind::Request),
            (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, Kind::Response),
            (r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, Kind::Response),
            (r#"{"jsonrpc":"2.0","id":null,"error":{}}"#, Kind::Response),
            (r#"{"jsonrpc":"2.0","error":{}}"#, Kind::Response),
        ] {
            assert_eq!(parse(text).unwrap().kind(), kind, "{text}");
        }
        assert_eq!(parse(r#"{"jsonrpc":"2.0","id":null,"error":{}}"#).unwrap().id(), None);
    }

    #[test]
    fn what_is_no_message_says_why_and_whose_it_was() {
        for (text, reason, id) in [
            ("1", "it must be an object", None),
            ("{}", "\"jsonrpc\" is missing", None),
            (r#"{"id":7}"#, "\"jsonrpc\" is missing", Some("7")),
            (r#"{"jsonrpc":"1.0","id":"a","method":"m"}"#, "\"jsonrpc\" must be \"2.0\"", Some("\"a\"")),
            (r#"{"jsonrpc":2.0,"id":"a","method":"m"}"#, "\"jsonrpc\" must be \"2.0\"", Some("\"a\"")),
            (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, "\"method\" must be a string", Some("1")),
            (r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, "\"method\" must be a string", Some("1")),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#, "\"params\" must be an object", Some("1")),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, "\"params\" must be an object", Some("1")),
            (r#"{"jsonrpc":"2.0","id":1,"error":"x"}"#, "\"error\" must be an object", Some("1")),
            (r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, "\"id\" must be a string or a number", None),
            (r#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, "\"id\" must be a string or a number", None),
            (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, "\"id\" of a request must not be null", None),
            (r#"{"jsonrpc":"2.0","result":{}}"#, "a result must have an \"id\"", None),
            (r#"{"jsonrpc":"2.0","id":1}"#, "there is no \"method\", \"result\" or \"error\"", Some("1")),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"m","result":1}"#,
                "only one of \"method\", \"result\" and \"error\" may be there",
                Some("1"),
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"error":{},"result":1}"#,
                "only one of \"method\", \"result\" and \"error\" may be there",
                Some("1"),
            ),
        ] {
            assert_eq!(refused(text), (reason, id.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn a_member_of_the_envelope_must_not_be_there_twice() {
        for member in ["jsonrpc", "method", "params", "result", "error"] {
            let text = format!(r#"{{"id":1,"{member}":{{}},"x":0,"{member}":{{}}}}"#);
            assert_eq!(refused(&text), (&*format!("\"{member}\" is there twice").leak(), Some("1".to_owned())));
        }
        // Which of two ids to answer can't be known.
        assert_eq!(refused(r#"{"id":1,"method":"a","\u0069d":2,"method":"b"}"#), ("\"id\" is there twice", None));
        assert!(parse(r#"{"jsonrpc":"2.0","method":"a","x":1,"x":2}"#).is_ok());
    }

    #[test]
    fn what_is_no_json_is_no_message_whatever_else_is_wrong() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("{]", 1),
            (r#"{"id":1,"id":2"#, 14),
            (r#"{"jsonrpc":"2.0",}"#, 17),
            (r#"{"a":01}"#, 6),
            (r#"{"a":1.}"#, 7),
            (r#"{"a":-}"#, 6),
            (r#"{"a":1e}"#, 7),
            (r#"{"a":.5}"#, 5),
            (r#"{"a":+1}"#, 5),
            (r#"{"a":nul}"#, 5),
            (r#"{"a":"\x"}"#, 7),
            (r#"{"a":"\u00g0"}"#, 7),
            (r#"{"a":"\u000"}"#, 7),
            ("{\"a\":\"eight or more\u{1f}\"}", 19),
            ("{\"a\":\"\n\"}", 6),
            (r#"{"a":"b}"#, 8),
            (r#"{"a" 1}"#, 5),
            (r#"{a:1}"#, 1),
            ("{} {}", 3),
            ("[1,]", 3),
            ("\u{feff}{}", 0),
        ] {
            assert_eq!(parse(text).unwrap_err(), MessageError::NotJson { at }, "{text}");
        }
        assert_eq!(Message::parse(b"{\"a\":\"\xff\"}", DEPTH).unwrap_err(), MessageError::NotUtf8);
    }

    #[test]
    fn every_value_json_knows_is_read() {
        for value in [
            "0",
            "-0",
            "12",
            "-1.50",
            "1e5",
            "1E5",
            "1e+5",
            "1E-05",
            "true",
            "false",
            "null",
            "\"\"",
            "\"\u{7f}é\"",
            "[]",
            "{}",
            "[ ]",
            "{ }",
            r#""\"\\\/\b\f\n\r\t\u00fF""#,
            r#"{"":[1,[2,{}],"3"],"":{}}"#,
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{value}}}"#);
            assert_eq!(parse(&text).unwrap().result(), Some(value), "{value}");
        }
    }

    #[test]
    fn each_bracket_closes_its_own_kind_however_deep() {
        let open = "[{\"a\":[".repeat(70);
        let close = "]}]".repeat(70);
        let text = |close: &str| format!(r#"{{"jsonrpc":"2.0","method":"m","x":{open}{close}}}"#);
        assert!(Message::parse(text(&close).as_bytes(), 211).is_ok());
        assert_eq!(Message::parse(text(&close).as_bytes(), 210).unwrap_err(), MessageError::TooDeep { max: 210 });
        for at in 0..close.len() {
            let other = if close.as_bytes()[at] == b']' { "}" } else { "]" };
            let broken = text(&format!("{}{other}{}", &close[..at], &close[at + 1..]));
            let wrong = broken.len() - 1 - close.len() + at;
            assert_eq!(Message::parse(broken.as_bytes(), 211).unwrap_err(), MessageError::NotJson { at: wrong });
        }
    }

    #[test]
    fn nesting_is_allowed_to_the_limit() {
        let nested = |levels: usize| {
            format!(r#"{{"jsonrpc":"2.0","method":"m","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
        };
        assert!(parse(&nested(DEPTH - 1)).is_ok());
        assert_eq!(parse(&nested(DEPTH)).unwrap_err(), MessageError::TooDeep { max: DEPTH });
        assert!(Message::parse(nested(199).as_bytes(), 200).is_ok());
        assert_eq!(parse(&"[".repeat(1_000_000)).unwrap_err(), MessageError::TooDeep { max: DEPTH });
        assert_eq!(Message::parse(b"{}", 0).unwrap_err(), MessageError::TooDeep { max: 0 });
    }

    #[test]
    fn what_a_message_holds_is_not_printed() {
        let message = parse(r#"{"jsonrpc":"2.0","id":"secret","method":"m","params":{"a":"secret"}}"#).unwrap();
        assert_eq!(format!("{message:?}"), r#"Message { kind: Request, method: Some("m"), bytes: 68, .. }"#);
    }

    #[test]
    fn a_batch_is_split_but_not_read() {
        assert!(is_batch(b" \n[") && !is_batch(b"{[") && !is_batch(b""));
        let entries = split_batch(br#" [ {"a":[1]} , 2,"]" ] "#, 2, 3).unwrap();
        assert_eq!(entries, [&br#"{"a":[1]}"#[..], b"2", br#""]""#]);
        assert_eq!(parse("[{}]").unwrap_err(), MessageError::Batch);
    }

    #[test]
    fn a_batch_has_its_limits() {
        assert_eq!(split_batch(b"[]", 1, 1), Err(MessageError::EmptyBatch));
        assert_eq!(split_batch(b"[1,2]", 1, 1), Err(MessageError::BatchTooLong { max: 1 }));
        assert_eq!(split_batch(b"[1,2", 1, 1), Err(MessageError::NotJson { at: 4 }));
        assert_eq!(split_batch(b"[1,2]]", 1, 2), Err(MessageError::NotJson { at: 5 }));
        assert_eq!(split_batch(b"{}", 1, 2), Err(MessageError::NotJson { at: 0 }));
        assert_eq!(split_batch(b"[[[]]]", 1, 2), Err(MessageError::TooDeep { max: 1 }));
        assert_eq!(split_batch(b"[\"\xff\"]", 1, 2), Err(MessageError::NotUtf8));
    }
}
