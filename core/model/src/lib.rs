//! The records Toolgate keeps — tenants, upstream servers, virtual keys, views — and the gateway's operators, with their ids, grants and limits.
//!
//! This crate validates and serialises. It must never know where a record is stored, how a request arrives, or what
//! a protocol message looks like.

mod blob;
mod grant;
mod id;
mod limits;
mod operator;
mod record;
mod time;
mod view;

pub use blob::{blobs_of, catalogue_blob, health_blob};
pub use grant::{Grant, GrantError, Item, ItemKind};
pub use id::{IdError, KeyId, OperatorId, Revision, ServerId, TenantId, ViewId};
pub use limits::Limits;
pub use operator::{OperatorRecord, Role, RoleError};
pub use record::{EraPolicy, KeyRecord, Network, PreviousSecret, SealedText, ServerRecord, TenantRecord};
pub use time::{Timestamp, TimestampError};
pub use view::{Prefix, ViewArgument, ViewRecord, ViewServer};
