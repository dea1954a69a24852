//! A budget: what was charged, by window (calendar) or by slot (rolling).

use serde::{Deserialize, Serialize};
use toolgate_model::{Amount, Window};

use crate::span::{Slots, Span};

/// How many windows that are over are remembered.
const PAST: usize = 12;

/// What was charged over time. Reservations and slices are charged when they are granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Budget {
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    /// The calendar window that was the present one when the account was last written; else all of time.
    #[serde(rename = "s")]
    span: (u64, u64),
    /// What was charged from each slot's beginning on: of a calendar the window itself, of a rolling window a thirtieth of it.
    #[serde(rename = "c")]
    charged: Vec<(u64, Amount)>,
}

impl Budget {
    pub(crate) fn new(window: Option<Window>) -> Self {
        // A calendar window that is over: the next moment begins the present one.
        let span = if matches!(window, Some(Window::Calendar(..))) { (0, 0) } else { (0, Span::EVER.to) };
        Self { window, span, charged: Vec::new() }
    }

    pub(crate) const fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// The present window, where it has an end.
    pub(crate) fn span(&self) -> Option<Span> {
        matches!(self.window, Some(Window::Calendar(..))).then_some(Span { from: self.span.0, to: self.span.1 })
    }

    fn slots(&self) -> Option<Slots> {
        match &self.window {
            Some(Window::Rolling(length)) => Some(Slots::of(length.millis())),
            _ => None,
        }
    }

    /// Goes on to `now`, forgetting what is too long ago.
    pub(crate) fn advance(&mut self, now: u64) {
        if let Some(Window::Calendar(unit, zone)) = &self.window
            && now >= self.span.1
        {
            let Span { from, to } = Span::of(*unit, zone, now);
            self.span = (from, to);
        }
        if self.slots().is_some() {
            let since = self.since(now);
            self.charged.retain(|(slot, amount)| *slot >= since && !amount.is_zero());
        }
        let over = self.charged.iter().filter(|(slot, _)| *slot < self.span.0).count();
        self.charged.drain(..over.saturating_sub(PAST));
    }

    /// From which slot on charges count.
    pub(crate) fn since(&self, now: u64) -> u64 {
        self.slots().map_or(self.span.0, |slots| slots.since(now))
    }

    /// The slot that is charged now.
    pub(crate) fn slot(&self, now: u64) -> u64 {
        self.slots().map_or(self.span.0, |slots| slots.at(now))
    }

    /// Until when a slice lasts that would last for `length`: no longer than its window.
    pub(crate) fn lease_until(&self, now: u64, length: u64) -> u64 {
        now.saturating_add(length).min(self.span.1)
    }

    /// The slot that a slice is charged to: as if all of it were spent in its last moment.
    pub(crate) fn lease_slot(&self, until: u64) -> u64 {
        self.slots().map_or(self.span.0, |slots| slots.at(until))
    }

    /// What counts now.
    pub(crate) fn used(&self, now: u64) -> Amount {
        let since = self.since(now);
        let counted = self.charged.iter().filter(|(slot, _)| *slot >= since);
        counted.fold(Amount::ZERO, |sum, (_, amount)| sum.plus(*amount))
    }

    pub(crate) fn charge(&mut self, slot: u64, amount: Amount) {
        match self.charged.binary_search_by_key(&slot, |(at, _)| *at) {
            Ok(at) => self.charged[at].1 = self.charged[at].1.plus(amount),
            Err(at) => self.charged.insert(at, (slot, amount)),
        }
    }

    /// Takes a charge back. Nothing happens if it is forgotten.
    pub(crate) fn discharge(&mut self, slot: u64, amount: Amount) {
        if let Ok(at) = self.charged.binary_search_by_key(&slot, |(at, _)| *at) {
            self.charged[at].1 = self.charged[at].1.minus(amount);
        }
    }

    /// When `need` is left of `allowed`, if nothing more is charged.
    pub(crate) fn resets_at(&self, now: u64, need: Amount, allowed: Amount) -> Option<u64> {
        if need > allowed {
            return None;
        }
        let Some(slots) = self.slots() else { return self.span().map(|span| span.to) };
        let since = self.since(now);
        let mut used = self.used(now);
        for (slot, amount) in self.charged.iter().filter(|(slot, _)| *slot >= since) {
            used = used.minus(*amount);
            if need <= allowed.minus(used) {
                return Some(slots.until(*slot));
            }
        }
        Some(now)
    }

    /// The windows before, the latest first.
    pub(crate) fn past(&self) -> Vec<(u64, Amount)> {
        if self.span().is_none() {
            return Vec::new();
        }
        self.charged.iter().rev().filter(|(slot, _)| *slot < self.span.0).copied().collect()
    }

    /// From when on nothing of it is worth keeping; `None` if that never comes.
    pub(crate) fn expires(&self) -> Option<u64> {
        let last = self.charged.last().map_or(0, |(slot, _)| *slot);
        match (&self.window, self.slots()) {
            (None, _) => None,
            (_, Some(slots)) => Some(slots.until(last)),
            // So that the windows before can still be shown.
            (_, None) => Some(self.span.1.saturating_add((self.span.1 - self.span.0).saturating_mul(PAST as u64))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toolgate_model::{CalendarUnit, Zone};

    use super::*;

    fn amount(number: u64) -> Amount {
        Amount::new(number).unwrap()
    }

    #[test]
    fn a_calendar_budget_begins_anew_and_remembers() {
        let mut budget = Budget::new(Some(Window::Calendar(CalendarUnit::Minute, Zone::utc())));
        for minute in 0..20_u64 {
            let now = minute * 60_000 + 59_999;
            budget.advance(now);
            assert_eq!(budget.used(now), Amount::ZERO);
            budget.charge(budget.slot(now), amount(minute));
            assert_eq!(budget.used(now), amount(minute));
        }
        let past = budget.past();
        assert_eq!((past.len(), past[0], past[11]), (12, (18 * 60_000, amount(18)), (7 * 60_000, amount(7))));
    }

    #[test]
    fn what_was_charged_before_can_be_corrected_after() {
        let mut budget = Budget::new(Some(Window::Calendar(CalendarUnit::Minute, Zone::utc())));
        budget.advance(1);
        let slot = budget.slot(1);
        budget.charge(slot, amount(10));
        budget.advance(70_000);
        budget.discharge(slot, amount(4));
        assert_eq!((budget.used(70_000), budget.past()), (Amount::ZERO, vec![(0, amount(6))]));
    }

    #[test]
    fn it_says_when_enough_is_left_again() {
        let mut budget = Budget::new(Some("60s".parse().unwrap()));
        budget.charge(budget.slot(100_000), amount(60));
        budget.charge(budget.slot(120_000), amount(40));
        let at = |need| budget.resets_at(130_000, amount(need), amount(100));
        assert_eq!(at(60), Some(100_000 + 62_000));
        assert_eq!(at(61), Some(120_000 + 62_000));
        assert_eq!(at(101), None);
        assert_eq!(Budget::new(None).resets_at(5, amount(1), amount(1)), None);
    }

    proptest! {
        /// Whatever is charged as there is room, no stretch of the window's length holds more than is allowed.
        #[test]
        fn no_interval_of_a_rolling_windows_length_holds_more(steps in prop::collection::vec((0_u64..4_000, 1_u64..30), 1..120)) {
            let (length, allowed) = (10_000, amount(50));
            let mut budget = Budget::new(Some("10s".parse().unwrap()));
            let (mut now, mut spent) = (0, Vec::new());
            for (pause, wanted) in steps {
                now += pause;
                budget.advance(now);
                if budget.used(now).plus(amount(wanted)) <= allowed {
                    budget.charge(budget.slot(now), amount(wanted));
                    spent.push((now, wanted));
                }
                let inside: u64 = spent.iter().filter(|(at, _)| at + length > now).map(|(_, n)| n).sum();
                prop_assert!(inside <= allowed.get());
            }
            prop_assert!(budget.charged.len() <= 31);
        }

        #[test]
        fn when_it_says_there_is_room_there_is(charges in prop::collection::vec((0_u64..2_000, 1_u64..9), 0..40), need in 1_u64..40) {
            let mut budget = Budget::new(Some("10s".parse().unwrap()));
            let mut now = 0;
            for (pause, charge) in charges {
                now += pause;
                budget.advance(now);
                budget.charge(budget.slot(now), amount(charge));
            }
            let at = budget.resets_at(now, amount(need), amount(40)).unwrap();
            budget.advance(at);
            prop_assert!(at >= now && budget.used(at).plus(amount(need)) <= amount(40));
        }
    }
}
