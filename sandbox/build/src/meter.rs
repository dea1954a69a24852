//! Puts the charges into the code, and the gas into a global; and counts how deep calls are nested.
//!
//! How much stack a call takes is a host's own affair, and differs with how well it has compiled the function so far. So that nesting ends at
//! the same place on every host, each function that calls others adds an estimate of its frame to a sum while it runs, and the sum has a
//! bound that is below every host's own.

use std::convert::Infallible;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, GlobalSection, GlobalType, Instruction,
    Module, ValType,
    reencode::{Error, Reencode},
};
use wasmparser::{
    CodeSectionReader, ExportSectionReader, FunctionBody, GlobalSectionReader, Operator, Parser, Payload, TypeRef,
};

use crate::{PassError, charges::Charges, weights::BULK_SHIFT};

/// The name under which hosts find the gas that is left. Below zero: it ran out.
const EXPORT: &str = "gas";
/// The most that the frames of all calls under way may take, as estimated, in bytes. V8 has about a megabyte.
const FRAMES: i32 = 512 << 10;
/// The estimate of a frame: what every one needs, and each local.
const FRAME: u32 = 48;
const LOCAL: u32 = 8;

/// `module` with its code metered: a mutable 64-bit global named `gas` is what is left, and who needs more than that traps.
///
/// # Errors
/// If `module` imports functions or globals, whose cost nobody knows, or has not the form that compilers give it.
pub fn meter(module: &[u8]) -> Result<Vec<u8>, PassError> {
    let mut meter = Meter::plan(module)?;
    let mut metered = Module::new();
    meter.parse_core_module(&mut metered, Parser::new(0), module)?;
    Ok(metered.finish())
}

struct Meter {
    /// For each function by its index.
    charges: Vec<Charges>,
    /// For each function its parameters' number, and its result.
    signatures: Vec<Signature>,
    /// The index of the gas. The sum of the frames is the next.
    global: u32,
    /// The function that is written next.
    next: usize,
}

/// What matters of a function's type.
#[derive(Clone, Copy)]
struct Signature {
    parameters: u32,
    result: BlockType,
}

impl Signature {
    fn of(kind: &wasmparser::FuncType) -> Result<Self, PassError> {
        let result = match kind.results() {
            [] => BlockType::Empty,
            [wasmparser::ValType::I32] => BlockType::Result(ValType::I32),
            [wasmparser::ValType::I64] => BlockType::Result(ValType::I64),
            [wasmparser::ValType::F32] => BlockType::Result(ValType::F32),
            [wasmparser::ValType::F64] => BlockType::Result(ValType::F64),
            _ => return Err(PassError::Form("a function gives more than one number")),
        };
        Ok(Self { parameters: u32::try_from(kind.params().len()).unwrap_or(u32::MAX), result })
    }
}

impl Meter {
    fn plan(module: &[u8]) -> Result<Self, PassError> {
        let mut types = Vec::new();
        let mut signatures = Vec::new();
        let mut bodies = Vec::new();
        let mut global = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for kind in section.into_iter_err_on_gc_types() {
                        types.push(Signature::of(&kind?)?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if !matches!(import?.ty, TypeRef::Memory(_)) {
                            return Err(PassError::Form("it imports more than a memory"));
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for kind in section {
                        let kind = types.get(kind? as usize).ok_or(PassError::Form("a function has no type"))?;
                        signatures.push(*kind);
                    }
                }
                Payload::GlobalSection(section) => global = section.count(),
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        if global == 0 {
            return Err(PassError::Form("it has no stack pointer"));
        }
        Ok(Self { charges: charges(&bodies)?, signatures, global, next: 0 })
    }
}

/// What each function is charged. What is small and calls nothing else is charged to those who call it.
fn charges(bodies: &[FunctionBody<'_>]) -> Result<Vec<Charges>, PassError> {
    let first = bodies.iter().map(|body| Charges::of(body, |_| None)).collect::<Result<Vec<_>, _>>()?;
    let small = |function: u32| {
        let charges = first.get(function as usize)?;
        charges.small.then_some(charges.entry)
    };
    let mut charges = bodies.iter().map(|body| Charges::of(body, small)).collect::<Result<Vec<_>, _>>()?;
    for (charges, first) in charges.iter_mut().zip(&first) {
        if first.small {
            charges.entry = 0;
        }
    }
    Ok(charges)
}

impl Reencode for Meter {
    type Error = Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for global in section {
            self.parse_global(globals, global?)?;
        }
        let gas = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        globals.global(gas, &ConstExpr::i64_const(0));
        let frames = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(frames, &ConstExpr::i32_const(0));
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for export in section {
            self.parse_export(exports, export?)?;
        }
        exports.export(EXPORT, ExportKind::Global, self.global);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for body in section {
            let index = self.next;
            self.next += 1;
            let charges = std::mem::take(&mut self.charges[index]);
            code.function(&self.metered(&body?, &charges, self.signatures[index])?);
        }
        Ok(())
    }
}

impl Meter {
    fn metered(
        &mut self,
        body: &FunctionBody<'_>,
        charges: &Charges,
        signature: Signature,
    ) -> Result<Function, Error<Infallible>> {
        let mut locals = Vec::new();
        let mut count = signature.parameters;
        for local in body.get_locals_reader()? {
            let (number, kind) = local?;
            locals.push((number, self.val_type(kind)?));
            count += number;
        }
        // What is left, and how much is moved.
        let scratch = Scratch { gas: self.global, left: count, length: count + 1 };
        locals.extend([(1, ValType::I64), (1, ValType::I32)]);
        let mut function = Function::new(locals);
        scratch.charge(&mut function, charges.entry);
        let frame = charges.calls.then(|| Frame { sum: self.global + 1, size: FRAME + LOCAL * count });
        if let Some(frame) = &frame {
            frame.enter(&mut function, signature.result);
        }
        let mut depth = 0;
        let mut loops = charges.loops.iter();
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            if matches!(operator, Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }) {
                scratch.charge_length(&mut function);
            }
            let opens_loop = matches!(operator, Operator::Loop { .. });
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End if depth > 0 => depth -= 1,
                // The body's own end, or a way out of it: to where the frame is left.
                Operator::End => frame.iter().for_each(|frame| frame.leave(&mut function)),
                Operator::Return if frame.is_some() => {
                    function.instruction(&Instruction::Br(depth));
                    continue;
                }
                _ => {}
            }
            function.instruction(&self.instruction(operator)?);
            if opens_loop {
                scratch.charge(&mut function, loops.next().copied().unwrap_or_default());
            }
        }
        Ok(function)
    }
}

/// The frame of a function that calls others.
struct Frame {
    /// The index of the sum of all frames.
    sum: u32,
    size: u32,
}

impl Frame {
    /// Adds the frame, or traps if there are too many; and begins the block that every way out of the body leads to the end of.
    fn enter(&self, function: &mut Function, result: BlockType) {
        self.add(function, &Instruction::I32Add);
        for instruction in [
            Instruction::GlobalGet(self.sum),
            Instruction::I32Const(FRAMES),
            Instruction::I32GtU,
            Instruction::If(BlockType::Empty),
            Instruction::Unreachable,
            Instruction::End,
            Instruction::Block(result),
        ] {
            function.instruction(&instruction);
        }
    }

    /// Ends the block and takes the frame away.
    fn leave(&self, function: &mut Function) {
        function.instruction(&Instruction::End);
        self.add(function, &Instruction::I32Sub);
    }

    fn add(&self, function: &mut Function, operation: &Instruction<'_>) {
        function.instruction(&Instruction::GlobalGet(self.sum));
        function.instruction(&Instruction::I32Const(self.size.cast_signed()));
        function.instruction(operation);
        function.instruction(&Instruction::GlobalSet(self.sum));
    }
}

/// The gas, and the locals of a function that charging it needs.
struct Scratch {
    gas: u32,
    left: u32,
    length: u32,
}

impl Scratch {
    fn charge(&self, function: &mut Function, cost: u64) {
        if cost == 0 {
            return;
        }
        let cost = i64::try_from(cost).unwrap_or(i64::MAX);
        function.instruction(&Instruction::GlobalGet(self.gas));
        function.instruction(&Instruction::I64Const(cost));
        self.spend(function);
    }

    /// Charges for as many bytes as the number on the stack says, and leaves it there.
    fn charge_length(&self, function: &mut Function) {
        function.instruction(&Instruction::LocalSet(self.length));
        function.instruction(&Instruction::GlobalGet(self.gas));
        function.instruction(&Instruction::LocalGet(self.length));
        function.instruction(&Instruction::I32Const(BULK_SHIFT as i32));
        function.instruction(&Instruction::I32ShrU);
        function.instruction(&Instruction::I64ExtendI32U);
        self.spend(function);
        function.instruction(&Instruction::LocalGet(self.length));
    }

    /// Takes the number on the stack from the gas under it, and traps if that is more than there was.
    fn spend(&self, function: &mut Function) {
        for instruction in [
            Instruction::I64Sub,
            Instruction::LocalTee(self.left),
            Instruction::GlobalSet(self.gas),
            Instruction::LocalGet(self.left),
            Instruction::I64Const(0),
            Instruction::I64LtS,
            Instruction::If(BlockType::Empty),
            Instruction::Unreachable,
            Instruction::End,
        ] {
            function.instruction(&instruction);
        }
    }
}
