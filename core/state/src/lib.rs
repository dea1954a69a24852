//! A tenant's records in memory, as fresh as the staleness bound says.
//!
//! [`States`] keeps, for each tenant, the revision that the store last named and the records read since. Within half the bound
//! (`Limits::staleness`) nothing is asked; between half and the whole bound one [`sync`](toolgate_ports::Store::sync) runs in the
//! background; beyond it the request waits for one. So a revoked key stops at the latest after the bound, a warm request
//! asks the store nothing, and a store that can't be reached refuses (fails closed) once the bound has passed.
//!
//! This crate decides nothing: it must never know grants, protocols or HTTP.

mod server;
mod states;

pub use server::{Server, Snapshot, View};
pub use states::{StateError, States};
