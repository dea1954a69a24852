//! What the Worker asks its Durable Objects, and what they answer: one POST path per operation, JSON both ways.
//! Only the bindings lead to the objects; nothing from outside is passed on to them.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Changed, Commit, Expect, Page, Record, RecordKey, StoreError, TenantSync, Write};

/// The directory's only object.
pub(crate) const DIRECTORY_NAME: &str = "~directory";

/// A question and the type of its answer.
pub(crate) trait Operation: Serialize + DeserializeOwned {
    /// Its path.
    const PATH: &'static str;
    /// Whether asking twice is the same as asking once.
    const REPEATABLE: bool = true;
    /// What answers it.
    type Answer: Serialize + DeserializeOwned;
}

/// An answer as it travels.
pub(crate) type Reply<T> = Result<T, Failure>;

/// [`StoreError`] as it travels.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Failure {
    Conflict(String),
    Unavailable(String),
    Refused(String),
    Corrupt(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(key) => Self::Conflict(key.to_string()),
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Refused(why) => Self::Refused(why),
            StoreError::Corrupt(why) => Self::Corrupt(why),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict(key) => key.parse().map_or_else(|error| error, Self::Conflict),
            Failure::Unavailable(why) => Self::Unavailable(why),
            Failure::Refused(why) => Self::Refused(why),
            Failure::Corrupt(why) => Self::Corrupt(why),
        }
    }
}

/// A record as it travels and as its copy is kept: key, revision, value.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Packed(String, Revision, String);

impl Packed {
    /// # Errors
    /// [`StoreError::Corrupt`] if the value is no text (all JSON is).
    pub(crate) fn pack(record: Record) -> Result<Self, StoreError> {
        Ok(Self(record.key.to_string(), record.revision, text(record.value.into())?))
    }

    /// # Errors
    /// [`StoreError::Corrupt`] if the key is of an unknown kind.
    pub(crate) fn unpack(self) -> Result<Record, StoreError> {
        Ok(Record { key: self.0.parse()?, revision: self.1, value: self.2.into() })
    }
}

fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::Corrupt("a record is no text".into()))
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SyncQuestion {
    pub(crate) tenant: TenantId,
    pub(crate) since: Option<Revision>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SyncAnswer {
    revision: Revision,
    /// `None`: everything.
    changed: Option<Vec<String>>,
    /// The copies in KV that can't be relied on yet. `None`: all.
    pub(crate) recent: Option<Vec<String>>,
}

impl Operation for SyncQuestion {
    const PATH: &'static str = "/sync";
    type Answer = SyncAnswer;
}

impl SyncAnswer {
    pub(crate) fn new(sync: TenantSync, recent: Option<Vec<String>>) -> Self {
        let changed = match sync.changed {
            Changed::Everything => None,
            Changed::Records(keys) => Some(keys.iter().map(ToString::to_string).collect()),
        };
        Self { revision: sync.revision, changed, recent }
    }

    pub(crate) fn sync(&self) -> Result<TenantSync, StoreError> {
        let changed = match &self.changed {
            None => Changed::Everything,
            Some(keys) => Changed::Records(keys.iter().map(|key| key.parse()).collect::<Result<_, _>>()?),
        };
        Ok(TenantSync { revision: self.revision, changed })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct GetQuestion {
    pub(crate) tenant: TenantId,
    pub(crate) key: String,
}

impl Operation for GetQuestion {
    const PATH: &'static str = "/get";
    type Answer = Option<Packed>;
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SetupQuestion {
    pub(crate) tenant: TenantId,
}

impl Operation for SetupQuestion {
    const PATH: &'static str = "/setup";
    type Answer = Vec<Packed>;
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ListQuestion {
    pub(crate) tenant: TenantId,
    /// The key of any record of the kind.
    pub(crate) kind: String,
    pub(crate) after: Option<String>,
    pub(crate) limit: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ListAnswer {
    records: Vec<Packed>,
    more: bool,
}

impl Operation for ListQuestion {
    const PATH: &'static str = "/list";
    type Answer = ListAnswer;
}

impl ListAnswer {
    pub(crate) fn new(page: Page) -> Result<Self, StoreError> {
        let records = page.records.into_iter().map(Packed::pack).collect::<Result<_, _>>()?;
        Ok(Self { records, more: page.more })
    }

    pub(crate) fn page(self) -> Result<Page, StoreError> {
        let records = self.records.into_iter().map(Packed::unpack).collect::<Result<_, _>>()?;
        Ok(Page { records, more: self.more })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CommitQuestion {
    pub(crate) tenant: TenantId,
    expect: Vec<(String, Expected)>,
    /// `None`: remove.
    writes: Vec<(String, Option<String>)>,
}

#[derive(Serialize, Deserialize)]
enum Expected {
    Absent,
    Present,
    At(Revision),
}

impl Operation for CommitQuestion {
    const PATH: &'static str = "/commit";
    const REPEATABLE: bool = false;
    type Answer = Revision;
}

impl CommitQuestion {
    pub(crate) fn new(tenant: TenantId, commit: Commit) -> Result<Self, StoreError> {
        let expected = |expect: Expect| {
            let key = expect.key().to_string();
            let expected = match expect {
                Expect::Absent(_) => Expected::Absent,
                Expect::Present(_) => Expected::Present,
                Expect::At(_, revision) => Expected::At(revision),
            };
            (key, expected)
        };
        let write = |write| -> Result<_, StoreError> {
            Ok(match write {
                Write::Put(key, value) => (key.to_string(), Some(text(value.into())?)),
                Write::Delete(key) => (key.to_string(), None),
            })
        };
        let expect = commit.expect.into_iter().map(expected).collect();
        let writes = commit.writes.into_iter().map(write).collect::<Result<_, StoreError>>()?;
        Ok(Self { tenant, expect, writes })
    }

    pub(crate) fn commit(self) -> Result<Commit, StoreError> {
        let expect = |(key, expected): (String, Expected)| {
            let key: RecordKey = key.parse()?;
            Ok(match expected {
                Expected::Absent => Expect::Absent(key),
                Expected::Present => Expect::Present(key),
                Expected::At(revision) => Expect::At(key, revision),
            })
        };
        let write = |(key, value): (String, Option<String>)| {
            let key: RecordKey = key.parse()?;
            Ok(value.map_or_else(|| Write::Delete(key.clone()), |value| Write::Put(key.clone(), value.into())))
        };
        let expect = self.expect.into_iter().map(expect).collect::<Result<_, StoreError>>()?;
        let writes = self.writes.into_iter().map(write).collect::<Result<_, StoreError>>()?;
        Ok(Commit { expect, writes })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DeleteQuestion {
    pub(crate) tenant: TenantId,
}

impl Operation for DeleteQuestion {
    const PATH: &'static str = "/delete";
    const REPEATABLE: bool = false;
    type Answer = Revision;
}

/// To the directory: whether a tenant has a record.
#[derive(Serialize, Deserialize)]
pub(crate) struct EnterQuestion {
    pub(crate) tenant: TenantId,
    pub(crate) present: bool,
}

impl Operation for EnterQuestion {
    const PATH: &'static str = "/enter";
    type Answer = ();
}

/// To the directory: the tenants that have a record.
#[derive(Serialize, Deserialize)]
pub(crate) struct TenantsQuestion {
    pub(crate) after: Option<String>,
    pub(crate) limit: u32,
}

impl Operation for TenantsQuestion {
    const PATH: &'static str = "/tenants";
    type Answer = (Vec<TenantId>, bool);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Serialize + DeserializeOwned>(value: &T) -> T {
        serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
    }

    #[test]
    fn a_commit_arrives_as_it_was_sent() {
        let key: RecordKey = "server/a".parse().unwrap();
        let commit = Commit {
            expect: vec![Expect::Absent(RecordKey::tenant()), Expect::At(key.clone(), Revision(7))],
            writes: vec![Write::Put(key, "{\"é\":\"\\n\"}".into()), Write::Delete(RecordKey::tenant())],
        };
        let question = CommitQuestion::new(TenantId::new("acme").unwrap(), commit.clone()).unwrap();
        assert_eq!(round_trip(&question).commit().unwrap(), commit);
    }

    #[test]
    fn a_failure_arrives_as_it_was_sent() {
        let conflict = StoreError::Conflict("server/a".parse().unwrap());
        assert_eq!(StoreError::from(round_trip(&Failure::from(conflict.clone()))), conflict);
        let refused = StoreError::Refused("too long".into());
        assert_eq!(StoreError::from(round_trip(&Failure::from(refused.clone()))), refused);
    }

    #[test]
    fn a_sync_tells_nothing_from_everything() {
        for changed in [Changed::Everything, Changed::Records(vec![]), Changed::Records(vec![RecordKey::tenant()])] {
            let sync = TenantSync { revision: Revision(3), changed };
            let answer = round_trip(&SyncAnswer::new(sync.clone(), None));
            assert_eq!(answer.sync().unwrap(), sync);
        }
    }
}
