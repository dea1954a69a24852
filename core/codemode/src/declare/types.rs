//! Types as TypeScript has them, and how they are written: as few tokens as say everything. Must never know JSON Schema.

use crate::{ident, order::sorted, text};

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// Anything goes.
    Any,
    /// What could not be found out.
    Unknown,
    /// More than may be shown.
    Cut,
    /// Nothing fits.
    Never,
    Null,
    Boolean,
    Number,
    String,
    /// As it is written.
    Literal(String),
    /// A string out of more values than are shown.
    OneOf(usize),
    Array(Box<Type>),
    /// The first members, and what may follow.
    Tuple(Vec<Type>, Option<Box<Type>>),
    Object(Object),
    Union(Vec<Type>),
    Intersection(Vec<Type>),
    /// A type with a name.
    Named(String),
    /// A type and what the type alone does not say.
    Noted(Box<Type>, String),
}

/// An object's members, in the order they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Object {
    pub(crate) members: Vec<Member>,
    /// What members that are not named have.
    pub(crate) index: Option<Box<Type>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) value: Type,
    pub(crate) optional: bool,
    /// One line, or nothing.
    pub(crate) doc: String,
}

impl Type {
    /// The union of `types`: flat, each once, `null` last.
    pub(crate) fn union(types: impl IntoIterator<Item = Self>) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        for one in types {
            match one {
                Self::Union(inner) => inner.into_iter().for_each(|one| push_new(&mut flat, one)),
                one => push_new(&mut flat, one),
            }
        }
        flat.retain(|one| *one != Self::Never);
        if flat.contains(&Self::Any) {
            return Self::Any;
        }
        let plain: Vec<Self> =
            flat.iter().filter(|one| matches!(one, Self::String | Self::Number | Self::Boolean)).cloned().collect();
        flat.retain(|one| !plain.iter().any(|wider| wider != one && wider.holds(one)));
        if flat.contains(&Self::Null) {
            flat.retain(|one| *one != Self::Null);
            flat.push(Self::Null);
        }
        if flat.len() > 1 { Self::Union(flat) } else { flat.pop().unwrap_or(Self::Never) }
    }

    /// Whether each value of `other`, a literal, is one of this plain type.
    fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String, Self::Literal(text)) => text.starts_with('"'),
            (Self::String, Self::OneOf(_)) => true,
            (Self::Number, Self::Literal(text)) => text.starts_with(|c: char| c.is_ascii_digit() || c == '-'),
            (Self::Boolean, Self::Literal(text)) => text == "true" || text == "false",
            _ => false,
        }
    }

    /// What is all of `types`.
    pub(crate) fn intersection(types: impl IntoIterator<Item = Self>) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        for one in types {
            match one {
                Self::Any => {}
                Self::Intersection(inner) => inner.into_iter().for_each(|one| push_new(&mut flat, one)),
                one => push_new(&mut flat, one),
            }
        }
        if flat.contains(&Self::Never) {
            return Self::Never;
        }
        let all = flat.clone();
        flat.retain(|wider| !all.iter().any(|one| wider.holds_all_of(one)));
        merge_objects(&mut flat);
        if flat.len() > 1 { Self::Intersection(flat) } else { flat.pop().unwrap_or(Self::Any) }
    }

    /// Whether this plain type adds nothing to `other`.
    fn holds_all_of(&self, other: &Self) -> bool {
        match other {
            Self::Union(types) => types.iter().all(|one| self == one || self.holds(one)),
            one => self.holds(one),
        }
    }

    pub(crate) fn or_null(self) -> Self {
        Self::union([self, Self::Null])
    }

    pub(crate) fn noted(self, note: String) -> Self {
        Self::Noted(Box::new(self), note)
    }

    /// An object of which nothing is known.
    pub(crate) fn is_open_object(&self) -> bool {
        matches!(self, Self::Object(object) if object.members.is_empty() && object.index.is_none())
    }
}

fn push_new(types: &mut Vec<Type>, one: Type) {
    if !types.contains(&one) {
        types.push(one);
    }
}

/// Objects whose members have different names are one object.
fn merge_objects(types: &mut Vec<Type>) {
    let mut merged: Option<Object> = None;
    types.retain(|one| {
        let Type::Object(object) = one else { return true };
        let Some(all) = &mut merged else {
            merged = Some(object.clone());
            return false;
        };
        let apart = object.members.iter().all(|member| all.members.iter().all(|other| other.name != member.name));
        if !apart || object.index.is_some() || all.index.is_some() {
            return true;
        }
        all.members.extend(object.members.iter().cloned());
        false
    });
    if let Some(mut object) = merged {
        object.sort();
        types.insert(0, Type::Object(object));
    }
}

impl Object {
    /// What is required first, then by name: the same whatever order it came in.
    pub(crate) fn sort(&mut self) {
        let members = std::mem::take(&mut self.members);
        self.members = sorted(members, |a, b| (a.optional, &a.name).cmp(&(b.optional, &b.name)));
    }
}

/// How types are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// On one line, without docs.
    Line,
    /// Objects with docs take a line for each member.
    Lines,
}

/// Writes types, and stops when it has written more than it may.
pub(crate) struct Writer {
    pub(crate) out: String,
    layout: Layout,
    indent: usize,
    max: usize,
}

impl Writer {
    pub(crate) fn new(layout: Layout, max: usize) -> Self {
        Self { out: String::new(), layout, indent: 0, max }
    }

    /// Whether it wrote all it was to write.
    pub(crate) fn is_complete(&self) -> bool {
        self.out.len() <= self.max
    }

    pub(crate) fn push(&mut self, text: &str) {
        if self.is_complete() {
            self.out.push_str(text);
        }
    }

    pub(crate) fn write(&mut self, one: &Type) {
        if !self.is_complete() {
            return;
        }
        match one {
            Type::Any => self.push("any"),
            Type::Unknown => self.push("unknown"),
            Type::Cut => self.push("any/*…*/"),
            Type::Never => self.push("never"),
            Type::Null => self.push("null"),
            Type::Boolean => self.push("boolean"),
            Type::Number => self.push("number"),
            Type::String => self.push("string"),
            Type::Literal(text) | Type::Named(text) => self.push(text),
            Type::OneOf(count) => self.push(&format!("string/*one of {count}*/")),
            Type::Array(item) => {
                self.part(item);
                self.push("[]");
            }
            Type::Tuple(items, rest) => self.tuple(items, rest.as_deref()),
            Type::Object(object) => self.object(object),
            Type::Union(types) => self.joined(types, "|"),
            Type::Intersection(types) => self.joined(types, " & "),
            Type::Noted(inner, note) => {
                self.part(inner);
                self.push(&format!("/*{note}*/"));
            }
        }
    }

    /// Within another type: what binds less is put in parentheses.
    fn part(&mut self, one: &Type) {
        let loose = match one {
            Type::Union(_) | Type::Intersection(_) => true,
            Type::Noted(inner, _) => matches!(**inner, Type::Union(_) | Type::Intersection(_)),
            _ => false,
        };
        if loose {
            self.push("(");
            self.write(one);
            self.push(")");
        } else {
            self.write(one);
        }
    }

    fn joined(&mut self, types: &[Type], separator: &str) {
        for (index, one) in types.iter().enumerate() {
            if index > 0 {
                self.push(separator);
            }
            self.part(one);
        }
    }

    fn tuple(&mut self, items: &[Type], rest: Option<&Type>) {
        self.push("[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.write(item);
        }
        if let Some(rest) = rest {
            self.push(if items.is_empty() { "..." } else { ", ..." });
            self.part(rest);
            self.push("[]");
        }
        self.push("]");
    }

    fn object(&mut self, object: &Object) {
        match (&object.index, object.members.is_empty()) {
            (None, true) => return self.push("object"),
            (Some(value), true) => {
                self.push("Record<string, ");
                self.write(value);
                return self.push(">");
            }
            _ => {}
        }
        let documented = object.members.iter().any(|member| !member.doc.is_empty());
        if self.layout == Layout::Lines && documented {
            self.lines(object);
        } else {
            self.line(object);
        }
    }

    fn line(&mut self, object: &Object) {
        self.push("{");
        for (index, member) in object.members.iter().enumerate() {
            if index > 0 {
                self.push("; ");
            }
            self.member(member);
        }
        if let Some(value) = &object.index {
            self.push("; [k: string]: ");
            self.write(value);
        }
        self.push("}");
    }

    fn lines(&mut self, object: &Object) {
        self.push("{");
        self.indent += 1;
        for member in &object.members {
            self.new_line();
            self.member(member);
            self.push(";");
            if !member.doc.is_empty() {
                self.push(" // ");
                self.push(&member.doc);
            }
        }
        if let Some(value) = &object.index {
            self.new_line();
            self.push("[k: string]: ");
            self.write(value);
        }
        self.indent -= 1;
        self.new_line();
        self.push("}");
    }

    fn new_line(&mut self) {
        self.push("\n");
        for _ in 0..self.indent {
            self.push(" ");
        }
    }

    fn member(&mut self, member: &Member) {
        if ident::is_plain(&member.name) {
            self.push(&member.name);
        } else {
            self.push(&text::quote(&member.name));
        }
        self.push(if member.optional { "?: " } else { ": " });
        self.write(&member.value);
    }
}

/// `one` on one line.
pub(crate) fn written(one: &Type, max: usize) -> String {
    let mut writer = Writer::new(Layout::Line, max);
    writer.write(one);
    writer.out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(one: &Type) -> String {
        written(one, 1000)
    }

    fn object(members: &[(&str, Type)]) -> Type {
        let member = |(name, value): &(&str, Type)| Member {
            name: (*name).to_owned(),
            value: value.clone(),
            optional: false,
            doc: String::new(),
        };
        Type::Object(Object { members: members.iter().map(member).collect(), index: None })
    }

    #[test]
    fn what_binds_less_stands_in_parentheses() {
        let union = Type::union([Type::String, Type::Number]);
        assert_eq!(shown(&Type::Array(Box::new(union.clone()))), "(string|number)[]");
        let both = Type::intersection([union, object(&[("a", Type::Any)])]);
        assert_eq!(shown(&both), "{a: any} & (string|number)");
    }

    #[test]
    fn a_union_says_each_thing_once_and_null_last() {
        let literal = |text: &str| Type::Literal(text.to_owned());
        let union = Type::union([Type::Null, literal("\"a\""), Type::union([Type::Number, Type::Null]), literal("1")]);
        assert_eq!(shown(&union), "\"a\"|number|null");
        assert_eq!(shown(&Type::union([Type::String, literal("\"a\"")])), "string");
        assert_eq!(Type::union([Type::Any, Type::String]), Type::Any);
        assert_eq!(Type::union([]), Type::Never);
    }

    #[test]
    fn objects_of_an_intersection_are_one_unless_they_meet() {
        let [a, b] = ["a", "b"].map(|name| object(&[(name, Type::String)]));
        assert_eq!(shown(&Type::intersection([b, a.clone()])), "{a: string; b: string}");
        let other = object(&[("a", Type::Number)]);
        assert_eq!(shown(&Type::intersection([a, other])), "{a: string} & {a: number}");
    }

    #[test]
    fn names_that_are_no_identifiers_are_quoted() {
        assert_eq!(
            shown(&object(&[("a-b", Type::String), ("\u{202e}", Type::Null)])),
            r#"{"a-b": string; "\u202e": null}"#
        );
    }

    #[test]
    fn what_is_too_long_stops() {
        let mut writer = Writer::new(Layout::Line, 20);
        let members: Vec<_> = (0..1000).map(|_| ("name", Type::String)).collect();
        writer.write(&object(&members));
        assert!(!writer.is_complete());
        assert!(writer.out.len() < 40);
    }
}
