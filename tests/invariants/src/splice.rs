//! Reading and changing raw JSON. Input: a text, a name, another name, a value, and the number of a member.

use toolgate_wire::{
    depth, list,
    splice::{self, Edit},
};

use crate::{json, texts};

/// Members by their names, raw.
type Members<'a> = Vec<(String, &'a str)>;

pub(crate) fn check(input: &[u8]) {
    let Some([text, gone, new, value, number]) = texts(input) else { return };
    touch_everything(text, gone, new);
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    strings(text);
    if let Some(elements) = json::elements(text) {
        let seen: Vec<&str> = splice::elements(text).map(|span| &text[span]).collect();
        assert_eq!(seen, elements);
    }
    let Some(members) = json::members(text) else { return };
    reads(text, &members);
    let value = json::value(value).unwrap_or("null");
    removes_and_inserts(text, &members, gone, new, value);
    replaces(text, &members, number.len(), value);
    lists(text, &members);
}

/// Whatever the text is, nothing panics.
fn touch_everything(text: &str, name: &str, other: &str) {
    for member in splice::members(text) {
        let _ = (&text[member.value_span], &text[member.whole], &text[member.name_span]);
    }
    for item in splice::elements(text) {
        let _ = &text[item];
    }
    let _ = (list::tools(text).is_ok(), list::resources(text).is_ok(), list::named(text, name));
    let _ = depth::check(text.as_bytes(), 3);
    let span = name.len()..name.len() + other.len();
    let edit = Edit::new(text).replace(span.clone(), "x").insert_first(span.clone(), name, "1");
    let _ = edit.remove_member(span, other).insert_first(0..text.len(), name, "2").finish();
}

fn strings(text: &str) {
    if text.starts_with('"') && json::value(text).is_some() {
        assert_eq!(splice::string(text).as_deref(), json::string(text).as_deref());
    }
    let quoted = splice::quote(text);
    assert_eq!(json::string(&quoted).as_deref(), Some(text));
    assert_eq!(splice::string(&quoted).as_deref(), Some(text));
}

fn reads(text: &str, members: &Members<'_>) {
    let seen: Members<'_> =
        splice::members(text).map(|member| (member.name.into_owned(), &text[member.value_span])).collect();
    assert_eq!(&seen, members);
    for (name, _) in members {
        let first = members.iter().find(|(known, _)| known == name).map(|(_, raw)| *raw);
        assert_eq!(splice::value(text, name), first);
    }
}

fn removes_and_inserts(text: &str, members: &Members<'_>, gone: &str, new: &str, value: &str) {
    let all = 0..text.len();
    let edited = Edit::new(text).remove_member(all.clone(), gone).insert_first(all, new, value).finish();
    let kept = members.iter().filter(|(name, _)| name != gone).cloned();
    let expected: Members<'_> = [(new.to_owned(), value)].into_iter().chain(kept).collect();
    assert_eq!(json::members(&edited), Some(expected), "{edited}");
}

fn replaces(text: &str, members: &Members<'_>, number: usize, value: &str) {
    if members.is_empty() {
        return;
    }
    let number = number % members.len();
    let span = splice::members(text).nth(number).unwrap().value_span;
    let edited = Edit::new(text).replace(span.clone(), value).finish();
    assert_eq!(edited, format!("{}{value}{}", &text[..span.start], &text[span.end..]));
    let mut expected = members.clone();
    expected[number].1 = value;
    assert_eq!(json::members(&edited), Some(expected));
}

/// A page of a list holds what is in the first array of its name.
fn lists(text: &str, members: &Members<'_>) {
    let Ok(page) = list::tools(text) else { return };
    let (_, array) = members.iter().find(|(name, _)| name == "tools").unwrap();
    let items: Vec<&str> = page.items.iter().map(|item| &text[item.clone()]).collect();
    assert_eq!(Some(items), json::elements(array));
    assert_eq!(&text[page.array.clone()], *array);
    if let Some(cursor) = page.next_cursor {
        assert_eq!(json::last(members, "nextCursor").and_then(json::string).as_deref(), Some(&*cursor));
    }
}
