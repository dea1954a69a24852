//! Tool search: BM25F over names, servers, descriptions and parameter names.
//!
//! What a caller may not see is not there: how rare a term is, how long fields are on average and which words a beginning leads to are
//! counted over what the caller sees, at each search. So scores are exactly those of an index that holds nothing else.

mod bits;
mod index;
mod score;
mod suggest;
mod synonyms;
mod words;

pub(crate) use bits::Bits;
pub(crate) use index::{Builder, Index};
pub(crate) use score::{Hit, rank};
pub(crate) use suggest::nearest;
