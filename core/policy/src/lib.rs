//! The one decision point: may this principal see or call this?
//!
//! Lists, calls and single-server endpoints all ask [`decide`]; nothing else in the product grants anything. It looks at the key's
//! grants, at the view that is asked through, at what the operator set for the server, and at the tenant's policy (`core/rules`), in this
//! order, and each can only narrow what the ones before allow. It is a pure function of records, facts and the time. It must never know
//! a protocol, a store or a platform, and never be asked "what is there?": whether a thing exists is answered after it, and only to those
//! it allowed.

mod decision;
mod principal;
mod rules;
mod subject;
#[cfg(test)]
mod tests;

pub use decision::{Allowed, Decision, decide, permits, touches};
pub use principal::{Origin, Principal, Refusal, admit};
pub use rules::Rules;
pub use subject::{Access, Described, Subject};
