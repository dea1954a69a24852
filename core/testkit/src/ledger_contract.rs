//! What every ledger must do. Run against a real one, of any kind, with `run` making its tenants' names fresh. It lets no time pass: what
//! time does to an account is the arithmetic's own, and is the same in each.

use serde_json::{Value, json};
use toolgate_model::{Amount, LimitId, LimitSpec, TenantId, Timestamp};
use toolgate_ports::{
    AccountId, AccountUsage, Ask, EntryId, Forget, Grant, Holder, Ledger, LedgerError, ReceiptId, Refused, Settlement,
    Take, Taken, Terms, Then,
};

const HOUR: u64 = 3_600_000;

/// One tenant's ledger, and what held so far.
struct Bench<'a, L> {
    ledger: &'a L,
    tenant: TenantId,
    checks: usize,
}

/// Checks the whole contract on tenants whose names begin with `run` (lower-case letters and digits; choose another for each run on
/// a ledger that remembers). Gives the number of checks made.
///
/// # Errors
/// What did not hold, in words.
pub async fn ledger_contract<L: Ledger>(ledger: &L, run: &str) -> Result<usize, String> {
    let tenant = TenantId::new(&format!("{run}-ledger")).map_err(|e| e.to_string())?;
    let mut bench = Bench { ledger, tenant, checks: 0 };
    bench.budgets().await?;
    bench.all_or_nothing().await?;
    bench.asked_again().await?;
    bench.buried().await?;
    bench.leases().await?;
    bench.rates().await?;
    bench.at_the_same_time().await?;
    bench.receipts().await?;
    bench.usage_is_listed().await?;
    bench.what_is_foreseen().await?;
    bench.bounds().await?;
    bench.forgetting(run).await?;
    Ok(bench.checks)
}

fn spec(limit: Value) -> Result<LimitSpec, String> {
    let Value::Object(members) = limit else { return Err("not a limit".into()) };
    LimitSpec::read(&members).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn budget(amount: u64) -> Result<LimitSpec, String> {
    spec(json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": amount, "window": "year"}))
}

fn ask(limit: &str, spec: &LimitSpec, holder: &str, need: u64) -> Result<Ask, String> {
    let limit = LimitId::new(limit).map_err(|e| e.to_string())?;
    let (account, terms) = (AccountId::new(&limit, spec, holder), Terms::of(spec));
    let held_by = (!holder.is_empty()).then(|| ("key".to_owned(), holder.to_owned()));
    Ok(Ask {
        account,
        holder: Holder(held_by.into_iter().collect()),
        terms,
        need: Amount::at_most(need),
        want: Amount::ZERO,
    })
}

fn take(id: u64, asks: Vec<Ask>) -> Take {
    Take { id: EntryId(id), asks, hold: HOUR, lease: HOUR, receipt: None, settle: Vec::new() }
}

fn settlement(ask: &Ask, id: u64, charge: u64, then: Then) -> Settlement {
    Settlement { account: ask.account.clone(), id: EntryId(id), charge: Amount::at_most(charge), then, void: None }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn say(error: LedgerError) -> String {
    error.to_string()
}

impl<L: Ledger> Bench<'_, L> {
    fn that(&mut self, holds: bool, what: &str) -> Result<(), String> {
        self.checks += 1;
        if holds { Ok(()) } else { Err(format!("does not hold: {what}")) }
    }

    async fn take(&self, take: &Take) -> Result<Taken, String> {
        self.ledger.take(&self.tenant, take).await.map_err(say)
    }

    async fn grants(&self, id: u64, asks: Vec<Ask>) -> Result<Option<Vec<Grant>>, String> {
        match self.take(&take(id, asks)).await? {
            Taken::Granted(grants) => Ok(Some(grants)),
            Taken::Refused(_) => Ok(None),
        }
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<(), String> {
        self.ledger.settle(&self.tenant, settlements).await.map_err(say)
    }

    async fn usage(&self, limit: &str, spec: &LimitSpec) -> Result<Vec<AccountUsage>, String> {
        let limit = LimitId::new(limit).map_err(|e| e.to_string())?;
        Ok(self.ledger.usage(&self.tenant, &limit, spec, None, 10).await.map_err(say)?.accounts)
    }

    /// Settled, reserved, leased, left of a limit's only account.
    async fn stands(&self, limit: &str, spec: &LimitSpec) -> Result<(u64, u64, u64, u64), String> {
        let usage = self.usage(limit, spec).await?;
        let [one] = &usage[..] else { return Err(format!("does not hold: {limit} has one account")) };
        Ok((one.settled.get(), one.reserved.get(), one.leased.get(), one.left.get()))
    }

    async fn budgets(&mut self) -> Result<(), String> {
        let spec = budget(100)?;
        self.that(self.usage("b", &spec).await?.is_empty(), "what was never used has no account")?;
        let granted = self.grants(1, vec![ask("b", &spec, "", 60)?]).await?;
        self.that(granted == Some(vec![Grant::Reserved]), "what is there is granted")?;
        self.that(self.stands("b", &spec).await? == (0, 60, 0, 40), "and is reserved")?;
        let Taken::Refused(Refused { ask: 0, left, resets_at: Some(end), at, stands: false }) =
            self.take(&take(2, vec![ask("b", &spec, "", 41)?])).await?
        else {
            return Err("does not hold: what is not there is refused, with the end of the window".into());
        };
        self.that(left.get() == 40 && end > at, "the refusal says what is left, and when it resets")?;
        let Taken::Refused(Refused { resets_at: None, stands: true, .. }) =
            self.take(&take(2, vec![ask("b", &spec, "", 101)?])).await?
        else {
            return Err("does not hold: what can never be is refused without a time".into());
        };
        self.that(self.stands("b", &spec).await? == (0, 60, 0, 40), "a refusal takes nothing")?;
        self.settle(&[settlement(&ask("b", &spec, "", 0)?, 1, 25, Then::Close)]).await?;
        self.that(self.stands("b", &spec).await? == (25, 0, 0, 75), "a settled call costs what it cost")?;
        self.settle(&[settlement(&ask("b", &spec, "", 0)?, 1, 0, Then::Close)]).await?;
        self.that(self.stands("b", &spec).await? == (25, 0, 0, 75), "settled twice, it costs the same")?;
        let refused = self.take(&take(3, vec![ask("b", &spec, "", 76)?])).await?;
        let stands = matches!(refused, Taken::Refused(Refused { stands: true, .. }));
        self.that(stands, "where nothing is open, a refusal stands")?;
        let usage = self.usage("b", &spec).await?;
        self.that(usage[0].from.is_some_and(|from| from <= at) && usage[0].to == Some(end), "its window is told")
    }

    async fn all_or_nothing(&mut self) -> Result<(), String> {
        let (wide, narrow) = (budget(100)?, budget(1)?);
        let both =
            || -> Result<Vec<Ask>, String> { Ok(vec![ask("wide", &wide, "", 1)?, ask("narrow", &narrow, "", 1)?]) };
        self.that(self.grants(10, both()?).await?.is_some(), "two asks are granted together")?;
        let refused = self.take(&take(11, both()?)).await?;
        self.that(matches!(refused, Taken::Refused(Refused { ask: 1, .. })), "one that can't be refuses the whole")?;
        self.that(self.stands("wide", &wide).await?.1 == 1, "and nothing of it is taken")?;
        let mut again = take(11, both()?);
        again.settle = vec![settlement(&again.asks[1], 10, 0, Then::Close)];
        let granted = self.take(&again).await?;
        self.that(matches!(granted, Taken::Granted(_)), "what is closed with a take is there for it")?;
        let mut refused = take(12, both()?);
        refused.settle = vec![settlement(&refused.asks[0], 10, 0, Then::Close)];
        self.that(matches!(self.take(&refused).await?, Taken::Refused(_)), "a take may close and be refused")?;
        self.that(self.stands("wide", &wide).await?.1 == 1, "then what it closed is closed all the same")
    }

    async fn asked_again(&mut self) -> Result<(), String> {
        let (one, other) = (budget(100)?, budget(50)?);
        let asks =
            || -> Result<Vec<Ask>, String> { Ok(vec![ask("again", &one, "", 30)?, ask("again2", &other, "", 30)?]) };
        let first = self.grants(20, asks()?).await?;
        self.that(first.is_some() && first == self.grants(20, asks()?).await?, "asked again, it is granted again")?;
        let stands = (self.stands("again", &one).await?.1, self.stands("again2", &other).await?.1);
        self.that(stands == (30, 30), "and taken once")
    }

    async fn buried(&mut self) -> Result<(), String> {
        let spec = budget(100)?;
        let buried = ask("buried", &spec, "", 5)?;
        self.settle(&[settlement(&buried, 30, 0, Then::Bury)]).await?;
        let late = self.ledger.take(&self.tenant, &take(30, vec![buried.clone()])).await;
        self.that(matches!(late, Err(LedgerError::Refused(_))), "a take that was buried before it came opens nothing")?;
        self.grants(31, vec![buried.clone()]).await?;
        self.settle(&[settlement(&buried, 31, 2, Then::Bury)]).await?;
        let late = self.ledger.take(&self.tenant, &take(31, vec![buried])).await;
        self.that(matches!(late, Err(LedgerError::Refused(_))), "nor does one that was buried after")?;
        self.that(self.stands("buried", &spec).await? == (2, 0, 0, 98), "and what it cost stays")
    }

    async fn leases(&mut self) -> Result<(), String> {
        let spec = budget(100)?;
        let wanting = |need: u64, want: u64| -> Result<Ask, String> {
            Ok(Ask { want: Amount::at_most(want), ..ask("leased", &spec, "", need)? })
        };
        let granted = self.grants(40, vec![wanting(1, 20)?]).await?;
        let Some([Grant::Leased { amount, millis }]) = granted.as_deref() else {
            return Err("does not hold: a slice is given while there is much".into());
        };
        self.that(amount.get() == 20 && (1..=HOUR).contains(millis), "as large as it was wanted, for as long")?;
        self.that(self.stands("leased", &spec).await? == (0, 0, 20, 80), "it is leased")?;
        let same = self.grants(40, vec![wanting(1, 20)?]).await?;
        let same = matches!(same.as_deref(), Some([Grant::Leased { amount, .. }]) if amount.get() == 20);
        self.that(same && self.stands("leased", &spec).await?.2 == 20, "asked again, it is the same slice")?;
        let granted = self.grants(41, vec![wanting(1, 1_000)?]).await?;
        let less = matches!(granted.as_deref(), Some([Grant::Leased { amount, .. }]) if amount.get() <= 40);
        self.that(less, "a slice is never most of what is left")?;
        let granted = self.grants(42, vec![wanting(30, 60)?]).await?;
        self.that(granted == Some(vec![Grant::Reserved]), "where little is left, what is needed is reserved")?;
        self.settle(&[settlement(&wanting(0, 0)?, 40, 7, Then::Hold(HOUR))]).await?;
        let stands = self.stands("leased", &spec).await?;
        self.that(stands.1 == 37, "what is not over of a slice that was given back is reserved")?;
        self.settle(&[settlement(&wanting(0, 0)?, 40, 3, Then::Close)]).await?;
        let stands = self.stands("leased", &spec).await?;
        self.that(stands.0 == 3 && stands.1 == 30, "and costs in the end what it cost")
    }

    async fn rates(&mut self) -> Result<(), String> {
        // So slow that nothing flows in while this runs.
        let spec = spec(json!({
            "scope": {}, "kind": "rate", "unit": "tokens", "amount": 1, "burst": 10, "window": "7d"
        }))?;
        self.that(self.grants(50, vec![ask("rate", &spec, "", 8)?]).await?.is_some(), "a bucket is full at first")?;
        let Taken::Refused(Refused { left, resets_at: Some(then), at, .. }) =
            self.take(&take(51, vec![ask("rate", &spec, "", 3)?])).await?
        else {
            return Err("does not hold: a bucket gives what it holds".into());
        };
        self.that(left.get() == 2, "the refusal says what it holds")?;
        let wait = then.millis_since(at);
        self.that((6 * 24 * HOUR..=7 * 24 * HOUR).contains(&wait), "and when it holds enough")?;
        self.settle(&[settlement(&ask("rate", &spec, "", 0)?, 50, 4, Then::Close)]).await?;
        self.that(self.grants(52, vec![ask("rate", &spec, "", 6)?]).await?.is_some(), "what was not used flows back")
    }

    async fn at_the_same_time(&mut self) -> Result<(), String> {
        let spec = spec(json!({"scope": {}, "kind": "concurrency", "unit": "calls", "amount": 2}))?;
        let one = || ask("both", &spec, "", 1);
        let two = self.grants(60, vec![one()?]).await?.is_some() && self.grants(61, vec![one()?]).await?.is_some();
        self.that(two, "as many calls at the same time as allowed")?;
        self.that(self.grants(62, vec![one()?]).await?.is_none(), "and no more")?;
        self.settle(&[settlement(&one()?, 60, 1, Then::Close)]).await?;
        self.that(self.grants(62, vec![one()?]).await?.is_some(), "when one is over there is room for the next")
    }

    async fn receipts(&mut self) -> Result<(), String> {
        let (spec, rate) =
            (budget(100)?, spec(json!({"scope": {}, "kind": "rate", "unit": "calls", "amount": 3, "window": "7d"}))?);
        let with = |id: u64, receipt: char| -> Result<Take, String> {
            let receipt = Some(ReceiptId(receipt.to_string().repeat(32)));
            Ok(Take { receipt, ..take(id, vec![ask("once", &spec, "", 10)?, ask("every", &rate, "", 1)?]) })
        };
        let first = self.take(&with(70, 'a')?).await?;
        self.that(first == Taken::Granted(vec![Grant::Reserved, Grant::Reserved]), "a call with a receipt is a call")?;
        self.that(self.take(&with(70, 'a')?).await? == first, "asked again, it is no repetition")?;
        let second = self.take(&with(71, 'a')?).await?;
        self.that(
            second == Taken::Granted(vec![Grant::Repeated, Grant::Reserved]),
            "repeated, it is not charged again",
        )?;
        let stands = (self.stands("once", &spec).await?.1, self.stands("every", &rate).await?.3);
        self.that(stands == (10, 1), "but counts as a call for rates")?;
        let mut void = settlement(&ask("once", &spec, "", 0)?, 70, 0, Then::Close);
        void.void = Some(ReceiptId("a".repeat(32)));
        self.settle(&[void]).await?;
        self.that(self.stands("once", &spec).await?.0 == 10, "what somebody repeated is not voided")?;
        self.take(&with(72, 'b')?).await?;
        let mut void = settlement(&ask("once", &spec, "", 0)?, 72, 0, Then::Close);
        void.void = Some(ReceiptId("b".repeat(32)));
        self.settle(&[void]).await?;
        self.that(self.stands("once", &spec).await? == (10, 0, 0, 90), "what nobody executed is free")?;
        self.settle(&[settlement(&ask("every", &rate, "", 0)?, 72, 0, Then::Close)]).await?;
        let third = self.take(&with(73, 'b')?).await?;
        self.that(third == Taken::Granted(vec![Grant::Reserved, Grant::Reserved]), "and its receipt is void")
    }

    async fn usage_is_listed(&mut self) -> Result<(), String> {
        let spec = budget(100)?;
        for (n, holder) in ["a", "b", "c"].into_iter().enumerate() {
            self.grants(80 + n as u64, vec![ask("each", &spec, holder, 1)?]).await?;
        }
        self.grants(83, vec![ask("each2", &spec, "z", 1)?]).await?;
        let limit = LimitId::new("each").map_err(|e| e.to_string())?;
        let page = self.ledger.usage(&self.tenant, &limit, &spec, None, 2).await.map_err(say)?;
        let holder =
            |usage: &AccountUsage| usage.holder.0.first().map(|(_, holder)| holder.clone()).unwrap_or_default();
        let holders: Vec<String> = page.accounts.iter().map(holder).collect();
        self.that(holders == ["a", "b"] && page.more, "accounts are listed in order, a page at a time")?;
        let after = page.accounts.last().map(|last| last.account.clone());
        let page = self.ledger.usage(&self.tenant, &limit, &spec, after.as_ref(), 2).await.map_err(say)?;
        let holders: Vec<String> = page.accounts.iter().map(holder).collect();
        self.that(holders == ["c"] && !page.more, "of one limit only, to its last")?;
        let other = budget_by_day()?;
        self.that(self.usage("each", &other).await?.is_empty(), "in another shape a limit has other accounts")
    }

    async fn what_is_foreseen(&mut self) -> Result<(), String> {
        let (year, cap) =
            (budget(100)?, spec(json!({"scope": {}, "kind": "concurrency", "unit": "calls", "amount": 1}))?);
        let asks = vec![ask("year", &year, "", 60)?, ask("cap", &cap, "", 1)?];
        let foreseen = self.foresee(&asks, None).await?;
        self.that(foreseen == [(100, None), (1, None)], "what was never used is all there")?;
        self.that(self.usage("year", &year).await?.is_empty(), "no account is made by asking")?;
        self.grants(110, asks.clone()).await?;
        let before = self.stands("year", &year).await?;
        let [
            (40, Some(Refused { ask: 0, resets_at: Some(end), .. })),
            (0, Some(Refused { ask: 1, resets_at: None, .. })),
        ] = self.foresee(&asks, None).await?[..]
        else {
            return Err("does not hold: a refusal is foreseen as it would be given".into());
        };
        let then = self.foresee(&asks[..1], Some(end)).await?;
        self.that(then == [(100, None)], "later there is what will be there then")?;
        self.that(self.foresee(&asks[..1], Some(Timestamp::from_millis(1))).await?[0].0 == 40, "what is over is now")?;
        self.that(self.stands("year", &year).await? == before, "and nothing taken")?;
        let asks = (0..65).map(|n| ask("many", &year, &n.to_string(), 1)).collect::<Result<Vec<_>, _>>()?;
        let refused = self.ledger.foresee(&self.tenant, &asks, None).await;
        self.that(matches!(refused, Err(LedgerError::Refused(_))), "so much can't be asked at once")
    }

    async fn foresee(&self, asks: &[Ask], at: Option<Timestamp>) -> Result<Vec<(u64, Option<Refused>)>, String> {
        let foreseen = self.ledger.foresee(&self.tenant, asks, at).await.map_err(say)?;
        Ok(foreseen.into_iter().map(|one| (one.left.get(), one.refused)).collect())
    }

    async fn bounds(&mut self) -> Result<(), String> {
        let spec = budget(100)?;
        let twice = take(90, vec![ask("twice", &spec, "", 1)?, ask("twice", &spec, "", 1)?]);
        let refused = self.ledger.take(&self.tenant, &twice).await;
        self.that(matches!(refused, Err(LedgerError::Refused(_))), "a take asks each account once")?;
        let long = take(91, vec![ask("long", &spec, &"x".repeat(500), 1)?]);
        let refused = self.ledger.take(&self.tenant, &long).await;
        self.that(matches!(refused, Err(LedgerError::Refused(_))), "an account's id is bounded")?;
        let asks = (0..65).map(|n| ask("many", &spec, &n.to_string(), 1)).collect::<Result<_, _>>()?;
        let refused = self.ledger.take(&self.tenant, &take(92, asks)).await;
        self.that(matches!(refused, Err(LedgerError::Refused(_))), "so are the asks of one take")?;
        let asks = (0..20).map(|n| ask("many", &spec, &n.to_string(), 1)).collect::<Result<Vec<_>, _>>()?;
        self.that(self.grants(93, asks).await?.is_some_and(|grants| grants.len() == 20), "twenty are well within")?;
        let big = Amount::MAX.get();
        let spec = budget(big)?;
        self.that(
            self.grants(94, vec![ask("big", &spec, "", big)?]).await?.is_some(),
            "the largest amount is an amount",
        )?;
        self.that(self.grants(95, vec![ask("big", &spec, "", 1)?]).await?.is_none(), "and no more than it")
    }

    async fn forgetting(&mut self, run: &str) -> Result<(), String> {
        let spec = budget(100)?;
        self.grants(100, vec![ask("gone", &spec, "", 1)?, ask("gone2", &spec, "", 1)?]).await?;
        let limit = LimitId::new("gone").map_err(|e| e.to_string())?;
        self.ledger.forget(&self.tenant, &Forget::Limit(limit)).await.map_err(say)?;
        self.that(self.usage("gone", &spec).await?.is_empty(), "a limit's accounts are forgotten")?;
        self.that(self.usage("gone2", &spec).await?.len() == 1, "and no other's")?;
        self.settle(&[settlement(&ask("gone", &spec, "", 0)?, 100, 1, Then::Close)]).await?;
        self.that(self.grants(101, vec![ask("gone", &spec, "", 100)?]).await?.is_some(), "it begins anew")?;
        let other = TenantId::new(&format!("{run}-other")).map_err(|e| e.to_string())?;
        self.ledger.take(&other, &take(102, vec![ask("gone", &spec, "", 7)?])).await.map_err(say)?;
        self.ledger.forget(&self.tenant, &Forget::Tenant).await.map_err(say)?;
        self.that(self.usage("gone", &spec).await?.is_empty(), "a tenant's are")?;
        let limit = LimitId::new("gone").map_err(|e| e.to_string())?;
        let theirs = self.ledger.usage(&other, &limit, &spec, None, 10).await.map_err(say)?;
        self.that(theirs.accounts.len() == 1, "and no other tenant's")
    }
}

fn budget_by_day() -> Result<LimitSpec, String> {
    spec(json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": 100, "window": "day"}))
}
