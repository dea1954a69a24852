//! The instance's side of leases: the slices it holds of one account, what it has spent of them, how much it wants next.
//!
//! An instance spends from a slice without asking anybody, and only while it can't have expired for the ledger: the time since it was *asked for*
//! is measured on both of the instance's clocks, and the later of the two counts (a frozen instance's ticks stand still, a wall clock may be set
//! back). A slice that is not used, or is about to end, is given back; calls charged to it that are not over keep their part of it reserved.

use toolgate_model::Amount;
use toolgate_ports::{EntryId, Then};

/// A first slice is worth so many calls like the one that asks for it.
const FIRST: u64 = 8;
/// A slice grows at most so many times at once.
const GROWTH: u64 = 4;
/// The last part of a slice's length in which it is not spent from any more: clocks may run at somewhat different speeds, and giving it back
/// takes a while.
const TAIL: u64 = 8;
/// The most slices of one account.
const MAX_SLICES: usize = 16;

/// A point in time on an instance's two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time of day, in milliseconds since 1970.
    pub wall: u64,
    /// Microseconds since some point, never going back.
    pub ticks: u64,
}

impl Moment {
    /// Milliseconds since `earlier`, on the clock that says more.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        let by_ticks = self.ticks.saturating_sub(earlier.ticks).div_ceil(1_000);
        by_ticks.max(self.wall.saturating_sub(earlier.wall))
    }
}

/// What the ledger is to be told of a slice that is not spent from any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The take that asked for it.
    pub id: EntryId,
    /// What was spent of it, calls that are not over at their estimates.
    pub charge: Amount,
    /// What becomes of it: [`Then::Hold`] (for a time that the caller knows) if calls charged to it are not over.
    pub then: Option<Then>,
}

/// A slice.
#[derive(Debug)]
struct Slice {
    id: EntryId,
    amount: Amount,
    spent: Amount,
    /// Calls charged to it that are not over.
    running: u32,
    asked: Moment,
    used: Moment,
    /// For how long from `asked` on it may be spent from, in milliseconds.
    spendable: u64,
    /// How it is closed when all is over.
    close: Then,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    /// It was given back; its last calls are not over.
    GivenBack,
}

/// The slices of one account.
#[derive(Debug, Default)]
pub struct Escrow {
    slices: Vec<Slice>,
    /// How large the next should be.
    wish: Amount,
}

impl Escrow {
    /// Charges a call to a slice, if one has enough; which one it is.
    pub fn spend(&mut self, need: Amount, now: Moment) -> Option<EntryId> {
        let mut usable = self.slices.iter_mut().filter(|slice| slice.is_usable(now) && slice.left() >= need);
        let slice = usable.next()?;
        slice.spent = slice.spent.plus(need);
        slice.running += 1;
        slice.used = now;
        Some(slice.id)
    }

    /// What the slices have left together, and the most that one of them has: a call is charged to one.
    #[must_use]
    pub fn held(&self, now: Moment) -> (Amount, Amount) {
        let usable = self.slices.iter().filter(|slice| slice.is_usable(now)).map(Slice::left);
        usable.fold((Amount::ZERO, Amount::ZERO), |(all, most), left| (all.plus(left), most.max(left)))
    }

    /// A call that was charged `estimate` is over and cost `charge`. What is to be told if its slice was given back meanwhile.
    pub fn settle(&mut self, id: EntryId, estimate: Amount, charge: Amount) -> Option<Report> {
        let at = self.slices.iter().position(|slice| slice.id == id)?;
        let slice = &mut self.slices[at];
        let less = estimate.minus(charge);
        slice.spent = slice.spent.minus(less);
        slice.running = slice.running.saturating_sub(1);
        if slice.state == State::Live || (less.is_zero() && slice.running > 0) {
            return None;
        }
        let report = slice.report();
        if slice.running == 0 {
            self.slices.remove(at);
        }
        Some(report)
    }

    /// How large a slice to ask for, for a call that needs `need`; nothing if there are enough slices.
    #[must_use]
    pub fn want(&self, need: Amount) -> Amount {
        if self.slices.len() >= MAX_SLICES { Amount::ZERO } else { self.wish.max(need.times(FIRST)) }
    }

    /// Takes in a slice of `amount` that may be spent from for `millis` from when it was `asked` for, `need` of which is spent at once.
    pub fn add(&mut self, id: EntryId, amount: Amount, need: Amount, millis: u64, asked: Moment, close: Then) {
        let spendable = millis - millis / TAIL;
        let (spent, running, used, state) = (need, 1, asked, State::Live);
        self.slices.push(Slice { id, amount, spent, running, asked, used, spendable, close, state });
    }

    /// Gives back what has ended, and what was not used for `linger` milliseconds.
    pub fn give_back(&mut self, now: Moment, linger: u64) -> Vec<Report> {
        self.return_those(now, |slice| !slice.is_usable(now) || now.millis_since(slice.used) >= linger)
    }

    /// Gives back what is too little for a call that needs `need`, because a new slice is asked for.
    pub fn give_back_rests(&mut self, now: Moment, need: Amount) -> Vec<Report> {
        self.return_those(now, |slice| !slice.is_usable(now) || slice.left() < need)
    }

    fn return_those(&mut self, now: Moment, which: impl Fn(&Slice) -> bool) -> Vec<Report> {
        let mut reports = Vec::new();
        for slice in self.slices.iter_mut().filter(|slice| slice.state == State::Live && which(slice)) {
            slice.state = State::GivenBack;
            self.wish = slice.wish(now);
            reports.push(slice.report());
        }
        self.slices.retain(|slice| slice.state == State::Live || slice.running > 0);
        reports
    }

    /// In how many milliseconds something may have to be given back, if nothing is spent until then.
    #[must_use]
    pub fn next_return(&self, now: Moment, linger: u64) -> Option<u64> {
        let live = self.slices.iter().filter(|slice| slice.state == State::Live);
        live.map(|slice| {
            let ends = slice.spendable.saturating_sub(now.millis_since(slice.asked));
            ends.min(linger.saturating_sub(now.millis_since(slice.used)))
        })
        .min()
    }

    /// Whether nothing is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }
}

impl Slice {
    fn is_usable(&self, now: Moment) -> bool {
        self.state == State::Live && now.millis_since(self.asked) < self.spendable
    }

    fn left(&self) -> Amount {
        self.amount.minus(self.spent)
    }

    fn report(&self) -> Report {
        Report { id: self.id, charge: self.spent, then: (self.running == 0).then_some(self.close) }
    }

    /// What would be spent in most of its length at the speed at which it was spent from: it should be used up before it ends, so that the next
    /// is asked for in the same breath in which it goes back.
    fn wish(&self, now: Moment) -> Amount {
        let most = (self.spendable / 4 * 3).max(1);
        let took = now.millis_since(self.asked).max(1);
        let pace = u128::from(self.spent.get()) * u128::from(most) / u128::from(took);
        Amount::at_most(u64::try_from(pace).unwrap_or(u64::MAX)).min(self.amount.times(GROWTH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000;
    const MINUTE: u64 = 60 * SECOND;

    fn at(millis: u64) -> Moment {
        Moment { wall: 5_000_000 + millis, ticks: millis * 1_000 }
    }

    fn amount(number: u64) -> Amount {
        Amount::new(number).unwrap()
    }

    fn with(slice: u64) -> Escrow {
        let mut escrow = Escrow::default();
        escrow.add(EntryId(1), amount(slice), amount(1), 16 * SECOND, at(0), Then::Close);
        escrow
    }

    fn report(charge: u64, then: Option<Then>) -> Report {
        Report { id: EntryId(1), charge: amount(charge), then }
    }

    #[test]
    fn a_slice_is_spent_to_its_last_and_no_further() {
        let mut escrow = with(4);
        for _ in 0..3 {
            assert_eq!(escrow.spend(amount(1), at(10)), Some(EntryId(1)));
        }
        assert_eq!(escrow.spend(amount(1), at(10)), None);
        escrow.settle(EntryId(1), amount(1), amount(0));
        assert_eq!(escrow.spend(amount(2), at(10)), None);
        assert_eq!(escrow.spend(amount(1), at(10)), Some(EntryId(1)), "what a call did not cost is there for the next");
    }

    #[test]
    fn it_is_not_spent_from_near_its_end_on_whichever_clock() {
        let mut escrow = with(100);
        assert!(escrow.spend(amount(1), at(14 * SECOND - 1)).is_some());
        assert!(escrow.spend(amount(1), at(14 * SECOND)).is_none());
        let frozen = Moment { wall: at(14 * SECOND).wall, ticks: 0 };
        let set_back = Moment { wall: 0, ticks: at(14 * SECOND).ticks };
        for now in [frozen, set_back] {
            assert!(with(100).spend(amount(1), now).is_none(), "{now:?}");
        }
    }

    #[test]
    fn what_is_not_used_is_given_back_once() {
        let mut escrow = with(100);
        escrow.settle(EntryId(1), amount(1), amount(1));
        assert_eq!(escrow.next_return(at(500), 2 * SECOND), Some(1_500));
        assert!(escrow.give_back(at(1_999), 2 * SECOND).is_empty());
        assert_eq!(escrow.give_back(at(2_000), 2 * SECOND), [report(1, Some(Then::Close))]);
        assert!(escrow.is_empty() && escrow.give_back(at(9_000), 0).is_empty());
        assert_eq!((escrow.spend(amount(1), at(2_001)), escrow.next_return(at(2_001), SECOND)), (None, None));
    }

    #[test]
    fn calls_that_are_not_over_keep_their_part_and_are_reported_when_they_cost_less() {
        let mut escrow = with(100);
        escrow.spend(amount(10), at(10));
        escrow.spend(amount(10), at(10));
        assert_eq!(escrow.give_back(at(14 * SECOND), MINUTE), [report(21, None)]);
        assert_eq!(escrow.settle(EntryId(1), amount(10), amount(4)), Some(report(15, None)));
        assert_eq!(escrow.settle(EntryId(1), amount(1), amount(1)), None, "no news");
        assert_eq!(escrow.settle(EntryId(1), amount(10), amount(10)), Some(report(15, Some(Then::Close))));
        assert!(escrow.is_empty());
        assert_eq!(escrow.settle(EntryId(1), amount(10), amount(0)), None);
    }

    #[test]
    fn rests_go_back_when_a_new_slice_is_asked_for() {
        let mut escrow = with(10);
        assert!(escrow.give_back_rests(at(10), amount(9)).is_empty());
        assert_eq!(escrow.give_back_rests(at(10), amount(10)), [report(1, None)]);
    }

    #[test]
    fn it_wants_as_much_as_lasts_for_most_of_a_lease() {
        let mut escrow = with(8);
        assert_eq!(escrow.want(amount(1)), amount(8));
        // All of it in 100 ms: four times as much.
        assert!((0..7).all(|_| escrow.spend(amount(1), at(100)).is_some()));
        escrow.give_back_rests(at(100), amount(1));
        assert_eq!(escrow.want(amount(1)), amount(32));
        // Seventy in seven seconds: ten a second.
        escrow.add(EntryId(2), amount(70), amount(70), 16 * SECOND, at(0), Then::Close);
        escrow.give_back_rests(at(7 * SECOND), amount(1));
        assert_eq!(escrow.want(amount(1)), amount(105));
        // Two in fourteen seconds.
        escrow.add(EntryId(3), amount(70), amount(2), 16 * SECOND, at(0), Then::Close);
        escrow.give_back(at(14 * SECOND), MINUTE);
        assert_eq!(escrow.want(amount(1)), amount(8));
    }

    #[test]
    fn slices_are_few() {
        let mut escrow = Escrow::default();
        for n in 0..MAX_SLICES as u64 {
            assert!(!escrow.want(amount(1)).is_zero());
            escrow.add(EntryId(n), amount(8), amount(1), SECOND, at(0), Then::Close);
        }
        assert!(escrow.want(amount(1)).is_zero());
    }
}
