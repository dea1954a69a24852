//! How large a value, or a cost, may be at most: a number, and a part that grows with the elements of the loops around it. So a loop over
//! arguments whose body looks at each element once costs what the arguments are long, and not that times how many there are.

use crate::bounds::MAX_LOOPS;

/// `fixed + Σ nodes of a variable · factor + Σ bytes of a variable · factor`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bound {
    fixed: u64,
    /// For each loop around, the outermost first: how it grows with the nodes and with the bytes of the loop's variable.
    growth: [Growth; MAX_LOOPS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Growth {
    nodes: u64,
    bytes: u64,
}

impl Bound {
    pub(crate) const fn fixed(fixed: u64) -> Self {
        Self { fixed, growth: [Growth { nodes: 0, bytes: 0 }; MAX_LOOPS] }
    }

    /// Combines two bounds part by part.
    fn zip(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        let mut zipped = Self::fixed(combine(self.fixed, other.fixed));
        for (to, (one, other)) in zipped.growth.iter_mut().zip(self.growth.iter().zip(&other.growth)) {
            *to = Growth { nodes: combine(one.nodes, other.nodes), bytes: combine(one.bytes, other.bytes) };
        }
        zipped
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    pub(crate) fn times(&self, factor: u64) -> Self {
        self.zip(self, |own, _| own.saturating_mul(factor))
    }

    /// A bound on whichever of the two there is.
    pub(crate) fn or(&self, other: &Self) -> Self {
        self.zip(other, u64::max)
    }
}

/// The most nodes (values and names, however deep) and bytes of text that a value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) nodes: Bound,
    pub(crate) bytes: Bound,
}

impl Size {
    pub(crate) const fn fixed(nodes: u64, bytes: u64) -> Self {
        Self { nodes: Bound::fixed(nodes), bytes: Bound::fixed(bytes) }
    }

    /// A value that is no text, list or map.
    pub(crate) const fn small() -> Self {
        Self::fixed(1, 0)
    }

    /// The variable of the loop at `depth`.
    pub(crate) fn variable(depth: usize) -> Self {
        let mut size = Self::fixed(0, 0);
        size.nodes.growth[depth].nodes = 1;
        size.bytes.growth[depth].bytes = 1;
        size
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self { nodes: self.nodes.plus(&other.nodes), bytes: self.bytes.plus(&other.bytes) }
    }

    /// A bound on whichever of the two there is.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self { nodes: self.nodes.or(&other.nodes), bytes: self.bytes.or(&other.bytes) }
    }
}

/// The loops around a part: the size of what each goes through, as a number.
#[derive(Debug, Default)]
pub(crate) struct Loops {
    ranges: Vec<(u64, u64)>,
}

impl Loops {
    pub(crate) fn depth(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn enter(&mut self, range: &Size) {
        let range = (self.most(&range.nodes), self.most(&range.bytes));
        self.ranges.push(range);
    }

    pub(crate) fn leave(&mut self) {
        self.ranges.pop();
    }

    /// The most that `bound` can be.
    pub(crate) fn most(&self, bound: &Bound) -> u64 {
        let grown = bound.growth.iter().zip(&self.ranges).map(|(growth, (nodes, bytes))| {
            growth.nodes.saturating_mul(*nodes).saturating_add(growth.bytes.saturating_mul(*bytes))
        });
        grown.fold(bound.fixed, u64::saturating_add)
    }

    /// Of two bounds that both hold, the one that is smaller over all rounds of the loops around.
    pub(crate) fn smaller(&self, one: Bound, other: Bound) -> Bound {
        if self.over_all(&other) < self.over_all(&one) { other } else { one }
    }

    fn over_all(&self, bound: &Bound) -> u64 {
        let rounds = self.ranges.iter().enumerate().rev();
        let all = rounds.fold(*bound, |mut bound, (depth, (nodes, bytes))| {
            let own = std::mem::take(&mut bound.growth[depth]);
            let grown = own.nodes.saturating_mul(*nodes).saturating_add(own.bytes.saturating_mul(*bytes));
            bound.times(*nodes).plus(&Bound::fixed(grown))
        });
        all.fixed
    }

    /// The sum of `round` over all rounds of a loop that was just left: the elements of `range` together are not larger than it, and not
    /// more than its nodes.
    pub(crate) fn sum(&self, round: &Bound, range: &Size) -> Bound {
        let own = round.growth[self.depth()];
        let mut outer = *round;
        outer.growth[self.depth()] = Growth::default();
        outer.fixed = 0;
        range
            .nodes
            .times(round.fixed.saturating_add(own.nodes))
            .plus(&range.bytes.times(own.bytes))
            .plus(&outer.times(self.most(&range.nodes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_looks_at_each_element_once_grows_with_the_range_alone() {
        let mut loops = Loops::default();
        let range = Size::fixed(100, 1_000);
        loops.enter(&range);
        let round = Bound::fixed(5).plus(&Size::variable(0).bytes.times(2));
        loops.leave();
        assert_eq!(loops.most(&loops.sum(&round, &range)), 100 * 5 + 1_000 * 2);
    }

    #[test]
    fn a_loop_within_a_loop_over_something_else_multiplies() {
        let mut loops = Loops::default();
        let range = Size::fixed(100, 1_000);
        loops.enter(&range);
        loops.enter(&range);
        let round = Size::variable(0).bytes;
        loops.leave();
        let inner = loops.sum(&round, &range);
        loops.leave();
        assert_eq!(loops.most(&loops.sum(&inner, &range)), 100 * 1_000);
    }

    #[test]
    fn the_smaller_bound_is_the_one_that_is_smaller_in_the_end() {
        let mut loops = Loops::default();
        let (fixed, growing) = (Bound::fixed(50), Size::variable(0).bytes);
        // One element may have all the bytes, but not every element has.
        loops.enter(&Size::fixed(100, 1_000));
        assert_eq!(loops.smaller(fixed, growing), growing);
        loops.leave();
        loops.enter(&Size::fixed(10, 1_000));
        assert_eq!(loops.smaller(fixed, growing), fixed);
    }
}
