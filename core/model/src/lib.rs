//! The records Toolgate keeps — tenants, upstream servers, virtual keys, views — and the gateway's operators, with their ids, grants and limits.
//!
//! This crate validates and serialises. It must never know where a record is stored, how a request arrives, or what
//! a protocol message looks like.

mod blob;
mod constraints;
mod grant;
mod id;
mod limits;
mod operator;
mod price;
mod record;
mod time;
mod tool_rules;
mod view;

pub use blob::{blobs_of, catalogue_blob, health_blob};
pub use constraints::{
    Access, Arguments, Constraints, Day, MAX_QUIET_HOURS, MAX_RESULT_BYTES, MAX_TIMEOUT_MS, QuietHours, TimeOfDay,
    TimeOfDayError,
};
pub use grant::{Grant, GrantError, Item, ItemKind};
pub use id::{IdError, KeyId, OperatorId, Revision, ServerId, TenantId, ViewId};
pub use limits::Limits;
pub use operator::{OperatorRecord, Role, RoleError};
pub use price::{Bound, BySize, Called, Charge, Doubt, MAX_CHARGE, MAX_PRICE, PerKib, Price, Prices, Said};
pub use record::{EraPolicy, KeyRecord, Network, PreviousSecret, SealedText, ServerRecord, TenantRecord};
pub use time::{Timestamp, TimestampError};
pub use tool_rules::ToolRules;
pub use view::{Prefix, ViewArgument, ViewRecord, ViewServer};
