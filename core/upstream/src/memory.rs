//! What the client remembers of servers between requests: verdicts, and sessions with legacy servers. Bounded, in this
//! instance only; losing it costs a handshake and nothing else. Knows no clock: it is told the time.

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use http::HeaderValue;
use toolgate_model::{Revision, ServerId, TenantId};
use toolgate_wire::Version;

use crate::{Endpoint, SessionRef, Verdict};

/// The most sessions kept.
const MAX_SESSIONS: usize = 1_024;
/// The most servers remembered.
const MAX_SERVERS: usize = 4_096;
/// How long a session may go unused, in microseconds.
const SESSION_IDLE: u64 = 600 * 1_000_000;
/// For how long nothing a server answers makes the client doubt what it just learned, in microseconds.
const FRESH: u64 = 60 * 1_000_000;

/// Which server, as it was last configured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerKey {
    tenant: TenantId,
    server: ServerId,
    revision: Revision,
}

impl ServerKey {
    #[cfg(test)]
    pub(crate) const fn new(tenant: TenantId, server: ServerId, revision: Revision) -> Self {
        Self { tenant, server, revision }
    }

    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self { tenant: endpoint.tenant.clone(), server: endpoint.server.clone(), revision: endpoint.revision }
    }

    fn with_revision(&self, revision: u64) -> Self {
        Self { revision: Revision(revision), ..self.clone() }
    }
}

/// What a handshake with a legacy server agreed on.
#[derive(Debug)]
pub(crate) struct Session {
    /// The session's id, if the server has sessions.
    pub(crate) id: Option<HeaderValue>,
    /// The version agreed on.
    pub(crate) version: Version,
    /// Whether it was told to log everything, so that each request can choose from it.
    pub(crate) logs: Cell<bool>,
}

impl Session {
    pub(crate) const fn new(id: Option<HeaderValue>, version: Version) -> Self {
        Self { id, version, logs: Cell::new(false) }
    }

    /// The session that `kept` names. `None` if it can't be one.
    pub(crate) fn of(kept: &SessionRef) -> Option<Self> {
        let version = Version::parse(&kept.version)?;
        let id = kept.id.as_deref().map(HeaderValue::from_str).transpose().ok()?;
        let sensitive = |mut id: HeaderValue| {
            id.set_sensitive(true);
            id
        };
        Some(Self::new(id.map(sensitive), version))
    }

    /// As it can be kept elsewhere.
    pub(crate) fn kept(&self) -> SessionRef {
        let id = self.id.as_ref().and_then(|id| id.to_str().ok()).map(str::to_owned);
        SessionRef { id, version: self.version.as_str().to_owned(), post: None }
    }
}

#[derive(Debug)]
struct KeptSession {
    session: Rc<Session>,
    used: u64,
}

#[derive(Debug)]
struct Known {
    verdict: Rc<Verdict>,
    /// When the server itself last said so. `None`: it is only what was stored.
    learned: Option<u64>,
    used: u64,
    sessions: BTreeMap<Box<str>, KeptSession>,
    /// A handshake that gave no session id: there is nothing in it that belongs to one principal.
    sessionless: Option<Rc<Session>>,
}

/// Everything remembered. All times are microseconds of the platform's clock.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    servers: BTreeMap<ServerKey, Known>,
    sessions: usize,
}

impl Memory {
    pub(crate) fn verdict(&mut self, key: &ServerKey, now: u64) -> Option<Rc<Verdict>> {
        let known = self.servers.get_mut(key)?;
        known.used = now;
        Some(Rc::clone(&known.verdict))
    }

    /// Whether the server said what is remembered of it only a moment ago.
    pub(crate) fn is_fresh(&self, key: &ServerKey, now: u64) -> bool {
        let learned = self.servers.get(key).and_then(|known| known.learned);
        learned.is_some_and(|learned| now.saturating_sub(learned) < FRESH)
    }

    /// Takes over what was stored earlier.
    pub(crate) fn adopt(&mut self, key: &ServerKey, verdict: &Verdict, now: u64) -> Rc<Verdict> {
        let verdict = Rc::new(verdict.clone());
        self.remember(key, Rc::clone(&verdict), None, now);
        verdict
    }

    /// Takes note of what the server just said.
    pub(crate) fn learn(&mut self, key: &ServerKey, verdict: Rc<Verdict>, now: u64) {
        self.remember(key, verdict, Some(now), now);
    }

    fn remember(&mut self, key: &ServerKey, verdict: Rc<Verdict>, learned: Option<u64>, now: u64) {
        if let Some(known) = self.servers.get_mut(key) {
            known.verdict = verdict;
            known.learned = learned;
            known.used = now;
            return;
        }
        self.forget_other_revisions(key);
        if self.servers.len() >= MAX_SERVERS {
            self.forget_least_used_server();
        }
        let known = Known { verdict, learned, used: now, sessions: BTreeMap::new(), sessionless: None };
        self.servers.insert(key.clone(), known);
    }

    /// Forgets a server, sessions and all.
    pub(crate) fn forget(&mut self, key: &ServerKey) {
        let gone = self.servers.remove(key);
        self.sessions -= gone.map_or(0, |known| known.sessions.len());
    }

    fn forget_other_revisions(&mut self, key: &ServerKey) {
        let revisions = key.with_revision(0)..=key.with_revision(u64::MAX);
        let others: Vec<ServerKey> = self.servers.range(revisions).map(|(other, _)| other.clone()).collect();
        others.iter().filter(|other| *other != key).for_each(|other| self.forget(other));
    }

    fn forget_least_used_server(&mut self) {
        let least = self.servers.iter().min_by_key(|(_, known)| known.used).map(|(key, _)| key.clone());
        if let Some(key) = least {
            self.forget(&key);
        }
    }

    pub(crate) fn session(&mut self, key: &ServerKey, partition: &str, now: u64) -> Option<Rc<Session>> {
        let known = self.servers.get_mut(key)?;
        if let Some(kept) = known.sessions.get_mut(partition) {
            if now.saturating_sub(kept.used) < SESSION_IDLE {
                kept.used = now;
                return Some(Rc::clone(&kept.session));
            }
            known.sessions.remove(partition);
            self.sessions -= 1;
        }
        known.sessionless.clone()
    }

    /// Keeps a session of a server that is known.
    pub(crate) fn keep_session(&mut self, key: &ServerKey, partition: &str, session: &Rc<Session>, now: u64) {
        if self.sessions >= MAX_SESSIONS {
            self.make_room(now);
        }
        let Some(known) = self.servers.get_mut(key) else { return };
        if session.id.is_none() {
            known.sessionless = Some(Rc::clone(session));
            return;
        }
        known.sessionless = None;
        let kept = KeptSession { session: Rc::clone(session), used: now };
        if known.sessions.insert(partition.into(), kept).is_none() {
            self.sessions += 1;
        }
    }

    /// Drops `session`, unless another has taken its place.
    pub(crate) fn drop_session(&mut self, key: &ServerKey, partition: &str, session: &Rc<Session>) {
        let Some(known) = self.servers.get_mut(key) else { return };
        known.sessionless.take_if(|kept| Rc::ptr_eq(kept, session));
        if known.sessions.get(partition).is_some_and(|kept| Rc::ptr_eq(&kept.session, session)) {
            known.sessions.remove(partition);
            self.sessions -= 1;
        }
    }

    /// Drops the sessions nobody uses any more, and at least the one that was not used for longest.
    fn make_room(&mut self, now: u64) {
        let oldest = self.servers.values().flat_map(|known| known.sessions.values()).map(|kept| kept.used).min();
        let bound = oldest.unwrap_or(0).max(now.saturating_sub(SESSION_IDLE));
        for known in self.servers.values_mut() {
            known.sessions.retain(|_, kept| kept.used > bound);
        }
        self.sessions = self.servers.values().map(|known| known.sessions.len()).sum();
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
