//! Who watches. The oracle is told what the ledger did and what calls were let through, keeps account of it in its own way, and compares.

use std::collections::BTreeMap;

use toolgate_model::{Amount, Limit, LimitKind, Mode, TenantId, Timestamp, Window};
use toolgate_ports::{AccountId, EntryId, Grant, Settlement, Take, Taken, Terms, Then};

use crate::{
    network::{Heard, Network},
    plan::Plan,
};

/// A call that was let through, as one limit sees it.
#[derive(Debug, Clone)]
struct Spend {
    call: u64,
    owner: usize,
    /// When it was granted: by the ledger, or out of a slice. The true time, in milliseconds.
    at: u64,
    /// What may have been spent, and was, when that is known.
    amount: u64,
    running: bool,
}

/// What the ledger opened.
#[derive(Debug, Clone)]
struct Opened {
    owner: usize,
    /// The true time, in milliseconds.
    at: u64,
    grant: Grant,
    amount: u64,
    /// On the ledger's clock, in milliseconds.
    until: u64,
    /// The same, in true time.
    ends: u64,
    /// What was given back of it when it was closed.
    gave_back: Option<u64>,
}

#[derive(Debug, Clone)]
struct Watched {
    limit: Limit,
    /// In the order of their times.
    spends: Vec<Spend>,
    /// What may be charged although nobody has a permit for it.
    allowance: u64,
}

/// One call's part in one limit.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) limit: Limit,
    pub(crate) account: AccountId,
    pub(crate) estimate: u64,
}

/// Keeps account of everything, and compares.
#[derive(Debug, Default)]
pub struct Oracle {
    accounts: BTreeMap<AccountId, Watched>,
    opened: BTreeMap<(AccountId, EntryId), Opened>,
    dead: Vec<usize>,
    /// The first thing that was wrong.
    pub(crate) violation: Option<String>,
    pub(crate) granted: u64,
    pub(crate) denied: u64,
}

impl Oracle {
    pub(crate) fn wrong(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(what());
        }
    }

    fn watched(&mut self, part: &Part) -> &mut Watched {
        let new = || Watched { limit: part.limit.clone(), spends: Vec::new(), allowance: 0 };
        self.accounts.entry(part.account.clone()).or_insert_with(new)
    }

    /// The ledger has done a take.
    pub(crate) fn took(
        &mut self,
        network: &Network,
        tenant: &TenantId,
        owner: usize,
        take: &Take,
        taken: &Taken,
        now: Timestamp,
    ) {
        let grants = match taken {
            Taken::Granted(grants) => grants,
            Taken::Refused(refused) => {
                let need = take.asks.get(refused.ask).map(|ask| ask.need);
                if need.is_none_or(|need| refused.left >= need) || refused.resets_at.is_some_and(|then| then <= now) {
                    self.wrong(|| format!("refused without need: {take:?}: {refused:?}"));
                }
                return self.settled(network, tenant, &take.settle, now);
            }
        };
        for (ask, grant) in take.asks.iter().zip(grants) {
            let (amount, length) = match *grant {
                Grant::Reserved => (ask.need.get(), take.hold),
                Grant::Leased { amount, millis } => (amount.get(), millis),
                Grant::Repeated => continue,
            };
            let (at, until) = (network.time.millis(), now.as_millis() + length);
            let opened = Opened { owner, at, grant: *grant, amount, until, ends: at + length, gave_back: None };
            self.opened.entry((ask.account.clone(), take.id)).or_insert(opened);
            self.check_document(network, tenant, &ask.account, &ask.terms, now);
        }
        self.settled(network, tenant, &take.settle, now);
    }

    /// The ledger has settled.
    pub(crate) fn settled(&mut self, network: &Network, tenant: &TenantId, settlements: &[Settlement], now: Timestamp) {
        for Settlement { account, id, charge, then, .. } in settlements {
            if let Some(opened) = self.opened.get_mut(&(account.clone(), *id)) {
                let less = opened.amount.saturating_sub(charge.get());
                if !matches!(then, Then::Hold(_)) {
                    opened.gave_back.get_or_insert(less);
                }
            }
            if let Some(watched) = self.accounts.get(account) {
                let terms = Terms::of(&watched.limit.record.spec);
                self.check_document(network, tenant, account, &terms, now);
            }
        }
    }

    /// Settled, reserved and leased are never more than the limit allows.
    fn check_document(
        &mut self,
        network: &Network,
        tenant: &TenantId,
        account: &AccountId,
        terms: &Terms,
        now: Timestamp,
    ) {
        match network.ledger.usage_at(tenant, account, terms, now) {
            Ok(Some(usage)) => {
                let used = usage.settled.get() + usage.reserved.get() + usage.leased.get();
                if used > terms.allowed().get() {
                    self.wrong(|| format!("{account}: {used} of {} are accounted for", terms.allowed()));
                }
            }
            Ok(None) => {}
            Err(error) => self.wrong(|| format!("{account}: {error}")),
        }
    }

    /// A call was let through, which `heard` this from the ledger; what it did not hear of was covered by slices when it `began`.
    pub(crate) fn let_through(
        &mut self,
        network: &Network,
        tenant: &TenantId,
        (call, owner): (u64, usize),
        parts: &[Part],
        (began, heard): (u64, Option<&Heard>),
    ) {
        self.granted += 1;
        for part in parts {
            let ask = heard.and_then(|(take, grants)| {
                let place = take.asks.iter().position(|ask| ask.account == part.account)?;
                Some((take.id, grants[place]))
            });
            let at = match ask {
                Some((_, Grant::Repeated)) => continue,
                Some((id, _)) => match self.opened.get(&(part.account.clone(), id)) {
                    Some(opened) => opened.at,
                    None if network.bug.is_some() => network.time.millis(),
                    None => return self.wrong(|| format!("{}: a permit without a grant", part.account)),
                },
                None => {
                    if !self.held_a_slice(&part.account, owner, began) {
                        return self.wrong(|| format!("{}: spent from a slice that is over", part.account));
                    }
                    began
                }
            };
            let spend = Spend { call, owner, at, amount: part.estimate, running: true };
            self.watched(part);
            self.spend(network, tenant, &part.account, spend);
        }
    }

    /// Whether, for the ledger, the instance held a slice of the account then.
    fn held_a_slice(&self, account: &AccountId, owner: usize, then: u64) -> bool {
        self.opened.iter().any(|((of, _), one)| {
            let slice = matches!(one.grant, Grant::Leased { .. });
            of == account && slice && one.owner == owner && (one.at..one.ends).contains(&then)
        })
    }

    fn spend(&mut self, network: &Network, tenant: &TenantId, account: &AccountId, spend: Spend) {
        let Some(watched) = self.accounts.get_mut(account) else { return };
        let place = watched.spends.partition_point(|before| before.at <= spend.at);
        watched.spends.insert(place, spend);
        let excess = exceeded(watched, place, &network.plan, network.time.millis(), &self.dead);
        if let Some(excess) = excess {
            return self.wrong(|| format!("{account}: {excess}"));
        }
        let total = watched.total();
        let terms = Terms::of(&watched.limit.record.spec);
        if let Some(charged) = charged(network, tenant, account, &terms)
            && charged < total
        {
            self.wrong(|| format!("{account}: {total} were spent and {charged} are charged"));
        }
    }

    /// A call is over and has cost so much of each limit, if that is less than its estimate.
    pub(crate) fn over(&mut self, call: u64, cost: impl Fn(&Limit) -> u64) {
        for watched in self.accounts.values_mut() {
            let cost = cost(&watched.limit);
            for spend in watched.spends.iter_mut().filter(|spend| spend.call == call) {
                spend.amount = spend.amount.min(cost);
                spend.running = false;
            }
        }
    }

    /// A call ended without anybody knowing what it took, and somebody else may have repeated it.
    pub(crate) fn forgive(&mut self, parts: &[Part]) {
        for part in parts {
            self.watched(part).allowance += part.estimate;
        }
    }

    pub(crate) fn killed(&mut self, instance: usize) {
        self.dead.push(instance);
    }

    /// What has expired without having been closed, for a bug to make free.
    pub(crate) fn expired(&mut self, now: u64, which: impl Fn(&Grant) -> bool) -> Vec<(AccountId, EntryId)> {
        let expired =
            self.opened.iter().filter(|(_, one)| one.until <= now && one.gave_back.is_none() && which(&one.grant));
        expired.map(|((account, id), _)| (account.clone(), *id)).collect()
    }

    /// What a settlement gave back when it came for the first time, for a bug to give back again.
    pub(crate) fn gave_back(&self, settlement: &Settlement) -> u64 {
        let opened = self.opened.get(&(settlement.account.clone(), settlement.id));
        opened.and_then(|opened| opened.gave_back).unwrap_or(0)
    }

    /// All is quiet, and every expiry is over: nothing is held, and what is charged is what was spent.
    pub(crate) fn finish(&mut self, network: &Network, tenant: &TenantId) {
        let accounts: Vec<(AccountId, Watched)> =
            self.accounts.iter().map(|(id, watched)| (id.clone(), watched.clone())).collect();
        let now = latest(network);
        for (account, watched) in accounts {
            let terms = Terms::of(&watched.limit.record.spec);
            let usage = match network.ledger.usage_at(tenant, &account, &terms, now) {
                Ok(Some(usage)) => usage,
                Ok(None) => continue,
                Err(error) => return self.wrong(|| format!("{account}: {error}")),
            };
            if !usage.reserved.is_zero() || !usage.leased.is_zero() {
                return self.wrong(|| format!("{account}: held for ever: {usage:?}"));
            }
            if let Some(charged) = charged(network, tenant, &account, &terms) {
                let (least, most) = (watched.total(), self.most(&account, &watched, &network.plan));
                if !(least..=most).contains(&charged) {
                    return self
                        .wrong(|| format!("{account}: {charged} are charged, and from {least} to {most} were spent"));
                }
            }
            self.spend_the_rest(network, tenant, &account, &terms, usage.left, now);
        }
    }

    /// What may be charged at most: of instances that lived what their calls cost, of others all that they were given. Where nothing is given
    /// back in the background, whoever makes no more calls is one of the others.
    fn most(&self, account: &AccountId, watched: &Watched, plan: &Plan) -> u64 {
        let keeps = plan.linger == 0 && watched.limit.record.spec.mode == Mode::Leased;
        let gone = |owner: usize| keeps || self.dead.contains(&owner);
        let lived: u64 = watched.spends.iter().filter(|spend| !gone(spend.owner)).map(|spend| spend.amount).sum();
        let lost = self.opened.iter().filter(|((of, _), one)| of == account && gone(one.owner));
        lived + lost.map(|(_, one)| one.amount).sum::<u64>() + watched.allowance
    }

    /// The last of a limit can be spent, and no more; and its next window is whole.
    fn spend_the_rest(
        &mut self,
        network: &Network,
        tenant: &TenantId,
        account: &AccountId,
        terms: &Terms,
        left: Amount,
        now: Timestamp,
    ) {
        let take = |need: u64, id: u64| {
            let need = Amount::at_most(need);
            let holder = toolgate_ports::Holder::default();
            let (account, terms) = (account.clone(), terms.clone());
            let ask = toolgate_ports::Ask { account, holder, terms, need, want: Amount::ZERO };
            let (hold, lease, receipt, settle) = (1, 1, None, Vec::new());
            let take = Take { id: EntryId(id), asks: vec![ask], hold, lease, receipt, settle };
            matches!(network.ledger.take_at(tenant, &take, now), Ok(Taken::Granted(_)))
        };
        let (last, more) = (take(left.get(), u64::MAX), take(1, u64::MAX - 1));
        if !last || more {
            return self.wrong(|| format!("{account}: {left} are left, and they can't be spent, or more can"));
        }
        let later = now.plus_millis(match terms {
            Terms::Budget { window: Some(window), .. } => window.millis().unwrap_or(0) * 2,
            Terms::Budget { window: None, .. } => return,
            Terms::Rate { amount, millis, burst } => millis * burst.get().div_ceil(amount.get().max(1)) + millis,
            Terms::Concurrency { .. } => 1,
        });
        let whole = network.ledger.usage_at(tenant, account, terms, later).ok().flatten();
        if whole.is_some_and(|usage| usage.left != terms.allowed()) {
            self.wrong(|| format!("{account}: its next window is not whole"));
        }
    }
}

impl Watched {
    /// What was spent altogether.
    fn total(&self) -> u64 {
        self.spends.iter().map(|spend| spend.amount).sum()
    }
}

/// The latest that any clock says.
fn latest(network: &Network) -> Timestamp {
    Timestamp::from_millis(network.time.millis() + network.plan.skew.unwrap_or(0))
}

/// What a budget was charged since it was made, if it remembers.
fn charged(network: &Network, tenant: &TenantId, account: &AccountId, terms: &Terms) -> Option<u64> {
    match terms {
        Terms::Budget { window: None | Some(Window::Calendar(..)), .. } => {}
        _ => return None,
    }
    let usage = network.ledger.usage_at(tenant, account, terms, latest(network)).ok().flatten()?;
    let past: u64 = usage.past.iter().map(|window| window.settled.get()).sum();
    Some(usage.settled.get() + usage.reserved.get() + usage.leased.get() + past)
}

/// Whether the limit is exceeded with the spend at `place`; in words.
fn exceeded(watched: &Watched, place: usize, plan: &Plan, now: u64, dead: &[usize]) -> Option<String> {
    let spec = &watched.limit.record.spec;
    let (spends, amount) = (&watched.spends, spec.amount.get());
    let slack = plan.skew.unwrap_or(0) * 2;
    match (spec.kind, &spec.window) {
        (LimitKind::Budget, None) => more("ever", spends.iter(), amount),
        (LimitKind::Budget, Some(window @ Window::Rolling(_))) => {
            let length = window.millis()?.checked_sub(slack)?;
            let ends = spends[place..].iter().take_while(|end| end.at < spends[place].at + length);
            ends.filter_map(|end| {
                let inside = spends.iter().filter(|spend| spend.at <= end.at && spend.at + length > end.at);
                more("in a window that rolls", inside, amount)
            })
            .next()
        }
        // Whose clock says which window it is can't be said here.
        (LimitKind::Budget, Some(Window::Calendar(..))) if slack > 0 => None,
        (LimitKind::Budget, Some(window)) => {
            let (length, at) = (window.millis()?, spends[place].at);
            more("in a window", spends.iter().filter(|spend| spend.at / length == at / length), amount)
        }
        (LimitKind::Rate, window) => {
            let millis = window.as_ref().and_then(Window::millis)?;
            faster(spends, place, (amount, millis, spec.burst.map_or(amount, Amount::get)), slack)
        }
        (LimitKind::Concurrency, _) => {
            let running = spends.iter().filter(|spend| spend.running && !dead.contains(&spend.owner));
            let running = running.filter(|spend| spend.at + plan.hold > now + slack).count();
            (running as u64 > amount).then(|| format!("{running} calls at the same time, and {amount} are allowed"))
        }
    }
}

fn more<'a>(what: &str, spends: impl Iterator<Item = &'a Spend>, amount: u64) -> Option<String> {
    let spent: u64 = spends.map(|spend| spend.amount).sum();
    (spent > amount).then(|| format!("{spent} were spent {what}, and {amount} are allowed"))
}

/// Whether a stretch of time around `place` saw more than the bucket and what flows into it.
fn faster(spends: &[Spend], place: usize, (amount, millis, burst): (u64, u64, u64), slack: u64) -> Option<String> {
    let (amount, millis, burst) = (i128::from(amount), i128::from(millis), i128::from(burst));
    let line = |sum: u64, at: u64| i128::from(sum) * millis - i128::from(at) * amount;
    let (mut sum, mut lowest, mut highest) = (0, i128::MAX, i128::MIN);
    for (number, spend) in spends.iter().enumerate() {
        if number <= place {
            lowest = lowest.min(line(sum, spend.at));
        }
        sum += spend.amount;
        if number >= place {
            highest = highest.max(line(sum, spend.at));
        }
    }
    let allowed = burst * millis + i128::from(slack) * amount;
    (highest - lowest > allowed).then(|| "more was spent than the bucket held and what flowed in".to_owned())
}
