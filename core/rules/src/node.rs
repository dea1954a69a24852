//! A condition that was checked: names are resolved, and what can be known beforehand is literal.

use crate::{ast::Operator, cidr::Cidr, datum::Datum, pattern::Pattern, problem::Position, schema::Fact};

/// A part of a condition, and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) op: Op,
}

/// What a part does.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Literal(Datum<'static>),
    Fact(Fact),
    HasFact(Fact),
    Labels,
    Arguments,
    /// The variable of a loop; the outermost is 0.
    Variable(usize),
    Member(Box<Node>, Box<str>),
    HasMember(Box<Node>, Box<str>),
    Index(Box<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Choice(Box<[Node; 3]>),
    Binary(Operator, Box<[Node; 2]>),
    Unary(Unary, Box<Node>),
    Probe(Probe, Box<[Node; 2]>),
    Matches(Box<Node>, Box<Pattern>),
    InCidr(Box<Node>, Cidr),
    List(Vec<Node>),
    /// Sorted by name.
    Map(Vec<(Box<str>, Node)>),
    Loop(Box<Loop>),
}

/// A function of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Size,
    LowerAscii,
    String,
    Int,
    Double,
}

impl Unary {
    /// As it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::LowerAscii => "lowerAscii",
            Self::String => "string",
            Self::Int => "int",
            Self::Double => "double",
        }
    }
}

/// A question about a text and another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    Contains,
    StartsWith,
    EndsWith,
}

impl Probe {
    /// As it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
        }
    }
}

/// A loop over the elements of a list or the names of a map.
#[derive(Debug, Clone)]
pub(crate) struct Loop {
    pub(crate) range: Node,
    pub(crate) body: Body,
}

/// What a loop does with each element.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    All(Node),
    Exists(Node),
    ExistsOne(Node),
    /// `filter` and `map`: which elements, and what of each; without either, all and itself.
    Gather {
        test: Option<Node>,
        each: Option<Node>,
    },
}
