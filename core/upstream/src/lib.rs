//! The MCP client: Streamable HTTP towards upstream servers in both protocol eras, and HTTP+SSE of 2024-11-05.
//!
//! [`Client`] lists what an upstream offers, asks it on a client's behalf and listens to it; it finds out which era a server speaks, keeps sessions with
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
mod health;
mod link;
mod memory;
mod pages;
mod redirect;
mod refusal;
mod request;
mod streams;
mod wait;

pub use address::{UrlError, UrlRule, address_allowed, check_url};
pub use client::{Client, News};
pub use endpoint::{
    Allowed, Answer, AnswerStream, Call, Caller, Effect, Endpoint, Event, EventStream, Item, ItemList, Reply, Sent,
    SessionRef, Transport, Verdict,
};
pub use error::{Step, UpstreamError, UpstreamErrorKind};
pub use header::{HeaderError, check_header};
pub use health::{Health, LastFailure, Status};
pub use streams::Listening;
