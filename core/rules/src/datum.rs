//! Values that are all there before a rule is evaluated: literals, and the arguments of a call, read from JSON.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::failure::Cause;

/// A value. The members of a map are sorted by name, and no name stands twice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Cow<'a, str>),
    List(Vec<Datum<'a>>),
    Map(Vec<(Cow<'a, str>, Datum<'a>)>),
}

/// Sorts the members of a map; the name that stands twice, if one does.
pub(crate) fn sort_members<K: AsRef<str>, V>(members: &mut [(K, V)]) -> Option<&str> {
    members.sort_by(|left, right| left.0.as_ref().cmp(right.0.as_ref()));
    let twice = members.windows(2).find(|pair| pair[0].0.as_ref() == pair[1].0.as_ref())?;
    Some(twice[0].0.as_ref())
}

/// Reads a call's arguments: a JSON object within the bounds, in which no member stands twice. (Of two members of one name the gateway
/// would judge one, and the upstream might take the other.) Gives also how many values and names there are.
pub(crate) fn read_arguments(json: &str, most_bytes: usize, most_nodes: usize) -> Result<(Datum<'_>, usize), Cause> {
    if json.len() > most_bytes {
        return Err(Cause::ArgumentBytes { most: most_bytes });
    }
    let reader = Reader { left: &Cell::new(most_nodes), refused: &Cell::new(None) };
    let mut json = serde_json::Deserializer::from_str(json);
    let read = reader.deserialize(&mut json).and_then(|datum| json.end().map(|()| datum));
    match read {
        Ok(datum @ Datum::Map(_)) => Ok((datum, most_nodes - reader.left.get())),
        Ok(_) => Err(Cause::NotAnObject),
        Err(_) => Err(match reader.refused.get() {
            Some(Refused::TooMany) => Cause::ArgumentNodes { most: most_nodes },
            Some(Refused::Twice) => Cause::MemberTwice,
            None => Cause::NotJson,
        }),
    }
}

/// What JSON itself does not refuse.
#[derive(Clone, Copy)]
enum Refused {
    TooMany,
    Twice,
}

/// Reads JSON and counts. `serde_json` bounds how deep it nests.
#[derive(Clone, Copy)]
struct Reader<'c> {
    left: &'c Cell<usize>,
    refused: &'c Cell<Option<Refused>>,
}

impl Reader<'_> {
    fn refuse<E: serde::de::Error>(&self, refused: Refused) -> E {
        self.refused.set(Some(refused));
        E::custom("refused")
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| self.refuse(Refused::TooMany))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Datum<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Datum<'de>, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Datum<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Datum<'de>, E> {
        Ok(Datum::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Datum<'de>, E> {
        Ok(Datum::Bool(bool))
    }

    fn visit_i64<E>(self, int: i64) -> Result<Datum<'de>, E> {
        Ok(Datum::Int(int))
    }

    fn visit_u64<E>(self, uint: u64) -> Result<Datum<'de>, E> {
        Ok(i64::try_from(uint).map_or(Datum::Uint(uint), Datum::Int))
    }

    fn visit_f64<E>(self, double: f64) -> Result<Datum<'de>, E> {
        Ok(Datum::Double(double))
    }

    fn visit_str<E>(self, text: &str) -> Result<Datum<'de>, E> {
        Ok(Datum::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Datum<'de>, E> {
        Ok(Datum::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Datum<'de>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(self)? {
            elements.push(element);
        }
        Ok(Datum::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Datum<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = access.next_key_seed(Name(self))? {
            members.push((name, access.next_value_seed(self)?));
        }
        match sort_members(&mut members) {
            Some(_) => Err(self.refuse(Refused::Twice)),
            None => Ok(Datum::Map(members)),
        }
    }
}

/// A member's name.
struct Name<'c>(Reader<'c>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        self.0.count()?;
        match deserializer.deserialize_str(self.0)? {
            Datum::Text(name) => Ok(name),
            _ => Err(D::Error::custom("a member without a name")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Datum<'_>, Cause> {
        read_arguments(json, 1_000, 10).map(|(datum, _)| datum)
    }

    #[test]
    fn numbers_keep_their_value() {
        let Ok(Datum::Map(members)) = read(r#"{"a":1,"b":-1,"c":9223372036854775808,"d":1.0}"#) else { panic!() };
        let values: Vec<Datum<'_>> = members.into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [Datum::Int(1), Datum::Int(-1), Datum::Uint(1 << 63), Datum::Double(1.0)]);
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_however_it_is_spelled() {
        for twice in [r#"{"a":1,"b":2,"a":1}"#, r#"{"x":{"a":1,"\u0061":2}}"#] {
            assert!(matches!(read(twice), Err(Cause::MemberTwice)), "{twice}");
        }
        assert!(read(r#"{"a":{"a":1}}"#).is_ok());
    }

    #[test]
    fn what_is_too_large_or_no_object_is_refused() {
        assert!(matches!(read_arguments("{}", 1, 10), Err(Cause::ArgumentBytes { .. })));
        assert!(matches!(read(r"{"), Err(Cause::NotJson)));
        assert!(matches!(read(r"{} {}"), Err(Cause::NotJson)));
        assert!(matches!(read("[]"), Err(Cause::NotAnObject)));
        assert!(read(r#"{"a":[1,2,3,4,5,6,7]}"#).is_ok());
        assert!(matches!(read(r#"{"a":[1,2,3,4,5,6,7,8]}"#), Err(Cause::ArgumentNodes { .. })));
        let deep = format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500));
        assert!(matches!(read_arguments(&deep, 1 << 20, 1 << 20), Err(Cause::NotJson)));
    }
}
