//! What things cost, in units: the same numbers for the bound that is computed when a policy is saved and for the count that is kept
//! when it is evaluated.

use std::cell::Cell;

use crate::failure::Cause;

/// To evaluate a part.
pub(crate) const PART: u64 = 8;
/// To compare two values, beside their texts.
pub(crate) const COMPARE: u64 = 4;
/// To look a name up, beside its bytes.
pub(crate) const LOOKUP: u64 = 16;
/// To look a name up: for each of its bytes.
pub(crate) const LOOKUP_BYTE: u64 = 2;
/// To go once through a loop, beside its body.
pub(crate) const ROUND: u64 = 24;
/// To put an element into a new list or map.
pub(crate) const ELEMENT: u64 = 64;
/// To copy, or to search, one byte of a text.
pub(crate) const BYTE: u64 = 4;
/// To convert between numbers and texts, or to read an address.
pub(crate) const CONVERT: u64 = 128;
/// The longest text that a number is read from, or that one becomes, in bytes.
pub(crate) const NUMBER_BYTES: usize = 64;
/// What a match costs beyond its bytes, as if the text were so much longer.
pub(crate) const MATCH_BYTES: u64 = 8;
/// To read one byte of arguments.
pub(crate) const READ_BYTE: u64 = 8;
/// To read one value or name of arguments.
pub(crate) const READ_NODE: u64 = 128;

/// A length as units are counted.
pub(crate) fn units(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What is left of what an evaluation may cost.
#[derive(Debug)]
pub(crate) struct Meter {
    most: u64,
    left: Cell<u64>,
}

impl Meter {
    pub(crate) const fn new(most: u64) -> Self {
        Self { most, left: Cell::new(most) }
    }

    /// Takes `cost` off. When too little is left nothing is, so that whatever comes next fails too.
    pub(crate) fn charge(&self, cost: u64) -> Result<(), Cause> {
        let left = self.left.get().checked_sub(cost);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(Cause::TooCostly { most: self.most })
    }

    /// What was taken off so far.
    pub(crate) const fn spent(&self) -> u64 {
        self.most - self.left.get()
    }
}
