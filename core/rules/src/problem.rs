//! What can be wrong with a policy when it is saved, in words that say what to write instead.

use std::fmt;

use toolgate_model::RuleName;

use crate::types::Type;

/// A place in a rule's condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character within the line, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The rule that a [`PolicyError`] is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRef {
    /// Its place in the document, from 0.
    pub index: usize,
    /// Its name.
    pub name: RuleName,
}

/// Why a policy is refused: nothing of it is taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct PolicyError {
    /// The rule; none if it is about the document.
    pub rule: Option<RuleRef>,
    /// Where in the rule's condition.
    pub position: Option<Position>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "rule {} (number {})", rule.name, rule.index.saturating_add(1))?;
            if let Some(position) = self.position {
                write!(f, ", {position}")?;
            }
            f.write_str(": ")?;
        }
        self.problem.fmt(f)
    }
}

/// A problem and where it is, before it is known which rule it is in.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: Position,
    pub(crate) problem: Problem,
}

pub(crate) type Checked<T> = Result<T, Fault>;

impl Problem {
    /// This problem, at a place.
    pub(crate) fn at<T>(self, at: Position) -> Checked<T> {
        Err(Fault { at, problem: self })
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    // the document
    /// The zone is not in the time zone database.
    #[error("there is no time zone {0:?}: write an IANA name such as \"Europe/Berlin\", or leave it out for UTC")]
    Zone(String),
    /// More rules than the bound.
    #[error("a policy has at most {most} rules, this one has {found}: join rules with ||")]
    TooManyRules {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Two rules share a name.
    #[error("another rule has this name: explanations name rules, so each needs its own")]
    SameName,
    /// The description is too long.
    #[error("a description has at most {most} bytes")]
    Description {
        /// The bound.
        most: usize,
    },
    /// The condition is too long.
    #[error("the condition has {found} bytes, {most} at most: split it into several rules")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// The condition nests too deeply.
    #[error("this nests more than {most} levels deep: split it into several rules")]
    TooDeep {
        /// The bound.
        most: usize,
    },
    /// The condition has too many parts.
    #[error("the condition has more than {most} parts: split it into several rules")]
    TooManyParts {
        /// The bound.
        most: usize,
    },
    /// Loops within loops within loops.
    #[error("loops (all, exists, exists_one, map, filter) may stand in each other {most} deep")]
    TooManyLoops {
        /// The bound.
        most: usize,
    },
    /// More regular expressions than the bound.
    #[error(
        "a policy has at most {most} regular expressions: join them with |, or use startsWith, endsWith or contains"
    )]
    TooManyPatterns {
        /// The bound.
        most: usize,
    },
    /// It may take too long.
    #[error(
        "the whole policy may cost {cost} units, {most} are allowed, and {own} of them are this rule's: compare with literals, \
         use startsWith instead of matches, and don't loop over arguments within a loop over arguments"
    )]
    TooCostly {
        /// What the policy costs at worst.
        cost: u64,
        /// The bound.
        most: u64,
        /// This rule's part.
        own: u64,
    },

    // the text
    /// A character that CEL does not have.
    #[error("{0:?} means nothing here: is a quotation mark missing before it?")]
    Character(char),
    /// A text has no end.
    #[error("the text that begins here does not end: write the closing {0}")]
    Unclosed(&'static str),
    /// An escape that CEL does not have.
    #[error("{0:?} is not an escape: write \\\\ for a backslash, or a raw text, r\"…\"")]
    Escape(String),
    /// Not a number.
    #[error("{0:?} is not a number: write 12, 12u or 1.5; an int lies between -2^63 and 2^63-1")]
    Number(String),
    /// Something else should stand here.
    #[error("here is {found}, and there should be {wanted}")]
    Expected {
        /// What is there.
        found: String,
        /// What should be.
        wanted: &'static str,
    },
    /// A word that CEL keeps for itself.
    #[error("{0:?} is a reserved word of CEL and names nothing")]
    Reserved(String),
    /// Something of CEL that rules do not have.
    #[error("rules have no {what}: {instead}")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// What to write.
        instead: &'static str,
    },

    // names
    /// There is nothing of this name.
    #[error("there is no {0:?}: rules see principal, tool, server, arguments, time and network")]
    UnknownName(String),
    /// A record has no such member.
    #[error("{record} has no member {member:?}: it has {members}")]
    UnknownMember {
        /// The record.
        record: &'static str,
        /// The name.
        member: String,
        /// What it has.
        members: String,
    },
    /// There is no such function.
    #[error(
        "there is no function {0:?}: there are size, contains, startsWith, endsWith, matches, lowerAscii, inCidr, string, int, \
         double, has, all, exists, exists_one, map and filter"
    )]
    UnknownFunction(String),
    /// A function is not called as it must be.
    #[error("write it as {0}")]
    Call(&'static str),
    /// A loop variable takes a name that is taken.
    #[error("{0:?} is taken: give the loop's variable another name")]
    NameTaken(String),

    // types
    /// A record where a value should be.
    #[error("{record} is no value: name one of its members: {members}")]
    Record {
        /// The record.
        record: &'static str,
        /// What it has.
        members: String,
    },
    /// The condition is not a bool.
    #[error("a condition is true or false, this is of type {0}")]
    NotACondition(Type),
    /// The condition may be anything.
    #[error("it is not known whether this is true or false: compare it, for example with == true")]
    DynCondition,
    /// Another type is needed.
    #[error("{what} needs {wanted}, this is of type {found}{hint}")]
    Mismatch {
        /// The operator or function.
        what: &'static str,
        /// The type it needs.
        wanted: &'static str,
        /// The type that is there.
        found: Type,
        /// What to write instead.
        hint: &'static str,
    },
    /// Two operands that do not go together.
    #[error("{operator} does not go with {left} and {right}{hint}")]
    Operands {
        /// The operator.
        operator: &'static str,
        /// The left type.
        left: Type,
        /// The right type.
        right: Type,
        /// What to write instead.
        hint: &'static str,
    },
    /// A comparison whose result is always the same.
    #[error("this can never hold: one side is of type {left}, the other of type {right}{hint}")]
    NeverEqual {
        /// The left type.
        left: Type,
        /// The right type.
        right: Type,
        /// What to write instead.
        hint: &'static str,
    },
    /// A comparison with a value that a member never has.
    #[error("{member} is never {value}: it is {domain}")]
    NeverThat {
        /// The member.
        member: &'static str,
        /// What it is compared with.
        value: String,
        /// What it may be.
        domain: String,
    },
    /// Elements or branches of different types.
    #[error("{what} must be of one type, here are {left} and {right}")]
    Mixed {
        /// Elements or branches.
        what: &'static str,
        /// The first type.
        left: Type,
        /// Another.
        right: Type,
    },
    /// A member that may be absent is used without asking.
    #[error("{member} may be absent, and then the rule fails and denies: write {guard} && … before it")]
    MaybeAbsent {
        /// The member.
        member: String,
        /// How to ask.
        guard: String,
    },
    /// A member twice in one map.
    #[error("the map has the member {0:?} twice")]
    MemberTwice(String),
    /// A literal is needed.
    #[error("{what} must be a literal, so that it can be checked when the policy is saved")]
    NotALiteral {
        /// What it is.
        what: &'static str,
    },
    /// Not a regular expression, or one that needs too much.
    #[error("this regular expression can't be used: {0}")]
    Pattern(String),
    /// Not a range of addresses.
    #[error("{text:?} is not a range of addresses: {hint}")]
    Cidr {
        /// What is there.
        text: String,
        /// What to write.
        hint: String,
    },
}
