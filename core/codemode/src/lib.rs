//! What a model sees in Code Mode: compact declarations of tools, search among them, the few tools that lead to all others, and the answers
//! of code that was run. Everything is a function from what is handed in to text: the same input gives the same bytes.
//!
//! Begin with [`Toolset`], which is built once for each version of a catalogue, and [`Guide`], which answers one caller about what it sees
//! of it ([`Visible`]). [`Shown`] says whether a caller is shown tools or [`MetaTool`]s, [`Names`] is what a sandbox binds, [`ExecuteAnswer`] is
//! what comes of code that was run.
//!
//! Descriptions and schemas come from upstream servers, which nobody has vouched for: everything made of them is bounded, in one piece, and
//! free of what can't be seen. This crate must never do I/O, never run code, and never decide who may see a tool.

mod answer;
mod declare;
mod guide;
mod ident;
mod mode;
mod names;
mod order;
mod search;
mod text;
mod tools;
mod toolset;

pub use answer::{AnswerLimits, CallMade, Ended, ExecuteAnswer, Failure, Outcome, Paused};
pub use declare::{Declaration, Detail, Shape, declare};
pub use guide::{GetToolDocs, Guide, Observed, ReadToolFile, SearchArguments, Told, ToolRef, UnknownTool};
pub use mode::{AUTO_TOKENS, Shown, estimated_tokens};
pub use names::{Name, Names, ServerNames};
pub use tools::{BIFROST, CODE, CallArguments, ExecuteArguments, MetaTool, SEARCH};
pub use toolset::{ToolSource, Toolset, Visible};
