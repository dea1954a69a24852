//! What a call costs, as the operator says: what is reserved before it, and what is charged after it. Counts in millionths of a US
//! dollar, or in tokens. Where the price is up to the server's result, what the result says is believed only within the operator's bound.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Amount;

/// The highest number that a price may name: a million US dollars, in their millionths.
pub const MAX_PRICE: u64 = 1_000_000_000_000;
/// The most that one call is charged, whatever its price and size.
pub const MAX_CHARGE: u64 = Amount::MAX.get();
const KIB: usize = 1_024;
/// How many bytes are taken for a token where nobody counts them.
const BYTES_PER_TOKEN: usize = 4;

/// What calls of a tool cost, in each unit. What is left out costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// In millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_usd: Option<Price>,
    /// In tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Price>,
}

impl Prices {
    /// Whether everything is free.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.micro_usd.is_none() && self.tokens.is_none()
    }

    /// These, and of `others` what is not among them.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        Self {
            micro_usd: self.micro_usd.clone().or_else(|| others.micro_usd.clone()),
            tokens: self.tokens.clone().or_else(|| others.tokens.clone()),
        }
    }
}

/// What a call costs, in one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Price {
    /// The same for each call.
    Flat(u64),
    /// By the size of the arguments.
    PerKib(KibPrice),
    /// What the result says.
    Meta(SaidPrice),
    /// By the size of arguments and result.
    Sized(SizedPrice),
}

/// A price by the size of the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KibPrice {
    /// For the call.
    pub base: u64,
    /// For each 1024 bytes of arguments that are begun.
    pub per_kib: u64,
}

/// A price that the result says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaidPrice {
    /// Which member of the result's `_meta` says it.
    pub meta: String,
    /// What is reserved, and the most that is charged.
    pub max: u64,
}

/// A price by the size of arguments and result: a token for every four bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizedPrice {
    /// The bound.
    pub sized: PriceBound,
}

/// What is reserved, and the most that is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBound {
    /// How much that is.
    pub max: u64,
}

/// A call that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// How long its arguments were, in bytes.
    pub arguments: usize,
    /// How long its result was, in bytes.
    pub result: usize,
    /// The result's `_meta`, as it came (JSON), if it has one.
    pub meta: Option<&'a str>,
}

/// What a call is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// How much.
    pub amount: u64,
    /// Why it is the price's bound and not what the result says, if so.
    pub doubt: Option<Doubt>,
}

/// Why a result's word on its price is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It says nothing.
    Missing,
    /// It is no number.
    NotANumber,
    /// It is less than nothing.
    Negative,
    /// It is more than the operator expects.
    AboveMax,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the result does not say its price",
            Self::NotANumber => "the price that the result says is no number",
            Self::Negative => "the price that the result says is negative",
            Self::AboveMax => "the price that the result says is above the maximum",
        })
    }
}

impl Price {
    /// What is reserved for a call whose arguments have `arguments` bytes.
    #[must_use]
    pub fn estimate(&self, arguments: usize) -> u64 {
        let amount = match self {
            Self::Flat(amount) => *amount,
            Self::PerKib(KibPrice { base, per_kib }) => {
                let begun = u64::try_from(arguments.div_ceil(KIB)).unwrap_or(u64::MAX);
                base.saturating_add(per_kib.saturating_mul(begun))
            }
            Self::Meta(SaidPrice { max, .. }) | Self::Sized(SizedPrice { sized: PriceBound { max } }) => *max,
        };
        amount.min(MAX_CHARGE)
    }

    /// What `called` is charged: never more than was reserved for it.
    #[must_use]
    pub fn actual(&self, called: Called<'_>) -> Charge {
        let reserved = self.estimate(called.arguments);
        match self {
            Self::Flat(_) | Self::PerKib(_) => Charge { amount: reserved, doubt: None },
            Self::Sized(_) => Charge { amount: tokens_of(called).min(reserved), doubt: None },
            Self::Meta(said) => match said.by(called.meta) {
                Ok(amount) if amount <= reserved => Charge { amount, doubt: None },
                Ok(_) => Charge { amount: reserved, doubt: Some(Doubt::AboveMax) },
                Err(doubt) => Charge { amount: reserved, doubt: Some(doubt) },
            },
        }
    }
}

fn tokens_of(called: Called<'_>) -> u64 {
    let bytes = called.arguments.saturating_add(called.result);
    u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX)
}

impl SaidPrice {
    /// What `meta` says; of a fraction, the next whole number.
    fn by(&self, meta: Option<&str>) -> Result<u64, Doubt> {
        let members: BTreeMap<Cow<'_, str>, &RawValue> =
            meta.and_then(|meta| serde_json::from_str(meta).ok()).ok_or(Doubt::Missing)?;
        let value = members.get(self.meta.as_str()).ok_or(Doubt::Missing)?.get();
        if let Ok(whole) = value.parse::<u64>() {
            return Ok(whole);
        }
        let number: f64 = serde_json::from_str(value).map_err(|_| Doubt::NotANumber)?;
        if number < 0.0 {
            return Err(Doubt::Negative);
        }
        // From here on a conversion is exact, or saturates: what is that much is above every maximum.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is not negative, and saturates"
        )]
        let whole = number.ceil() as u64;
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(json: &str) -> Price {
        serde_json::from_str(json).unwrap()
    }

    fn called(arguments: usize, result: usize, meta: Option<&str>) -> Called<'_> {
        Called { arguments, result, meta }
    }

    fn charged(json: &str, arguments: usize, result: usize, meta: Option<&str>) -> (u64, Option<Doubt>) {
        let Charge { amount, doubt } = price(json).actual(called(arguments, result, meta));
        (amount, doubt)
    }

    #[test]
    fn each_form_reserves_and_charges_as_it_says() {
        assert_eq!(price("7").estimate(1 << 20), 7);
        assert_eq!(charged("7", 10, 10, None), (7, None));
        let by_size = r#"{"base":100,"per_kib":3}"#;
        for (bytes, amount) in [(0, 100), (1, 103), (1_024, 103), (1_025, 106)] {
            assert_eq!(price(by_size).estimate(bytes), amount);
            assert_eq!(charged(by_size, bytes, 9_999, None), (amount, None));
        }
        let tokens = r#"{"sized":{"max":100}}"#;
        assert_eq!(price(tokens).estimate(1), 100);
        assert_eq!(charged(tokens, 9, 12, None), (6, None));
        assert_eq!(charged(tokens, 9, 12_000, None), (100, None));
    }

    #[test]
    fn what_a_result_says_is_taken_within_the_bound_and_no_further() {
        let said = r#"{"meta":"example.com/cost","max":500}"#;
        assert_eq!(price(said).estimate(1), 500);
        for (value, expected) in [
            ("0", (0, None)),
            ("123", (123, None)),
            ("500", (500, None)),
            ("12.1", (13, None)),
            ("1e2", (100, None)),
            ("-0.0", (0, None)),
            ("501", (500, Some(Doubt::AboveMax))),
            ("1e300", (500, Some(Doubt::AboveMax))),
            ("99999999999999999999999999", (500, Some(Doubt::AboveMax))),
            ("-1", (500, Some(Doubt::Negative))),
            ("-1e300", (500, Some(Doubt::Negative))),
            ("\"12\"", (500, Some(Doubt::NotANumber))),
            ("null", (500, Some(Doubt::NotANumber))),
            ("[1]", (500, Some(Doubt::NotANumber))),
            ("1e999", (500, Some(Doubt::NotANumber))),
        ] {
            let meta = format!("{{\"a\":{{}},\"example.com/cost\":{value}}}");
            assert_eq!(charged(said, 1, 1, Some(&meta)), expected, "{value}");
        }
        for silent in [None, Some("{}"), Some("{\"cost\":1}"), Some("[]"), Some("{")] {
            assert_eq!(charged(said, 1, 1, silent), (500, Some(Doubt::Missing)), "{silent:?}");
        }
    }

    #[test]
    fn forms_are_told_apart_and_read_back() {
        for text in ["7", r#"{"base":1,"per_kib":2}"#, r#"{"meta":"m","max":3}"#, r#"{"sized":{"max":4}}"#] {
            assert_eq!(serde_json::to_string(&price(text)).unwrap(), text);
        }
        for bad in ["-1", "1.5", "\"1\"", "{}", r#"{"base":1}"#, r#"{"meta":"m","max":1,"base":1}"#] {
            assert!(serde_json::from_str::<Price>(bad).is_err(), "{bad}");
        }
    }

    fn prices() -> impl Strategy<Value = Price> {
        prop_oneof![
            any::<u64>().prop_map(Price::Flat),
            any::<(u64, u64)>().prop_map(|(base, per_kib)| Price::PerKib(KibPrice { base, per_kib })),
            any::<u64>().prop_map(|max| Price::Meta(SaidPrice { meta: "m".into(), max })),
            any::<u64>().prop_map(|max| Price::Sized(SizedPrice { sized: PriceBound { max } })),
        ]
    }

    proptest! {
        #[test]
        fn a_charge_is_never_more_than_was_reserved_nor_than_anything_costs(
            price in prices(), arguments: usize, result: usize, value in "(-?[0-9]{1,25}(\\.[0-9]{1,3})?([eE]-?[0-9]{1,4})?|\"x\"|null|\\{|)",
        ) {
            let meta = format!("{{\"m\":{value}}}");
            let reserved = price.estimate(arguments);
            let charge = price.actual(called(arguments, result, Some(&meta)));
            prop_assert!(charge.amount <= reserved && reserved <= MAX_CHARGE);
            prop_assert!(charge.doubt.is_none() || charge.amount == reserved);
        }

        #[test]
        fn longer_arguments_never_cost_less(price in prices(), shorter: usize, longer: usize) {
            let (shorter, longer) = (shorter.min(longer), shorter.max(longer));
            prop_assert!(price.estimate(shorter) <= price.estimate(longer));
        }

        #[test]
        fn any_meta_is_read_without_panic(meta in "\\PC{0,60}") {
            let _ = price(r#"{"meta":"m","max":3}"#).actual(called(0, 0, Some(&meta)));
        }
    }
}
