//! Operators between values.

use super::{Checker, Typed};
use crate::{
    ast::{Expr, Operator},
    datum::Datum,
    guard::Present,
    node::{Node, Op},
    problem::{Checked, Position, Problem},
    schema::Domain,
    types::Type,
};

const NO_NULL: &str = ": whether a member is there, has(…) says";
const CONVERT: &str = ": convert one of them, with int(…), double(…) or string(…)";

impl Checker<'_> {
    pub(super) fn not(&mut self, at: Position, operand: &Expr, present: &[Present]) -> Checked<Typed> {
        let operand = self.bool_part("!", operand, present)?;
        Ok((Node { at, op: Op::Not(Box::new(operand)) }, Type::Bool))
    }

    pub(super) fn negate(&mut self, at: Position, operand: &Expr, present: &[Present]) -> Checked<Typed> {
        let (operand, of) = self.expr(operand, present)?;
        if !matches!(of, Type::Int | Type::Double | Type::Dyn) {
            return Problem::Mismatch { what: "-", wanted: "int or double", found: of, hint: "" }.at(at);
        }
        Ok((Node { at, op: Op::Negate(Box::new(operand)) }, of))
    }

    pub(super) fn binary(
        &mut self,
        at: Position,
        operator: Operator,
        parts: &[Expr; 2],
        present: &[Present],
    ) -> Checked<Typed> {
        let (left, one) = self.expr(&parts[0], present)?;
        let (right, other) = self.expr(&parts[1], present)?;
        let of = match operator {
            Operator::Equal | Operator::Unequal => equality(at, &one, &other)?,
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                order(at, operator, one, other)?
            }
            Operator::In => membership(at, &one, other)?,
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                arithmetic(at, operator, one, other)?
            }
        };
        within_domain(at, operator, &left, &right)?;
        Ok((Node { at, op: Op::Binary(operator, Box::new([left, right])) }, of))
    }
}

fn equality(at: Position, left: &Type, right: &Type) -> Checked<Type> {
    if left.may_equal(right) {
        return Ok(Type::Bool);
    }
    let hint = if *left == Type::Null || *right == Type::Null { NO_NULL } else { "" };
    Problem::NeverEqual { left: left.clone(), right: right.clone(), hint }.at(at)
}

fn order(at: Position, operator: Operator, left: Type, right: Type) -> Checked<Type> {
    if left.ordered_with(&right) {
        return Ok(Type::Bool);
    }
    Problem::Operands { operator: operator.sign(), left, right, hint: ": numbers have an order, and texts" }.at(at)
}

fn membership(at: Position, left: &Type, right: Type) -> Checked<Type> {
    let of = match right {
        Type::List(of) => *of,
        Type::Map(_) => Type::Text,
        Type::Dyn => Type::Dyn,
        found => return Problem::Mismatch { what: "in", wanted: "a list or a map", found, hint: IN_TEXT }.at(at),
    };
    equality(at, left, &of)
}

const IN_TEXT: &str = ": whether a text holds another, contains(…) says";

fn arithmetic(at: Position, operator: Operator, left: Type, right: Type) -> Checked<Type> {
    let of = match (&left, &right) {
        (Type::Dyn, Type::Dyn) => Type::Dyn,
        (Type::List(_), Type::Dyn) | (Type::Dyn, Type::List(_)) => Type::Dyn.list(),
        (one, Type::Dyn) | (Type::Dyn, one) => one.clone(),
        (one, other) => match one.joined_with(other) {
            Some(joined) => joined,
            None => return Problem::Operands { operator: operator.sign(), left, right, hint: CONVERT }.at(at),
        },
    };
    let goes = match of {
        Type::Int | Type::Uint | Type::Dyn => true,
        Type::Double => operator != Operator::Remainder,
        Type::Text | Type::List(_) => operator == Operator::Add,
        Type::Null | Type::Bool | Type::Map(_) => false,
    };
    if goes { Ok(of) } else { Problem::Operands { operator: operator.sign(), left, right, hint: "" }.at(at) }
}

/// Refuses to compare a member with what it never is.
fn within_domain(at: Position, operator: Operator, left: &Node, right: &Node) -> Checked<()> {
    let (fact, operator, literal) = match (&left.op, &right.op) {
        (Op::Fact(fact), Op::Literal(literal)) => (*fact, operator, literal),
        (Op::Literal(literal), Op::Fact(fact)) => (*fact, mirrored(operator), literal),
        _ => return Ok(()),
    };
    let Some(domain) = fact.domain() else { return Ok(()) };
    let Some(never) = never(domain, operator, literal) else { return Ok(()) };
    Problem::NeverThat { member: fact.path(), value: never, domain: domain.to_string() }.at(at)
}

/// The operator that says the same with its operands exchanged.
const fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        other => other,
    }
}

/// What a member of `domain` is compared with and never is, in words.
fn never(domain: Domain, operator: Operator, literal: &Datum<'_>) -> Option<String> {
    match (operator, literal, domain) {
        (Operator::Equal | Operator::Unequal, one, _) => (!domain.holds(one)).then(|| spelled("", one)),
        (Operator::In, Datum::List(all), _) => all.iter().find(|one| !domain.holds(one)).map(|one| spelled("", one)),
        (Operator::Less, Datum::Int(int), Domain::Range(least, _)) => (least >= *int).then(|| spelled("< ", literal)),
        (Operator::LessOrEqual, Datum::Int(int), Domain::Range(least, _)) => {
            (least > *int).then(|| spelled("<= ", literal))
        }
        (Operator::Greater, Datum::Int(int), Domain::Range(_, most)) => (most <= *int).then(|| spelled("> ", literal)),
        (Operator::GreaterOrEqual, Datum::Int(int), Domain::Range(_, most)) => {
            (most < *int).then(|| spelled(">= ", literal))
        }
        _ => None,
    }
}

fn spelled(sign: &str, datum: &Datum<'_>) -> String {
    match datum {
        Datum::Int(int) => format!("{sign}{int}"),
        Datum::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        _ => "that".into(),
    }
}
