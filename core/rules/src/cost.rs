//! The most that a condition can cost, for the largest arguments that the bounds allow. Whatever `eval` charges is counted here, in the
//! same order of cases.

use crate::{
    ast::Operator,
    bounds::Bounds,
    datum::Datum,
    meter::{
        BYTE, COMPARE, CONVERT, ELEMENT, LOOKUP, LOOKUP_BYTE, MATCH_BYTES, NUMBER_BYTES, PART, READ_BYTE, READ_NODE,
        ROUND, units,
    },
    node::{Body, Loop, Node, Op, Probe, Unary},
    pattern::Pattern,
    schema::Fact,
    size::{Bound, Loops, Size},
    types::Type,
};

/// What a part costs at most, and how large its value is.
type Estimate = (Bound, Size);

/// The most that `condition` can cost, beside reading the arguments.
pub(crate) fn most(condition: &Node, bounds: &Bounds) -> u64 {
    let mut estimator = Estimator { bounds, loops: Loops::default() };
    let (cost, _) = estimator.part(condition);
    estimator.loops.most(&cost)
}

/// The most that reading the arguments can cost.
pub(crate) fn reading(bounds: &Bounds) -> u64 {
    let nodes = READ_NODE.saturating_mul(units(bounds.argument_nodes));
    READ_BYTE.saturating_mul(units(bounds.argument_bytes)).saturating_add(nodes)
}

struct Estimator<'b> {
    bounds: &'b Bounds,
    loops: Loops,
}

impl Estimator<'_> {
    fn part(&mut self, node: &Node) -> Estimate {
        let (cost, size) = self.op(&node.op);
        (cost.plus(&Bound::fixed(PART)), size)
    }

    fn op(&mut self, op: &Op) -> Estimate {
        let free = Bound::default();
        match op {
            Op::Literal(datum) => (free, measure(datum)),
            Op::Fact(fact) => (free, self.fact(*fact)),
            Op::HasFact(_) => (free, Size::small()),
            Op::Labels => self.labels(),
            Op::Arguments => (free, Size::fixed(units(self.bounds.argument_nodes), units(self.bounds.argument_bytes))),
            Op::Variable(depth) => (free, Size::variable(*depth)),
            Op::Member(operand, name) => {
                let (cost, size) = self.part(operand);
                (cost.plus(&look_up(&Bound::fixed(units(name.len())))), size)
            }
            Op::HasMember(operand, name) => {
                let (cost, _) = self.part(operand);
                (cost.plus(&look_up(&Bound::fixed(units(name.len())))), Size::small())
            }
            Op::Index(parts) => {
                let (cost, [operand, index]) = self.both(parts);
                (cost.plus(&look_up(&index.bytes)), operand)
            }
            Op::Not(operand) | Op::Negate(operand) => (self.part(operand).0, Size::small()),
            Op::And(parts) | Op::Or(parts) => (self.all(parts).0, Size::small()),
            Op::Choice(parts) => self.choice(parts),
            Op::Binary(operator, parts) => self.binary(*operator, parts),
            Op::Unary(function, operand) => self.unary(*function, operand),
            Op::Probe(probe, parts) => self.probe(*probe, parts),
            Op::Matches(text, pattern) => self.matches(text, pattern),
            Op::InCidr(address, _) => (self.part(address).0.plus(&Bound::fixed(CONVERT)), Size::small()),
            Op::List(elements) => self.all(elements),
            Op::Map(members) => self.map(members),
            Op::Loop(repeated) => self.repeat(repeated),
        }
    }

    fn fact(&self, fact: Fact) -> Size {
        if fact.of_type() == Type::Text { Size::fixed(1, units(fact.most_bytes(self.bounds))) } else { Size::small() }
    }

    fn labels(&self) -> Estimate {
        let (labels, bytes) = (units(self.bounds.labels), units(self.bounds.text_bytes));
        let size =
            Size::fixed(labels.saturating_mul(2).saturating_add(1), labels.saturating_mul(2).saturating_mul(bytes));
        // Counted before it is seen that there are too many.
        (Bound::fixed(labels.saturating_add(1)), size)
    }

    fn both(&mut self, parts: &[Node; 2]) -> (Bound, [Size; 2]) {
        let (one, left) = self.part(&parts[0]);
        let (other, right) = self.part(&parts[1]);
        (one.plus(&other), [left, right])
    }

    /// Parts that are all evaluated, and a list of them.
    fn all(&mut self, parts: &[Node]) -> Estimate {
        let mut all = (Bound::fixed(ELEMENT.saturating_mul(units(parts.len()))), Size::small());
        for part in parts {
            let (cost, size) = self.part(part);
            all = (all.0.plus(&cost), all.1.plus(&size));
        }
        all
    }

    fn map(&mut self, members: &[(Box<str>, Node)]) -> Estimate {
        let mut all = (Bound::fixed(ELEMENT.saturating_mul(units(members.len()))), Size::small());
        for (name, part) in members {
            let (cost, size) = self.part(part);
            all = (all.0.plus(&cost), all.1.plus(&size).plus(&Size::fixed(1, units(name.len()))));
        }
        all
    }

    fn choice(&mut self, parts: &[Node; 3]) -> Estimate {
        let (condition, _) = self.part(&parts[0]);
        let (then, one) = self.part(&parts[1]);
        let (otherwise, other) = self.part(&parts[2]);
        (condition.plus(&then.or(&otherwise)), one.or(&other))
    }

    fn binary(&mut self, operator: Operator, parts: &[Node; 2]) -> Estimate {
        let (cost, [left, right]) = self.both(parts);
        let (own, size) = match operator {
            Operator::Equal | Operator::Unequal => (self.loops.smaller(compare(&left), compare(&right)), Size::small()),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                (self.loops.smaller(left.bytes, right.bytes), Size::small())
            }
            Operator::In => (self.contained(&left, &right), Size::small()),
            Operator::Add => {
                let together = left.plus(&right);
                (together.bytes.times(BYTE).plus(&together.nodes.times(ELEMENT)), together)
            }
            Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                (Bound::default(), Size::small())
            }
        };
        (cost.plus(&own), size)
    }

    /// Each element is compared: with that costs what the list is large, or as often what the value is large.
    fn contained(&self, value: &Size, list: &Size) -> Bound {
        let each = compare(value).times(self.loops.most(&list.nodes));
        self.loops.smaller(compare(list), each).plus(&look_up(&value.bytes))
    }

    fn unary(&mut self, function: Unary, operand: &Node) -> Estimate {
        let (cost, size) = self.part(operand);
        let (own, result) = match function {
            Unary::Size => (size.bytes, Size::small()),
            Unary::LowerAscii => (size.bytes.times(BYTE), size),
            Unary::String => (Bound::fixed(CONVERT), size.plus(&Size::fixed(0, units(NUMBER_BYTES)))),
            Unary::Int | Unary::Double => (Bound::fixed(CONVERT), Size::small()),
        };
        (cost.plus(&own), result)
    }

    fn probe(&mut self, probe: Probe, parts: &[Node; 2]) -> Estimate {
        let (cost, [text, other]) = self.both(parts);
        let own = match probe {
            Probe::Contains => text.bytes.plus(&other.bytes).times(BYTE),
            Probe::StartsWith | Probe::EndsWith => self.loops.smaller(text.bytes, other.bytes),
        };
        (cost.plus(&own), Size::small())
    }

    fn matches(&mut self, text: &Node, pattern: &Pattern) -> Estimate {
        let (cost, size) = self.part(text);
        let looked_at = self.loops.smaller(size.bytes, Bound::fixed(units(self.bounds.matched_bytes)));
        let own = looked_at.plus(&Bound::fixed(MATCH_BYTES)).times(pattern.cost_of_byte());
        (cost.plus(&own), Size::small())
    }

    fn repeat(&mut self, repeated: &Loop) -> Estimate {
        let (cost, range) = self.part(&repeated.range);
        self.loops.enter(&range);
        let (round, made) = self.round(&repeated.body);
        self.loops.leave();
        let size = made.map_or_else(Size::small, |made| {
            Size { nodes: self.loops.sum(&made.nodes, &range), bytes: self.loops.sum(&made.bytes, &range) }
                .plus(&Size::small())
        });
        (cost.plus(&self.loops.sum(&round, &range)), size)
    }

    /// One round of a loop, and what it adds to the list that the loop makes, if it makes one.
    fn round(&mut self, body: &Body) -> (Bound, Option<Size>) {
        let own = Bound::fixed(ROUND);
        match body {
            Body::All(test) | Body::Exists(test) | Body::ExistsOne(test) => (self.part(test).0.plus(&own), None),
            Body::Gather { test, each } => {
                let test = test.as_ref().map_or_else(Bound::default, |test| self.part(test).0);
                let element = Size::variable(self.loops.depth().saturating_sub(1));
                let (each, made) = each.as_ref().map_or((Bound::default(), element), |each| self.part(each));
                (own.plus(&Bound::fixed(ELEMENT)).plus(&test).plus(&each), Some(made))
            }
        }
    }
}

/// To compare all of a value.
fn compare(size: &Size) -> Bound {
    size.nodes.times(COMPARE).plus(&size.bytes)
}

/// To look up a name of `bytes`.
fn look_up(bytes: &Bound) -> Bound {
    bytes.times(LOOKUP_BYTE).plus(&Bound::fixed(LOOKUP))
}

/// How large a literal is.
fn measure(datum: &Datum<'_>) -> Size {
    match datum {
        Datum::Text(text) => Size::fixed(1, units(text.len())),
        Datum::List(elements) => elements.iter().map(measure).fold(Size::small(), |all, one| all.plus(&one)),
        Datum::Map(members) => members.iter().fold(Size::small(), |all, (name, value)| {
            all.plus(&measure(value)).plus(&Size::fixed(1, units(name.len())))
        }),
        Datum::Null | Datum::Bool(_) | Datum::Int(_) | Datum::Uint(_) | Datum::Double(_) => Size::small(),
    }
}
