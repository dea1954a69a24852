//! What an instruction costs, in units of gas: about how long it takes on a processor, compared with an addition.
//!
//! What a compiler turns into nothing costs nothing, and what reaches for memory or leaves the function costs more; so that a unit takes about as
//! long whatever the program does, and a limit in gas is a limit in time.

use wasmparser::Operator;

/// What a function may cost without being charged itself: its callers are charged for it.
pub(crate) const SMALL: u64 = 24;
/// How many bytes one unit of gas copies or fills, as a shift.
pub(crate) const BULK_SHIFT: u32 = 2;

const CALL: u64 = 3;

/// What `operator` costs.
pub(crate) fn weight(operator: &Operator<'_>) -> u64 {
    use Operator as O;
    match operator {
        O::Nop
        | O::Block { .. }
        | O::Loop { .. }
        | O::End
        | O::Else
        | O::Drop
        | O::LocalGet { .. }
        | O::LocalSet { .. }
        | O::LocalTee { .. }
        | O::I32Const { .. }
        | O::I64Const { .. }
        | O::F32Const { .. }
        | O::F64Const { .. }
        | O::Unreachable
        | O::I32WrapI64
        | O::I64ExtendI32U
        | O::I32ReinterpretF32
        | O::I64ReinterpretF64
        | O::F32ReinterpretI32
        | O::F64ReinterpretI64 => 0,
        O::I32Load { .. }
        | O::I64Load { .. }
        | O::F32Load { .. }
        | O::F64Load { .. }
        | O::I32Load8S { .. }
        | O::I32Load8U { .. }
        | O::I32Load16S { .. }
        | O::I32Load16U { .. }
        | O::I64Load8S { .. }
        | O::I64Load8U { .. }
        | O::I64Load16S { .. }
        | O::I64Load16U { .. }
        | O::I64Load32S { .. }
        | O::I64Load32U { .. } => 2,
        O::I32DivS
        | O::I32DivU
        | O::I32RemS
        | O::I32RemU
        | O::I64DivS
        | O::I64DivU
        | O::I64RemS
        | O::I64RemU
        | O::F32Div
        | O::F64Div
        | O::F32Sqrt
        | O::F64Sqrt
        | O::MemoryCopy { .. }
        | O::MemoryFill { .. } => 8,
        O::BrTable { .. } => 4,
        O::Call { .. } => CALL,
        // What it calls may be small, and is not charged then.
        O::CallIndirect { .. } => 2 * CALL + SMALL / 2,
        _ => 1,
    }
}
