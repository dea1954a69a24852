//! The one decision point: may this principal see or call this?
//!
//! Lists, calls and single-server endpoints all ask [`decide`]; nothing else in the product grants anything. It is a pure
//! function of records and the time. It must never know a protocol, a store or a platform, and never be asked "what is
//! there?": whether a thing exists is answered after it, and only to those it allowed.

mod decision;

pub use decision::{Decision, Principal, Refusal, admit, decide, touches};
