//! The sandbox's real module in an interpreter of WebAssembly: slow, and with the same outcomes and gas as everywhere.

use std::{
    cell::Cell,
    fmt,
    rc::Rc,
    sync::{Arc, OnceLock},
};

use toolgate_ports::{Entry, Returned, Sandbox, SandboxError, SandboxInstance, Stepped, Trap};
use wasmi::{
    CompilationMode, Config, Engine, Extern, Instance, Linker, Memory, MemoryType, Module, Store, TypedFunc, Val,
};

const MODULE: &[u8] = include_bytes!("../../../sandbox/sandbox.wasm");
/// The pages that an instance begins with, and may grow to.
const PAGES: (u32, u32) = (40, 1024);
/// Enough that the guest's own stack is used up first.
const RECURSION: usize = 100_000;
const STACK: usize = 64 << 20;

/// A sandbox that interprets.
#[derive(Debug, Clone)]
pub struct InterpretedSandbox {
    open: Rc<Cell<usize>>,
    most: usize,
}

impl InterpretedSandbox {
    /// At most `most` instances are open at a time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { open: Rc::default(), most }
    }

    /// How many instances are open.
    #[must_use]
    pub fn open_instances(&self) -> usize {
        self.open.get()
    }
}

impl Default for InterpretedSandbox {
    fn default() -> Self {
        Self::new(8)
    }
}

impl Sandbox for InterpretedSandbox {
    type Instance = InterpretedInstance;

    fn open(&self) -> Result<InterpretedInstance, SandboxError> {
        if self.open.get() >= self.most {
            return Err(SandboxError::Busy);
        }
        make(&self.open).map_err(|error| SandboxError::Unavailable(error.to_string()))
    }
}

/// The module, read once per process.
fn module() -> Result<&'static Arc<Module>, wasmi::Error> {
    static LOADED: OnceLock<Result<Arc<Module>, String>> = OnceLock::new();
    let load = || {
        let mut config = Config::default();
        config.compilation_mode(CompilationMode::Lazy);
        config.set_max_recursion_depth(RECURSION).set_max_stack_height(STACK);
        Module::new(&Engine::new(&config), MODULE).map(Arc::new).map_err(|error| error.to_string())
    };
    LOADED.get_or_init(load).as_ref().map_err(|error| wasmi::Error::new(error.clone()))
}

fn make(open: &Rc<Cell<usize>>) -> Result<InterpretedInstance, wasmi::Error> {
    let module = module()?;
    let mut store = Store::new(module.engine(), ());
    let memory = Memory::new(&mut store, MemoryType::new(PAGES.0, Some(PAGES.1)))?;
    let mut linker = Linker::new(module.engine());
    linker.define("env", "memory", Extern::Memory(memory))?;
    let instance = linker.instantiate_and_start(&mut store, module)?;
    let report = instance.get_global(&store, "REPORT").and_then(|report| report.get(&store).i32());
    open.set(open.get() + 1);
    Ok(InterpretedInstance {
        report: report.unwrap_or_default().cast_unsigned() as usize,
        store,
        instance,
        memory,
        open: Rc::clone(open),
    })
}

/// One instance.
pub struct InterpretedInstance {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    report: usize,
    open: Rc<Cell<usize>>,
}

impl fmt::Debug for InterpretedInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterpretedInstance").finish_non_exhaustive()
    }
}

impl Drop for InterpretedInstance {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

impl SandboxInstance for InterpretedInstance {
    async fn step(&mut self, entry: Entry, input: Vec<u8>, gas: u64) -> Stepped {
        self.run(entry, &input, gas).unwrap_or_else(|error| Stepped {
            reply: Err(Trap::Broken(error.to_string())),
            logs: Vec::new(),
            gas: 0,
            memory: 0,
        })
    }
}

impl InterpretedInstance {
    fn run(&mut self, entry: Entry, input: &[u8], gas: u64) -> Result<Stepped, wasmi::Error> {
        let global =
            self.instance.get_global(&self.store, "gas").ok_or_else(|| wasmi::Error::new("it exports no gas"))?;
        global
            .set(&mut self.store, Val::I64(gas.cast_signed()))
            .map_err(|error| wasmi::Error::new(error.to_string()))?;
        let trapped = self.call(entry, input).is_err();
        let gas = global.get(&self.store).i64().unwrap_or_default();
        let memory = self.memory.data(&self.store);
        let bytes = |at: usize, length: usize| memory.get(at..at.saturating_add(length)).unwrap_or_default();
        let report = bytes(self.report, Returned::REPORT).try_into();
        let report = report.map_err(|_| wasmi::Error::new("it has no report"))?;
        Ok(Returned { trapped, gas, report }.read(|at, length| bytes(at, length).to_vec()))
    }

    fn call(&mut self, entry: Entry, input: &[u8]) -> Result<(), wasmi::Error> {
        let room: TypedFunc<u32, u32> = self.instance.get_typed_func(&self.store, "input")?;
        let at = room.call(&mut self.store, u32::try_from(input.len()).unwrap_or(u32::MAX))?;
        self.memory.write(&mut self.store, at as usize, input).map_err(|error| wasmi::Error::new(error.to_string()))?;
        self.instance.get_typed_func::<(), ()>(&self.store, entry.name())?.call(&mut self.store, ())
    }
}
