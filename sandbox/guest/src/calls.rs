//! The calls of tools that a program has made and those whose results it waits for.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use boa_engine::{
    Context, JsNativeError, JsResult, JsValue, builtins::promise::ResolvingFunctions, error::RuntimeLimitError,
    object::builtins::JsPromise,
};

use crate::{
    json::{self, Bounds, DEPTH, Proto, Style},
    message::{Call, Server},
};

/// The most values in the arguments of one call.
const NODES: usize = 100_000;

/// Kept beside the interpreter's own data, where the tools' functions find it.
#[derive(Clone, Default)]
pub(crate) struct Calls(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// How many there have been; the next one's number.
    made: u32,
    limit: u32,
    /// Bytes of one call's arguments.
    arguments: usize,
    /// Made, and not handed to the host yet.
    new: Vec<Call>,
    /// Whose results are due.
    open: BTreeMap<u32, Open>,
    exceeded: bool,
}

/// A call whose result is due.
pub(crate) struct Open {
    pub resolve: ResolvingFunctions,
    /// As programs name it.
    pub name: Rc<str>,
}

impl Calls {
    /// Begins a program, which may make `limit` calls with arguments of `arguments` bytes each.
    pub(crate) fn begin(&self, limit: u32, arguments: usize) {
        *self.0.borrow_mut() = State { limit, arguments, ..State::default() };
    }

    /// Calls `tool` of `server`; gives the promise of its result.
    ///
    /// The number is given after the arguments were read: reading them may run the program's own code, and that may call.
    pub(crate) fn call(
        &self,
        server: &Server<'static>,
        tool: usize,
        arguments: &[JsValue],
        context: &mut Context,
    ) -> JsResult<JsValue> {
        let (ident, tool) = &server.tools[tool];
        let name = format!("{}.{ident}", server.ident);
        let arguments = self.arguments(&name, arguments, context)?;
        if self.is_full() {
            // The program ends here: it can't catch this.
            return Err(RuntimeLimitError::LoopIteration.into());
        }
        let (promise, resolve) = JsPromise::new_pending(context);
        let mut state = self.0.borrow_mut();
        let number = state.made;
        state.made += 1;
        let name = Rc::from(name);
        state.open.insert(number, Open { resolve, name: Rc::clone(&name) });
        state.new.push(Call { number, server: server.id.clone(), tool: tool.clone(), name, arguments });
        Ok(promise.into())
    }

    /// Whether there were as many calls as there may be; the next is one too many.
    fn is_full(&self) -> bool {
        let mut state = self.0.borrow_mut();
        state.exceeded |= state.made >= state.limit;
        state.exceeded
    }

    /// The arguments as an object of JSON.
    fn arguments(&self, tool: &str, arguments: &[JsValue], context: &mut Context) -> JsResult<String> {
        let value = match arguments {
            [] => return Ok("{}".to_owned()),
            [value] if value.is_undefined() => return Ok("{}".to_owned()),
            [value] if value.as_object().is_some_and(|object| !object.is_array() && !object.is_callable()) => value,
            _ => return Err(not_an_object(tool, arguments)),
        };
        let bounds = Bounds { depth: DEPTH, nodes: NODES, bytes: self.0.borrow().arguments };
        let mut out = Vec::new();
        json::write(&mut out, value, Style::Value(Proto::Refuse), bounds, context)?;
        if out.first() != Some(&b'{') {
            return Err(not_an_object(tool, arguments));
        }
        String::from_utf8(out).map_err(|error| JsNativeError::typ().with_message(error.to_string()).into())
    }

    /// The calls made since this was last asked.
    pub(crate) fn take_new(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.borrow_mut().new)
    }

    /// Takes the call `number`, whose result is here.
    pub(crate) fn close(&self, number: u32) -> Option<Open> {
        self.0.borrow_mut().open.remove(&number)
    }

    /// How many results are due.
    pub(crate) fn open(&self) -> usize {
        self.0.borrow().open.len()
    }

    /// How many calls there may be, if the program made more.
    pub(crate) fn exceeded(&self) -> Option<u32> {
        let state = self.0.borrow();
        state.exceeded.then_some(state.limit)
    }
}

fn not_an_object(tool: &str, arguments: &[JsValue]) -> boa_engine::JsError {
    let given = match arguments {
        [value] if value.as_object().is_some_and(|object| object.is_array()) => "an array",
        [value] if value.is_promise() => "a promise: await it first",
        [value] => value.type_of(),
        _ => "several arguments",
    };
    let message = format!("{tool} takes one object, {tool}({{ name: value }}), and was given {given}");
    JsNativeError::typ().with_message(message).into()
}
