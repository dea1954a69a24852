use proptest::prelude::*;
use toolgate_model::Window;

use super::*;

fn amount(number: u64) -> Amount {
    Amount::new(number).unwrap()
}

fn budget(allowed: u64, window: &str) -> Terms {
    let window = (!window.is_empty()).then(|| window.parse::<Window>().unwrap());
    Terms::Budget { amount: amount(allowed), window }
}

fn rate(number: u64, millis: u64, burst: u64) -> Terms {
    Terms::Rate { amount: amount(number), millis, burst: amount(burst) }
}

/// An account that is stored after every operation.
struct Kept {
    account: Account,
    terms: Terms,
    next: u64,
    lengths: Lengths,
}

impl Kept {
    fn new(terms: Terms) -> Self {
        Self { account: Account::default(), terms, next: 0, lengths: Lengths { hold: 60_000, lease: 10_000 } }
    }

    fn store(&mut self) {
        let spelled = serde_json::to_string(&self.account).unwrap();
        assert_eq!(serde_json::from_str::<Account>(&spelled).unwrap(), self.account);
        let usage = self.usage(self.account.seen);
        assert!(usage.settled.plus(usage.reserved).plus(usage.leased) <= self.terms.allowed(), "{usage:?}");
    }

    fn ask(&mut self, now: u64, id: u64, need: u64, want: u64) -> Result<Grant, Option<u64>> {
        let account = AccountId::stored("limit/shape/");
        let (need, want) = (amount(need), amount(want));
        let ask = Ask { account, holder: Holder::default(), terms: self.terms.clone(), need, want };
        self.account.advance(now, Some(&self.terms)).unwrap();
        let plan = self.account.plan(EntryId(id), &ask, self.lengths).unwrap().map_err(|short| short.resets_at)?;
        let grant = self.account.grant(EntryId(id), &ask, plan);
        self.store();
        Ok(grant)
    }

    fn reserve(&mut self, now: u64, need: u64) -> Option<u64> {
        self.next += 1;
        self.ask(now, self.next, need, 0).ok().map(|_| self.next)
    }

    fn lease(&mut self, now: u64, need: u64, want: u64) -> Option<(u64, Grant)> {
        self.next += 1;
        self.ask(now, self.next, need, want).ok().map(|grant| (self.next, grant))
    }

    fn settle(&mut self, now: u64, id: u64, charge: u64, then: Then) -> bool {
        let account = AccountId::stored("limit/shape/");
        let settlement = Settlement { account, id: EntryId(id), charge: amount(charge), then, void: None };
        self.account.advance(now, None).unwrap();
        let changed = self.account.settle(&settlement, settlement.charge);
        self.store();
        changed
    }

    fn usage(&self, now: u64) -> AccountUsage {
        let mut account = self.account.clone();
        account.advance(now, Some(&self.terms)).unwrap();
        account.usage(AccountId::stored("limit/shape/"), &self.terms)
    }

    /// Settled, reserved, leased, left.
    fn stands(&self, now: u64) -> (u64, u64, u64, u64) {
        let usage = self.usage(now);
        (usage.settled.get(), usage.reserved.get(), usage.leased.get(), usage.left.get())
    }
}

#[test]
fn a_reservation_is_settled_at_what_it_cost() {
    let mut kept = Kept::new(budget(100, "day"));
    let id = kept.reserve(0, 30).unwrap();
    assert_eq!(kept.stands(0), (0, 30, 0, 70));
    assert!(kept.settle(5, id, 12, Then::Close));
    assert_eq!(kept.stands(5), (12, 0, 0, 88));
    assert!(!kept.settle(6, id, 0, Then::Close), "what is closed stays as it is");
    assert_eq!(kept.stands(6), (12, 0, 0, 88));
}

#[test]
fn no_more_is_charged_than_was_reserved() {
    let mut kept = Kept::new(budget(100, "day"));
    let id = kept.reserve(0, 30).unwrap();
    kept.settle(5, id, 90, Then::Close);
    assert_eq!(kept.stands(5), (30, 0, 0, 70));
}

#[test]
fn a_reservation_that_nobody_closes_counts_as_spent_and_can_be_corrected_late() {
    let mut kept = Kept::new(budget(100, "day"));
    let id = kept.reserve(0, 30).unwrap();
    assert_eq!(kept.stands(60_000), (30, 0, 0, 70));
    assert!(kept.settle(120_000, id, 10, Then::Close));
    assert_eq!(kept.stands(120_000), (10, 0, 0, 90));
}

#[test]
fn what_is_settled_in_the_next_window_belongs_to_the_one_before() {
    let mut kept = Kept::new(budget(100, "minute"));
    let id = kept.reserve(59_000, 100).unwrap();
    assert_eq!(kept.stands(60_000), (0, 0, 0, 100), "a new window is empty, whatever is still running");
    kept.settle(61_000, id, 40, Then::Close);
    let usage = kept.usage(61_000);
    assert_eq!((usage.settled, usage.left), (Amount::ZERO, amount(100)));
    assert_eq!((usage.past[0].from.as_millis(), usage.past[0].settled), (0, amount(40)));
}

#[test]
fn the_same_take_asked_again_takes_nothing_more() {
    let mut kept = Kept::new(budget(100, "day"));
    assert_eq!(kept.ask(0, 7, 30, 0), Ok(Grant::Reserved));
    assert_eq!(kept.ask(1_000, 7, 30, 0), Ok(Grant::Reserved));
    assert_eq!(kept.ask(2_000, 8, 4, 20), Ok(Grant::Leased { amount: amount(17), millis: 10_000 }));
    assert_eq!(kept.ask(3_000, 8, 4, 20), Ok(Grant::Leased { amount: amount(17), millis: 9_000 }));
    assert_eq!(kept.stands(3_000), (0, 30, 17, 53));
}

#[test]
fn what_was_buried_opens_nothing() {
    let mut kept = Kept::new(budget(100, "day"));
    assert!(kept.settle(0, 7, 0, Then::Bury));
    assert!(!kept.settle(0, 7, 0, Then::Bury));
    kept.account.advance(1, Some(&kept.terms)).unwrap();
    let ask = Ask {
        account: AccountId::stored("limit/shape/"),
        holder: Holder::default(),
        terms: kept.terms.clone(),
        need: amount(1),
        want: Amount::ZERO,
    };
    assert!(matches!(kept.account.plan(EntryId(7), &ask, kept.lengths), Err(LedgerError::Refused(_))));
    kept.account.advance(BURIED_FOR, None).unwrap();
    assert!(kept.account.buried.is_empty(), "nothing is remembered for ever");
}

#[test]
fn slices_shrink_as_the_budget_runs_low_and_the_last_is_spent_strictly() {
    let mut kept = Kept::new(budget(100, "day"));
    let mut slices = Vec::new();
    let mut strict = 0;
    while let Some((_, grant)) = kept.lease(0, 1, 40) {
        match grant {
            Grant::Leased { amount, .. } => slices.push(amount.get()),
            _ => strict += 1,
        }
    }
    assert_eq!(slices, [25, 18, 14, 10, 8, 6, 4]);
    assert_eq!(strict, 15);
    assert_eq!(kept.stands(0), (0, 15, 85, 0));
}

#[test]
fn a_slice_that_is_given_back_is_there_for_others() {
    let mut kept = Kept::new(budget(100, "day"));
    let (id, _) = kept.lease(0, 1, 20).unwrap();
    assert_eq!(kept.stands(0), (0, 0, 20, 80));
    // Of seven that were spent, two calls of one each are not over.
    kept.settle(1_000, id, 7, Then::Hold(60_000));
    assert_eq!(kept.stands(1_000), (0, 7, 0, 93));
    kept.settle(2_000, id, 6, Then::Hold(60_000));
    kept.settle(2_000, id, 7, Then::Hold(60_000));
    assert_eq!(kept.stands(2_000), (0, 6, 0, 94), "what comes late or twice raises no charge");
    kept.settle(3_000, id, 5, Then::Close);
    assert_eq!(kept.stands(3_000), (5, 0, 0, 95));
}

#[test]
fn a_slice_that_nobody_reports_is_spent_until_its_window_ends_and_a_late_report_gives_back() {
    let mut kept = Kept::new(budget(100, "hour"));
    let (lost, _) = kept.lease(0, 1, 20).unwrap();
    let (late, _) = kept.lease(0, 1, 20).unwrap();
    assert_eq!(kept.stands(10_000), (40, 0, 0, 60));
    kept.settle(1_800_000, late, 3, Then::Close);
    assert_eq!(kept.stands(1_800_000), (23, 0, 0, 77));
    assert_eq!(kept.stands(3_600_000), (0, 0, 0, 100));
    assert!(!kept.settle(3_600_000, lost, 3, Then::Close), "too late");
}

#[test]
fn what_is_told_of_a_window_that_is_over_comes_to_be_true() {
    let mut kept = Kept::new(budget(100, "minute"));
    let (late, _) = kept.lease(55_000, 1, 20).unwrap();
    assert_eq!(kept.usage(61_000).past[0].settled, amount(20));
    assert!(kept.settle(62_000, late, 3, Then::Close));
    assert_eq!((kept.usage(62_000).past[0].settled, kept.stands(62_000).3), (amount(3), 100));
}

#[test]
fn a_slice_ends_with_its_window() {
    let mut kept = Kept::new(budget(100, "minute"));
    assert_eq!(kept.lease(57_500, 1, 20).unwrap().1, Grant::Leased { amount: amount(20), millis: 2_500 });
}

#[test]
fn in_a_rolling_window_a_slice_counts_from_when_it_was_last_spent_from() {
    let mut kept = Kept::new(budget(100, "60s"));
    let (id, _) = kept.lease(0, 1, 20).unwrap();
    kept.settle(8_000, id, 20, Then::Close);
    assert_eq!(kept.stands(67_999).3, 80, "what may have been spent at eight seconds counts for a minute");
    assert_eq!(kept.stands(70_000).3, 100);
    let mut kept = Kept::new(budget(100, "60s"));
    kept.lease(0, 1, 20).unwrap();
    assert_eq!(kept.stands(69_999).3, 80, "what nobody reported may have been spent in its last moment");
    assert_eq!(kept.stands(72_000).3, 100);
}

#[test]
fn calls_at_the_same_time_are_counted_while_they_last_and_expire_as_free() {
    let mut kept = Kept::new(Terms::Concurrency { amount: amount(2) });
    let first = kept.reserve(0, 1).unwrap();
    kept.reserve(0, 1).unwrap();
    assert_eq!(kept.ask(0, 99, 1, 0), Err(None));
    kept.settle(1, first, 1, Then::Close);
    assert_eq!(kept.stands(1), (0, 1, 0, 1));
    assert_eq!(kept.stands(60_000), (0, 0, 0, 2));
    assert!(kept.lease(2, 1, 2).is_some_and(|(_, grant)| grant == Grant::Reserved), "no slices of those");
}

#[test]
fn time_never_goes_back() {
    let mut kept = Kept::new(budget(100, "minute"));
    kept.reserve(61_000, 100).unwrap();
    assert!(kept.reserve(59_000, 1).is_none(), "a clock that is behind gets no second go at the window before");
}

#[test]
fn a_refund_of_what_would_have_spilled_over_gives_nothing() {
    let mut kept = Kept::new(rate(10, 1_000, 10));
    let id = kept.reserve(0, 4).unwrap();
    kept.reserve(400, 10).unwrap();
    kept.settle(400, id, 0, Then::Close);
    assert_eq!(kept.stands(400).3, 0, "by now the bucket would have been full without that charge, too");
    let id = kept.reserve(1_000, 4).unwrap();
    kept.settle(1_100, id, 1, Then::Close);
    assert_eq!(kept.stands(1_100).3, 6);
}

#[test]
fn a_changed_amount_holds_at_once() {
    let mut kept = Kept::new(budget(100, "day"));
    kept.reserve(0, 50).unwrap();
    kept.terms = budget(60, "day");
    assert_eq!(kept.stands(0).3, 10);
    kept.terms = budget(200, "day");
    assert_eq!(kept.stands(0).3, 150);
    let mut kept = Kept::new(rate(100, 1_000, 100));
    kept.terms = rate(5, 1_000, 5);
    assert_eq!(kept.stands(0).3, 5);
}

#[test]
fn an_account_is_bounded_and_forgets_nothing_that_was_spent() {
    let mut kept = Kept::new(budget(1_000_000, "day"));
    for n in 0..3_000 {
        kept.next += 1;
        let ask = Ask {
            account: AccountId::stored("limit/shape/"),
            holder: Holder::default(),
            terms: kept.terms.clone(),
            need: amount(1),
            want: amount(if n % 2 == 0 { 4 } else { 0 }),
        };
        kept.account.advance(n, Some(&kept.terms)).unwrap();
        let plan = kept.account.plan(EntryId(kept.next), &ask, kept.lengths).unwrap().unwrap();
        kept.account.grant(EntryId(kept.next), &ask, plan);
    }
    let (settled, reserved, leased, left) = kept.stands(3_000);
    assert!(kept.account.open.len() <= MAX_OPEN && serde_json::to_vec(&kept.account).unwrap().len() < 60_000);
    // Five hundred slices of four at most; the rest of the calls took one each.
    assert_eq!((settled + reserved + leased, left), (4_500, 1_000_000 - 4_500));
}

#[test]
fn accounts_that_are_over_may_be_removed() {
    let mut kept = Kept::new(rate(10, 1_000, 10));
    kept.reserve(0, 10).unwrap();
    assert_eq!(kept.account.expires(), Some(60_000), "while it is full again the reservation is still open");
    let mut kept = Kept::new(budget(10, ""));
    kept.reserve(0, 1).unwrap();
    assert_eq!(kept.account.expires(), None, "a budget that never resets is kept for ever");
    let mut kept = Kept::new(budget(10, "minute"));
    kept.reserve(0, 1).unwrap();
    assert_eq!(kept.account.expires(), Some(13 * 60_000));
}

#[derive(Debug, Clone)]
enum Step {
    Pause(u64),
    Reserve(u64),
    Lease(u64),
    /// Of the newest, the one before, …: that one, at so many hundredths of what it was granted, and stays open.
    Settle(usize, u64, Stays),
    Spend(usize, u64),
}

#[derive(Debug, Clone, Copy)]
enum Stays {
    Open,
    Closed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stays = prop_oneof![Just(Stays::Open), Just(Stays::Closed)];
    let step = prop_oneof![
        2 => (0_u64..6_000).prop_map(Step::Pause),
        3 => (1_u64..25).prop_map(Step::Reserve),
        2 => (1_u64..40).prop_map(Step::Lease),
        3 => (0_usize..6, 0_u64..101, stays).prop_map(|(which, part, stays)| Step::Settle(which, part, stays)),
        3 => (0_usize..6, 1_u64..10).prop_map(|(which, n)| Step::Spend(which, n)),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a caller holds: when it was spent and how much of it really; what remains of a slice and until when.
struct Mine {
    id: u64,
    granted: u64,
    spent: Vec<(u64, u64)>,
    until: Option<u64>,
}

/// Plays `steps` with an honest caller, and gives what was really spent at the end: when, how much.
fn play(terms: Terms, steps: Vec<Step>, mut check: impl FnMut(&[(u64, u64)], u64)) {
    let mut kept = Kept::new(terms);
    let (mut now, mut mine): (u64, Vec<Mine>) = (1_000_000, Vec::new());
    for step in steps {
        match step {
            Step::Pause(pause) => now += pause,
            Step::Reserve(n) => {
                if let Some(id) = kept.reserve(now, n) {
                    mine.push(Mine { id, granted: n, spent: vec![(now, n)], until: None });
                }
            }
            Step::Lease(want) => match kept.lease(now, 1, want) {
                Some((id, Grant::Leased { amount, millis })) => {
                    let (granted, until) = (amount.get(), Some(now + millis));
                    mine.push(Mine { id, granted, spent: vec![(now, 1)], until });
                }
                Some((id, _)) => mine.push(Mine { id, granted: 1, spent: vec![(now, 1)], until: None }),
                None => {}
            },
            Step::Spend(which, n) => {
                let mut live = mine.iter_mut().rev().filter(|one| one.until.is_some_and(|until| until > now));
                if let Some(one) = live.nth(which) {
                    let used: u64 = one.spent.iter().map(|(_, n)| n).sum();
                    one.spent.push((now, n.min(one.granted - used)));
                }
            }
            Step::Settle(which, part, stays) => {
                let Some(one) = mine.iter_mut().rev().nth(which) else { continue };
                // Some of the charges turn out to be smaller. A slice is spent from no more.
                one.until = None;
                one.spent.iter_mut().for_each(|(_, n)| *n = *n * part / 100);
                let charge = one.spent.iter().map(|(_, n)| n).sum();
                let then = if matches!(stays, Stays::Open) { Then::Hold(5_000) } else { Then::Close };
                kept.settle(now, one.id, charge, then);
            }
        }
        let spent: Vec<(u64, u64)> = mine.iter().flat_map(|one| one.spent.iter().copied()).collect();
        check(&spent, now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_stretch_of_time_sees_more_than_the_bucket_and_what_flows_in(steps in steps()) {
        let (number, millis, burst) = (10, 1_000, 40);
        play(rate(number, millis, burst), steps, |spent, now| {
            for (begin, _) in spent {
                let inside: u64 = spent.iter().filter(|(at, _)| at >= begin).map(|(_, n)| n).sum();
                assert!(inside * millis <= burst * millis + (now - begin) * number, "{inside} since {begin} at {now}");
            }
        });
    }

    #[test]
    fn no_stretch_of_a_rolling_windows_length_sees_more_than_the_budget(steps in steps()) {
        play(budget(100, "20s"), steps, |spent, now| {
            let inside: u64 = spent.iter().filter(|(at, _)| at + 20_000 > now).map(|(_, n)| n).sum();
            assert!(inside <= 100, "{inside} at {now}");
        });
    }

    #[test]
    fn no_calendar_window_sees_more_than_the_budget(steps in steps()) {
        play(budget(100, "minute"), steps, |spent, now| {
            let inside: u64 = spent.iter().filter(|(at, _)| at / 60_000 == now / 60_000).map(|(_, n)| n).sum();
            assert!(inside <= 100, "{inside} at {now}");
        });
    }
}
