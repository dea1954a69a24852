//! Which tools a caller sees: one bit each, and what scores need to know of them. Must never decide who sees what.

use super::index::{FIELDS, Index};

/// The tools of one catalogue that are seen.
#[derive(Debug, Clone)]
pub(crate) struct Bits {
    bits: Vec<u64>,
    tools: usize,
    lengths: [u64; FIELDS],
    definitions: usize,
}

impl Bits {
    /// `sees` gives the length of a tool's definition, if the tool is seen.
    pub(crate) fn new(index: &Index, tools: usize, mut sees: impl FnMut(usize) -> Option<usize>) -> Self {
        let bits = vec![0; tools.div_ceil(64)];
        let mut visible = Self { bits, tools: 0, lengths: [0; FIELDS], definitions: 0 };
        for tool in 0..tools {
            let Some(definition) = sees(tool) else { continue };
            visible.definitions += definition;
            visible.bits[tool / 64] |= 1 << (tool % 64);
            visible.tools += 1;
            for (sum, length) in visible.lengths.iter_mut().zip(index.lengths(tool)) {
                *sum += u64::from(length);
            }
        }
        visible
    }

    /// How many tools are seen.
    pub(crate) const fn count(&self) -> usize {
        self.tools
    }

    /// How long their definitions are together.
    pub(crate) const fn definitions(&self) -> usize {
        self.definitions
    }

    pub(crate) fn sees(&self, tool: usize) -> bool {
        self.bits.get(tool / 64).is_some_and(|bits| bits >> (tool % 64) & 1 == 1)
    }

    /// How long each field is on average; at least one word.
    pub(crate) fn average_lengths(&self) -> [f32; FIELDS] {
        let tools = self.tools.max(1) as f32;
        self.lengths.map(|sum| (sum as f32 / tools).max(1.0))
    }
}
