//! The records Toolgate keeps — tenants, upstream servers, virtual keys — with their ids, grants and limits.
//!
//! This crate validates and serialises. It must never know where a record is stored, how a request arrives, or what
//! a protocol message looks like.

mod grant;
mod id;
mod limits;
mod record;
mod time;

pub use grant::{Grant, GrantError};
pub use id::{IdError, KeyId, Revision, ServerId, TenantId};
pub use limits::Limits;
pub use record::{EraPolicy, KeyRecord, Network, SealedText, ServerRecord, TenantRecord};
pub use time::{Timestamp, TimestampError};
