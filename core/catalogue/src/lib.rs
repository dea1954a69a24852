//! What the upstreams offer: fetched, cached, stored, named, and put together into one list.
//!
//! [`Catalogues`] holds one [`Catalogue`] per server, as fresh as the upstream's `ttlMs` asks. [`Aggregate`] makes of them the list a
//! principal sees and finds the tool that a call names; whether a principal may see or call something is asked of
//! `toolgate_policy` and decided nowhere here. This crate must never know HTTP or a client's protocol era.

mod aggregate;
mod catalogue;
mod catalogues;
mod listing;
mod names;
mod stored;

pub use aggregate::{Aggregate, Listed, Route, Routed, Unavailable};
pub use catalogue::{Catalogue, Tool};
pub use catalogues::{Catalogues, Failure, Offer};
pub use listing::{BadCursor, Listing, PageOf};
pub use names::{MAX_EXPOSED, SEPARATOR};
