//! What a call costs its limits. [`Meters`], one per gateway instance, finds which limits apply to a [`Call`], takes from all of them
//! together or from none, and gives a [`Permit`], or says which limit refused ([`Denied`]).
//!
//! A permit is settled with what the call cost, or voided if nothing was executed. One that is dropped has cost its estimate. Settling
//! goes on in the background, several at a time; no answer waits for it.
//!
//! A leased limit is spent from slices that the instance took in advance: where they cover a call, the ledger is not asked. What is not used for
//! a while, or is about to end, goes back.
//!
//! A ledger that does not answer refuses (fails closed), unless every limit that had to be asked says otherwise (`fail_open`); the log
//! then names each of them, every time.
//!
//! This crate decides no policy and knows no protocol: what may be called is `core/policy`'s to say, what a call costs the gateway's. It must
//! never count by itself what the ledger counts.

mod applied;
mod asking;
mod call;
mod denied;
mod forecast;
mod kept;
mod meters;
mod outbox;
mod permit;

pub use call::{Call, IdempotencyKey, IdempotencyKeyError, Price};
pub use denied::{Denied, LedgerLost, NotGranted};
pub use forecast::{Forecast, Foreseen};
pub use meters::Meters;
pub use permit::Permit;
