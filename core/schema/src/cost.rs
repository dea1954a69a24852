//! What checking by a schema can cost at most, so that no schema can make a check run long or deep.
//!
//! For each depth of a value it is computed how often, at most, one of its parts is judged ([`Cost::rounds`]) and how many
//! judgements stand within each other ([`Cost::nesting`]). The work of a check is then bounded by rounds times the parts of the
//! value, and its stack by the nesting.

use serde_json::Value;

use crate::{
    SchemaError,
    graph::{Graph, Node},
};

/// How deep arguments may nest where they are checked.
const MAX_DEPTH: usize = 32;
/// The most judgements of one part of a value.
const MAX_ROUNDS: u64 = 10_000;
/// The most judgements within each other: each takes some hundred bytes of a stack of one megabyte.
const MAX_NESTING: u64 = 256;
/// How many subschemas may judge the same value, one leading to the next.
const MAX_CHAIN: usize = 64;
/// The most judgements of one check.
const MAX_WORK: u64 = 20_000_000;

/// See the module. Both by the depth of the value.
#[derive(Debug)]
pub(crate) struct Cost {
    rounds: Vec<u64>,
    nesting: Vec<u64>,
}

/// Rounds and nesting of each subschema for values up to one depth.
#[derive(Clone, Copy, Default)]
struct Bound {
    rounds: u64,
    nesting: u64,
}

/// The bounds for one depth while they are computed.
struct Level<'a> {
    graph: &'a Graph,
    /// For values one level less deep.
    below: Option<&'a [Bound]>,
    known: Vec<Option<Bound>>,
}

impl Cost {
    /// Of a schema; refuses one that could judge without end, or the parts of even a flat value far too often.
    pub(crate) fn of(graph: &Graph) -> Result<Self, SchemaError> {
        let (mut rounds, mut nesting) = (Vec::new(), Vec::new());
        let mut below: Option<Vec<Bound>> = None;
        for _ in 0..=MAX_DEPTH {
            let mut level = Level { graph, below: below.as_deref(), known: vec![None; graph.nodes.len()] };
            for at in 0..graph.nodes.len() {
                level.bound(at, 0)?;
            }
            let bounds: Vec<Bound> = level.known.into_iter().map(Option::unwrap_or_default).collect();
            rounds.push(bounds[0].rounds);
            nesting.push(bounds[0].nesting);
            below = Some(bounds);
        }
        // Depth one: an object of plain values.
        if rounds[1] > MAX_ROUNDS || nesting[1] > MAX_NESTING {
            return Err(SchemaError::TooIntricate("its parts refer to each other too often"));
        }
        Ok(Self { rounds, nesting })
    }

    /// Whether `value` may be checked.
    pub(crate) fn allows(&self, value: &Value) -> bool {
        let (mut depth, mut parts) = (0, 0_u64);
        measure(value, 0, &mut depth, &mut parts);
        let (Some(rounds), Some(nesting)) = (self.rounds.get(depth), self.nesting.get(depth)) else { return false };
        *rounds <= MAX_ROUNDS && *nesting <= MAX_NESTING && rounds.saturating_mul(parts) <= MAX_WORK
    }
}

impl Level<'_> {
    fn bound(&mut self, at: usize, chain: usize) -> Result<Bound, SchemaError> {
        if let Some(known) = self.known[at] {
            return Ok(known);
        }
        if chain > MAX_CHAIN {
            return Err(SchemaError::TooIntricate("its parts refer to each other in a circle, or in a long chain"));
        }
        let Node { same, parts } = &self.graph.nodes[at];
        let mut bound = Bound { rounds: 1, nesting: 0 };
        for other in same.clone() {
            let other = self.bound(other, chain + 1)?;
            bound.rounds = bound.rounds.saturating_add(other.rounds);
            bound.nesting = bound.nesting.max(other.nesting);
        }
        if let Some(below) = self.below {
            for list in parts {
                let most = |of: fn(&Bound) -> u64| list.iter().map(|part| of(&below[*part])).max().unwrap_or_default();
                bound.rounds = bound.rounds.saturating_add(most(|bound| bound.rounds));
                bound.nesting = bound.nesting.max(most(|bound| bound.nesting));
            }
        }
        bound.nesting = bound.nesting.saturating_add(1);
        self.known[at] = Some(bound);
        Ok(bound)
    }
}

fn measure(value: &Value, at: usize, depth: &mut usize, parts: &mut u64) {
    *depth = (*depth).max(at);
    *parts += 1;
    match value {
        Value::Array(items) => items.iter().for_each(|item| measure(item, at + 1, depth, parts)),
        Value::Object(members) => members.values().for_each(|member| measure(member, at + 1, depth, parts)),
        _ => {}
    }
}
