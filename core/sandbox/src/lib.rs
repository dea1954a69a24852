//! Runs programs that agents wrote: drives an instance of the sandbox step by step ([`Execution`]), executes the calls it asks for, within
//! limits ([`run`]), and can go through a program again with the results it had ([`Log`]).
//!
//! The same for every host: a host (`toolgate_ports::Sandbox`) moves bytes and counts gas; what they mean is known here. This crate must never know
//! what a tool is, who may call it, or how it is called: [`Dispatch`] does.
//!
//! A program is deterministic. Its randomness follows from a seed, its clock stands still, and its calls are numbered in the order in which
//! it makes them; so what came back, in the order in which it came, is all there is to know about a run.

#![allow(async_fn_in_trait, reason = "the core is single-threaded on every platform; no bound is wanted")]

mod call;
mod execution;
mod failure;
mod frame;
mod limits;
mod program;
mod replay;
mod report;
mod run;

pub use call::{Call, CallResult, Dispatch, Dispatched};
pub use execution::{Execution, Step};
pub use failure::{Failure, Kind, Limit};
pub use limits::Limits;
pub use program::{Program, Server, Servers, Tool};
pub use replay::{Log, Recorded};
pub use report::{CallReport, Ended, Outcome, Report};
pub use run::run;
