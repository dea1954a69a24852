//! What becomes of messages to the ledger, and of their answers.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use toolgate_model::{LimitId, LimitSpec, TenantId, Timestamp};
use toolgate_ports::{AccountId, Ask, Forget, Grant, Ledger, LedgerError, Outlook, Settlement, Take, Taken, UsagePage};
use toolgate_testkit::MemoryLedger;

use crate::{
    bug::Bug,
    oracle::Oracle,
    plan::Plan,
    random::Dice,
    tasks::Tasks,
    time::{Clocks, Time},
};

/// How long after it was reported as failed an operation may still be done, in milliseconds.
const LATEST: u64 = 60_000;

/// The one ledger of the world, and the way to it.
pub(crate) struct Network {
    pub(crate) time: Rc<Time>,
    pub(crate) dice: Dice,
    pub(crate) plan: Plan,
    pub(crate) tasks: Rc<Tasks>,
    pub(crate) ledger: MemoryLedger,
    pub(crate) oracle: Rc<RefCell<Oracle>>,
    pub(crate) bug: Option<Bug>,
    /// How often, of a thousand messages, something goes wrong with one.
    pub(crate) faults: Cell<u64>,
    /// What happened, if anybody wants to read it.
    pub(crate) diary: Option<RefCell<Vec<String>>>,
}

/// What happens to one message.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    /// It is done twice, and answered once.
    Twice,
    AnswerLost,
    RequestLost,
    /// It is reported as failed, and done after that.
    Late,
}

impl Network {
    /// Writes into the diary, if there is one.
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if let Some(diary) = &self.diary {
            diary.borrow_mut().push(format!("{:>12} {}", self.time.micros() % 100_000_000_000, what()));
        }
    }

    fn fate(&self) -> Fate {
        if !self.dice.chance(self.faults.get()) {
            return Fate::Answered;
        }
        self.dice.one_of(&[Fate::Twice, Fate::AnswerLost, Fate::RequestLost, Fate::Late])
    }

    fn delay(&self) -> u64 {
        self.dice.between(0, self.plan.delay)
    }

    /// The time for the ledger, when `clocks` are the clocks of whoever asks.
    fn now(&self, clocks: &Clocks) -> Timestamp {
        Timestamp::from_millis(if self.plan.skew.is_some() { clocks.wall() } else { self.time.millis() })
    }
}

/// The ledger as one instance sees it.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) network: Rc<Network>,
    pub(crate) instance: usize,
    pub(crate) clocks: Clocks,
    /// What the last take that was answered was answered, for whoever is given its answer.
    pub(crate) heard: Rc<RefCell<Option<Heard>>>,
}

/// A take and how it was granted.
pub(crate) type Heard = (Take, Vec<Grant>);

impl Line {
    /// Sends `work` to the ledger and waits for what comes back. What is under way goes on when the instance is gone.
    async fn send<T: 'static>(
        &self,
        work: impl Fn(&Network) -> Result<T, LedgerError> + 'static,
    ) -> Result<T, LedgerError> {
        let answer = Answer::default();
        let (network, reply, fate) = (Rc::clone(&self.network), answer.clone(), self.network.fate());
        let lost = || Err(LedgerError::Unavailable("no answer".into()));
        self.network.tasks.spawn(
            None,
            Box::pin(async move {
                network.time.sleep(network.delay()).await;
                let answer = match fate {
                    Fate::Answered => work(&network),
                    Fate::Twice => work(&network).and_then(|_| work(&network)),
                    Fate::AnswerLost => work(&network).and_then(|_| lost()),
                    Fate::RequestLost | Fate::Late => lost(),
                };
                network.time.sleep(network.delay()).await;
                reply.give(answer);
                if let Fate::Late = fate {
                    network.time.sleep(network.dice.between(0, LATEST)).await;
                    // Nobody is told.
                    let _ = work(&network);
                }
            }),
        );
        answer.wait().await
    }
}

/// An answer on its way.
struct Answer<T>(Rc<Cell<Option<T>>>, Rc<Cell<Option<Waker>>>);

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self(Rc::default(), Rc::default())
    }
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0), Rc::clone(&self.1))
    }
}

impl<T> Answer<T> {
    fn give(&self, value: T) {
        self.0.set(Some(value));
        if let Some(waker) = self.1.take() {
            waker.wake();
        }
    }

    async fn wait(self) -> T {
        poll_fn(|context| match self.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                self.1.set(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

impl Ledger for Line {
    async fn take(&self, tenant: &TenantId, take: &Take) -> Result<Taken, LedgerError> {
        let (of, mut asked, clocks, instance) = (tenant.clone(), take.clone(), self.clocks.clone(), self.instance);
        if self.network.bug == Some(Bug::ATakeAskedAgainTakesAgain) {
            asked.id.0 = asked.id.0.wrapping_add(self.network.dice.next());
        }
        let answer = self
            .send(move |network| {
                let now = network.now(&clocks);
                Bug::before(network, &of, now);
                let taken = network.ledger.take_at(&of, &asked, now);
                network.note(|| format!("instance {instance}: {asked:?}: {taken:?}"));
                let taken = taken?;
                network.oracle.borrow_mut().took(network, &of, instance, &asked, &taken, now);
                Ok(taken)
            })
            .await;
        if let Ok(Taken::Granted(grants)) = &answer {
            self.heard.replace(Some((take.clone(), grants.clone())));
        }
        answer
    }

    async fn settle(&self, tenant: &TenantId, settlements: &[Settlement]) -> Result<(), LedgerError> {
        let (of, settlements, clocks) = (tenant.clone(), settlements.to_vec(), self.clocks.clone());
        let instance = self.instance;
        self.send(move |network| {
            let now = network.now(&clocks);
            Bug::before(network, &of, now);
            Bug::before_settle(network, &of, &settlements, now);
            network.note(|| format!("instance {instance}: {settlements:?}"));
            network.ledger.settle_at(&of, &settlements, now)?;
            network.oracle.borrow_mut().settled(network, &of, &settlements, now);
            Ok(())
        })
        .await
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        limit: &LimitId,
        spec: &LimitSpec,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError> {
        self.network.ledger.usage(tenant, limit, spec, after, most).await
    }

    async fn foresee(
        &self,
        tenant: &TenantId,
        asks: &[Ask],
        at: Option<Timestamp>,
    ) -> Result<Vec<Outlook>, LedgerError> {
        self.network.ledger.foresee(tenant, asks, at).await
    }

    async fn forget(&self, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError> {
        self.network.ledger.forget(tenant, what).await
    }
}
