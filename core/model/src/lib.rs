//! The records Toolgate keeps — tenants, upstream servers, virtual keys, views, teams, limits — with their ids and grants.
//!
//! This crate validates and serialises. It must never know where a record is stored, how a request arrives, or what
//! a protocol message looks like.

mod amount;
mod blob;
mod grant;
mod id;
mod limit;
mod limit_fields;
mod limits;
mod record;
mod time;
mod view;
mod window;

pub use amount::{Amount, AmountError, MicroUsd};
pub use blob::{blobs_of, catalogue_blob, health_blob};
pub use grant::{Grant, GrantError, Item, ItemKind};
pub use id::{IdError, KeyId, LimitId, Revision, ServerId, TeamId, TenantId, UserId, ViewId};
pub use limit::{
    Limit, LimitKind, LimitRecord, LimitScope, LimitSpec, MAX_LIMITS, Mode, Selector, ToolName, ToolNameError, Unit,
};
pub use limit_fields::{LimitError, Wrong};
pub use limits::Limits;
pub use record::{EraPolicy, KeyRecord, Network, SealedText, ServerRecord, TeamRecord, TenantRecord};
pub use time::{Timestamp, TimestampError};
pub use view::{Prefix, ViewArgument, ViewRecord, ViewServer};
pub use window::{CalendarUnit, Length, Window, WindowError, Zone};
