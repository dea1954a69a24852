//! What each function and each loop is charged: the most that any path through it costs.
//!
//! A function is charged when it is entered, for its longest path outside loops; a loop each time its beginning is reached, for the longest
//! path of one turn. So nothing runs that was not paid for, and what a branch skips is paid for all the same.

use wasmparser::{FunctionBody, Operator, OperatorsReader};

use crate::{
    PassError,
    weights::{SMALL, weight},
};

/// What one function is charged.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Charges {
    /// When it is entered.
    pub entry: u64,
    /// At each of its loops, in the order of their beginnings.
    pub loops: Vec<u64>,
    /// It calls others, beside small ones.
    pub calls: bool,
    /// It is charged to its callers, having nothing in it that is charged by itself.
    pub small: bool,
}

impl Charges {
    /// Reads `body`; `callee` tells what a call of a function by its index costs beside the call itself, if it is known not to be charged.
    pub(crate) fn of(body: &FunctionBody<'_>, callee: impl Fn(u32) -> Option<u64>) -> Result<Self, PassError> {
        let mut reader = body.get_operators_reader()?;
        let mut paths = Paths::new();
        let (mut calls, mut small) = (false, true);
        while !reader.eof() {
            let operator = reader.read()?;
            paths.add(weight(&operator));
            match operator {
                Operator::Call { function_index } => match callee(function_index) {
                    Some(cost) => paths.add(cost),
                    None => calls = true,
                },
                Operator::CallIndirect { .. } => calls = true,
                // These are charged for what they move.
                Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => small = false,
                _ => {}
            }
            paths.follow(&operator)?;
        }
        finished(&reader)?;
        let Paths { regions, .. } = paths;
        let mut charges = regions.into_iter().map(|region| region.longest);
        let entry = charges.next().unwrap_or_default();
        let loops: Vec<u64> = charges.collect();
        small &= !calls && loops.is_empty() && entry <= SMALL;
        Ok(Self { entry, loops, calls, small })
    }
}

fn finished(reader: &OperatorsReader<'_>) -> Result<(), PassError> {
    reader.finish().map_err(PassError::from)
}

/// What is charged together: a function outside its loops, or a loop outside the loops in it.
struct Region {
    longest: u64,
    /// What the path to this loop has cost in the region around it; `None` where no path leads.
    outside: Option<u64>,
}

/// A label that code may branch to.
struct Label {
    region: usize,
    kind: Kind,
    /// The most that a path which branched to the label's end has cost, in its region.
    exit: Option<u64>,
}

enum Kind {
    Block,
    Loop,
    /// With what the path to it had cost.
    If(Option<u64>),
    Else,
}

struct Paths {
    /// All regions so far, the function's first and then its loops in the order of their beginnings.
    regions: Vec<Region>,
    /// The regions that the current code is in.
    within: Vec<usize>,
    labels: Vec<Label>,
    /// What the path to here has cost in the innermost region; `None` where no path leads.
    current: Option<u64>,
}

impl Paths {
    fn new() -> Self {
        Self {
            regions: vec![Region { longest: 0, outside: None }],
            within: vec![0],
            labels: vec![Label { region: 0, kind: Kind::Block, exit: None }],
            current: Some(0),
        }
    }

    fn add(&mut self, cost: u64) {
        if let Some(current) = &mut self.current {
            *current += cost;
        }
    }

    fn region(&self) -> usize {
        self.within.last().copied().unwrap_or_default()
    }

    fn follow(&mut self, operator: &Operator<'_>) -> Result<(), PassError> {
        match operator {
            Operator::Block { .. } => self.open(Kind::Block),
            Operator::If { .. } => self.open(Kind::If(self.current)),
            Operator::Loop { .. } => self.open_loop(),
            Operator::Else => self.turn(),
            Operator::End => self.close(),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.current = None;
            }
            Operator::BrIf { relative_depth } => self.branch(*relative_depth),
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    self.branch(target?);
                }
                self.branch(targets.default());
                self.current = None;
            }
            Operator::Return => {
                self.branch(u32::try_from(self.labels.len() - 1).unwrap_or_default());
                self.current = None;
            }
            Operator::Unreachable => {
                self.reach(self.region(), self.current);
                self.current = None;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, kind: Kind) {
        self.labels.push(Label { region: self.region(), kind, exit: None });
    }

    fn open_loop(&mut self) {
        self.regions.push(Region { longest: 0, outside: self.current });
        self.within.push(self.regions.len() - 1);
        self.open(Kind::Loop);
        self.current = self.current.map(|_| 0);
    }

    /// From the one arm of an `if` to the other.
    fn turn(&mut self) {
        let Some(label) = self.labels.last_mut() else { return };
        label.exit = label.exit.max(self.current);
        if let Kind::If(before) = std::mem::replace(&mut label.kind, Kind::Else) {
            self.current = before;
        }
    }

    fn close(&mut self) {
        let Some(label) = self.labels.pop() else { return };
        match label.kind {
            Kind::Block | Kind::Else => self.current = self.current.max(label.exit),
            // Without an `else` the path may lead past it.
            Kind::If(before) => self.current = self.current.max(label.exit).max(before),
            Kind::Loop => {
                self.reach(label.region, self.current);
                self.within.pop();
                self.current = self.current.and(self.regions[label.region].outside);
            }
        }
        if self.labels.is_empty() {
            self.reach(0, self.current);
        }
    }

    /// A path of `region` that cost `cost` ends or begins anew.
    fn reach(&mut self, region: usize, cost: Option<u64>) {
        let longest = &mut self.regions[region].longest;
        *longest = (*longest).max(cost.unwrap_or_default());
    }

    /// A branch to the label `depth` levels out: what it leaves is charged in full, and the label learns what the path has cost.
    fn branch(&mut self, depth: u32) {
        let Some(target) = self.labels.len().checked_sub(1 + depth as usize) else { return };
        let region = self.labels[target].region;
        let mut cost = self.current;
        for at in (0..self.within.len()).rev() {
            let crossed = self.within[at];
            if crossed == region {
                break;
            }
            self.reach(crossed, cost);
            cost = cost.and(self.regions[crossed].outside);
        }
        if matches!(self.labels[target].kind, Kind::Loop) {
            self.reach(region, cost);
        } else {
            let label = &mut self.labels[target];
            label.exit = label.exit.max(cost);
        }
    }
}
