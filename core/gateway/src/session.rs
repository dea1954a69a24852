//! Legacy sessions without a store: `Mcp-Session-Id` is a sealed handle that holds all there is to know.
//!
//! It is bound to tenant and key, so that it opens for nobody else, and it expires. It authenticates nobody: the key does, on
//! every request.

use serde::{Deserialize, Serialize};
use toolgate_model::{KeyRecord, TenantId, Timestamp};
use toolgate_ports::{Clock, Platform, Random};
use toolgate_seal::Purpose;
use toolgate_wire::Version;

use crate::Gateway;

/// The longest capabilities (raw JSON) that a session remembers, in bytes: the handle travels in a header.
pub(crate) const MAX_CAPABILITIES: usize = 2_048;

/// What a session remembers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Tells this session from others of the same key.
    pub(crate) id: String,
    version: String,
    /// The client's capabilities, raw JSON.
    pub(crate) capabilities: String,
    expires_at: u64,
}

impl<P: Platform> Gateway<P> {
    /// Seals a new session of `key`.
    pub(crate) fn open_session(
        &self,
        tenant: &TenantId,
        key: &KeyRecord,
        version: Version,
        capabilities: &str,
    ) -> String {
        let mut random = [0; 32];
        self.platform.random().fill(&mut random);
        let (id, nonce) = random.split_at(8);
        let lifetime = u64::try_from(self.config.limits.session.as_millis()).unwrap_or(u64::MAX);
        let session = Session {
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            version: version.as_str().to_owned(),
            capabilities: capabilities.to_owned(),
            expires_at: self.platform.clock().now().plus_millis(lifetime).as_millis(),
        };
        let content = serde_json::to_vec(&session).unwrap_or_default();
        let mut exact = [0; 24];
        exact.copy_from_slice(nonce);
        self.sealer.seal(Purpose::Session, &owner(tenant, key), &content, exact)
    }

    /// What a handle holds, if it is a session of `key` and not over.
    pub(crate) fn resume_session(&self, tenant: &TenantId, key: &KeyRecord, handle: &str) -> Option<Session> {
        let content = self.sealer.open(Purpose::Session, &owner(tenant, key), handle).ok()?;
        let session: Session = serde_json::from_slice(&content).ok()?;
        let known = Version::parse(&session.version).is_some();
        (known && self.platform.clock().now() < Timestamp::from_millis(session.expires_at)).then_some(session)
    }
}

fn owner(tenant: &TenantId, key: &KeyRecord) -> String {
    format!("{tenant}/{}", key.id)
}
