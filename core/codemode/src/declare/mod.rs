//! Compact declarations: what a tool takes and gives, as TypeScript-like text that costs a model few tokens.
//!
//! One line for each tool:
//!
//! ```text
//! list_issues(a: {owner: string; repo: string; state?: "open"|"closed"}): any // List issues in a repository
//! ```
//!
//! The same tool always gives the same text. Schemas are untrusted: depth, number of parts and length are bounded, what is left out is
//! marked (`…`, `one of 250`, `+12 more`), and no text of an upstream can end a comment, begin a line or hide anything.

mod read;
mod refs;
mod shape;
mod tool;
mod types;

use serde::{Deserialize, Serialize};

pub use shape::Shape;
pub use tool::{Declaration, declare};

/// How much is said of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// Its name.
    Names,
    /// Its types and the first sentence of its description.
    #[default]
    Signature,
    /// Its types, all of its description, what is said of each parameter.
    Full,
}
