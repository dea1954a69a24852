//! The records Toolgate keeps — tenants, upstream servers, virtual keys, views, teams, limits, policies — and the gateway's operators, with
//! their ids and grants.
//!
//! This crate validates and serialises. It must never know where a record is stored, how a request arrives, or what
//! a protocol message looks like.

mod amount;
mod approval;
mod blob;
mod code;
mod constraints;
mod grant;
mod id;
mod limit;
mod limit_fields;
mod limits;
mod operator;
mod policy;
mod price;
mod record;
mod time;
mod tool_rules;
mod view;
mod window;

pub use amount::{Amount, AmountError, MicroUsd};
pub use approval::{ApprovalRecord, Decided, MAX_ARGUMENTS_SHOWN, WaitingCall, Waits};
pub use blob::{blobs_of, catalogue_blob, health_blob};
pub use code::{Approvals, Approver, CodeLimit, CodeLimits, CodeSettings, Destructive, ToolsMode};
pub use constraints::{
    ArgumentCheck, Constraints, Day, MAX_QUIET_HOURS, MAX_RESULT_BYTES, MAX_TIMEOUT_MS, QuietHours, TimeOfDay,
    TimeOfDayError, ToolAccess,
};
pub use grant::{Grant, GrantError, Item, ItemKind};
pub use id::{
    ApprovalId, IdError, KeyId, LimitId, OperatorId, Revision, RuleName, ServerId, TeamId, TenantId, UserId, ViewId,
};
pub use limit::{
    Limit, LimitKind, LimitRecord, LimitScope, LimitSpec, MAX_LIMITS, Mode, Selector, ToolName, ToolNameError, Unit,
};
pub use limit_fields::{LimitError, Wrong};
pub use limits::Limits;
pub use operator::{OperatorRecord, Role, RoleError};
pub use policy::{Effect, PolicyDocument, PolicyHistory, PolicyRecord, PolicyVersion, Rule};
pub use price::{
    Called, Charge, Doubt, KibPrice, MAX_CHARGE, MAX_PRICE, Price, PriceBound, Prices, SaidPrice, SizedPrice,
};
pub use record::{EraPolicy, KeyRecord, Network, PreviousSecret, SealedText, ServerRecord, TeamRecord, TenantRecord};
pub use time::{Timestamp, TimestampError};
pub use tool_rules::ToolRules;
pub use view::{Prefix, ViewArgument, ViewRecord, ViewServer};
pub use window::{CalendarUnit, Length, Window, WindowError, Zone};
