//! One program from its start to its end.

use boa_engine::{JsError, JsResult, JsValue, Script, builtins::promise::PromiseState, object::builtins::JsPromise};

use crate::{
    calls::Calls,
    engine::{self, Engine},
    entropy,
    failure::{Failure, Kind},
    globals, hint, json,
    json::{Bounds, DEPTH, Proto, Style},
    logs, memory,
    message::{Ending, Limits, Reply, Server, Start, results},
    program,
    servers::Names,
};

/// The most values in a result.
const NODES: usize = 200_000;

/// The interpreter and, once it is started, its program.
pub(crate) struct Execution {
    engine: Result<Engine, String>,
    tool_error: Option<boa_engine::JsObject>,
    calls: Calls,
    running: Option<Running>,
}

struct Running {
    names: Names,
    /// What the program's body promised.
    main: JsPromise,
    limits: Limits,
    /// The program was a function, and has been called.
    called: bool,
}

impl Execution {
    /// An interpreter without a program.
    pub(crate) fn new() -> Self {
        let calls = Calls::default();
        let made = Engine::new().and_then(|mut engine| {
            let tool_error = globals::install(&mut engine.context)?;
            engine.context.insert_data(calls.clone());
            Ok((engine, tool_error))
        });
        match made {
            Ok((engine, tool_error)) => Self { engine: Ok(engine), tool_error: Some(tool_error), calls, running: None },
            Err(error) => Self { engine: Err(error.to_string()), tool_error: None, calls, running: None },
        }
    }

    /// Runs the program up to its first calls, or to its end.
    pub(crate) fn start(&mut self, start: &Start<'_>) -> Reply {
        let (engine, tool_error) = match (&mut self.engine, self.tool_error.take()) {
            (Ok(engine), Some(tool_error)) => (engine, tool_error),
            (Err(error), _) => return Reply::internal(error),
            (Ok(_), None) => return Reply::internal("the instance has run a program already"),
        };
        memory::set_limit(start.limits.memory);
        entropy::seed(start.seed);
        engine.set_now(start.now);
        logs::begin(start.limits.logs);
        self.calls.begin(start.limits.calls, start.limits.arguments);
        let servers = start.servers.iter().cloned().map(Server::into_owned).collect();
        let names = match Names::install(servers, tool_error, &mut engine.context) {
            Ok(names) => names,
            Err(error) => return Reply::internal(&error.to_string()),
        };
        let text = match program::prepare(&start.code) {
            Ok(text) => text,
            Err(failure) => return Reply::Failed(failure),
        };
        let main = match run(&text, engine) {
            Ok(main) => main,
            Err(error) => return Reply::Failed(thrown(&error, &names, &self.calls, engine)),
        };
        self.running = Some(Running { names, main, limits: start.limits, called: false });
        self.step()
    }

    /// Hands the results in `frame` to the program and runs it up to its next calls, or to its end.
    pub(crate) fn resume(&mut self, frame: &[u8]) -> Reply {
        let Some(results) = results(frame) else { return Reply::internal("a frame of results that is not whole") };
        for (number, ending, bytes) in results {
            if let Err(error) = self.settle(number, ending, bytes) {
                return Reply::internal(&error.to_string());
            }
        }
        self.step()
    }

    fn settle(&mut self, number: u32, ending: Ending, bytes: &[u8]) -> JsResult<()> {
        let (Ok(engine), Some(running), Some(open)) = (&mut self.engine, &self.running, self.calls.close(number))
        else {
            return Ok(());
        };
        let context = &mut engine.context;
        let (function, value) = match ending {
            Ending::Json => (open.resolve.resolve, from_json(bytes, context)),
            Ending::Text => (open.resolve.resolve, from_text(bytes, context)),
            Ending::Error => {
                let message = String::from_utf8_lossy(bytes);
                if !matches!(running.main.state(), PromiseState::Pending) {
                    logs::add(&format!("[a call that was not awaited failed: {}: {message}]", open.name));
                }
                (open.resolve.reject, running.names.error(&message, &open.name, context)?)
            }
        };
        function.call(&JsValue::undefined(), &[value], context).map(drop)
    }

    fn step(&mut self) -> Reply {
        let (Ok(engine), Some(running)) = (&mut self.engine, &mut self.running) else {
            return Reply::internal("no program was started");
        };
        loop {
            if let Err(error) = engine.run_jobs() {
                return Reply::Failed(thrown(&error, &running.names, &self.calls, engine));
            }
            // The interpreter may have lost the error of it.
            if let Some(failure) = too_many(&self.calls) {
                return Reply::Failed(failure);
            }
            match running.main.state() {
                PromiseState::Rejected(error) => {
                    let error = JsError::from_opaque(error);
                    return Reply::Failed(thrown(&error, &running.names, &self.calls, engine));
                }
                PromiseState::Fulfilled(value) if value.is_callable() && !running.called => {
                    running.called = true;
                    running.main = called(&value, engine);
                }
                // A call that was not awaited is executed all the same.
                _ if self.calls.open() > 0 => return Reply::Calls(self.calls.take_new()),
                PromiseState::Fulfilled(value) => return running.done(&value, engine, &self.calls),
                PromiseState::Pending => {
                    let failure = Failure::new(Kind::Deadlock, "the program waits for a promise that never settles");
                    return Reply::Failed(failure.with_hint(Some(hint::DEADLOCK.to_owned())));
                }
            }
        }
    }
}

impl Running {
    fn done(&self, value: &JsValue, engine: &mut Engine, calls: &Calls) -> Reply {
        let bounds = Bounds { depth: DEPTH, nodes: NODES, bytes: self.limits.result };
        let mut out = Vec::new();
        match json::write(&mut out, value, Style::Value(Proto::LeaveOut), bounds, &mut engine.context) {
            Ok(true) => Reply::Done { value: String::from_utf8(out).ok(), hint: None },
            Ok(false) => Reply::Done { value: None, hint: Some(hint::NO_RESULT.to_owned()) },
            Err(error) => {
                let mut failure = thrown(&error, &self.names, calls, engine);
                if failure.kind == Kind::Runtime && failure.message.starts_with("RangeError") {
                    failure.kind = Kind::Result;
                    failure.hint = Some(hint::RESULT.to_owned());
                    failure.message = failure.message.replacen("RangeError: ", "the result is ", 1);
                }
                Reply::Failed(failure)
            }
        }
    }
}

/// Evaluates the program's text, which gives a promise.
fn run(text: &str, engine: &mut Engine) -> JsResult<JsPromise> {
    let script = Script::parse(engine::source(text), None, &mut engine.context)?;
    let value = script.evaluate(&mut engine.context)?;
    JsPromise::resolve(value, &mut engine.context)
}

/// Calls the function that the program turned out to be.
fn called(function: &JsValue, engine: &mut Engine) -> JsPromise {
    let context = &mut engine.context;
    let result = match function.as_callable() {
        Some(function) => function.call(&JsValue::undefined(), &[], context),
        None => Ok(function.clone()),
    };
    let promise = result.and_then(|value| JsPromise::resolve(value, context));
    promise.unwrap_or_else(|error| {
        JsPromise::from_result::<JsValue, JsError>(Err(error), context).unwrap_or_else(|_| {
            let (promise, _) = JsPromise::new_pending(context);
            promise
        })
    })
}

/// That the program made more calls than it may, if it did.
fn too_many(calls: &Calls) -> Option<Failure> {
    let limit = calls.exceeded()?;
    let failure = Failure::new(Kind::Calls, &format!("more than {limit} calls of tools"));
    Some(failure.with_hint(Some(hint::CALLS.to_owned())))
}

fn thrown(error: &JsError, names: &Names, calls: &Calls, engine: &mut Engine) -> Failure {
    if let Some(failure) = too_many(calls) {
        return failure;
    }
    let failure = Failure::thrown(error, names, &mut engine.context);
    let hint = hint::runtime(&failure.message, calls.open(), names.idents().collect::<Vec<_>>().into_iter());
    if hint.is_some() { failure.with_hint(hint) } else { failure }
}

/// A result that is said to be JSON.
fn from_json(bytes: &[u8], context: &mut boa_engine::Context) -> JsValue {
    json::parse(bytes, context).unwrap_or_else(|_| text(bytes))
}

/// A result in text, which is taken for JSON only if it is an object or an array: a number in text may be more precise than a number.
fn from_text(bytes: &[u8], context: &mut boa_engine::Context) -> JsValue {
    match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[') => from_json(bytes, context),
        _ => text(bytes),
    }
}

fn text(bytes: &[u8]) -> JsValue {
    boa_engine::JsString::from(&*String::from_utf8_lossy(bytes)).into()
}
