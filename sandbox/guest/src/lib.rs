//! The JavaScript interpreter of Code Mode, compiled to a WebAssembly module that imports no function.
//!
//! A host makes an instance, hands it a program with [`start`], executes the tool calls that the program asks for, hands the
//! results back with [`resume`], and reads what came out in [`Report`]. One instance runs one program. After a trap nothing in it
//! may be called again; its report can still be read.
//!
//! Nothing in here knows a clock, a source of randomness, a file or an address: the time and the seed come with the program, so
//! that two runs with the same inputs make the same calls with the same bytes.
//!
//! The crate exports plain functions and talks to a host through its own memory. That is what its `unsafe` is for; each use
//! says why it holds.

mod calls;
mod engine;
mod entropy;
mod execution;
mod failure;
mod globals;
mod hint;
mod inspect;
mod json;
mod logs;
mod memory;
mod message;
mod program;
mod report;
mod servers;
mod suggest;

use execution::Execution;
use memory::Single;
use message::{Reply, Start};

/// What one instance holds: the interpreter, made by [`init`] and part of the module's snapshot, and the program's execution.
static EXECUTION: Single<Option<Execution>> = Single::new(None);
/// The input that the host is about to write, and the reply that it is about to read.
static INPUT: Single<Vec<u8>> = Single::new(Vec::new());
static REPLY: Single<Vec<u8>> = Single::new(Vec::new());

/// Makes the interpreter. Called once, when the module is built; its memory is then snapshotted.
#[unsafe(no_mangle)]
pub extern "C" fn init() {
    report::watch_panics();
    *EXECUTION.get() = Some(Execution::new());
    boa_engine::gc::force_collect();
}

/// Room for `length` bytes of input; where to write them.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    let input = INPUT.get();
    *input = vec![0; length];
    input.as_mut_ptr()
}

/// Starts the program in the input ([`Start`]). The reply is in the report.
#[unsafe(no_mangle)]
pub extern "C" fn start() {
    let input = std::mem::take(INPUT.get());
    let Some(execution) = EXECUTION.get() else { return };
    let reply = match serde_json::from_slice::<Start<'_>>(&input) {
        Ok(start) => execution.start(&start),
        Err(error) => Reply::internal(&error.to_string()),
    };
    answer(&reply);
}

/// Goes on with the results in the input ([`message::results`]). The reply is in the report.
#[unsafe(no_mangle)]
pub extern "C" fn resume() {
    let input = std::mem::take(INPUT.get());
    let Some(execution) = EXECUTION.get() else { return };
    answer(&execution.resume(&input));
}

fn answer(reply: &Reply) {
    let bytes = REPLY.get();
    *bytes = reply.to_json();
    report::answered(bytes);
}
