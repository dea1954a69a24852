//! What a change of policy begins with, and how it is made: together with a version of what was in force before, or not at all.

use serde::Serialize;
use toolgate_model::{PolicyHistory, PolicyRecord, PolicyVersion, Revision, TenantId};
use toolgate_ports::{Expect, Platform, RecordKey, StoreError, Write};

use crate::{
    problem::{Kind, Problem},
    records::{Found, Place, Records},
};

/// Of how many policies it is remembered what they said, beside the one in force.
const KEPT: usize = 50;

/// What is committed together with a change of policy.
#[derive(Default)]
pub(super) struct Aside {
    pub(super) expect: Vec<Expect>,
    pub(super) writes: Vec<Write>,
}

/// Where a tenant's policies stand before a change.
pub(super) struct Standing {
    pub(super) current: Option<Found<PolicyRecord>>,
    pub(super) history: PolicyHistory,
    history_at: Option<Revision>,
}

impl Standing {
    /// As the store has it now.
    pub(super) async fn read<P: Platform>(records: &Records<'_, P>, place: &Place) -> Result<Self, Problem> {
        let current = records.find::<PolicyRecord>(place).await?;
        let (history, history_at) = history(records, &place.tenant).await?;
        Ok(Self { current, history, history_at })
    }

    /// The policy in force.
    pub(super) fn policy(&self) -> Option<&PolicyRecord> {
        self.current.as_ref().map(|found| &found.record)
    }

    /// What put it in force.
    pub(super) fn revision(&self) -> Option<Revision> {
        self.current.as_ref().map(|found| found.revision)
    }

    /// The policy in force, if it is `next`.
    pub(super) fn already(&self, next: &PolicyRecord) -> Option<&Found<PolicyRecord>> {
        self.current.as_ref().filter(|found| found.record == *next)
    }

    /// Puts `next` in force; `None` if somebody came between.
    pub(super) async fn turn<P: Platform>(
        self,
        records: &Records<'_, P>,
        place: &Place,
        next: PolicyRecord,
        mut aside: Aside,
    ) -> Result<Option<Found<PolicyRecord>>, Problem> {
        aside.writes.push(Write::Put(place.key.clone(), spelled(&next)?));
        let made = self.commit(records, place, aside).await?;
        Ok(made.map(|revision| Found { record: next, revision }))
    }

    /// Ends the policy in force; false if somebody came between.
    pub(super) async fn end<P: Platform>(self, records: &Records<'_, P>, place: &Place) -> Result<bool, Problem> {
        let aside = Aside { expect: Vec::new(), writes: vec![Write::Delete(place.key.clone())] };
        Ok(self.commit(records, place, aside).await?.is_some())
    }

    /// Makes the change in `aside`, and a version of what was in force before it.
    async fn commit<P: Platform>(
        mut self,
        records: &Records<'_, P>,
        place: &Place,
        Aside { mut expect, mut writes }: Aside,
    ) -> Result<Option<Revision>, Problem> {
        let at = |key: RecordKey, revision: Option<Revision>| match revision {
            Some(revision) => Expect::At(key, revision),
            None => Expect::Absent(key),
        };
        expect.push(at(place.key.clone(), self.revision()));
        expect.push(at(RecordKey::policy_history(), self.history_at));
        if let Some(before) = &self.current {
            let version = RecordKey::policy_version(before.revision);
            writes.push(Write::Put(version, spelled(&before.record)?));
            self.history.0.push(PolicyVersion::of(&before.record, before.revision));
            let surplus = self.history.0.len().saturating_sub(KEPT);
            let gone =
                self.history.0.drain(..surplus).map(|old| Write::Delete(RecordKey::policy_version(old.revision)));
            writes.extend(gone);
            writes.push(Write::Put(RecordKey::policy_history(), spelled(&self.history)?));
        }
        records.commit(place, expect, writes).await
    }
}

fn spelled(value: &impl Serialize) -> Result<bytes::Bytes, Problem> {
    let bytes = serde_json::to_vec(value).map_err(|e| Problem::new(Kind::StoreFailed, e.to_string()))?;
    Ok(bytes.into())
}

async fn history<P: Platform>(
    records: &Records<'_, P>,
    tenant: &TenantId,
) -> Result<(PolicyHistory, Option<Revision>), Problem> {
    let key = RecordKey::policy_history();
    let Some(record) = records.stored(tenant, &key).await? else { return Ok((PolicyHistory::default(), None)) };
    let unreadable = |e: serde_json::Error| StoreError::Corrupt(format!("{key}: {e}"));
    Ok((serde_json::from_slice(&record.value).map_err(unreadable)?, Some(record.revision)))
}
