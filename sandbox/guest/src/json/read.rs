//! From JSON to values.

use boa_engine::{
    Context, JsString, JsValue,
    object::{JsObject, builtins::JsArray},
    property::{Attribute, PropertyDescriptor, PropertyKey},
};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The value that `text` describes. Nesting deeper than 128 levels is an error.
///
/// # Errors
/// If it is not JSON, or has a string that is not Unicode.
pub(crate) fn parse(text: &[u8], context: &mut Context) -> Result<JsValue, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Seed { context, names: &mut Names::default() }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The member names of this text so far: rows have the same ones, and making a name costs more than finding it.
#[derive(Default)]
struct Names(Vec<(Box<str>, PropertyKey)>);

/// Names beyond these are made anew each time.
const KEPT_NAMES: usize = 64;

impl Names {
    /// The key for `name`, which is probably the one after the last one found.
    fn key(&mut self, name: &str, guess: usize) -> (PropertyKey, usize) {
        let kept = self.0.len();
        let found = (0..kept).map(|step| (guess + step) % kept).find(|at| &*self.0[*at].0 == name);
        if let Some(at) = found {
            return (self.0[at].1.clone(), at + 1);
        }
        let key = PropertyKey::from(JsString::from(name));
        if kept < KEPT_NAMES {
            self.0.push((name.into(), key.clone()));
        }
        (key, kept + 1)
    }
}

struct Seed<'a> {
    context: &'a mut Context,
    names: &'a mut Names,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = JsValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<JsValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = JsValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<JsValue, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<JsValue, E> {
        Ok(JsValue::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<JsValue, E> {
        Ok(JsValue::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<JsValue, E> {
        Ok(JsValue::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<JsValue, E> {
        Ok(JsString::from(value).into())
    }

    fn visit_unit<E>(self) -> Result<JsValue, E> {
        Ok(JsValue::null())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<JsValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed { context: &mut *self.context, names: &mut *self.names })? {
            items.push(item);
        }
        Ok(JsArray::from_iter(items, self.context).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsValue, A::Error> {
        let object = JsObject::with_object_proto(self.context.intrinsics());
        let mut guess = 0;
        while let Some(key) = map.next_key_seed(KeySeed { names: &mut *self.names, guess: &mut guess })? {
            let value = map.next_value_seed(Seed { context: &mut *self.context, names: &mut *self.names })?;
            // The key is the object's own even if it is `__proto__`.
            let property = PropertyDescriptor::builder()
                .value(value)
                .writable(Attribute::all().writable())
                .enumerable(true)
                .configurable(true);
            object.insert_property(key, property);
        }
        Ok(object.into())
    }
}

struct KeySeed<'a> {
    names: &'a mut Names,
    guess: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = PropertyKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PropertyKey, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed<'_> {
    type Value = PropertyKey;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<PropertyKey, E> {
        let (key, next) = self.names.key(name, *self.guess);
        *self.guess = next;
        Ok(key)
    }
}
