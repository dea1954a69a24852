//! How well each server does, as far as this instance saw it: a circuit breaker per server, and what an operator is told. Bounded, in this
//! instance only. Knows no clock: it is told the time.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use toolgate_model::Timestamp;

use crate::{UpstreamError, UpstreamErrorKind as Kind, memory::ServerKey};

/// After how many failures in a row a server is left alone.
const FAILURES: u32 = 5;
/// For how long at first; twice as long each time that it fails again.
const FIRST_REST: Duration = Duration::from_secs(10);
const LONGEST_REST: Duration = Duration::from_secs(120);
/// The most servers whose health is remembered.
const MAX_SERVERS: usize = 4_096;

/// What an operator is told of a server's health.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// In a word.
    pub status: Status,
    /// How many failures there were since it last answered.
    pub failures: u32,
    /// The last failure, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastFailure>,
    /// When it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Timestamp>,
    /// Until when it is not called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resting_until: Option<Timestamp>,
}

/// A server's health in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It answered when it was last asked.
    Healthy,
    /// It failed when it was last asked, and is asked on.
    Degraded,
    /// It failed so often that it is left alone for a while.
    Down,
}

/// A failure, without anything that belongs to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// While doing what.
    pub step: String,
    /// In words.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// The two clocks' times of one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Microseconds, never going back.
    pub(crate) ticks: u64,
    pub(crate) time: Timestamp,
}

#[derive(Debug, Default)]
struct Breaker {
    health: Health,
    /// How long it rests now, and until which tick.
    rest: Option<(Duration, u64)>,
    /// The tick after which a trial that never ended counts no more.
    trial: Option<u64>,
}

/// The health of all servers.
#[derive(Debug, Default)]
pub(crate) struct Healths {
    servers: BTreeMap<ServerKey, Breaker>,
}

/// Whether a failure says something of the server's health. A refusal is an answer.
fn counts(kind: &Kind) -> bool {
    match kind {
        Kind::Unreachable | Kind::Timeout | Kind::Closed | Kind::NotJson | Kind::Protocol => true,
        Kind::Status(status) => matches!(status, 408 | 429 | 500..=599),
        Kind::Forbidden | Kind::TooLarge | Kind::Redirect | Kind::Rejected { .. } | Kind::Resting { .. } => false,
    }
}

impl Healths {
    /// Whether the server may be called now; if not, for how long it rests. Of those who ask when its rest is over, one is let through to
    /// try it. `ticks` is asked only of a server that rests.
    pub(crate) fn admit(&mut self, key: &ServerKey, ticks: impl FnOnce() -> u64) -> Result<(), Duration> {
        let Some(breaker) = self.servers.get_mut(key) else { return Ok(()) };
        let Some((rest, until)) = breaker.rest else { return Ok(()) };
        let (now, waits) = (ticks(), until.max(breaker.trial.unwrap_or(0)));
        if now < waits {
            return Err(Duration::from_micros(waits - now));
        }
        breaker.trial = Some(now.saturating_add(micros(rest)));
        Ok(())
    }

    /// The server answered. Says whether that is news.
    pub(crate) fn succeeded(&mut self, key: &ServerKey, now: Timestamp) -> bool {
        let breaker = self.breaker(key);
        let news = breaker.rest.is_some();
        breaker.rest = None;
        breaker.trial = None;
        let health = &mut breaker.health;
        (health.status, health.failures, health.resting_until) = (Status::Healthy, 0, None);
        health.last_success_at = Some(now);
        news
    }

    /// The server failed; `jitter` (0 to 255) keeps instances from trying it all at once. Says whether that is news.
    pub(crate) fn failed(&mut self, key: &ServerKey, error: &UpstreamError, now: Moment, jitter: u8) -> bool {
        if !counts(&error.kind) {
            return false;
        }
        let breaker = self.breaker(key);
        let health = &mut breaker.health;
        health.failures = health.failures.saturating_add(1);
        health.last_failure =
            Some(LastFailure { step: error.step.to_string(), message: error.message.clone(), at: now.time });
        let over = breaker.rest.is_none_or(|(_, until)| until <= now.ticks);
        if health.failures < FAILURES || !over {
            health.status = if breaker.rest.is_some() { Status::Down } else { Status::Degraded };
            return health.failures == 1;
        }
        let next = breaker.rest.map_or(FIRST_REST, |(rest, _)| (rest * 2).min(LONGEST_REST));
        let spread = next + next * u32::from(jitter) / 1_280;
        breaker.rest = Some((next, now.ticks.saturating_add(micros(spread))));
        breaker.trial = None;
        health.status = Status::Down;
        health.resting_until = Some(now.time.plus_millis(u64::try_from(spread.as_millis()).unwrap_or(u64::MAX)));
        true
    }

    /// What is known of the server here.
    pub(crate) fn of(&self, key: &ServerKey) -> Health {
        self.servers.get(key).map(|breaker| breaker.health.clone()).unwrap_or_default()
    }

    fn breaker(&mut self, key: &ServerKey) -> &mut Breaker {
        if self.servers.len() >= MAX_SERVERS && !self.servers.contains_key(key) {
            // What is healthy needs no memory.
            self.servers.retain(|_, breaker| breaker.health.status != Status::Healthy);
            if self.servers.len() >= MAX_SERVERS {
                self.servers.pop_first();
            }
        }
        self.servers.entry(key.clone()).or_default()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use toolgate_model::{Revision, ServerId, TenantId};

    use super::*;
    use crate::Step;

    const SECOND: u64 = 1_000_000;

    fn key() -> ServerKey {
        ServerKey::new(TenantId::new("t").unwrap(), ServerId::new("s").unwrap(), Revision(1))
    }

    fn at(seconds: u64) -> Moment {
        Moment { ticks: seconds * SECOND, time: Timestamp::from_millis(seconds * 1_000) }
    }

    fn error(kind: Kind) -> UpstreamError {
        UpstreamError { server: ServerId::new("s").unwrap(), step: Step::Call, kind, message: "why".into() }
    }

    fn fail(healths: &mut Healths, times: u32, seconds: u64) {
        for _ in 0..times {
            healths.failed(&key(), &error(Kind::Unreachable), at(seconds), 0);
        }
    }

    #[test]
    fn a_few_failures_degrade_and_an_answer_heals() {
        let mut healths = Healths::default();
        assert_eq!(healths.of(&key()).status, Status::Unknown);
        fail(&mut healths, FAILURES - 1, 1);
        let health = healths.of(&key());
        assert_eq!((health.status, health.failures), (Status::Degraded, FAILURES - 1));
        assert_eq!(health.last_failure.unwrap().message, "why");
        assert_eq!(healths.admit(&key(), || SECOND), Ok(()));
        healths.succeeded(&key(), at(2).time);
        assert_eq!((healths.of(&key()).status, healths.of(&key()).failures), (Status::Healthy, 0));
        fail(&mut healths, FAILURES - 1, 3);
        assert_eq!(healths.admit(&key(), || 3 * SECOND), Ok(()), "only failures in a row count");
    }

    #[test]
    fn after_many_it_rests_and_one_caller_tries_it() {
        let mut healths = Healths::default();
        fail(&mut healths, FAILURES, 0);
        assert_eq!(healths.of(&key()).status, Status::Down);
        assert_eq!(healths.admit(&key(), || 4 * SECOND), Err(Duration::from_secs(6)));
        assert_eq!(healths.admit(&key(), || 10 * SECOND), Ok(()));
        assert!(healths.admit(&key(), || 10 * SECOND).is_err(), "the others wait for the one that tries");
        fail(&mut healths, 1, 10);
        assert_eq!(healths.admit(&key(), || 20 * SECOND), Err(Duration::from_secs(10)), "it rests twice as long");
        assert_eq!(healths.admit(&key(), || 30 * SECOND), Ok(()));
        assert!(healths.succeeded(&key(), at(30).time));
        assert_eq!(healths.admit(&key(), || 30 * SECOND), Ok(()));
        assert_eq!(healths.of(&key()).resting_until, None);
    }

    #[test]
    fn a_trial_that_never_ends_does_not_close_the_door() {
        let mut healths = Healths::default();
        fail(&mut healths, FAILURES, 0);
        assert_eq!(healths.admit(&key(), || 10 * SECOND), Ok(()));
        assert!(healths.admit(&key(), || 19 * SECOND).is_err());
        assert_eq!(healths.admit(&key(), || 20 * SECOND), Ok(()));
    }

    #[test]
    fn it_never_rests_longer_than_the_bound() {
        let mut healths = Healths::default();
        fail(&mut healths, FAILURES, 0);
        let mut now = 0;
        for _ in 0..20 {
            now += 1_000;
            assert_eq!(healths.admit(&key(), || now * SECOND), Ok(()));
            healths.failed(&key(), &error(Kind::Timeout), at(now), 255);
            assert!(healths.admit(&key(), || now * SECOND).unwrap_err() <= LONGEST_REST + LONGEST_REST / 5);
        }
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let mut healths = Healths::default();
        for kind in [Kind::Status(401), Kind::Forbidden, Kind::Rejected { code: 1, message: String::new() }] {
            for _ in 0..10 {
                healths.failed(&key(), &error(kind.clone()), at(0), 0);
            }
        }
        assert_eq!(healths.of(&key()).status, Status::Unknown);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut healths = Healths::default();
        for revision in 0..2 * MAX_SERVERS as u64 {
            let key = ServerKey::new(TenantId::new("t").unwrap(), ServerId::new("s").unwrap(), Revision(revision));
            healths.failed(&key, &error(Kind::Closed), at(0), 0);
        }
        assert!(healths.servers.len() <= MAX_SERVERS);
    }
}
