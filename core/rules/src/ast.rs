//! A condition as it is written, before anything is known of its names and types.

use crate::problem::Position;

/// An expression, where its operator or name stands, and how deep it is.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) at: Position,
    pub(crate) depth: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Name(String),
    /// `operand.member`
    Select(Box<Expr>, String),
    /// `operand[index]`
    Index(Box<Expr>, Box<Expr>),
    /// `name(…)` or `target.name(…)`; macros too.
    Call(Option<Box<Expr>>, String, Vec<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// Two operands or more.
    And(Vec<Expr>),
    /// Two operands or more.
    Or(Vec<Expr>),
    Choice(Box<[Expr; 3]>),
    Binary(Operator, Box<[Expr; 2]>),
}

impl Kind {
    /// The deepest of its parts.
    pub(crate) fn depth(&self) -> usize {
        let deepest = |parts: &[Expr]| parts.iter().map(|part| part.depth).max().unwrap_or(0);
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Name(_) => 0,
            Self::Select(operand, _) | Self::Not(operand) | Self::Negate(operand) => operand.depth,
            Self::Index(operand, index) => operand.depth.max(index.depth),
            Self::Call(target, _, arguments) => target.as_ref().map_or(0, |t| t.depth).max(deepest(arguments)),
            Self::List(parts) | Self::And(parts) | Self::Or(parts) => deepest(parts),
            Self::Map(entries) => entries.iter().map(|(key, value)| key.depth.max(value.depth)).max().unwrap_or(0),
            Self::Choice(parts) => deepest(&parts[..]),
            Self::Binary(_, parts) => deepest(&parts[..]),
        }
    }
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

impl Operator {
    /// As it is written.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
        }
    }
}
