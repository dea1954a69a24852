//! The records Toolgate keeps — tenants, upstream servers, virtual keys, views, policies — and the gateway's operators, with their ids,
//! grants and limits.
//!
//! This crate validates and serialises. It must never know where a record is stored, how a request arrives, or what
//! a protocol message looks like.

mod blob;
mod constraints;
mod grant;
mod id;
mod limits;
mod operator;
mod policy;
mod price;
mod record;
mod time;
mod tool_rules;
mod view;

pub use blob::{blobs_of, catalogue_blob, health_blob};
pub use constraints::{
    ArgumentCheck, Constraints, Day, MAX_QUIET_HOURS, MAX_RESULT_BYTES, MAX_TIMEOUT_MS, QuietHours, TimeOfDay,
    TimeOfDayError, ToolAccess,
};
pub use grant::{Grant, GrantError, Item, ItemKind};
pub use id::{IdError, KeyId, OperatorId, Revision, RuleName, ServerId, TenantId, ViewId};
pub use limits::Limits;
pub use operator::{OperatorRecord, Role, RoleError};
pub use policy::{Effect, PolicyDocument, PolicyRecord, Rule};
pub use price::{
    Called, Charge, Doubt, KibPrice, MAX_CHARGE, MAX_PRICE, Price, PriceBound, Prices, SaidPrice, SizedPrice,
};
pub use record::{EraPolicy, KeyRecord, Network, PreviousSecret, SealedText, ServerRecord, TenantRecord};
pub use time::{Timestamp, TimestampError};
pub use tool_rules::ToolRules;
pub use view::{Prefix, ViewArgument, ViewRecord, ViewServer};
