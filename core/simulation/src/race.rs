//! Many clients against one limit, for real: on a real ledger, with real time. What they are let through is counted by whoever starts them.

use std::{rc::Rc, time::Duration};

use serde_json::json;
use toolgate_metering::{Call, Meters, NotGranted, Price};
use toolgate_model::{KeyId, Limit, LimitId, LimitRecord, LimitSpec, Limits, Mode, ServerId, TenantId, Timestamp};
use toolgate_ports::{AccountId, AccountUsage, Clock, Ledger, Platform, Random, Scope};
use toolgate_testkit::{InterpretedSandbox, MemoryMailbox, MemoryStore, ScriptedFetch};

/// What a race is for.
pub const ALLOWED: u64 = 300;
/// How long a slice lasts in a race. Whoever ends early leaves it to expire.
const LEASE: Duration = Duration::from_millis(1_500);
const LINGER: Duration = Duration::from_millis(150);
/// For how long a client asks again that was refused: others may give back what they hold.
const PATIENCE: Duration = Duration::from_millis(2_500);
const PAUSE: Duration = Duration::from_millis(25);

/// A platform whose ledger, clock and chance are real. Nothing else of it is used.
#[derive(Debug)]
pub struct RacePlatform<L, C, R> {
    ledger: L,
    clock: C,
    random: R,
    store: MemoryStore,
    fetch: ScriptedFetch,
    mailbox: MemoryMailbox,
    sandbox: InterpretedSandbox,
}

impl<L, C, R> RacePlatform<L, C, R> {
    /// A platform around these.
    #[must_use]
    pub fn new(ledger: L, clock: C, random: R) -> Rc<Self> {
        let (store, fetch, mailbox, sandbox) = Default::default();
        Rc::new(Self { ledger, clock, random, store, fetch, mailbox, sandbox })
    }
}

impl<L: Ledger + 'static, C: Clock + 'static, R: Random + 'static> Platform for RacePlatform<L, C, R> {
    type Store = MemoryStore;
    type Fetch = ScriptedFetch;
    type Mailbox = MemoryMailbox;
    type Ledger = L;
    type Clock = C;
    type Random = R;
    type Sandbox = InterpretedSandbox;

    fn store(&self) -> &MemoryStore {
        &self.store
    }
    fn fetch(&self) -> &ScriptedFetch {
        &self.fetch
    }
    fn mailbox(&self) -> &MemoryMailbox {
        &self.mailbox
    }
    fn ledger(&self) -> &L {
        &self.ledger
    }
    fn clock(&self) -> &C {
        &self.clock
    }
    fn random(&self) -> &R {
        &self.random
    }
    fn sandbox(&self) -> &InterpretedSandbox {
        &self.sandbox
    }
    fn operations(&self) -> u64 {
        0
    }
}

/// One limit of [`ALLOWED`] calls, and who races for it.
#[derive(Debug)]
pub struct Race {
    limits: [Limit; 1],
    tenant: TenantId,
    key: KeyId,
    server: ServerId,
}

/// What became of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// It was let through.
    Through,
    /// It was refused.
    Nowhere,
}

impl Race {
    /// A race of the tenant `tenant`.
    ///
    /// # Errors
    /// If that is no tenant.
    pub fn new(tenant: &str, mode: Mode) -> Result<Self, String> {
        let said = |error: &dyn ToString| error.to_string();
        let limit = json!({"scope": {}, "kind": "budget", "unit": "calls", "amount": ALLOWED, "mode": mode.as_str()});
        let spec = limit.as_object().ok_or("not an object").map(LimitSpec::read)?;
        let spec = spec.map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>())?;
        let now = Timestamp::from_millis(0);
        let record = LimitRecord { spec, enabled: true, created_at: now, updated_at: now };
        Ok(Self {
            limits: [Limit { id: LimitId::new("race").map_err(|e| said(&e))?, record }],
            tenant: TenantId::new(tenant).map_err(|e| said(&e))?,
            key: KeyId::new("0123456789abcdef").map_err(|e| said(&e))?,
            server: ServerId::new("server").map_err(|e| said(&e))?,
        })
    }

    /// Meters for one instance that takes part.
    #[must_use]
    pub fn meters<P: Platform>(platform: Rc<P>) -> Rc<Meters<P>> {
        let limits = Limits { lease: LEASE, lease_linger: LINGER, ..Limits::default() };
        Meters::new(platform, &limits)
    }

    /// One call. A ledger that others are at all the time is asked again.
    ///
    /// # Errors
    /// If it can't be asked for long.
    pub async fn call<P: Platform>(&self, meters: &Rc<Meters<P>>, scope: &Scope) -> Result<Went, String> {
        let call = Call {
            tenant: &self.tenant,
            key: &self.key,
            team: None,
            user: None,
            server: &self.server,
            tool: Some("tool"),
            estimate: Price::default(),
            idempotency: None,
        };
        let mut failures = 0;
        loop {
            match meters.take(&self.limits, &call, scope).await {
                Ok(permit) => {
                    permit.settle(&Price::default());
                    return Ok(Went::Through);
                }
                Err(NotGranted::Denied(_)) => return Ok(Went::Nowhere),
                Err(NotGranted::Ledger(lost)) if failures == 10 => return Err(lost.to_string()),
                Err(NotGranted::Ledger(_)) => failures += 1,
            }
        }
    }

    /// Calls until nothing is let through for a while, and says so each time that something is.
    ///
    /// # Errors
    /// If the ledger can't be asked.
    pub async fn client<P: Platform>(
        &self,
        platform: &P,
        meters: &Rc<Meters<P>>,
        scope: &Scope,
        mut through: impl FnMut(),
    ) -> Result<(), String> {
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            match self.call(meters, scope).await? {
                Went::Through => {
                    waited = Duration::ZERO;
                    through();
                }
                Went::Nowhere => {
                    platform.clock().sleep(PAUSE).await;
                    waited += PAUSE;
                }
            }
        }
        Ok(())
    }

    /// What the ledger says in the end.
    ///
    /// # Errors
    /// If the ledger can't be asked, or knows nothing of the race.
    pub async fn usage(&self, ledger: &impl Ledger) -> Result<AccountUsage, String> {
        let (limit, none): (&Limit, Option<&AccountId>) = (&self.limits[0], None);
        let page = ledger.usage(&self.tenant, &limit.id, &limit.record.spec, none, 1).await;
        let page = page.map_err(|error| error.to_string())?;
        page.accounts.into_iter().next().ok_or_else(|| "nobody took part".to_owned())
    }
}
