//! JSON-RPC, SSE and the two MCP eras as bytes: parse, splice, classify.
//!
//! A message is validated once and then borrowed: [`Message`] holds spans into the bytes it came from, and whatever the
//! gateway changes (an id, a tool's name, a URI, `_meta`) is spliced into those bytes. Unknown fields, the order of keys
//! and the spelling of numbers reach the other side as they came.
//!
//! Begin with [`classify`], which decides the era of a request, and with [`splice::Edit`], which changes one.
//!
//! This crate must never do I/O, never read a clock, and never know a tenant, a key, a server or a transport.

pub mod code;
pub mod depth;
pub mod header;
mod ladder;
pub mod list;
mod message;
pub mod meta;
pub mod reply;
mod scan;
pub mod splice;
pub mod sse;
mod version;

pub use ladder::{
    Bounds, Classified, Headers, Initialize, ModernMethod, ModernRequest, Refusal, Target, classify, classify_entry,
};
pub use message::{Kind, Message, MessageError, is_batch, split_batch};
pub use meta::{Meta, MetaError};
pub use version::{Era, LATEST_LEGACY, LATEST_MODERN, SUPPORTED_MODERN, Version};

/// Byte offsets into the text something was parsed from.
pub type Span = core::ops::Range<usize>;
