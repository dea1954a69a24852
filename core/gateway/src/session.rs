//! Legacy sessions without a store: `Mcp-Session-Id` is a sealed handle that holds all there is to know.
//!
//! It is bound to tenant and key, so that it opens for nobody else, and it expires. It authenticates nobody: the key does, on
//! every request. It names the sessions that legacy upstreams gave this client, so that any instance can go on with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toolgate_model::{KeyRecord, ServerId, TenantId, Timestamp};
use toolgate_ports::{Clock, Platform};
use toolgate_seal::Purpose;
use toolgate_upstream::SessionRef;
use toolgate_wire::Version;

use crate::{context::owner, core::Core};

/// The longest capabilities (raw JSON) that a session remembers, in bytes: the handle travels in a header.
pub(crate) const MAX_CAPABILITIES: usize = 2_048;
/// The most bytes of upstream sessions that a handle holds. The rest is opened again where it is needed.
const MAX_SERVERS: usize = 4_096;

/// What a session remembers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Tells this session from others of the same key.
    pub(crate) id: String,
    version: String,
    /// The client's capabilities, raw JSON.
    pub(crate) capabilities: String,
    expires_at: u64,
    /// Its sessions with legacy servers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) servers: BTreeMap<ServerId, SessionRef>,
}

impl<P: Platform> Core<P> {
    /// A new session.
    pub(crate) fn new_session(&self, version: Version, capabilities: &str) -> Session {
        let lifetime = u64::try_from(self.config.limits.session.as_millis()).unwrap_or(u64::MAX);
        Session {
            id: hex(&self.random::<8>()),
            version: version.as_str().to_owned(),
            capabilities: capabilities.to_owned(),
            expires_at: self.platform.clock().now().plus_millis(lifetime).as_millis(),
            servers: BTreeMap::new(),
        }
    }

    /// Seals a session of `key`.
    pub(crate) fn seal_session(&self, tenant: &TenantId, key: &KeyRecord, session: &Session) -> String {
        let content = serde_json::to_vec(session).unwrap_or_default();
        self.seal(Purpose::Session, &owner(tenant, key), &content)
    }

    /// What a handle holds, if it is a session of `key` and not over.
    pub(crate) fn resume_session(&self, tenant: &TenantId, key: &KeyRecord, handle: &str) -> Option<Session> {
        let content = self.sealer.open(Purpose::Session, &owner(tenant, key), handle).ok()?;
        let session: Session = serde_json::from_slice(&content).ok()?;
        let known = Version::parse(&session.version).is_some();
        (known && self.platform.clock().now() < Timestamp::from_millis(session.expires_at)).then_some(session)
    }
}

impl Session {
    /// Remembers sessions with servers, as many as a handle can hold.
    pub(crate) fn remember(&mut self, servers: impl IntoIterator<Item = (ServerId, SessionRef)>) {
        let mut bytes = 0;
        for (server, session) in servers {
            bytes += server.as_str().len() + session.id.as_ref().map_or(0, String::len) + 32;
            if bytes > MAX_SERVERS {
                return;
            }
            self.servers.insert(server, session);
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(2 * bytes.len());
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    out.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
    out
}
