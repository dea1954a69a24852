//! The arithmetic of limits, the same in every ledger: when windows begin and end ([`Span`]), how buckets refill, what one account is
//! after an operation, and what is done to several accounts together ([`Drawer`]). Beside it stands the instance's side of leases
//! ([`Escrow`]).
//!
//! Everything is a pure function of documents, questions and the time that is passed in. This crate must never know where a document is
//! kept, nor ask a port. A ledger loads the documents that [`Drawer`] names, lets it work, and writes what changed, all of it or nothing.
//!
//! **The invariant.** Of each account, always: settled + reserved + leased is at most what its limit allows. What is granted is charged at
//! once, at its estimate; closing an entry can only lower its charge. So losing a message, an instance or an hour never frees what may
//! have been spent:
//!
//! - a reservation that nobody closes counts as spent from its expiry on (a place among calls at the same time is free again);
//! - a slice that nobody reports counts as spent, all of it, and is not handed out again in its window; a report that comes late, while the
//!   window lasts, gives back what was not spent;
//! - a slice ends with its window, and its length is counted from when it was asked for, so that no two clocks need agree.
//!
//! A charge belongs to the window in which it was granted, whenever it is settled. In a rolling window a slice counts until its whole
//! length has passed since it was last spent from.

mod account;
mod bucket;
mod budget;
mod entry;
mod escrow;
mod receipt;
mod span;
mod transact;

pub use escrow::{Escrow, Moment, Report};
pub use span::Span;
pub use transact::{Change, Drawer, account_name, account_of, forgotten_names};
