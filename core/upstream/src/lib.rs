//! The MCP client: Streamable HTTP towards upstream servers, in both protocol eras.
//!
//! [`Client`] lists an upstream's tools and calls them; it finds out which era a server speaks, keeps sessions with
//! legacy servers, and turns every way an upstream can fail into an [`UpstreamError`]. [`check_url`] and
//! [`address_allowed`] say where an upstream may be. This crate must never know who the client is, what it may use, or
//! how a tool is named towards it.

mod address;
mod answer;
mod client;
mod endpoint;
mod error;
mod exchange;
mod handshake;
mod header;
mod memory;
mod pages;
mod redirect;
mod refusal;
mod request;
mod wait;

pub use address::{UrlError, UrlRule, address_allowed, check_url};
pub use client::Client;
pub use endpoint::{Answer, AnswerStream, Call, Caller, Endpoint, Item, Reply, ToolList, Verdict};
pub use error::{Step, UpstreamError, UpstreamErrorKind};
pub use header::{HeaderError, check_header};
