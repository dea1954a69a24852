//! What a program finds beside the language: `console`, a seeded `Math.random`, `ToolError`; and what it does not find.

use boa_engine::{
    Context, JsObject, JsResult, JsString, JsValue, NativeFunction, Source, js_string,
    object::{FunctionObjectBuilder, IntegrityLevel, ObjectInitializer},
    property::{Attribute, PropertyDescriptor},
};

use crate::{entropy, inspect, json, logs};

/// What would show how memory is collected or shared.
const REMOVED: [&str; 4] = ["SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry"];
const LEVELS: [&str; 7] = ["log", "info", "warn", "error", "debug", "table", "dir"];

/// Changes the global object of a new interpreter; gives the class of tools' errors.
pub(crate) fn install(context: &mut Context) -> JsResult<JsObject> {
    let global = context.global_object();
    for name in REMOVED {
        global.delete_property_or_throw(JsString::from(name), context)?;
    }
    json::install(context)?;
    let math = context.intrinsics().objects().math();
    let random = function(context, "random", |_, _, _| Ok(entropy::fraction().into()));
    hidden(&math, "random", random);
    let console = console(context)?;
    fixed(&global, "console", console.into());
    let tool_error = tool_error(context)?;
    fixed(&global, "ToolError", tool_error.clone().into());
    Ok(tool_error)
}

fn console(context: &mut Context) -> JsResult<JsObject> {
    let log = NativeFunction::from_fn_ptr(log);
    let mut console = ObjectInitializer::new(context);
    for level in LEVELS {
        console.function(log.clone(), JsString::from(level), 0);
    }
    let console = console.build();
    console.set_integrity_level(IntegrityLevel::Frozen, context)?;
    Ok(console)
}

fn log(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let mut line = String::new();
    for (index, value) in args.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        line += &inspect::argument(value, context);
        if line.len() > logs::room() {
            break;
        }
    }
    logs::add(&line);
    Ok(JsValue::undefined())
}

/// The class of errors that come from tools: `message`, and `tool` as `server.tool`.
fn tool_error(context: &mut Context) -> JsResult<JsObject> {
    const CLASS: &str = r#"(() => {
        class ToolError extends Error {
            constructor(message, tool) {
                super(message);
                Object.defineProperty(this, "tool", { value: tool, enumerable: true });
            }
        }
        Object.defineProperty(ToolError.prototype, "name", { value: "ToolError" });
        Object.freeze(ToolError.prototype);
        return Object.freeze(ToolError);
    })()"#;
    let class = context.eval(Source::from_bytes(CLASS))?;
    class.to_object(context)
}

fn function(
    context: &Context,
    name: &str,
    body: fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>,
) -> JsValue {
    FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(body))
        .name(JsString::from(name))
        .constructor(false)
        .build()
        .into()
}

/// A property as the language's own functions are.
fn hidden(object: &JsObject, name: &str, value: JsValue) {
    let property = PropertyDescriptor::builder().value(value).writable(true).enumerable(false).configurable(true);
    object.insert_property(js_string!(name), property);
}

/// A property that can be neither changed nor removed.
pub(crate) fn fixed(object: &JsObject, name: &str, value: JsValue) {
    let property = PropertyDescriptor::builder()
        .value(value)
        .writable(Attribute::empty().writable())
        .enumerable(false)
        .configurable(false);
    object.insert_property(JsString::from(name), property);
}
