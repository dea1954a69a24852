//! Reading and changing raw JSON by bytes: what is not named in an [`Edit`] stays as it came.
//!
//! The text handed in is taken for valid JSON (a [`crate::Message`] checked it). On other text nothing here panics, and
//! what it finds is of no use. Must never parse a value to print it again.

use std::borrow::Cow;

use crate::{
    Span,
    scan::{Spelling, skip_space, skip_spelt, skip_value, string_stop},
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

impl<'a> Members<'a> {
    /// The next member's name, where it stands, and where its value begins.
    fn name(&mut self) -> Option<(Cow<'a, str>, Span, usize)> {
        let bytes = self.text.as_bytes();
        let start = skip_space(bytes, self.at.take()?);
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let (end, spelling) = skip_spelt(bytes, start)?;
        let colon = skip_space(bytes, end);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        Some((name(self.text.get(start..end)?, spelling), start..end, skip_space(bytes, colon + 1)))
    }

    /// The member that is named so and ends there.
    fn member(&mut self, name: Cow<'a, str>, name_span: Span, value_span: Span) -> Member<'a> {
        let bytes = self.text.as_bytes();
        let after = skip_space(bytes, value_span.end);
        let comma = bytes.get(after) == Some(&b',');
        self.at = comma.then_some(after + 1);
        let whole = name_span.start..if comma { after + 1 } else { value_span.end };
        Member { name, name_span, value_span, whole }
    }

    /// As [`Iterator::next`]; and of a value that is an array, where its elements stand, without a second walk.
    pub(crate) fn next_with_elements(&mut self, elements: &mut Vec<Span>) -> Option<Member<'a>> {
        elements.clear();
        let (name, name_span, value) = self.name()?;
        let mut inside = self::elements(self.text.get(value..)?);
        if inside.at.is_none() {
            let end = skip_value(self.text.as_bytes(), value)?;
            return Some(self.member(name, name_span, value..end));
        }
        elements.extend(inside.by_ref().map(|element| value + element.start..value + element.end));
        let end = value + inside.end?;
        Some(self.member(name, name_span, value..end))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let (name, name_span, value) = self.name()?;
        let end = skip_value(self.text.as_bytes(), value)?;
        Some(self.member(name, name_span, value..end))
    }
}

/// Where the value of the first member called `name` stands in `object`.
#[must_use]
pub fn member(object: &str, name: &str) -> Option<Span> {
    members(object).find(|member| member.name == name).map(|member| member.value_span)
}

/// Where the values of the first members called so stand in `object`, found in one walk.
#[must_use]
pub fn find<const N: usize>(object: &str, names: [&str; N]) -> [Option<Span>; N] {
    let mut found = [const { None }; N];
    let mut missing = N;
    let mut members = members(object);
    while missing > 0
        && let Some(member) = members.next()
    {
        let wanted = names.iter().zip(&mut found).find(|(name, _)| **name == member.name);
        if let Some((_, slot @ None)) = wanted {
            *slot = Some(member.value_span);
            missing -= 1;
        }
    }
    found
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
    Elements { text: array, at, end: None }
}

/// The iterator [`elements`] gives.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    text: &'a str,
    at: Option<usize>,
    /// The end of the array, once it was reached.
    end: Option<usize>,
}

impl Iterator for Elements<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let bytes = self.text.as_bytes();
        let start = skip_space(bytes, self.at.take()?);
        if bytes.get(start) == Some(&b']') {
            self.end = Some(start + 1);
            return None;
        }
        let end = skip_value(bytes, start)?;
        let after = skip_space(bytes, end);
        match bytes.get(after) {
            Some(b',') => self.at = Some(after + 1),
            Some(b']') => self.end = Some(after + 1),
            _ => {}
        }
        Some(start..end)
    }
}

/// Decodes a raw JSON string. `None` if it is none, or names half a character (a lone surrogate).
#[must_use]
pub fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if string_stop(inside.as_bytes(), 0) == inside.len() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// A member's name, decoded; one that can't be decoded as it stands, so that it equals no name.
pub(crate) fn name(raw: &str, spelling: Spelling) -> Cow<'_, str> {
    let plain = (spelling == Spelling::Plain).then(|| raw.get(1..raw.len() - 1).map(Cow::Borrowed)).flatten();
    plain.or_else(|| string(raw)).unwrap_or(Cow::Borrowed(raw))
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
    loop {
        let at = string_stop(rest.as_bytes(), 0);
        out.push_str(&rest[..at]);
        let Some(byte) = rest.as_bytes().get(at) else { break };
        push_escaped(out, *byte);
        rest = &rest[at + 1..];
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" { "a" : 1.0 , "b\u0031":[ {"a":2} ,3 ] ,"c":"x\"}" } "#;

    fn object() -> Span {
        1..TEXT.len() - 1
    }

    fn raw(name: &str) -> Option<&str> {
        value(TEXT, name)
    }

    #[test]
    fn members_are_found_at_the_top_by_their_decoded_name() {
        assert_eq!((raw("a"), raw("b1"), raw("c")), (Some("1.0"), Some(r#"[ {"a":2} ,3 ]"#), Some(r#""x\"}""#)));
        assert_eq!((raw("b"), raw(r"b\u0031")), (None, None));
        assert_eq!(member(r#"{"a":1,"a":2}"#, "a"), Some(5..6));
        let wholes: Vec<_> = members(TEXT).map(|member| &TEXT[member.whole]).collect();
        assert_eq!(wholes, [r#""a" : 1.0 ,"#, r#""b\u0031":[ {"a":2} ,3 ] ,"#, r#""c":"x\"}""#]);
    }

    #[test]
    fn elements_are_those_at_the_top() {
        let array = raw("b1").unwrap();
        let items: Vec<_> = elements(array).map(|item| &array[item]).collect();
        assert_eq!(items, [r#"{"a":2}"#, "3"]);
        assert_eq!(elements("[]").count(), 0);
        assert_eq!(elements("{}").count(), 0);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["", "[]", "1", "null", "{", "{}", "{1:2}", r#"{"a" 1}"#, r#"{"a":}"#, r#"{"a":"b"#, "\"{"] {
            assert_eq!(members(text).count(), 0, "{text}");
        }
    }

    #[test]
    fn a_value_is_replaced_and_nothing_else() {
        let edited = Edit::new(TEXT).replace(member(TEXT, "a").unwrap(), "7").finish();
        assert_eq!(edited, TEXT.replace("1.0", "7"));
        assert_eq!(Edit::new(TEXT).finish(), TEXT);
    }

    #[test]
    fn changes_may_come_in_any_order() {
        let edited = Edit::new("abcdef").replace(4..5, "E").replace(0..1, "A").replace(2..2, "+").finish();
        assert_eq!(edited, "Ab+cdEf");
    }

    #[test]
    fn of_two_changes_that_overlap_the_later_is_left_out() {
        assert_eq!(Edit::new("abcdef").replace(1..4, "X").replace(2..5, "Y").finish(), "aXef");
        assert_eq!(Edit::new("abcdef").replace(2..9, "X").finish(), "abcdef");
        assert_eq!(Edit::new("aéb").replace(2..3, "X").finish(), "aéb");
    }

    #[test]
    fn members_go_in_before_all_others() {
        let into = |text: &str| {
            Edit::new(text).insert_first(0..text.len(), "x\"", "1").insert_first(0..text.len(), "y", "{}").finish()
        };
        assert_eq!(into("{}"), r#"{"x\"":1,"y":{}}"#);
        assert_eq!(into("{ }"), r#"{"x\"":1,"y":{} }"#);
        assert_eq!(into(r#"{ "a":1}"#), r#"{"x\"":1,"y":{}, "a":1}"#);
        assert_eq!(into("[]"), "[]");
    }

    #[test]
    fn members_are_taken_out_with_one_comma() {
        let without = |text: &str, names: &[&'static str]| {
            let edit = names.iter().fold(Edit::new(text), |edit, name| edit.remove_member(0..text.len(), name));
            edit.finish()
        };
        let text = r#"{ "a":1 , "b":2 , "c":3 }"#;
        assert_eq!(without(text, &["a"]), r#"{ "b":2 , "c":3 }"#);
        assert_eq!(without(text, &["b"]), r#"{ "a":1 , "c":3 }"#);
        assert_eq!(without(text, &["c"]), r#"{ "a":1 , "b":2 }"#);
        assert_eq!(without(text, &["a", "b"]), r#"{ "c":3 }"#);
        assert_eq!(without(text, &["c", "a"]), r#"{ "b":2 }"#);
        assert_eq!(without(text, &["c", "b"]), r#"{ "a":1 }"#);
        assert_eq!(without(text, &["c", "b", "a"]), "{  }");
        assert_eq!(without(text, &["d"]), text);
        assert_eq!(without(r#"{"a":1,"b":0,"\u0061":2}"#, &["a"]), r#"{"b":0}"#);
    }

    #[test]
    fn one_object_can_lose_gain_and_change_members() {
        let text = r#"{"a":1,"b":2}"#;
        let all = 0..text.len();
        let edit = Edit::new(text).insert_first(all.clone(), "x", "0").remove_member(all.clone(), "a");
        assert_eq!(edit.clone().finish(), r#"{"x":0,"b":2}"#);
        assert_eq!(edit.clone().replace(member(text, "b").unwrap(), "3").finish(), r#"{"x":0,"b":3}"#);
        assert_eq!(edit.remove_member(all, "b").finish(), r#"{"x":0}"#);
    }

    #[test]
    fn an_object_within_the_text_is_changed_where_it_stands() {
        let edited = Edit::new(TEXT).remove_member(object(), "a").insert_first(object(), "z", "0").finish();
        assert_eq!(edited, TEXT.replace(r#""a" : 1.0 , "#, "").replace("{ \"b", "{\"z\":0, \"b"));
        let array = member(TEXT, "b1").unwrap();
        let inner = elements(&TEXT[array.clone()]).next().unwrap();
        let inner = array.start + inner.start..array.start + inner.end;
        assert_eq!(Edit::new(TEXT).remove_member(inner, "a").finish(), TEXT.replace(r#"{"a":2}"#, "{}"));
    }

    #[test]
    fn strings_are_decoded_and_encoded() {
        assert_eq!(string(r#""plain é""#).as_deref(), Some("plain é"));
        assert!(matches!(string(r#""plain""#), Some(Cow::Borrowed(_))));
        assert_eq!(string(r#""\u0041\n\ud83d\ude00\/""#).as_deref(), Some("A\n😀/"));
        for raw in ["", "\"", "a", "1", r#""\ud800""#, r#""a"b""#, r#""\""#] {
            assert_eq!(string(raw), None, "{raw}");
        }
        assert_eq!(quote("a\"\\\n\r\t\u{8}\u{1f}\u{7f}é/"), "\"a\\\"\\\\\\n\\r\\t\\u0008\\u001f\u{7f}é/\"");
    }
}
