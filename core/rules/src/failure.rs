//! What can go wrong when a rule is evaluated. Each such failure denies. Nothing of what a call's arguments say is in the words, except
//! members that the rule itself names.

use std::fmt;

use crate::problem::Position;

/// Why a rule could not be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct Failure {
    /// Where in the rule's condition.
    pub position: Position,
    /// What went wrong.
    pub cause: Cause,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.cause)
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A member is not there.
    #[error("there is no member {0:?}: ask with has(…) first")]
    NoMember(String),
    /// A place behind a list's end.
    #[error("the list has no element {index}: it has {length}")]
    NoElement {
        /// The place.
        index: i64,
        /// How many elements there are.
        length: usize,
    },
    /// An operator or a function does not go with what it was given.
    #[error("{what} does not go with {found}")]
    Mismatch {
        /// The operator or function.
        what: &'static str,
        /// The types that were there.
        found: String,
    },
    /// A number does not fit.
    #[error("the result of {0} does not fit its type")]
    Overflow(&'static str),
    /// Division by zero.
    #[error("{0} by zero")]
    ByZero(&'static str),
    /// A text that is no number.
    #[error("the text is not a number that fits {0}")]
    NotANumber(&'static str),
    /// A text that is no address.
    #[error("the text is not an IP address")]
    NotAnAddress,
    /// A text that a regular expression does not look at.
    #[error("the text has more than the {most} bytes that matches looks at")]
    TooLongToMatch {
        /// The bound.
        most: usize,
    },
    /// A member is longer than rules look at.
    #[error("{member} has more than the {most} bytes that rules look at")]
    TooLong {
        /// The member.
        member: &'static str,
        /// The bound.
        most: usize,
    },
    /// A key has too many labels.
    #[error("the key has more than the {most} labels that rules look at")]
    TooManyLabels {
        /// The bound.
        most: usize,
    },
    /// The arguments are too long.
    #[error("the arguments have more than the {most} bytes that rules look at")]
    ArgumentBytes {
        /// The bound.
        most: usize,
    },
    /// The arguments have too many values.
    #[error("the arguments have more than the {most} values and names that rules look at")]
    ArgumentNodes {
        /// The bound.
        most: usize,
    },
    /// A member stands twice in the arguments.
    #[error("a member stands twice in the arguments")]
    MemberTwice,
    /// The arguments are not JSON.
    #[error("the arguments are not JSON, nest too deeply, or hold a number that is too large")]
    NotJson,
    /// The arguments are no object.
    #[error("the arguments are not an object")]
    NotAnObject,
    /// The time is none that a calendar has.
    #[error("the time is outside the years that calendars know")]
    Time,
    /// It took too long.
    #[error("it took longer than the {most} units that a policy may cost")]
    TooCostly {
        /// The bound.
        most: u64,
    },
}

impl Cause {
    /// This cause, at a place.
    pub(crate) const fn at(self, position: Position) -> Failure {
        Failure { position, cause: self }
    }
}
