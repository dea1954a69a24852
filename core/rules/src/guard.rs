//! Which members are known to be there, from what must hold before a part of a condition is evaluated: behind `has(principal.team) &&`,
//! `principal.team` is.

use crate::{
    ast::{Expr, Kind, Operator},
    schema::{self, Fact, Member},
};

/// A member that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Present {
    Fact(Fact),
    Label(String),
}

impl Present {
    /// As a rule writes it.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Fact(fact) => fact.path().to_owned(),
            Self::Label(name) if is_name(name) => format!("principal.key.labels.{name}"),
            Self::Label(name) => format!("principal.key.labels[{name:?}]"),
        }
    }

    /// How a rule asks for it.
    pub(crate) fn guard(&self) -> String {
        match self {
            Self::Label(name) if !is_name(name) => format!("{name:?} in principal.key.labels"),
            _ => format!("has({})", self.path()),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// What a path of names stands for; none if it is no such path. (Variables of loops never have the name of a record.)
pub(crate) fn member(expr: &Expr) -> Option<Member> {
    match &expr.kind {
        Kind::Name(name) => schema::root(name),
        Kind::Select(operand, name) => match member(operand)? {
            Member::Record(record) => record.member(name),
            Member::Fact(_) | Member::Labels | Member::Arguments => None,
        },
        _ => None,
    }
}

/// Whether a condition was true or false.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    True,
    False,
}

/// Adds to `present` what is there if `condition` came out as `outcome`.
pub(crate) fn learn(condition: &Expr, outcome: Outcome, present: &mut Vec<Present>) {
    match (&condition.kind, outcome) {
        (Kind::Not(inner), Outcome::True) => learn(inner, Outcome::False, present),
        (Kind::Not(inner), Outcome::False) => learn(inner, Outcome::True, present),
        (Kind::And(parts), Outcome::True) | (Kind::Or(parts), Outcome::False) => {
            for part in parts {
                learn(part, outcome, present);
            }
        }
        (Kind::Call(None, function, arguments), Outcome::True) if function == "has" => {
            present.extend(arguments.first().and_then(asked));
        }
        (Kind::Binary(Operator::In, parts), Outcome::True) => present.extend(looked_up(&parts[0], &parts[1])),
        _ => {}
    }
}

/// What `has(argument)` asks for.
fn asked(argument: &Expr) -> Option<Present> {
    let Kind::Select(operand, name) = &argument.kind else { return None };
    match (member(operand)?, member(argument)) {
        (Member::Labels, _) => Some(Present::Label(name.clone())),
        (_, Some(Member::Fact(fact))) => Some(Present::Fact(fact)),
        _ => None,
    }
}

/// What `name in map` asks for.
fn looked_up(name: &Expr, map: &Expr) -> Option<Present> {
    match (&name.kind, member(map)) {
        (Kind::Text(name), Some(Member::Labels)) => Some(Present::Label(name.clone())),
        _ => None,
    }
}
