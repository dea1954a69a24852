//! Evaluates a condition. A part is known, not known yet, or fails; `&&` and `||` are decided by a part that decides them, whatever the
//! others are, so that what is certain without the arguments is certain with them.

mod functions;
mod loops;

use std::cell::OnceCell;

use jiff::tz::TimeZone;

use crate::{
    bounds::Bounds,
    datum::{self, Datum},
    facts::{Arguments, Facts},
    failure::{Cause, Failure},
    meter::{ELEMENT, Meter, PART, READ_BYTE, READ_NODE, units},
    moment::Moment,
    node::{Node, Op},
    operate,
    problem::Position,
    schema::Fact,
    value::{List, Map, Value},
};

/// Why there is no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stop {
    /// It depends on arguments that are not known yet.
    Unknown,
    Failed(Box<Failure>),
}

pub(crate) type Evaluated<T> = Result<T, Stop>;

/// The variables of the loops around a part, the outermost first.
pub(crate) type Scope<'e> = Vec<Value<'e>>;

/// One evaluation of a policy: what is read once for all its rules, and what they cost together.
#[derive(Debug)]
pub(crate) struct Run<'f> {
    facts: &'f Facts<'f>,
    bounds: &'f Bounds,
    zone: &'f TimeZone,
    moment: OnceCell<Option<Moment>>,
    arguments: OnceCell<Result<Datum<'f>, Cause>>,
    pub(crate) meter: Meter,
}

impl<'f> Run<'f> {
    pub(crate) const fn new(facts: &'f Facts<'f>, bounds: &'f Bounds, zone: &'f TimeZone) -> Self {
        let meter = Meter::new(bounds.cost);
        Self { facts, bounds, zone, moment: OnceCell::new(), arguments: OnceCell::new(), meter }
    }

    /// Whether a rule's condition holds.
    pub(crate) fn holds<'e>(&'e self, condition: &'e Node) -> Evaluated<bool> {
        self.bool(condition, &mut Scope::new())
    }

    /// `cause`, at a place.
    fn stop(at: Position) -> impl Fn(Cause) -> Stop {
        move |cause| Stop::Failed(Box::new(cause.at(at)))
    }

    fn bool<'e>(&'e self, node: &'e Node, scope: &mut Scope<'e>) -> Evaluated<bool> {
        match self.value(node, scope)? {
            Value::Bool(bool) => Ok(bool),
            other => {
                let found = other.of_type().to_string();
                Err(Self::stop(node.at)(Cause::Mismatch { what: "a condition", found }))
            }
        }
    }

    fn value<'e>(&'e self, node: &'e Node, scope: &mut Scope<'e>) -> Evaluated<Value<'e>> {
        let stop = Self::stop(node.at);
        self.meter.charge(PART).map_err(&stop)?;
        match &node.op {
            Op::Literal(datum) => Ok(datum.into()),
            Op::Fact(fact) => self.fact(*fact).map_err(stop),
            Op::HasFact(fact) => Ok(Value::Bool(self.facts.text(*fact).is_some())),
            Op::Labels => self.labels().map_err(stop),
            Op::Arguments => self.arguments(node.at),
            Op::Variable(index) => Ok(scope[*index].clone()),
            Op::Member(operand, name) => self.member(node.at, &self.value(operand, scope)?, name),
            Op::HasMember(operand, name) => match self.value(operand, scope)? {
                Value::Map(map) => {
                    operate::look_up(&map, name, &self.meter).map(|found| Value::Bool(found.is_some())).map_err(stop)
                }
                other => Err(stop(no_members(&other))),
            },
            Op::Index(parts) => {
                let operand = self.value(&parts[0], scope)?;
                let index = self.value(&parts[1], scope)?;
                self.index(node.at, &operand, &index)
            }
            Op::Not(operand) => self.bool(operand, scope).map(|bool| Value::Bool(!bool)),
            Op::Negate(operand) => functions::negate(&self.value(operand, scope)?).map_err(stop),
            Op::And(parts) => self.chain(false, parts, scope),
            Op::Or(parts) => self.chain(true, parts, scope),
            Op::Choice(parts) => match self.bool(&parts[0], scope)? {
                true => self.value(&parts[1], scope),
                false => self.value(&parts[2], scope),
            },
            Op::Binary(operator, parts) => {
                let left = self.value(&parts[0], scope)?;
                let right = self.value(&parts[1], scope)?;
                operate::binary(*operator, &left, &right, &self.meter).map_err(stop)
            }
            Op::Unary(function, operand) => {
                functions::unary(*function, &self.value(operand, scope)?, &self.meter).map_err(stop)
            }
            Op::Probe(probe, parts) => {
                let text = self.value(&parts[0], scope)?;
                let other = self.value(&parts[1], scope)?;
                functions::probe(*probe, &text, &other, &self.meter).map_err(stop)
            }
            Op::Matches(text, pattern) => {
                let text = self.value(text, scope)?;
                functions::matches(&text, pattern, self.bounds.matched_bytes, &self.meter).map_err(stop)
            }
            Op::InCidr(address, cidr) => {
                functions::in_cidr(&self.value(address, scope)?, *cidr, &self.meter).map_err(stop)
            }
            Op::List(elements) => self.list(node.at, elements, scope),
            Op::Map(members) => self.map(node.at, members, scope),
            Op::Loop(repeated) => self.repeat(node.at, repeated, scope),
        }
    }

    /// `&&`, which a false part decides, or `||`, which a true one does.
    fn chain<'e>(&'e self, deciding: bool, parts: &'e [Node], scope: &mut Scope<'e>) -> Evaluated<Value<'e>> {
        let mut tally = Tally::new(deciding);
        for part in parts {
            if tally.decided_by(self.bool(part, scope)) {
                break;
            }
        }
        tally.result().map(Value::Bool)
    }

    fn fact<'e>(&'e self, fact: Fact) -> Result<Value<'e>, Cause> {
        if let Some(text) = self.facts.text(fact) {
            let most = fact.most_bytes(self.bounds);
            let fits = text.len() <= most;
            return if fits { Ok(Value::text(text)) } else { Err(Cause::TooLong { member: fact.path(), most }) };
        }
        if let Some(hint) = self.facts.hint(fact) {
            return Ok(Value::Bool(hint));
        }
        if fact.optional() {
            return Err(Cause::NoMember(fact.path().to_owned()));
        }
        let moment = self.moment.get_or_init(|| Moment::new(self.facts.time, self.zone)).as_ref().ok_or(Cause::Time)?;
        Ok(moment.number(fact).map_or_else(|| Value::text(moment.date()), Value::Int))
    }

    fn labels(&self) -> Result<Value<'_>, Cause> {
        let labels = self.facts.principal.key.labels;
        self.meter.charge(units(labels.len()))?;
        if labels.len() > self.bounds.labels {
            return Err(Cause::TooManyLabels { most: self.bounds.labels });
        }
        let most = self.bounds.text_bytes;
        if labels.iter().any(|(name, label)| name.len() > most || label.len() > most) {
            return Err(Cause::TooLong { member: "principal.key.labels", most });
        }
        Ok(Value::Map(Map::Labels(labels)))
    }

    fn arguments(&self, at: Position) -> Evaluated<Value<'_>> {
        let json = match self.facts.arguments {
            Arguments::Unknown => return Err(Stop::Unknown),
            Arguments::Absent => return Ok(Value::Map(Map::Borrowed(&[]))),
            Arguments::Json(json) => json,
        };
        let read = self.arguments.get_or_init(|| self.read(json));
        read.as_ref().map(Value::from).map_err(|cause| Self::stop(at)(cause.clone()))
    }

    fn read(&self, json: &'f str) -> Result<Datum<'f>, Cause> {
        let Bounds { argument_bytes, argument_nodes, .. } = *self.bounds;
        self.meter.charge(READ_BYTE.saturating_mul(units(json.len().min(argument_bytes))))?;
        let (datum, nodes) = datum::read_arguments(json, argument_bytes, argument_nodes)?;
        self.meter.charge(READ_NODE.saturating_mul(units(nodes)))?;
        Ok(datum)
    }

    fn member<'e>(&'e self, at: Position, operand: &Value<'e>, name: &str) -> Evaluated<Value<'e>> {
        let Value::Map(map) = operand else { return Err(Self::stop(at)(no_members(operand))) };
        let found = operate::look_up(map, name, &self.meter).map_err(Self::stop(at))?;
        found.ok_or_else(|| Self::stop(at)(Cause::NoMember(name.to_owned())))
    }

    fn index<'e>(&'e self, at: Position, operand: &Value<'e>, index: &Value<'e>) -> Evaluated<Value<'e>> {
        let stop = Self::stop(at);
        match (operand, index) {
            (Value::List(list), Value::Int(index)) => {
                let found = usize::try_from(*index).ok().and_then(|index| list.get(index));
                found.ok_or_else(|| stop(Cause::NoElement { index: *index, length: list.len() }))
            }
            (Value::Map(map), Value::Text(name)) => {
                let found = operate::look_up(map, name, &self.meter).map_err(&stop)?;
                // The name may come from the arguments, and is not repeated.
                found.ok_or_else(|| stop(Cause::NoMember("[…]".into())))
            }
            _ => {
                let found = format!("{} and {}", operand.of_type(), index.of_type());
                Err(stop(Cause::Mismatch { what: "[…]", found }))
            }
        }
    }

    fn list<'e>(&'e self, at: Position, parts: &'e [Node], scope: &mut Scope<'e>) -> Evaluated<Value<'e>> {
        let mut elements = Vec::with_capacity(parts.len());
        for part in parts {
            self.meter.charge(ELEMENT).map_err(Self::stop(at))?;
            elements.push(self.value(part, scope)?);
        }
        Ok(Value::List(List::Made(elements.into())))
    }

    fn map<'e>(&'e self, at: Position, parts: &'e [(Box<str>, Node)], scope: &mut Scope<'e>) -> Evaluated<Value<'e>> {
        let mut members = Vec::with_capacity(parts.len());
        for (name, part) in parts {
            self.meter.charge(ELEMENT).map_err(Self::stop(at))?;
            members.push((&**name, self.value(part, scope)?));
        }
        Ok(Value::Map(Map::Made(members.into())))
    }
}

fn no_members(value: &Value<'_>) -> Cause {
    Cause::Mismatch { what: "a member", found: value.of_type().to_string() }
}

/// Conditions joined by and or by or. One that decides makes the others count for nothing; else what is not known yet outweighs a
/// failure (it may come to decide), and the first failure any value.
struct Tally {
    deciding: bool,
    decided: bool,
    stop: Option<Stop>,
}

impl Tally {
    const fn new(deciding: bool) -> Self {
        Self { deciding, decided: false, stop: None }
    }

    /// Counts a condition in; true if no other is needed.
    fn decided_by(&mut self, condition: Evaluated<bool>) -> bool {
        match condition {
            Ok(bool) => self.decided = bool == self.deciding,
            Err(Stop::Unknown) => self.stop = Some(Stop::Unknown),
            Err(failed) => {
                self.stop.get_or_insert(failed);
            }
        }
        self.decided
    }

    fn result(self) -> Evaluated<bool> {
        match self.stop {
            _ if self.decided => Ok(self.deciding),
            Some(stop) => Err(stop),
            None => Ok(!self.deciding),
        }
    }
}
