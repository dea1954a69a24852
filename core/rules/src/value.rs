//! Values while a rule is evaluated. Texts, lists and maps are borrowed where they can be, so that to hand one on costs nothing.

use std::{borrow::Cow, collections::BTreeMap, ops::Deref, rc::Rc};

use crate::{datum::Datum, types::Type};

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
}

/// A text.
#[derive(Debug, Clone)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// A list.
#[derive(Debug, Clone)]
pub(crate) enum List<'a> {
    Borrowed(&'a [Datum<'a>]),
    Made(Rc<[Value<'a>]>),
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Borrowed(elements) => elements.len(),
            Self::Made(elements) => elements.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Borrowed(elements) => elements.get(index).map(Value::from),
            Self::Made(elements) => elements.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Value<'a>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// A map by name. Its members are sorted, whatever it is made of.
#[derive(Debug, Clone)]
pub(crate) enum Map<'a> {
    Borrowed(&'a [(Cow<'a, str>, Datum<'a>)]),
    Labels(&'a BTreeMap<String, String>),
    Made(Rc<[(&'a str, Value<'a>)]>),
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Borrowed(members) => members.len(),
            Self::Labels(labels) => labels.len(),
            Self::Made(members) => members.len(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Borrowed(members) => {
                let index = members.binary_search_by(|(own, _)| (**own).cmp(name)).ok()?;
                members.get(index).map(|(_, value)| Value::from(value))
            }
            Self::Labels(labels) => labels.get(name).map(|label| Value::text(label)),
            Self::Made(members) => {
                let index = members.binary_search_by(|(own, _)| (**own).cmp(name)).ok()?;
                members.get(index).map(|(_, value)| value.clone())
            }
        }
    }

    /// The names of its members, sorted.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        match self {
            Self::Borrowed(members) => members.iter().map(|(name, _)| &**name).collect(),
            Self::Labels(labels) => labels.keys().map(String::as_str).collect(),
            Self::Made(members) => members.iter().map(|(name, _)| *name).collect(),
        }
    }
}

impl<'a> Value<'a> {
    pub(crate) const fn text(text: &'a str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    pub(crate) fn made(text: &str) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    /// Its type, as far as a message needs it.
    pub(crate) fn of_type(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::Text(_) => Type::Text,
            Self::List(_) => Type::Dyn.list(),
            Self::Map(_) => Type::Map(Box::new(Type::Dyn)),
        }
    }
}

impl<'a> From<&'a Datum<'a>> for Value<'a> {
    fn from(datum: &'a Datum<'a>) -> Self {
        match datum {
            Datum::Null => Self::Null,
            Datum::Bool(bool) => Self::Bool(*bool),
            Datum::Int(int) => Self::Int(*int),
            Datum::Uint(uint) => Self::Uint(*uint),
            Datum::Double(double) => Self::Double(*double),
            Datum::Text(text) => Self::text(text),
            Datum::List(elements) => Self::List(List::Borrowed(elements)),
            Datum::Map(members) => Self::Map(Map::Borrowed(members)),
        }
    }
}
