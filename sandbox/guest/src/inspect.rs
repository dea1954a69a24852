//! Values in words, for logs and messages.

use boa_engine::{
    Context, JsError, JsNativeError, JsObject, JsResult, JsValue,
    builtins::promise::PromiseState,
    js_string,
    object::builtins::{JsMap, JsPromise, JsRegExp, JsSet},
};

use crate::{
    json::{self, Bounds, Style},
    logs,
};

/// One argument of `console.log`: a string as it is, all else as JSON that says a little more.
pub(crate) fn argument(value: &JsValue, context: &mut Context) -> String {
    // No more than the logs have room for is made.
    let room = logs::room();
    if let Some(text) = value.as_string() {
        let text = text.get(..text.len().min(room + 1)).unwrap_or(text);
        return text.to_std_string_lossy();
    }
    in_words(value, room, context)
}

/// `value` in at most about `bytes` bytes.
pub(crate) fn in_words(value: &JsValue, bytes: usize, context: &mut Context) -> String {
    let mut out = Vec::new();
    let bounds = Bounds { depth: 6, nodes: 20_000, bytes };
    // An error here is a bound or a getter that throws: what was written so far is still worth reading.
    let failed = json::write(&mut out, value, Style::Log, bounds, context).is_err();
    let text = String::from_utf8_lossy(&out);
    if failed { format!("{}[...]", json::prefix(&text, bytes)) } else { text.into_owned() }
}

/// A function by its name.
pub(crate) fn function(function: &JsObject, context: &mut Context) -> String {
    let name = function.get(js_string!("name"), context).ok().and_then(|name| name.as_string());
    match name {
        Some(name) if !name.is_empty() => format!("[Function: {}]", json::prefix(&name.to_std_string_lossy(), 100)),
        _ => "[Function]".to_owned(),
    }
}

/// What an error, a promise or a regular expression is in logs, where JSON would say `{}`.
pub(crate) fn special(object: &JsObject, context: &mut Context) -> Option<String> {
    if object.is::<boa_engine::builtins::error::Error>() {
        return Some(error(object, context));
    }
    if JsRegExp::from_object(object.clone()).is_ok() {
        return JsValue::from(object.clone()).to_string(context).ok().map(|text| text.to_std_string_lossy());
    }
    let promise = JsValue::from(object.clone()).as_promise()?;
    Some(match promise.state() {
        PromiseState::Pending => "[Promise that was not awaited]".to_owned(),
        PromiseState::Fulfilled(_) | PromiseState::Rejected(_) => "[Promise]".to_owned(),
    })
}

/// `Name: message`.
pub(crate) fn error(object: &JsObject, context: &mut Context) -> String {
    let mut part = |name| {
        let value = object.get(name, context).ok().filter(|value| !value.is_undefined())?;
        let text = value.as_string().map(|text| text.get(..text.len().min(2_000)).unwrap_or(text));
        text.map(|text| text.to_std_string_lossy())
    };
    let (name, message) = (part(js_string!("name")), part(js_string!("message")));
    let name = name.unwrap_or_else(|| "Error".to_owned());
    match message {
        Some(message) if !message.is_empty() => format!("{name}: {message}"),
        _ => name,
    }
}

/// The items of a Set, in their order.
pub(crate) fn set_items(set: &JsSet, context: &mut Context) -> JsResult<Vec<JsValue>> {
    let values = set.values(context)?;
    let mut items = Vec::new();
    while let Some(item) = next_of(&values.next(context)?, context)? {
        items.push(item);
    }
    Ok(items)
}

/// The entries of a Map, in their order.
pub(crate) fn map_entries(map: &JsMap, context: &mut Context) -> JsResult<Vec<(JsValue, JsValue)>> {
    let entries = map.entries(context)?;
    let mut found = Vec::new();
    while let Some(entry) = next_of(&entries.next(context)?, context)? {
        let Some(entry) = entry.as_object() else { continue };
        found.push((entry.get(0, context)?, entry.get(1, context)?));
    }
    Ok(found)
}

/// The value of what an iterator gave, unless it is done.
fn next_of(step: &JsValue, context: &mut Context) -> JsResult<Option<JsValue>> {
    let Some(step) = step.as_object() else { return Ok(None) };
    if step.get(js_string!("done"), context)?.to_boolean() {
        return Ok(None);
    }
    step.get(js_string!("value"), context).map(Some)
}

/// What a promise stands for where a value should be.
pub(crate) fn settled(promise: &JsPromise) -> JsResult<JsValue> {
    match promise.state() {
        PromiseState::Fulfilled(value) => Ok(value),
        PromiseState::Rejected(error) => Err(JsError::from_opaque(error)),
        PromiseState::Pending => Err(JsNativeError::typ()
            .with_message("a promise is not a value: await it (`await Promise.all([...])` for several)")
            .into()),
    }
}
