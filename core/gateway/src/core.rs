//! What one gateway consists of, shared by its requests and by what goes on after them.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use toolgate_catalogue::Aggregate;
use toolgate_metering::Meters;
use toolgate_model::health_blob;
use toolgate_ports::{Platform, Random, Scope, Store};
use toolgate_seal::{Purpose, Sealer};
use toolgate_state::States;
use toolgate_upstream::{Client, News};

use crate::{Config, codemode::Observations, line::RequestIds};

/// The most sessions whose log level is remembered.
const MAX_LEVELS: usize = 10_000;

/// The parts of a gateway.
pub(crate) struct Core<P: Platform> {
    pub(crate) platform: Rc<P>,
    pub(crate) config: Config,
    pub(crate) sealer: Rc<Sealer>,
    pub(crate) states: Rc<States<P>>,
    pub(crate) client: Rc<Client<P>>,
    pub(crate) aggregate: Rc<Aggregate<P>>,
    pub(crate) meters: Rc<Meters<P>>,
    pub(crate) request_ids: RequestIds,
    pub(crate) observations: Observations,
    levels: RefCell<BTreeMap<String, String>>,
}

impl<P: Platform> Core<P> {
    pub(crate) fn new(
        platform: Rc<P>,
        config: Config,
        sealer: Rc<Sealer>,
        states: Rc<States<P>>,
        client: Rc<Client<P>>,
        aggregate: Rc<Aggregate<P>>,
    ) -> Rc<Self> {
        let meters = Meters::new(Rc::clone(&platform), &config.limits);
        let (request_ids, observations, levels) = Default::default();
        Rc::new(Self { platform, config, sealer, states, client, aggregate, meters, request_ids, observations, levels })
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.platform.random().fill(&mut bytes);
        bytes
    }

    /// Stores, in the background, how servers do whose health has changed, for instances that did not see it.
    pub(crate) fn publish_health(&self, scope: &Scope) {
        for News { tenant, server, health } in self.client.take_news() {
            tracing::info!(target: "toolgate::health", %tenant, %server, status = ?health.status, failures = health.failures, "a server's health has changed");
            let platform = Rc::clone(&self.platform);
            scope.background.spawn(Box::pin(async move {
                let value = serde_json::to_vec(&health).unwrap_or_default();
                if let Err(error) = platform.store().put_blob(&tenant, &health_blob(&server), value.into()).await {
                    tracing::debug!(target: "toolgate::health", %tenant, %server, %error, "could not be stored");
                }
            }));
        }
    }

    /// Seals `content` for `purpose` and `owner`.
    pub(crate) fn seal(&self, purpose: Purpose, owner: &str, content: &[u8]) -> String {
        self.sealer.seal(purpose, owner, content, self.random())
    }

    /// The log level (a raw string) that a session's client last asked for here.
    pub(crate) fn level(&self, session: &str) -> Option<String> {
        self.levels.borrow().get(session).cloned()
    }

    pub(crate) fn set_level(&self, session: &str, level: &str) {
        let mut levels = self.levels.borrow_mut();
        if levels.len() >= MAX_LEVELS {
            levels.clear();
        }
        levels.insert(session.to_owned(), level.to_owned());
    }
}
