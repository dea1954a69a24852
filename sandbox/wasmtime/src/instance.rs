//! One instance and its exports.

use toolgate_ports::{Entry, Returned, Stepped, Trap};
use wasmtime::{Global, InstancePre, Memory, Store, TypedFunc, Val};

use crate::{LoadError, broken};

pub(crate) struct Instance {
    store: Store<()>,
    memory: Memory,
    gas: Global,
    /// Where the report is.
    report: usize,
    input: TypedFunc<u32, u32>,
    start: TypedFunc<(), ()>,
    resume: TypedFunc<(), ()>,
}

impl Instance {
    pub(crate) fn new(module: &InstancePre<()>) -> Result<Self, LoadError> {
        Self::make(module).map_err(|error| LoadError::from(&error))
    }

    fn make(module: &InstancePre<()>) -> wasmtime::Result<Self> {
        let mut store = Store::new(module.module().engine(), ());
        let instance = module.instantiate(&mut store)?;
        let missing = |name: &str| wasmtime::Error::msg(format!("it exports no {name}"));
        let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| missing("memory"))?;
        let gas = instance.get_global(&mut store, "gas").ok_or_else(|| missing("gas"))?;
        let report = instance.get_global(&mut store, "REPORT").ok_or_else(|| missing("REPORT"))?;
        let report = report.get(&mut store).i32().ok_or_else(|| missing("REPORT"))?.cast_unsigned() as usize;
        Ok(Self {
            memory,
            gas,
            report,
            input: instance.get_typed_func(&mut store, "input")?,
            start: instance.get_typed_func(&mut store, Entry::Start.name())?,
            resume: instance.get_typed_func(&mut store, Entry::Resume.name())?,
            store,
        })
    }

    /// Runs one step. After a trap there must be no other.
    pub(crate) fn step(&mut self, entry: Entry, input: &[u8], gas: u64) -> Stepped {
        let gas = i64::try_from(gas).unwrap_or(i64::MAX);
        if let Err(error) = self.gas.set(&mut self.store, Val::I64(gas)) {
            return broken(&error.to_string());
        }
        let trapped = self.call(entry, input).is_err();
        let gas = self.gas.get(&mut self.store).i64().unwrap_or_default();
        let memory = self.memory.data(&self.store);
        let bytes = |at: usize, length: usize| memory.get(at..at.saturating_add(length)).unwrap_or_default();
        match bytes(self.report, Returned::REPORT).try_into() {
            Ok(report) => Returned { trapped, gas, report }.read(|at, length| bytes(at, length).to_vec()),
            Err(_) => {
                Stepped { reply: Err(Trap::Broken("it has no report".to_owned())), logs: Vec::new(), gas: 0, memory: 0 }
            }
        }
    }

    fn call(&mut self, entry: Entry, input: &[u8]) -> wasmtime::Result<()> {
        let length = u32::try_from(input.len())?;
        let at = self.input.call(&mut self.store, length)?;
        self.memory.write(&mut self.store, at as usize, input)?;
        match entry {
            Entry::Start => self.start.call(&mut self.store, ()),
            Entry::Resume => self.resume.call(&mut self.store, ()),
        }
    }
}
