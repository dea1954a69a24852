//! What waits for an operator, in the store: entered once, decided by the admin API, and taken out by whoever makes use of the decision.
//! It is read as it truly is, and taken out by one alone: so an approval serves once.

use std::time::Duration;

use toolgate_model::{ApprovalId, ApprovalRecord, Revision, SealedText, TenantId, Timestamp, WaitingCall, Waits};
use toolgate_ports::{Clock, Commit, Consistency, Expect, Platform, RecordKey, RecordKind, Store, StoreError, Write};

use crate::{context::Context, core::Core};

/// How long what was entered stands.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// The most that waits in one tenant.
const MAX_ENTRIES: usize = 100;
/// How many that are over are cleared away with one that is entered.
const MAX_CLEARED: usize = 15;

/// What was entered.
pub(crate) struct Entry {
    pub(crate) record: ApprovalRecord,
    revision: Revision,
}

/// Why something was not entered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEntered {
    /// Too much waits already. Retryable, once operators have decided.
    #[error(
        "{MAX_ENTRIES} calls of this tenant wait for an approval, which is the most: have an operator decide on them"
    )]
    Full,
    /// The store failed. Retryable.
    #[error("the store does not answer, and nothing can be approved without it: try again in a moment")]
    Store(#[from] StoreError),
}

fn key(id: &ApprovalId) -> RecordKey {
    RecordKey::new(RecordKind::Approval, id.as_str())
}

impl<P: Platform> Core<P> {
    /// What was entered as `id` and still stands.
    pub(crate) async fn entered(&self, tenant: &TenantId, id: &ApprovalId) -> Result<Option<Entry>, StoreError> {
        let Some(found) = self.platform.store().get(tenant, &key(id), Consistency::Strong).await? else {
            return Ok(None);
        };
        let record: ApprovalRecord = serde_json::from_slice(&found.value)
            .map_err(|error| StoreError::Corrupt(format!("{}: {error}", found.key)))?;
        let stands = record.stands(self.platform.clock().now());
        Ok(stands.then_some(Entry { record, revision: found.revision }))
    }

    /// Takes an entry out. False if somebody else has, or has changed it.
    pub(crate) async fn take_out(&self, tenant: &TenantId, id: &ApprovalId, entry: &Entry) -> Result<bool, StoreError> {
        let commit = Commit { expect: vec![Expect::At(key(id), entry.revision)], writes: vec![Write::Delete(key(id))] };
        match self.platform.store().commit(tenant, commit).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts back what was taken out for a call that was not made after all, or is not over. Where the store fails, it has to be given again.
    pub(crate) async fn put_back(&self, tenant: &TenantId, (id, record): &(ApprovalId, ApprovalRecord)) {
        let Ok(value) = serde_json::to_vec(record) else { return };
        let expect = vec![Expect::Present(RecordKey::tenant()), Expect::Absent(key(id))];
        let commit = Commit { expect, writes: vec![Write::Put(key(id), value.into())] };
        if let Err(error) = self.platform.store().commit(tenant, commit).await {
            tracing::warn!(tenant = tenant.as_str(), approval = id.as_str(), %error, "an approval that was not used is lost");
        }
    }

    /// Enters calls that wait as `id`, in place of what is there; `state` is how their program goes on, if it is one's.
    pub(crate) async fn enter(
        &self,
        context: &Context<P>,
        id: &ApprovalId,
        calls: &[WaitingCall],
        state: Option<SealedText>,
    ) -> Result<(), NotEntered> {
        let tenant = &context.identity.snapshot.tenant;
        let now = self.platform.clock().now();
        let mut writes = self.cleared_away(tenant, id, now).await?;
        let lifetime = u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX);
        let record = ApprovalRecord {
            key: context.identity.key.id.clone(),
            user: context.identity.user.clone(),
            waits: if state.is_some() { Waits::Program } else { Waits::Call },
            calls: calls.to_vec(),
            state,
            decided: None,
            created_at: now,
            updated_at: now,
            expires_at: now.plus_millis(lifetime),
        };
        let value = serde_json::to_vec(&record).unwrap_or_default();
        writes.push(Write::Put(key(id), value.into()));
        // A tenant that was deleted meanwhile stays so.
        let commit = Commit { expect: vec![Expect::Present(RecordKey::tenant())], writes };
        self.platform.store().commit(tenant, commit).await?;
        Ok(())
    }

    /// Some of what is over, to be removed.
    async fn cleared_away(&self, tenant: &TenantId, id: &ApprovalId, now: Timestamp) -> Result<Vec<Write>, NotEntered> {
        let store = self.platform.store();
        let all = store.list(tenant, RecordKind::Approval, None, MAX_ENTRIES, Consistency::Strong).await?.records;
        let is_over =
            |value: &[u8]| serde_json::from_slice::<ApprovalRecord>(value).is_ok_and(|record| !record.stands(now));
        let others = all.iter().filter(|record| record.key.id != id.as_str());
        let over: Vec<Write> =
            others.filter(|record| is_over(&record.value)).map(|record| Write::Delete(record.key.clone())).collect();
        if all.len() >= MAX_ENTRIES && over.is_empty() {
            return Err(NotEntered::Full);
        }
        Ok(over.into_iter().take(MAX_CLEARED).collect())
    }
}
