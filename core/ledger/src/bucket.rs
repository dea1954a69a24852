//! A token bucket in whole numbers: nothing is lost or made by rounding, however often it is looked at.
//!
//! Slices that instances hold keep their room in the bucket: what flows in and what may be spent elsewhere never adds up to more than the
//! bucket holds.

use serde::{Deserialize, Serialize};
use toolgate_model::Amount;

/// How a bucket fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    /// So much
    #[serde(rename = "n")]
    pub(crate) amount: Amount,
    /// in so many milliseconds,
    #[serde(rename = "ms")]
    pub(crate) millis: u64,
    /// up to this.
    #[serde(rename = "b")]
    pub(crate) burst: Amount,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    #[serde(rename = "f")]
    flow: Flow,
    #[serde(rename = "v")]
    level: Amount,
    /// What flowed in beyond `level`, in `1 / flow.millis`.
    #[serde(rename = "r")]
    rest: u64,
    /// Up to when it has flowed in.
    #[serde(rename = "t")]
    at: u64,
}

impl Bucket {
    /// A full one.
    pub(crate) const fn new(flow: Flow, now: u64) -> Self {
        Self { flow, level: flow.burst, rest: 0, at: now }
    }

    pub(crate) const fn level(&self) -> Amount {
        self.level
    }

    pub(crate) const fn burst(&self) -> Amount {
        self.flow.burst
    }

    /// Lets flow in what flows in until `now`, while slices of `held` keep their room.
    pub(crate) fn advance(&mut self, now: u64, held: Amount) {
        let elapsed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let per = u128::from(self.flow.millis.max(1));
        let gained = u128::from(elapsed) * u128::from(self.flow.amount.get()) + u128::from(self.rest);
        let whole = u64::try_from(gained / per).unwrap_or(u64::MAX);
        self.rest = u64::try_from(gained % per).unwrap_or(0);
        let room = self.flow.burst.minus(held);
        let filled = self.level.get().saturating_add(whole);
        if filled >= room.get() {
            self.rest = 0;
        }
        self.level = Amount::at_most(filled).min(room);
    }

    /// How much more could flow in now, while slices of `held` keep their room.
    pub(crate) fn room(&self, held: Amount) -> Amount {
        self.flow.burst.minus(held).minus(self.level).minus(Amount::at_most(u64::from(self.rest > 0)))
    }

    /// From now on it fills so.
    pub(crate) fn tune(&mut self, flow: Flow, held: Amount) {
        if flow.millis != self.flow.millis {
            self.rest = 0;
        }
        self.flow = flow;
        self.level = self.level.min(flow.burst.minus(held));
    }

    pub(crate) fn take(&mut self, amount: Amount) {
        self.level = self.level.minus(amount);
    }

    /// Puts back what was taken; the caller knows that it had found room all the time since.
    pub(crate) fn put_back(&mut self, amount: Amount) {
        self.level = self.level.plus(amount);
    }

    /// When there is `need`, if nothing is taken.
    pub(crate) fn filled_at(&self, need: Amount) -> Option<u64> {
        if need > self.flow.burst || self.flow.amount.is_zero() {
            return None;
        }
        let missing = u128::from(need.minus(self.level).get()) * u128::from(self.flow.millis);
        let flows = missing.saturating_sub(u128::from(self.rest)).div_ceil(u128::from(self.flow.amount.get()));
        u64::try_from(flows).ok().and_then(|flows| self.at.checked_add(flows))
    }

    /// When it is full, and so as if it had just been made.
    pub(crate) fn expires(&self) -> Option<u64> {
        self.filled_at(self.flow.burst)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(number: u64) -> Amount {
        Amount::new(number).unwrap()
    }

    fn flow(number: u64, millis: u64, burst: u64) -> Flow {
        Flow { amount: amount(number), millis, burst: amount(burst) }
    }

    #[test]
    fn it_refills_to_the_unit() {
        let mut bucket = Bucket::new(flow(100, 60_000, 100), 0);
        bucket.take(amount(100));
        bucket.advance(599, Amount::ZERO);
        assert_eq!((bucket.level(), bucket.filled_at(amount(1))), (Amount::ZERO, Some(600)));
        bucket.advance(600, Amount::ZERO);
        assert_eq!(bucket.level(), amount(1));
        bucket.advance(60_000, Amount::ZERO);
        assert_eq!(bucket.level(), amount(100));
    }

    #[test]
    fn what_can_never_be_is_said_so() {
        assert_eq!(Bucket::new(flow(5, 1_000, 10), 0).filled_at(amount(11)), None);
        assert_eq!(Bucket::new(flow(0, 1_000, 10), 0).filled_at(amount(1)), None);
    }

    proptest! {
        #[test]
        fn looking_often_or_seldom_makes_no_difference(number in 0_u64..2_000, millis in 1_u64..100_000, burst in 0_u64..5_000, looks in prop::collection::vec(0_u64..10_000, 0..40)) {
            let mut often = Bucket::new(flow(number, millis, burst), 0);
            often.take(amount(burst));
            let mut seldom = often.clone();
            let mut now = 0;
            for pause in looks {
                now += pause;
                often.advance(now, Amount::ZERO);
            }
            seldom.advance(now, Amount::ZERO);
            prop_assert_eq!(often.level(), seldom.level());
        }

        #[test]
        fn the_largest_numbers_stay_in_bounds(now: u64, later: u64, millis in 1_u64..604_800_000) {
            let mut bucket = Bucket::new(Flow { amount: Amount::MAX, millis, burst: Amount::MAX }, now);
            bucket.take(Amount::MAX);
            bucket.advance(later, Amount::ZERO);
            prop_assert!(bucket.level() <= Amount::MAX);
            bucket.advance(u64::MAX, Amount::ZERO);
            bucket.put_back(Amount::MAX);
            prop_assert!(bucket.level() <= Amount::MAX && bucket.room(Amount::ZERO).is_zero());
        }

        #[test]
        fn when_it_says_there_is_enough_there_is(number in 1_u64..2_000, millis in 1_u64..100_000, burst in 1_u64..5_000, taken in 0_u64..5_000, need in 0_u64..5_000) {
            let mut bucket = Bucket::new(flow(number, millis, burst), 7);
            bucket.take(amount(taken.min(burst)));
            match bucket.filled_at(amount(need)) {
                None => prop_assert!(need > burst),
                Some(at) => {
                    if at > 7 {
                        let mut before = bucket.clone();
                        before.advance(at - 1, Amount::ZERO);
                        prop_assert!(before.level() < amount(need));
                    }
                    bucket.advance(at, Amount::ZERO);
                    prop_assert!(bucket.level() >= amount(need));
                }
            }
        }
    }
}
