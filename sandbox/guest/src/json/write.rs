//! From values to JSON.

use boa_engine::{
    Context, JsNativeError, JsObject, JsResult, JsStr, JsString, JsValue, JsVariant, js_string,
    object::builtins::{JsMap, JsProxy, JsSet},
    property::{PropertyDescriptor, PropertyKey},
    string::JsStrVariant,
};

use super::{write_escape, write_str};
use crate::inspect;

/// For whom JSON is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style<'a> {
    /// For the program: `JSON.stringify`, with an indentation.
    Standard(&'a str),
    /// For a tool or for the agent: a Map is an object, a Set an array, a BigInt a string; what can't be said is an error, and no name is
    /// `__proto__`.
    Value(Proto),
    /// For a person who reads logs: nothing is an error.
    Log,
}

/// What becomes of members named `__proto__`, which the reader of the JSON might take for an object's prototype.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proto {
    Refuse,
    LeaveOut,
}

/// How much may be written.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Levels of nesting.
    pub depth: usize,
    /// Values, taken together.
    pub nodes: usize,
    pub bytes: usize,
}

/// Appends `value` to `out`; `false` if it is nothing that JSON can say (`undefined`, a function).
///
/// # Errors
/// Names the bound that `value` exceeds, or what about it JSON can't say.
pub(crate) fn write(
    out: &mut Vec<u8>,
    value: &JsValue,
    style: Style<'_>,
    bounds: Bounds,
    context: &mut Context,
) -> JsResult<bool> {
    let limit = out.len().saturating_add(bounds.bytes);
    let mut writer = Writer { out, style, bounds, limit, open: Vec::new(), context };
    writer.named(&key(""), value)
}

fn key(name: &str) -> PropertyKey {
    PropertyKey::from(JsString::from(name))
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    style: Style<'a>,
    bounds: Bounds,
    /// How long `out` may be.
    limit: usize,
    /// The objects that the current one is in.
    open: Vec<JsObject>,
    context: &'a mut Context,
}

impl Writer<'_> {
    /// A value that has a name, to which its `toJSON` may refer.
    fn named(&mut self, name: &PropertyKey, value: &JsValue) -> JsResult<bool> {
        self.spend()?;
        let Some(object) = value.as_object() else { return self.primitive(value) };
        if object.is_callable() {
            return self.callable(&object);
        }
        if self.style == Style::Log && self.special(&object) {
            return Ok(true);
        }
        if let (Style::Value(_), Some(promise)) = (self.style, value.as_promise()) {
            let value = inspect::settled(&promise)?;
            return self.named(name, &value);
        }
        let to_json = object.get(js_string!("toJSON"), self.context)?;
        let Some(to_json) = to_json.as_callable() else { return self.object(&object) };
        let value = to_json.call(value, &[JsValue::from(name.clone())], self.context)?;
        match value.as_object() {
            Some(object) if object.is_callable() => self.callable(&object),
            Some(object) => self.object(&object),
            None => self.primitive(&value),
        }
    }

    fn primitive(&mut self, value: &JsValue) -> JsResult<bool> {
        match value.variant() {
            JsVariant::Undefined => return Ok(self.log_only(b"undefined")),
            JsVariant::Symbol(symbol) => {
                let text = symbol.descriptive_string().to_std_string_lossy();
                return Ok(self.log_only(text.as_bytes()));
            }
            JsVariant::Null => self.out.extend_from_slice(b"null"),
            JsVariant::Boolean(true) => self.out.extend_from_slice(b"true"),
            JsVariant::Boolean(false) => self.out.extend_from_slice(b"false"),
            JsVariant::Integer32(number) => {
                let mut digits = itoa::Buffer::new();
                self.out.extend_from_slice(digits.format(number).as_bytes());
            }
            JsVariant::Float64(number) => self.float(number),
            JsVariant::String(text) => self.string(text.as_str()),
            JsVariant::BigInt(number) => {
                if matches!(self.style, Style::Standard(_)) {
                    return Err(type_error("a BigInt can't be JSON: make it a string or a number").into());
                }
                write_str(self.out, &number.to_string());
            }
            JsVariant::Object(_) => {}
        }
        self.within_bytes()?;
        Ok(true)
    }

    fn float(&mut self, number: f64) {
        if number.is_finite() {
            let mut digits = ryu_js::Buffer::new();
            self.out.extend_from_slice(digits.format_finite(number).as_bytes());
        } else {
            let text: &[u8] = match self.style {
                Style::Log if number.is_nan() => b"NaN",
                Style::Log if number > 0.0 => b"Infinity",
                Style::Log => b"-Infinity",
                _ => b"null",
            };
            self.out.extend_from_slice(text);
        }
    }

    /// Lone surrogates are escaped for the program, as JavaScript does, and replaced for others, whose JSON can't say them.
    fn string(&mut self, text: JsStr<'_>) {
        // Longer than what is left even if nothing needs more than a byte: the caller then finds too much written.
        let text = if text.len() > self.limit { text.get(..self.limit + 1).unwrap_or(text) } else { text };
        match text.variant() {
            JsStrVariant::Latin1(bytes) if bytes.is_ascii() => {
                // SAFETY of the conversion is checked: these bytes are ASCII.
                write_str(self.out, std::str::from_utf8(bytes).unwrap_or_default());
            }
            JsStrVariant::Latin1(bytes) => {
                let text: String = bytes.iter().copied().map(char::from).collect();
                write_str(self.out, &text);
            }
            JsStrVariant::Utf16(units) => self.utf16(units),
        }
    }

    fn utf16(&mut self, units: &[u16]) {
        self.out.push(b'"');
        let mut buffer = [0; 4];
        for unit in char::decode_utf16(units.iter().copied()) {
            match unit {
                Ok(char @ ('"' | '\\' | '\0'..='\x1f')) => write_escape(self.out, char as u16),
                Ok(char) => self.out.extend_from_slice(char.encode_utf8(&mut buffer).as_bytes()),
                Err(lone) if matches!(self.style, Style::Standard(_)) => {
                    write_escape(self.out, lone.unpaired_surrogate());
                }
                Err(_) => self.out.extend_from_slice("\u{fffd}".as_bytes()),
            }
        }
        self.out.push(b'"');
    }

    fn callable(&mut self, function: &JsObject) -> JsResult<bool> {
        if self.style != Style::Log {
            return Ok(false);
        }
        let text = inspect::function(function, self.context);
        Ok(self.log_only(text.as_bytes()))
    }

    /// What logs say in their own way.
    fn special(&mut self, object: &JsObject) -> bool {
        let Some(text) = inspect::special(object, self.context) else { return false };
        write_str(self.out, &text);
        true
    }

    fn log_only(&mut self, text: &[u8]) -> bool {
        let log = self.style == Style::Log;
        if log {
            self.out.extend_from_slice(text);
        }
        log
    }

    fn object(&mut self, object: &JsObject) -> JsResult<bool> {
        if let Some(value) = unboxed(object) {
            return self.primitive(&value);
        }
        if let Some(written) = self.may_not_open(object)? {
            return Ok(written);
        }
        self.open.push(object.clone());
        self.contents(object)?;
        self.open.pop();
        self.within_bytes()?;
        Ok(true)
    }

    /// An object that is within itself, or too deep.
    fn may_not_open(&mut self, object: &JsObject) -> JsResult<Option<bool>> {
        let cyclic = self.open.iter().any(|open| JsObject::equals(open, object));
        let deep = self.open.len() >= self.bounds.depth;
        match (cyclic, deep, self.style) {
            (false, false, _) => Ok(None),
            (true, _, Style::Log) => Ok(Some(self.log_only(b"[Circular]"))),
            (false, _, Style::Log) => Ok(Some(self.log_only(b"[...]"))),
            (true, ..) => Err(type_error("an object that contains itself can't be JSON").into()),
            (false, ..) => {
                let depth = self.bounds.depth;
                Err(range_error(&format!("nested deeper than {depth} levels")).into())
            }
        }
    }

    fn contents(&mut self, object: &JsObject) -> JsResult<()> {
        if object.is_array() {
            return self.array(object);
        }
        if !matches!(self.style, Style::Standard(_)) {
            if let Ok(map) = JsMap::from_object(object.clone()) {
                return self.map(&map);
            }
            if let Ok(set) = JsSet::from_object(object.clone()) {
                let items = inspect::set_items(&set, self.context)?;
                return self.items(items.into_iter().map(Ok));
            }
        }
        if JsProxy::from_object(object.clone()).is_ok() {
            // What the Proxy's traps say it has, read once.
            let copy = JsObject::with_object_proto(self.context.intrinsics());
            copy.copy_data_properties::<PropertyKey>(&object.clone().into(), Vec::new(), self.context)?;
            return self.members(&copy);
        }
        self.members(object)
    }

    fn array(&mut self, array: &JsObject) -> JsResult<()> {
        let length = array.get(js_string!("length"), self.context)?.to_length(self.context)?;
        // A sparse array may claim four thousand million items.
        if length > self.bounds.nodes as u64 {
            return Err(Self::too_many());
        }
        self.out.push(b'[');
        for index in 0..length {
            self.separate(index == 0);
            let value = array.get(index, self.context)?;
            self.item(&PropertyKey::from(index), &value)?;
        }
        self.close(length == 0, b']');
        Ok(())
    }

    fn items(&mut self, items: impl Iterator<Item = JsResult<JsValue>>) -> JsResult<()> {
        self.out.push(b'[');
        let mut first = true;
        for item in items {
            self.separate(first);
            first = false;
            self.item(&key(""), &item?)?;
        }
        self.close(first, b']');
        Ok(())
    }

    fn item(&mut self, name: &PropertyKey, value: &JsValue) -> JsResult<()> {
        if !self.named(name, value)? {
            self.out.extend_from_slice(b"null");
        }
        Ok(())
    }

    fn members(&mut self, object: &JsObject) -> JsResult<()> {
        self.out.push(b'{');
        let mut first = true;
        for name in object.own_property_keys(self.context)? {
            if matches!(name, PropertyKey::Symbol(_)) || self.leaves_out(&name)? {
                continue;
            }
            let property = object.borrow().properties().get(&name);
            let Some(property) = property.filter(PropertyDescriptor::expect_enumerable) else { continue };
            let value = match property.value() {
                Some(value) => value.clone(),
                None => object.get(name.clone(), self.context)?,
            };
            self.member(&mut first, &name, &value)?;
        }
        self.close(first, b'}');
        Ok(())
    }

    fn map(&mut self, map: &JsMap) -> JsResult<()> {
        self.out.push(b'{');
        let mut first = true;
        for (name, value) in inspect::map_entries(map, self.context)? {
            let name = PropertyKey::from(name.to_string(self.context)?);
            if !self.leaves_out(&name)? {
                self.member(&mut first, &name, &value)?;
            }
        }
        self.close(first, b'}');
        Ok(())
    }

    fn member(&mut self, first: &mut bool, name: &PropertyKey, value: &JsValue) -> JsResult<()> {
        let before = self.out.len();
        self.separate(*first);
        match name {
            PropertyKey::String(text) => self.string(text.as_str()),
            other => write_str(self.out, &other.to_string()),
        }
        self.out.push(b':');
        if matches!(self.style, Style::Standard(indent) if !indent.is_empty()) {
            self.out.push(b' ');
        }
        if self.named(name, value)? {
            *first = false;
        } else {
            self.out.truncate(before);
        }
        Ok(())
    }

    /// Whether a member of this name is not written.
    fn leaves_out(&self, name: &PropertyKey) -> JsResult<bool> {
        let Style::Value(proto) = self.style else { return Ok(false) };
        if !matches!(name, PropertyKey::String(text) if *text == js_string!("__proto__")) {
            return Ok(false);
        }
        match proto {
            Proto::LeaveOut => Ok(true),
            Proto::Refuse => Err(type_error("no member of a tool's arguments may be named __proto__").into()),
        }
    }

    /// What stands before an item or a member.
    fn separate(&mut self, first: bool) {
        if !first {
            self.out.push(b',');
        }
        self.break_line(self.open.len());
    }

    fn close(&mut self, empty: bool, bracket: u8) {
        if !empty {
            self.break_line(self.open.len() - 1);
        }
        self.out.push(bracket);
    }

    fn break_line(&mut self, levels: usize) {
        let Style::Standard(indent) = self.style else { return };
        if indent.is_empty() {
            return;
        }
        self.out.push(b'\n');
        for _ in 0..levels {
            self.out.extend_from_slice(indent.as_bytes());
        }
    }

    /// Counts one value.
    fn spend(&mut self) -> JsResult<()> {
        let Some(left) = self.bounds.nodes.checked_sub(1) else { return Err(Self::too_many()) };
        self.bounds.nodes = left;
        Ok(())
    }

    fn too_many() -> boa_engine::JsError {
        range_error("too many values for JSON").into()
    }

    fn within_bytes(&self) -> JsResult<()> {
        if self.out.len() <= self.limit {
            return Ok(());
        }
        Err(range_error(&format!("longer than {} bytes as JSON", self.bounds.bytes)).into())
    }
}

/// What a `Number`, `String` or `Boolean` object holds.
fn unboxed(object: &JsObject) -> Option<JsValue> {
    if let Some(text) = object.downcast_ref::<JsString>() {
        return Some(text.clone().into());
    }
    if let Some(number) = object.downcast_ref::<f64>() {
        return Some((*number).into());
    }
    object.downcast_ref::<bool>().map(|boolean| (*boolean).into())
}

fn type_error(message: &str) -> JsNativeError {
    JsNativeError::typ().with_message(message.to_owned())
}

fn range_error(message: &str) -> JsNativeError {
    JsNativeError::range().with_message(message.to_owned())
}
