//! What a call would find in the limits that apply to it, without taking anything.

use toolgate_model::{Amount, Limit, LimitId, Timestamp};
use toolgate_ports::{Ask, Clock, Holder, Ledger, LedgerError, Outlook, Platform, Refused};

use crate::{
    Call, Denied, Meters,
    applied::{Applied, applied},
};

/// What a call would find.
#[derive(Debug, Default)]
pub struct Forecast {
    /// In each limit that applies to it and that it takes something of.
    pub limits: Vec<Foreseen>,
    /// How it would be refused, if it would be.
    pub denied: Option<Box<Denied>>,
}

/// What a call would find in one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// Which.
    pub limit: LimitId,
    /// In whose account.
    pub holder: Holder,
    /// What the call needs of it.
    pub need: Amount,
    /// What is left of it, with what this instance holds in slices.
    pub left: Amount,
    /// Whether that is enough.
    pub enough: bool,
    /// When there will be enough, if there is not and it can be said.
    pub resets_at: Option<Timestamp>,
}

impl<P: Platform> Meters<P> {
    /// What `call` would find in its tenant's `limits`: now, or at `at` if that is later and nobody calls until then. The ledger is asked
    /// once; nothing is taken.
    ///
    /// # Errors
    /// If the ledger can't be asked. What [`Meters::take`] would do then is each limit's `fail_open` to say.
    pub async fn foresee(
        &self,
        limits: &[Limit],
        call: &Call<'_>,
        at: Option<Timestamp>,
    ) -> Result<Forecast, LedgerError> {
        let applied = applied(limits, call);
        if applied.is_empty() {
            return Ok(Forecast::default());
        }
        let at = at.filter(|at| *at > self.platform.clock().now());
        let asks: Vec<Ask> = applied.iter().map(|one| one.ask(Amount::ZERO)).collect();
        let outlooks = self.platform.ledger().foresee(call.tenant, &asks, at).await?;
        let held = |one: &Applied<'_>| match at {
            // By then the slices of now are over.
            Some(_) => Held::default(),
            None => self.held(call, one),
        };
        let found: Vec<_> = applied.iter().zip(outlooks).map(|(one, outlook)| (one, held(one).with(outlook))).collect();
        let refused = found.iter().filter_map(|(_, outlook)| outlook.refused).reduce(Refused::or_longer);
        let denied = refused.map(|refused| Box::new(Denied::new(&applied[refused.ask], &refused)));
        Ok(Forecast { limits: found.into_iter().map(|(one, outlook)| foreseen(one, &outlook)).collect(), denied })
    }

    /// What this instance could spend on the call without asking anybody.
    fn held(&self, call: &Call<'_>, one: &Applied<'_>) -> Held {
        if !one.may_lease(call) {
            return Held::default();
        }
        let now = self.moment();
        let (left, most) = self.with(call.tenant, |kept| kept.held(&one.account, now));
        Held { left, covers: most >= one.need }
    }
}

/// What an instance holds of an account.
#[derive(Default)]
struct Held {
    left: Amount,
    covers: bool,
}

impl Held {
    fn with(self, outlook: Outlook) -> Outlook {
        Outlook { left: outlook.left.plus(self.left), refused: outlook.refused.filter(|_| !self.covers) }
    }
}

fn foreseen(one: &Applied<'_>, outlook: &Outlook) -> Foreseen {
    Foreseen {
        limit: one.limit.id.clone(),
        holder: one.holder.clone(),
        need: one.need,
        left: outlook.left,
        enough: outlook.refused.is_none(),
        resets_at: outlook.refused.and_then(|refused| refused.resets_at),
    }
}
