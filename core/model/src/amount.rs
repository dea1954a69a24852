//! How much of something: whole numbers, bounded, so that no sum of two overflows and none is negative.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// So many calls, tokens or micro-dollars; 0 to [`Amount::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Amount(u64);

/// Why a number is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is too much: an amount is at most 10^15")]
pub struct AmountError(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// 10^15: in micro-dollars a thousand million dollars.
    pub const MAX: Self = Self(1_000_000_000_000_000);

    /// `number` as an amount.
    ///
    /// # Errors
    /// Beyond [`Amount::MAX`].
    pub const fn new(number: u64) -> Result<Self, AmountError> {
        if number > Self::MAX.0 { Err(AmountError(number)) } else { Ok(Self(number)) }
    }

    /// `number`, or [`Amount::MAX`] if that is less.
    #[must_use]
    pub const fn at_most(number: u64) -> Self {
        if number > Self::MAX.0 { Self::MAX } else { Self(number) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; [`Amount::MAX`] if it is more than that.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::at_most(self.0 + other.0)
    }

    /// What remains after `other` is taken away; nothing if it is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `times` as much; [`Amount::MAX`] if that is less.
    #[must_use]
    pub const fn times(self, times: u64) -> Self {
        Self::at_most(self.0.saturating_mul(times))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Money in millionths of a US dollar; never a fraction of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub Amount);

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}.{:06}", self.0.0 / 1_000_000, self.0.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn money_is_spelled_to_the_millionth() {
        assert_eq!(MicroUsd(Amount::at_most(1_234_567)).to_string(), "$1.234567");
        assert_eq!(MicroUsd(Amount::at_most(5)).to_string(), "$0.000005");
    }

    #[test]
    fn what_is_stored_is_bounded_too() {
        assert_eq!(serde_json::from_str::<Amount>("1000000000000000").unwrap(), Amount::MAX);
        for bad in ["1000000000000001", "-1", "1.5", "\"1\"", "18446744073709551616"] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_arithmetic_leaves_the_bounds(a: u64, b: u64) {
            let (x, y) = (Amount::at_most(a), Amount::at_most(b));
            for amount in [x.plus(y), x.minus(y), x.times(b)] {
                prop_assert!(amount <= Amount::MAX);
            }
            prop_assert_eq!(x.minus(y).plus(y), x.max(y));
        }
    }
}
