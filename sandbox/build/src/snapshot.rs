//! Runs `init` once and writes the memory that it leaves back as the module's data.

use std::convert::Infallible;

use wasm_encoder::{
    ConstExpr, DataSection, ExportSection, MemoryType, Module,
    reencode::{Error, Reencode},
};
use wasmi::{Engine, Instance, Linker, Store};
use wasmparser::{DataSectionReader, ExportSectionReader, Parser, Payload};

use crate::PassError;

const INIT: &str = "init";
/// What hosts use. The rest is the linker's, or over.
const EXPORTS: [&str; 5] = ["memory", "REPORT", "input", "start", "resume"];
const PAGE: usize = 65_536;
/// A run of zeros as long as this is left out: naming where the data goes on costs less.
const GAP: usize = 32;

/// `guest` as it is after `init`, which is exported no more.
///
/// # Errors
/// If `guest` imports anything, keeps state where a snapshot does not see it, or fails.
pub fn snapshot(guest: &[u8]) -> Result<Vec<u8>, PassError> {
    let memory = run(guest, check(guest)?)?;
    let mut module = Module::new();
    Snapshot { memory: &memory }.parse_core_module(&mut module, Parser::new(0), guest)?;
    Ok(module.finish())
}

/// The stack pointer is the only state outside the memory, and is where it was when `init` returns: at the end of the stack, which
/// lies before all else (the linker's `--stack-first`). Gives that place.
fn check(guest: &[u8]) -> Result<usize, PassError> {
    let (mut mutable, mut stack) = (0, None);
    for payload in Parser::new(0).parse_all(guest) {
        match payload? {
            Payload::ImportSection(_) => return Err(PassError::Form("it imports something")),
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    if global.ty.mutable {
                        mutable += 1;
                        stack = start(&global);
                    }
                }
            }
            Payload::DataSection(data) => {
                for segment in data {
                    if matches!(segment?.kind, wasmparser::DataKind::Passive) {
                        return Err(PassError::Form("it has passive data"));
                    }
                }
            }
            _ => {}
        }
    }
    match stack {
        Some(stack) if mutable == 1 => Ok(stack),
        _ => Err(PassError::Form("it has not the stack pointer alone as a mutable global")),
    }
}

/// What a global is at first, if that is a place in the memory.
fn start(global: &wasmparser::Global<'_>) -> Option<usize> {
    match global.init_expr.get_operators_reader().read() {
        Ok(wasmparser::Operator::I32Const { value }) => usize::try_from(value).ok(),
        _ => None,
    }
}

/// The memory after `init`. What lies below `stack` is over.
fn run(guest: &[u8], stack: usize) -> Result<Vec<u8>, PassError> {
    let engine = Engine::default();
    let module = wasmi::Module::new(&engine, guest)?;
    let mut store = Store::new(&engine, ());
    let instance: Instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
    instance.get_typed_func::<(), ()>(&store, INIT)?.call(&mut store, ())?;
    let memory = instance.get_memory(&store, "memory").ok_or(PassError::Form("it exports no memory"))?;
    let mut memory = memory.data(&store).to_vec();
    let unused = memory.get_mut(..stack).ok_or(PassError::Form("its stack is not in its memory"))?;
    unused.fill(0);
    Ok(memory)
}

struct Snapshot<'a> {
    memory: &'a [u8],
}

impl Snapshot<'_> {
    fn segments(&self) -> Vec<(usize, &[u8])> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(start) = self.memory[at..].iter().position(|byte| *byte != 0).map(|skipped| at + skipped) {
            let end = self.end_of_run(start);
            found.push((start, &self.memory[start..end]));
            at = end;
        }
        found
    }

    /// Where the data that begins at `start` ends: before a gap, or with the memory.
    fn end_of_run(&self, start: usize) -> usize {
        let mut end = start;
        let mut at = start;
        while at < self.memory.len() && at - end < GAP {
            if self.memory[at] != 0 {
                end = at + 1;
            }
            at += 1;
        }
        end
    }
}

impl Reencode for Snapshot<'_> {
    type Error = Infallible;

    fn memory_type(&mut self, memory: wasmparser::MemoryType) -> Result<MemoryType, Error<Infallible>> {
        let minimum = (self.memory.len() / PAGE) as u64;
        Ok(MemoryType { minimum, maximum: memory.maximum, memory64: false, shared: false, page_size_log2: None })
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for export in section {
            let export = export?;
            if EXPORTS.contains(&export.name) {
                self.parse_export(exports, export)?;
            }
        }
        Ok(())
    }

    fn data_count(&mut self, _: u32) -> Result<u32, Error<Infallible>> {
        Ok(u32::try_from(self.segments().len()).unwrap_or(u32::MAX))
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        _: DataSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for (start, bytes) in self.segments() {
            let offset = i32::try_from(start).unwrap_or(i32::MAX);
            data.active(0, &ConstExpr::i32_const(offset), bytes.iter().copied());
        }
        Ok(())
    }
}
