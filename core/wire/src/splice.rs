//! Reading and changing raw JSON by bytes: what is not named in an [`Edit`] stays as it came.
//!
//! The text handed in is taken for valid JSON (a [`crate::Message`] checked it). On other text nothing here panics, and
//! what it finds is of no use. Must never parse a value to print it again.

use std::borrow::Cow;

use crate::{
    Span,
    scan::{skip_space, skip_string, skip_value},
};

/// One member of an object. All spans are offsets into the object's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The name, decoded.
    pub name: Cow<'a, str>,
    /// The name with its quotes.
    pub name_span: Span,
    /// The value.
    pub value_span: Span,
    /// Name to value and the comma that follows, if one does.
    pub whole: Span,
}

/// The members of the object `object` is, in order.
#[must_use]
pub fn members(object: &str) -> Members<'_> {
    let start = skip_space(object.as_bytes(), 0);
    let at = if object.as_bytes().get(start) == Some(&b'{') { Some(start + 1) } else { None };
    Members { text: object, at }
}

/// The iterator [`members`] gives.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    text: &'a str,
    at: Option<usize>,
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let bytes = self.text.as_bytes();
        let start = skip_space(bytes, self.at.take()?);
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let name_span = start..skip_string(bytes, start)?;
        let colon = skip_space(bytes, name_span.end);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let value = skip_space(bytes, colon + 1);
        let value_span = value..skip_value(bytes, value)?;
        let after = skip_space(bytes, value_span.end);
        let comma = bytes.get(after) == Some(&b',');
        self.at = comma.then_some(after + 1);
        let whole = start..if comma { after + 1 } else { value_span.end };
        Some(Member { name: name(self.text.get(name_span.clone())?), name_span, value_span, whole })
    }
}

/// Where the value of the first member called `name` stands in `object`.
#[must_use]
pub fn member(object: &str, name: &str) -> Option<Span> {
    members(object).find(|member| member.name == name).map(|member| member.value_span)
}

/// The raw JSON of the first member called `name` of `object`.
#[must_use]
pub fn value<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    object.get(member(object, name)?)
}

/// The elements of the array `array` is, in order.
#[must_use]
pub fn elements(array: &str) -> Elements<'_> {
    let start = skip_space(array.as_bytes(), 0);
    let at = if array.as_bytes().get(start) == Some(&b'[') { Some(start + 1) } else { None };
    Elements { text: array, at }
}

/// The iterator [`elements`] gives.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    text: &'a str,
    at: Option<usize>,
}

impl Iterator for Elements<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let bytes = self.text.as_bytes();
        let start = skip_space(bytes, self.at.take()?);
        let end = skip_value(bytes, start)?;
        let after = skip_space(bytes, end);
        self.at = (bytes.get(after) == Some(&b',')).then_some(after + 1);
        Some(start..end)
    }
}

/// Decodes a raw JSON string. `None` if it is none, or names half a character (a lone surrogate).
#[must_use]
pub fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr3(b'\\', b'"', b'\n', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// A member's name, decoded; one that can't be decoded as it stands, so that it equals no name.
pub(crate) fn name(raw: &str) -> Cow<'_, str> {
    string(raw).unwrap_or(Cow::Borrowed(raw))
}

/// Encodes `text` as a JSON string.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    out
}

/// Encodes `text` as a JSON string at the end of `out`.
pub fn quote_into(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&rest[..at]);
        push_escaped(out, rest.as_bytes()[at]);
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

fn push_escaped(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        _ => {
            out.push_str("\\u00");
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// A set of changes to one text, made together by [`Edit::finish`].
///
/// Changes may be given in any order. They must not overlap: of two that do, the one that begins later in the text is
/// left out.
#[derive(Clone, Debug)]
pub struct Edit<'a> {
    text: &'a str,
    patches: Vec<Patch<'a>>,
    objects: Vec<ObjectEdit<'a>>,
}

#[derive(Clone, Debug)]
struct Patch<'a> {
    span: Span,
    with: Cow<'a, str>,
}

/// What is to be put into and taken out of one object.
#[derive(Clone, Debug)]
struct ObjectEdit<'a> {
    span: Span,
    insert: Vec<(&'a str, Cow<'a, str>)>,
    remove: Vec<&'a str>,
}

impl<'a> Edit<'a> {
    /// No change yet.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, patches: Vec::new(), objects: Vec::new() }
    }

    /// Puts `with` where `span` is.
    #[must_use]
    pub fn replace(mut self, span: Span, with: impl Into<Cow<'a, str>>) -> Self {
        self.patches.push(Patch { span, with: with.into() });
        self
    }

    /// Puts a member before all others of the object at `object`. Several go in in the order given.
    #[must_use]
    pub fn insert_first(mut self, object: Span, name: &'a str, raw_value: impl Into<Cow<'a, str>>) -> Self {
        self.object(object).insert.push((name, raw_value.into()));
        self
    }

    /// Takes every member called `name` out of the object at `object`.
    #[must_use]
    pub fn remove_member(mut self, object: Span, name: &'a str) -> Self {
        self.object(object).remove.push(name);
        self
    }

    fn object(&mut self, span: Span) -> &mut ObjectEdit<'a> {
        let known = self.objects.iter().position(|object| object.span == span);
        let at = known.unwrap_or_else(|| {
            self.objects.push(ObjectEdit { span, insert: Vec::new(), remove: Vec::new() });
            self.objects.len() - 1
        });
        &mut self.objects[at]
    }

    /// The text with every change made.
    #[must_use]
    pub fn finish(self) -> String {
        let Self { text, mut patches, objects } = self;
        for object in objects {
            object.patch(text, &mut patches);
        }
        // What is put in at a place comes before what is taken out from there on.
        patches.sort_by_key(|patch| (patch.span.start, patch.span.end));
        let added: usize = patches.iter().map(|patch| patch.with.len()).sum();
        let mut out = String::with_capacity(text.len() + added);
        let mut at = 0;
        for Patch { span, with } in patches {
            let Some(kept) = text.get(at..span.start).filter(|_| span.start <= span.end) else { continue };
            if text.get(span.end..).is_none() {
                continue;
            }
            out.push_str(kept);
            out.push_str(&with);
            at = span.end;
        }
        out.push_str(&text[at..]);
        out
    }
}

impl<'a> ObjectEdit<'a> {
    fn patch(self, text: &'a str, patches: &mut Vec<Patch<'a>>) {
        let Some(object) = text.get(self.span.clone()).filter(|object| object.starts_with('{')) else { return };
        let base = self.span.start;
        let kept = self.remove_from(object, base, patches);
        if self.insert.is_empty() {
            return;
        }
        let mut with = String::new();
        for (at, (name, value)) in self.insert.iter().enumerate() {
            if at > 0 {
                with.push(',');
            }
            quote_into(&mut with, name);
            with.push(':');
            with.push_str(value);
        }
        if kept {
            with.push(',');
        }
        patches.push(Patch { span: base + 1..base + 1, with: with.into() });
    }

    /// Whether a member is left.
    fn remove_from(&self, object: &str, base: usize, patches: &mut Vec<Patch<'a>>) -> bool {
        if self.remove.is_empty() {
            return members(object).next().is_some();
        }
        let mut last_kept: Option<Span> = None;
        // The removed members since the last kept one: from the start of the first to the end of the last.
        let mut gone: Option<Span> = None;
        let mut cut = |from: usize, to: usize| patches.push(Patch { span: base + from..base + to, with: "".into() });
        for member in members(object) {
            if self.remove.iter().any(|name| *name == member.name) {
                let start = gone.map_or(member.name_span.start, |gone| gone.start);
                gone = Some(start..member.value_span.end);
                continue;
            }
            match (gone.take(), &last_kept) {
                (None, _) => {}
                (Some(gone), Some(kept)) => cut(kept.end, gone.end),
                (Some(gone), None) => cut(gone.start, member.name_span.start),
            }
            last_kept = Some(member.value_span);
        }
        match (gone, &last_kept) {
            (Some(gone), Some(kept)) => cut(kept.end, gone.end),
            (Some(gone), None) => cut(gone.start, gone.end),
            (None, _) => {}
        }
        last_kept.is_some()
    }
}
