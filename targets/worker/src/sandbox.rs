//! The sandbox where JavaScript has WebAssembly at hand (`sandbox-host.mjs`).

use std::{cell::OnceCell, fmt};

use js_sys::{Reflect, Uint8Array, WebAssembly};
use toolgate_ports::{Entry, Returned, Sandbox, SandboxError, SandboxInstance, Stepped, Trap};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use crate::platform::global;

/// Where `entry.mjs` puts the module.
const MODULE: &str = "toolgateSandbox";
/// Memories that are used again.
const MEMORIES: u32 = 2;
/// Programs that are begun and not at their end.
const EXECUTIONS: u32 = 16;
/// What those may hold before no other is begun, in bytes. An isolate has 128 MB, and the gateway and what the runtime makes of the
/// module need half of it.
const BYTES: u32 = 40 << 20;

#[wasm_bindgen(module = "/sandbox-host.mjs")]
extern "C" {
    #[wasm_bindgen(js_name = SandboxPool)]
    type Pool;
    #[wasm_bindgen(constructor, js_class = "SandboxPool")]
    fn new(module: &WebAssembly::Module, memories: u32, executions: u32, bytes: u32) -> Pool;
    #[wasm_bindgen(method, catch)]
    fn open(this: &Pool) -> Result<Option<Execution>, JsValue>;

    #[wasm_bindgen(js_name = SandboxExecution)]
    type Execution;
    #[wasm_bindgen(method)]
    fn step(this: &Execution, entry: &str, input: Vec<u8>, gas: i64) -> bool;
    #[wasm_bindgen(method, getter)]
    fn gas(this: &Execution) -> i64;
    #[wasm_bindgen(method, getter)]
    fn report(this: &Execution) -> Uint8Array;
    #[wasm_bindgen(method)]
    fn bytes(this: &Execution, at: u32, length: u32) -> Uint8Array;
    #[wasm_bindgen(method)]
    fn close(this: &Execution);
}

/// The sandbox of this isolate.
#[derive(Default)]
pub(crate) struct WorkerSandbox(OnceCell<Result<Pool, String>>);

impl WorkerSandbox {
    fn pool(&self) -> Result<&Pool, SandboxError> {
        let made = self.0.get_or_init(|| {
            let module = Reflect::get(&global(), &MODULE.into()).ok().and_then(|module| module.dyn_into().ok());
            let module = module.ok_or_else(|| format!("the Worker's entry gave no {MODULE}"))?;
            Ok(Pool::new(&module, MEMORIES, EXECUTIONS, BYTES))
        });
        made.as_ref().map_err(|problem| SandboxError::Unavailable(problem.clone()))
    }
}

impl Sandbox for WorkerSandbox {
    type Instance = WorkerInstance;

    fn open(&self) -> Result<WorkerInstance, SandboxError> {
        let opened = self.pool()?.open().map_err(|error| SandboxError::Unavailable(format!("{error:?}")))?;
        opened.map(WorkerInstance).ok_or(SandboxError::Busy)
    }
}

/// One instance.
pub(crate) struct WorkerInstance(Execution);

impl fmt::Debug for WorkerInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkerInstance")
    }
}

#[cfg(feature = "contract")]
impl WorkerInstance {
    /// Whether its memory holds `text`.
    pub(crate) fn holds(&self, text: &str) -> bool {
        const PAGE: u32 = 65_536;
        let pieces = (0..).map(|page| self.0.bytes(page * PAGE, PAGE).to_vec());
        let mut pieces = pieces.take_while(|piece| !piece.is_empty());
        pieces.any(|piece| memchr::memmem::find(&piece, text.as_bytes()).is_some())
    }
}

impl Drop for WorkerInstance {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl SandboxInstance for WorkerInstance {
    async fn step(&mut self, entry: Entry, input: Vec<u8>, gas: u64) -> Stepped {
        let Self(execution) = self;
        let trapped = !execution.step(entry.name(), input, gas.cast_signed());
        let Ok(report) = execution.report().to_vec().try_into() else {
            let reply = Err(Trap::Broken("it has no report".to_owned()));
            return Stepped { reply, logs: Vec::new(), gas: 0, memory: 0 };
        };
        Returned { trapped, gas: execution.gas(), report }.read(|at, length| {
            let (Ok(at), Ok(length)) = (u32::try_from(at), u32::try_from(length)) else { return Vec::new() };
            execution.bytes(at, length).to_vec()
        })
    }
}
