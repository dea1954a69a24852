//! Limits under faults. A seed decides everything: which limits there are, when instances call, start, freeze and die, what becomes of each
//! message to the ledger, how far clocks are apart, and which task runs next. An [`Oracle`] that shares no arithmetic with the product
//! records what was really granted and spent, and checks at every step that no limit was exceeded, that nothing was charged that nobody
//! took and, at the end, that nothing is held for ever.
//!
//! [`run`] plays one seed, the same way every time; [`diary`] says what happened in it. What it plays is the product: the meters of each instance, and the ledger's
//! documents in memory. Nothing here is in it.
//!
//! A [`Bug`] can be planted, to see that the oracle finds it.

mod bug;
mod instance;
mod network;
mod oracle;
mod plan;
mod random;
mod tasks;
mod time;
mod world;

pub use bug::Bug;
pub use oracle::Oracle;
pub use world::{Outcome, diary, run};
