//! `JSON.parse` and `JSON.stringify` on the reader and the writer beside. What they leave to the interpreter's own: revivers, replacers,
//! and text that is not plain JSON, for the error's wording.

use boa_engine::{
    Context, JsArgs, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string,
    object::{FunctionObjectBuilder, builtins::JsFunction},
    property::{Attribute, PropertyDescriptor},
    string::JsStrVariant,
};

use super::{Bounds, Style, parse, write};

/// As deep as a program's own JSON may nest: recursion costs stack.
const DEPTH: usize = 200;

/// The interpreter's own functions.
struct Stock {
    parse: JsObject,
    stringify: JsObject,
}

/// Puts both in place.
pub(crate) fn install(context: &mut Context) -> JsResult<()> {
    let json = context.intrinsics().objects().json();
    let own = |name: &str, context: &mut Context| -> JsResult<JsObject> {
        let function = json.get(JsString::from(name), context)?;
        function.as_object().ok_or_else(|| boa_engine::JsNativeError::typ().with_message("JSON is not whole").into())
    };
    let stock = Stock { parse: own("parse", context)?, stringify: own("stringify", context)? };
    context.insert_data(Kept(std::rc::Rc::new(stock)));
    replace(&json, "parse", 2, parse_native, context);
    replace(&json, "stringify", 3, stringify_native, context);
    Ok(())
}

/// Kept beside the interpreter's own data.
#[derive(Clone)]
struct Kept(std::rc::Rc<Stock>);

fn replace(
    json: &JsObject,
    name: &str,
    length: usize,
    function: fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>,
    context: &mut Context,
) {
    let function: JsFunction = FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(function))
        .name(JsString::from(name))
        .length(length)
        .constructor(false)
        .build();
    let attributes = Attribute::WRITABLE | Attribute::CONFIGURABLE | Attribute::NON_ENUMERABLE;
    let property = PropertyDescriptor::builder()
        .value(function)
        .writable(attributes.writable())
        .enumerable(attributes.enumerable())
        .configurable(attributes.configurable());
    json.insert_property(JsString::from(name), property);
}

fn stock(context: &Context) -> std::rc::Rc<Stock> {
    context
        .get_data::<Kept>()
        .map_or_else(|| unreachable!("installed with the functions that ask"), |kept| kept.0.clone())
}

fn parse_native(this: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = args.get_or_undefined(0).to_string(context)?;
    if !args.get_or_undefined(1).is_callable() {
        let parsed = match text.as_str().variant() {
            JsStrVariant::Latin1(bytes) if bytes.is_ascii() => parse(bytes, context),
            _ => parse(text.to_std_string_lossy().as_bytes(), context),
        };
        if let Ok(value) = parsed {
            return Ok(value);
        }
    }
    let mut args = args.to_vec();
    args[0] = text.into();
    stock(context).parse.call(this, &args, context)
}

fn stringify_native(this: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let (value, replacer, space) = (args.get_or_undefined(0), args.get_or_undefined(1), args.get_or_undefined(2));
    if replacer.is_object() || space.is_object() {
        return stock(context).stringify.call(this, args, context);
    }
    let indent = indentation(space, context)?;
    let mut out = Vec::new();
    let bounds = Bounds { depth: DEPTH, nodes: usize::MAX, bytes: usize::MAX };
    if !write(&mut out, value, Style::Standard(&indent), bounds, context)? {
        return Ok(JsValue::undefined());
    }
    let text = String::from_utf8(out).unwrap_or_default();
    Ok(js_string!(text).into())
}

fn indentation(space: &JsValue, context: &mut Context) -> JsResult<String> {
    if space.is_number() {
        let width = space.to_integer_or_infinity(context)?.clamp_finite(0, 10);
        return Ok(" ".repeat(usize::try_from(width).unwrap_or_default()));
    }
    let text = space.as_string().map(|text| text.to_std_string_lossy()).unwrap_or_default();
    Ok(text.chars().take(10).collect())
}
