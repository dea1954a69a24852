//! The servers as the program sees them: a global for each, with a function for each tool, under its identifier and its original
//! name; and `tools`, which has them all by their ids.
//!
//! A server's functions are made when the program first touches it: a catalogue may have hundreds.

use std::{cell::RefCell, rc::Rc};

use boa_engine::{
    Context, JsData, JsError, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction,
    gc::{Finalize, Trace, empty_trace},
    js_string,
    object::{FunctionObjectBuilder, IntegrityLevel, builtins::JsProxyBuilder},
    property::PropertyDescriptor,
};

use crate::{calls::Calls, globals::fixed, message::Server, suggest};

/// The servers of this execution.
#[derive(Clone)]
pub(crate) struct Names(Rc<Inner>);

struct Inner {
    servers: Vec<Server<'static>>,
    /// Each server's object, once it is made.
    objects: RefCell<Vec<Option<JsObject>>>,
    tool_error: JsObject,
}

/// What the getters and functions hold: places in [`Names`], nothing that is collected.
#[derive(Clone, Copy, JsData)]
struct Place {
    server: usize,
    tool: usize,
}

impl Finalize for Place {}

// SAFETY: two numbers hold nothing that is collected.
unsafe impl Trace for Place {
    empty_trace!();
}

/// Stands for no server but all of them.
const ALL: usize = usize::MAX;

impl Names {
    /// Puts `servers` into the global object.
    pub(crate) fn install(
        servers: Vec<Server<'static>>,
        tool_error: JsObject,
        context: &mut Context,
    ) -> JsResult<Self> {
        let objects = RefCell::new(vec![None; servers.len()]);
        let names = Self(Rc::new(Inner { servers, objects, tool_error }));
        context.insert_data(names.clone());
        let (global, tools) = (context.global_object(), JsObject::with_null_proto());
        for (index, server) in names.0.servers.iter().enumerate() {
            let getter = getter(index, context);
            define(&global, &server.ident, &getter, false);
            define(&tools, &server.id, &getter, true);
            if server.ident != server.id {
                define(&tools, &server.ident, &getter, false);
            }
        }
        tools.set_prototype(Some(unknown(ALL, context)?));
        tools.set_integrity_level(IntegrityLevel::Frozen, context)?;
        fixed(&global, "tools", tools.into());
        Ok(names)
    }

    /// The identifiers of the servers.
    pub(crate) fn idents(&self) -> impl Iterator<Item = &str> {
        self.0.servers.iter().map(|server| &*server.ident)
    }

    /// A tool's error as an exception.
    pub(crate) fn error(&self, message: &str, tool: &str, context: &mut Context) -> JsResult<JsValue> {
        let arguments = [JsString::from(message).into(), JsString::from(tool).into()];
        self.0.tool_error.construct(&arguments, None, context).map(Into::into)
    }

    /// The tool whose error `error` is, if it is one's.
    pub(crate) fn tool_of_error(&self, error: &JsObject, context: &mut Context) -> Option<String> {
        let prototype = self.0.tool_error.get(js_string!("prototype"), context).ok()?.as_object()?;
        if error.prototype().is_none_or(|own| !JsObject::equals(&own, &prototype)) {
            return None;
        }
        Some(error.get(js_string!("tool"), context).ok()?.as_string()?.to_std_string_lossy())
    }

    fn object(&self, server: usize, context: &mut Context) -> JsResult<JsObject> {
        if let Some(object) = self.0.objects.borrow()[server].clone() {
            return Ok(object);
        }
        let object = make(server, &self.0.servers[server], context)?;
        self.0.objects.borrow_mut()[server] = Some(object.clone());
        Ok(object)
    }
}

fn names(context: &Context) -> JsResult<Names> {
    let gone = || JsNativeError::typ().with_message("there are no servers").into();
    context.get_data::<Names>().cloned().ok_or_else(gone)
}

fn getter(server: usize, context: &mut Context) -> JsObject {
    let body = NativeFunction::from_copy_closure_with_captures(
        |_, _, place: &Place, context| names(context)?.object(place.server, context).map(Into::into),
        Place { server, tool: 0 },
    );
    FunctionObjectBuilder::new(context.realm(), body).constructor(false).build().into()
}

/// A property that gives what `getter` makes, and can be neither changed nor removed.
fn define(object: &JsObject, name: &str, getter: &JsObject, enumerable: bool) {
    let property = PropertyDescriptor::builder().get(getter.clone()).enumerable(enumerable).configurable(false);
    object.insert_property(JsString::from(name), property);
}

fn make(index: usize, server: &Server<'static>, context: &mut Context) -> JsResult<JsObject> {
    let object = JsObject::with_null_proto();
    for (tool, (ident, name)) in server.tools.iter().enumerate() {
        let body = NativeFunction::from_copy_closure_with_captures(call, Place { server: index, tool });
        let function = FunctionObjectBuilder::new(context.realm(), body)
            .name(JsString::from(&**ident))
            .length(1)
            .constructor(false)
            .build();
        // A name that is another tool's identifier stays that one's: identifiers are what declarations show.
        if !server.tools[..tool].iter().any(|(earlier, _)| earlier == ident) {
            entry(&object, ident, function.clone().into(), true);
        }
        if name != ident && !server.tools.iter().any(|(other, _)| other == name) {
            entry(&object, name, function.into(), false);
        }
    }
    object.set_prototype(Some(unknown(index, context)?));
    object.set_integrity_level(IntegrityLevel::Frozen, context)?;
    Ok(object)
}

fn entry(object: &JsObject, name: &str, value: JsValue, enumerable: bool) {
    let property =
        PropertyDescriptor::builder().value(value).writable(false).enumerable(enumerable).configurable(false);
    object.insert_property(JsString::from(name), property);
}

fn call(_: &JsValue, arguments: &[JsValue], place: &Place, context: &mut Context) -> JsResult<JsValue> {
    let names = names(context)?;
    let server = &names.0.servers[place.server];
    let calls = context.get_data::<Calls>().cloned().unwrap_or_default();
    calls.call(server, place.tool, arguments, context)
}

/// What a server's object falls back on: it says that there is no such tool, and which one may have been meant. With [`ALL`] it says so of servers.
fn unknown(server: usize, context: &mut Context) -> JsResult<JsObject> {
    let target = JsObject::from_proto_and_data(None, Place { server, tool: 0 });
    target.set_integrity_level(IntegrityLevel::Frozen, context)?;
    Ok(JsProxyBuilder::new(target).get(no_such).build(context)?.into())
}

fn no_such(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let [target, key, ..] = arguments else { return Ok(JsValue::undefined()) };
    let place = target.as_object().and_then(|object| object.downcast_ref::<Place>().map(|place| *place));
    let (Some(place), Some(wanted)) = (place, key.as_string()) else { return Ok(JsValue::undefined()) };
    let wanted = wanted.to_std_string_lossy();
    // What the language itself looks for in any object.
    if ["then", "toJSON", "toString", "valueOf", "constructor", "__proto__", "length", "name"].contains(&&*wanted) {
        return Ok(JsValue::undefined());
    }
    let names = names(context)?;
    Err(names
        .0
        .servers
        .get(place.server)
        .map_or_else(|| no_such_server(&names, &wanted), |server| no_such_tool(server, &wanted)))
}

fn no_such_server(names: &Names, wanted: &str) -> JsError {
    let meant = suggest::nearest(wanted, names.idents()).map(|ident| format!("; did you mean {ident}?"));
    let message = format!("there is no server {wanted:?}{}", meant.unwrap_or_default());
    JsNativeError::typ().with_message(message).into()
}

fn no_such_tool(server: &Server<'_>, wanted: &str) -> JsError {
    let idents = server.tools.iter().map(|(ident, _)| &**ident);
    let meant = suggest::nearest(wanted, idents).map(|ident| format!("; did you mean {}.{ident}?", server.ident));
    let message = format!("{} has no tool {wanted:?}{}", server.ident, meant.unwrap_or_default());
    JsNativeError::typ().with_message(message).into()
}
