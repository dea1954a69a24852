//! The types of values, and which of them go together.

use std::fmt;

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `null`
    Null,
    /// `true` and `false`
    Bool,
    /// 64 bits, signed.
    Int,
    /// 64 bits, unsigned.
    Uint,
    /// 64 bits, with a fraction.
    Double,
    /// A text.
    Text,
    /// A list of values of one type.
    List(Box<Type>),
    /// Values of one type by name.
    Map(Box<Type>),
    /// Known only when a rule is evaluated: what is within arguments.
    Dyn,
}

impl Type {
    /// A list of this type.
    pub(crate) fn list(self) -> Self {
        Self::List(Box::new(self))
    }

    /// Whether it is, or may turn out to be, `other`.
    pub(crate) fn may_be(&self, other: &Self) -> bool {
        *self == Self::Dyn || self == other
    }

    /// Whether it is, or may turn out to be, a number.
    pub(crate) const fn may_be_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double | Self::Dyn)
    }

    /// Whether a value of this type can equal one of `other`. Numbers compare by what they count, whatever their type.
    pub(crate) fn may_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(left), Self::List(right)) | (Self::Map(left), Self::Map(right)) => left.may_equal(right),
            _ => {
                *self == Self::Dyn
                    || *other == Self::Dyn
                    || self == other
                    || self.may_be_number() && other.may_be_number()
            }
        }
    }

    /// Whether values of both types have an order.
    pub(crate) fn ordered_with(&self, other: &Self) -> bool {
        self.may_be_number() && other.may_be_number() || self.may_be(&Self::Text) && other.may_be(&Self::Text)
    }

    /// The one type that values of both have, as elements of a list or branches of a choice.
    pub(crate) fn joined_with(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::List(left), Self::List(right)) => left.joined_with(right).map(Self::list),
            (Self::Map(left), Self::Map(right)) => left.joined_with(right).map(|of| Self::Map(Box::new(of))),
            _ if self == other => Some(self.clone()),
            _ => (*self == Self::Dyn || *other == Self::Dyn).then_some(Self::Dyn),
        }
    }
}

/// As CEL names it.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::Text => f.write_str("string"),
            Self::List(of) => write!(f, "list({of})"),
            Self::Map(of) => write!(f, "map(string, {of})"),
            Self::Dyn => f.write_str("dyn"),
        }
    }
}
