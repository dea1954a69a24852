//! Where limits are counted: one item per account in the tenant's partition, changed by conditional writes.
//!
//! Each write gives its item a version that no other write has, and is made only if the item still has the version that was read. What an
//! instance has last seen of an item it keeps, so that an uncontended call costs one write and no read; if somebody else was there, DynamoDB
//! answers with what is there now, and the call is decided anew on that. Several accounts are written in one transaction. Only what is read
//! in the same operation is good enough to refuse a call.
//!
//! There is no clock but the instances' own: each account keeps the latest time it has seen.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{
        AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, builders::PutBuilder,
    },
};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use toolgate_ledger::{Change, Drawer, account_name, account_of, forgotten_names};
use toolgate_model::{LimitId, LimitSpec, TenantId, Timestamp};
use toolgate_ports::{
    AccountId, Ask, Forget, Ledger, LedgerError, MAX_SETTLEMENTS, Outlook, Settlement, StoreError, Take, Taken, Terms,
    UsagePage,
};

use super::{
    DynamoStore,
    commit::unbuildable,
    error::store_error,
    item::{self, Item},
};

/// How often an operation that met another is tried.
const TRIES: u32 = 30;
/// How long is waited before the second try, at the longest; twice as long before each further one, up to
const BACKOFF: Duration = Duration::from_millis(8);
/// this.
const LONGEST_BACKOFF: Duration = Duration::from_millis(250);
/// How many accounts an instance keeps. Beyond it all are read again.
const MAX_KNOWN: usize = 1_000;
/// How many accounts are settled at the same time.
const AT_ONCE: usize = 8;

/// The ledger of one instance.
#[derive(Debug)]
pub struct DynamoLedger {
    store: DynamoStore,
    known: RefCell<BTreeMap<(TenantId, String), Known>>,
}

/// An item as it was last seen: its version and value. Without: there was none.
type Known = Option<(String, Vec<u8>)>;

/// The documents of one operation as they were found, by name.
type Found = BTreeMap<String, Known>;

/// How sure it must be that a document is as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// A write will show.
    Known,
    /// It is read now.
    Read,
}

/// How a write ended.
enum Written {
    Done,
    /// Somebody else has written.
    Met,
}

impl DynamoLedger {
    /// The ledger in the table of `store`.
    #[must_use]
    pub fn new(store: DynamoStore) -> Self {
        Self { store, known: RefCell::default() }
    }

    /// Reads what `names` name, decides by `work` what becomes of it, and writes that; again from the beginning if somebody else has
    /// written meanwhile. An answer that no write puts to the test (`stands` says so) is given only on what was read in this operation.
    async fn transact<T>(
        &self,
        tenant: &TenantId,
        names: &[String],
        work: impl Fn(&mut Drawer) -> Result<T, LedgerError>,
        stands: impl Fn(&T, &[Change]) -> bool,
    ) -> Result<T, LedgerError> {
        let (mut trust, mut met) = (Trust::Known, 0);
        while met < TRIES {
            let (found, known) = self.find(tenant, names, trust).await?;
            let mut drawer = Drawer::default();
            for (name, known) in &found {
                drawer.put(name, known.as_ref().map(|(_, value)| value.as_slice()))?;
            }
            let answer = work(&mut drawer)?;
            let changes = drawer.changes()?;
            if known == Trust::Known && !stands(&answer, &changes) {
                trust = Trust::Read;
                continue;
            }
            if let Written::Done = self.write(tenant, &found, changes).await? {
                return Ok(answer);
            }
            met += 1;
            trust = Trust::Known;
            pause(met).await;
        }
        Err(LedgerError::Unavailable("too many others are at the same accounts".into()))
    }

    /// What is there under `names`, and whether all of it was read just now.
    async fn find(&self, tenant: &TenantId, names: &[String], trust: Trust) -> Result<(Found, Trust), LedgerError> {
        let known = |name: &String| match trust {
            Trust::Read => None,
            Trust::Known => self.known.borrow().get(&(tenant.clone(), name.clone())).cloned(),
        };
        let (mut found, mut unknown) = (Found::new(), Vec::new());
        for name in names {
            match known(name) {
                Some(known) => {
                    found.insert(name.clone(), known);
                }
                None => unknown.push(name),
            }
        }
        let trust = if found.is_empty() { Trust::Read } else { Trust::Known };
        let read = try_join_all(unknown.iter().map(|name| self.read(tenant, name))).await?;
        for (name, item) in unknown.into_iter().zip(read) {
            let seen = seen(item)?;
            self.keep(tenant, name, seen.clone());
            found.insert(name.clone(), seen);
        }
        Ok((found, trust))
    }

    async fn read(&self, tenant: &TenantId, name: &str) -> Result<Option<Item>, StoreError> {
        let key = item::key(tenant, item::ledger_sort(name));
        let read = self.store.client.get_item().table_name(&self.store.table).set_key(Some(key)).consistent_read(true);
        Ok(read.send().await.map_err(|error| store_error("GetItem", error))?.item)
    }

    fn keep(&self, tenant: &TenantId, name: &str, seen: Known) {
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert((tenant.clone(), name.to_owned()), seen);
    }

    async fn write(&self, tenant: &TenantId, found: &Found, changes: Vec<Change>) -> Result<Written, LedgerError> {
        let version = super::blob::generation()?;
        let mut writes = Vec::with_capacity(changes.len());
        for change in changes {
            let before = found.get(&change.name).and_then(|known| known.as_ref().map(|(version, _)| version.clone()));
            writes.push(Conditional { before, change });
        }
        let items = match &writes[..] {
            [] => return Ok(Written::Done),
            [Conditional { change: Change { value: Some(_), .. }, .. }] => {
                vec![self.put_alone(tenant, &writes[0], &version).await?]
            }
            _ => self.put_together(tenant, &writes, &version).await?,
        };
        self.learn(tenant, writes, &version, items)
    }

    /// What is known after a write: if it was made, what it wrote; if not, what it found instead.
    fn learn(
        &self,
        tenant: &TenantId,
        writes: Vec<Conditional>,
        version: &str,
        items: Vec<Instead>,
    ) -> Result<Written, LedgerError> {
        let mut written = Written::Done;
        for (write, instead) in writes.into_iter().zip(items) {
            let own = (version.to_owned(), write.change.value.unwrap_or_default());
            let seen = match instead {
                Instead::Nothing => Some(own).filter(|(_, value)| !value.is_empty()),
                Instead::Unknown => {
                    written = Written::Met;
                    self.known.borrow_mut().remove(&(tenant.clone(), write.change.name));
                    continue;
                }
                Instead::Item(item) => match seen(item)? {
                    // It is the first of two copies that met the condition; the answer to that one was lost.
                    Some((found, _)) if found == version => Some(own),
                    other => {
                        written = Written::Met;
                        other
                    }
                },
            };
            self.keep(tenant, &write.change.name, seen);
        }
        Ok(written)
    }

    async fn put_alone(&self, tenant: &TenantId, write: &Conditional, version: &str) -> Result<Instead, LedgerError> {
        let (item, condition, values) = write.spelled(tenant, version);
        let put = self
            .store
            .client
            .put_item()
            .table_name(&self.store.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(Instead::Nothing),
            Err(SdkError::ServiceError(answer)) => match answer.err() {
                PutItemError::ConditionalCheckFailedException(failed) => Ok(Instead::Item(failed.item().cloned())),
                error if error.code() == Some("TransactionConflictException") => Ok(Instead::Unknown),
                _ => Err(store_error("PutItem", SdkError::ServiceError(answer)).into()),
            },
            Err(error) => Err(store_error("PutItem", error).into()),
        }
    }

    async fn put_together(
        &self,
        tenant: &TenantId,
        writes: &[Conditional],
        version: &str,
    ) -> Result<Vec<Instead>, LedgerError> {
        let items = writes.iter().map(|write| self.in_transaction(tenant, write, version));
        let items = items.collect::<Result<Vec<_>, _>>().map_err(|error| unbuildable(&error))?;
        let made = self.store.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let Err(error) = made else { return Ok(writes.iter().map(|_| Instead::Nothing).collect()) };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
            return Err(store_error("TransactWriteItems", error).into());
        };
        let reasons = canceled.cancellation_reasons();
        Ok(writes.iter().enumerate().map(|(at, _)| reasons.get(at).map_or(Instead::Unknown, Instead::of)).collect())
    }

    fn in_transaction(
        &self,
        tenant: &TenantId,
        write: &Conditional,
        version: &str,
    ) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let (item, condition, values) = write.spelled(tenant, version);
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let one = TransactWriteItem::builder();
        if write.change.value.is_some() {
            let put: PutBuilder = Put::builder().table_name(&self.store.table).set_item(Some(item));
            let put = put.condition_expression(condition).set_expression_attribute_values(values);
            return Ok(one.put(put.return_values_on_condition_check_failure(all_old).build()?).build());
        }
        let delete = Delete::builder().table_name(&self.store.table).set_key(Some(item));
        let delete = delete.condition_expression(condition).set_expression_attribute_values(values);
        Ok(one.delete(delete.return_values_on_condition_check_failure(all_old).build()?).build())
    }

    /// Settles what concerns one account.
    async fn settle_account(&self, tenant: &TenantId, settlements: &[&Settlement]) -> Result<(), LedgerError> {
        let mut names: Vec<String> = settlements.iter().flat_map(|one| Drawer::names_of_settlement(one)).collect();
        names.sort_unstable();
        names.dedup();
        let work =
            |drawer: &mut Drawer| settlements.iter().try_for_each(|one| drawer.settle(one, toolgate_native::now()));
        // The entry may be younger than what is known.
        self.transact(tenant, &names, work, |(), changes| !changes.is_empty()).await
    }
}

/// A change, and the version that the item must still have; none, if there must be none.
struct Conditional {
    before: Option<String>,
    change: Change,
}

impl Conditional {
    /// The item, or its key if it is to be removed; and the condition.
    fn spelled(&self, tenant: &TenantId, version: &str) -> (Item, &'static str, Option<Item>) {
        let mut item = item::key(tenant, item::ledger_sort(&self.change.name));
        if let Some(value) = &self.change.value {
            item.insert(item::VALUE.to_owned(), item::bytes(value));
            item.insert(item::VERSION.to_owned(), item::text(version));
            if let Some(expires) = self.change.expires {
                item.insert(item::EXPIRES.to_owned(), item::number(expires.div_ceil(1_000)));
            }
        }
        match &self.before {
            None => (item, "attribute_not_exists(pk)", None),
            Some(before) => (item, "ver = :before", Some(Item::from([(":before".to_owned(), item::text(before))]))),
        }
    }
}

/// What stood where something was to be written.
enum Instead {
    /// It was written.
    Nothing,
    /// This item, or none.
    Item(Option<Item>),
    /// It was not looked at.
    Unknown,
}

impl Instead {
    fn of(reason: &aws_sdk_dynamodb::types::CancellationReason) -> Self {
        match reason.code() {
            Some("ConditionalCheckFailed") => Self::Item(reason.item().cloned()),
            _ => Self::Unknown,
        }
    }
}

fn seen(item: Option<Item>) -> Result<Known, StoreError> {
    let Some(mut item) = item else { return Ok(None) };
    let version = item::read_text(&item, item::VERSION)?.to_owned();
    Ok(Some((version, item::take_bytes(&mut item, item::VALUE)?.to_vec())))
}

/// Waits for a random time, so that those that met don't meet again.
async fn pause(met: u32) {
    let mut random = [u8::MAX];
    // Without randomness the wait is the longest.
    let _ = getrandom::fill(&mut random);
    let longest = BACKOFF.saturating_mul(1 << met.min(10)).min(LONGEST_BACKOFF);
    tokio::time::sleep(longest * u32::from(random[0]) / u32::from(u8::MAX)).await;
}

impl Ledger for DynamoLedger {
    async fn take(&self, tenant: &TenantId, take: &Take) -> Result<Taken, LedgerError> {
        let names = Drawer::names_of_take(take)?;
        let stands = |taken: &Taken, _: &[Change]| matches!(taken, Taken::Granted(_));
        self.transact(tenant, &names, |drawer| drawer.take(take, toolgate_native::now()), stands).await
    }

    async fn settle(&self, tenant: &TenantId, settlements: &[Settlement]) -> Result<(), LedgerError> {
        if settlements.len() > MAX_SETTLEMENTS {
            return Err(LedgerError::Refused(format!("at most {MAX_SETTLEMENTS} settlements at once")));
        }
        let mut accounts: BTreeMap<&AccountId, Vec<&Settlement>> = BTreeMap::new();
        for settlement in settlements {
            accounts.entry(&settlement.account).or_default().push(settlement);
        }
        let settling = accounts.values().map(|of_account| self.settle_account(tenant, of_account));
        let outcomes: Vec<_> = stream::iter(settling).buffer_unordered(AT_ONCE).collect().await;
        // One that may be asked again comes first: the others are told again with it, which changes nothing.
        let (again, rest): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|one| one.as_ref().is_err_and(LedgerError::is_retryable));
        again.into_iter().chain(rest).collect()
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        limit: &LimitId,
        spec: &LimitSpec,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError> {
        let prefix = item::ledger_sort(&account_name(&AccountId::prefix(limit, spec)));
        let from = match after {
            None => prefix.clone(),
            // The smallest key that is greater.
            Some(after) => format!("{}\0", item::ledger_sort(&account_name(after.as_str()))),
        };
        // The prefix ends in '/', and '0' is what comes after that; the range's end is in it, and is no account.
        let range = (from, format!("{}0", prefix.trim_end_matches('/')));
        let mut items = self.store.range(&item::partition(tenant), range, most.saturating_add(1)).await?;
        let more = items.len() > most;
        items.truncate(most);
        let (terms, now, mut accounts) = (Terms::of(spec), toolgate_native::now(), Vec::new());
        for mut found in items {
            let name = item::read_ledger_name(&found)?.to_owned();
            let value = item::take_bytes(&mut found, item::VALUE)?;
            if account_of(&name).is_some() {
                accounts.extend(Drawer::usage(&name, &value, &terms, now)?);
            }
        }
        Ok(UsagePage { accounts, more })
    }

    async fn foresee(
        &self,
        tenant: &TenantId,
        asks: &[Ask],
        at: Option<Timestamp>,
    ) -> Result<Vec<Outlook>, LedgerError> {
        let names = Drawer::names_of_asks(asks)?;
        let (found, _) = self.find(tenant, &names, Trust::Read).await?;
        let mut drawer = Drawer::default();
        for (name, known) in &found {
            drawer.put(name, known.as_ref().map(|(_, value)| value.as_slice()))?;
        }
        drawer.foresee(asks, toolgate_native::now().max(at.unwrap_or_default()))
    }

    async fn forget(&self, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError> {
        for prefix in forgotten_names(what) {
            self.known.borrow_mut().retain(|(of, name), _| of != tenant || !name.starts_with(&prefix));
            let prefix = item::ledger_sort(&prefix);
            let keys = self.store.keys(tenant, &prefix).map_err(LedgerError::from);
            keys.map_ok(|key| self.remove(key)).try_buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        }
        Ok(())
    }
}

impl DynamoLedger {
    async fn remove(&self, key: std::collections::HashMap<String, AttributeValue>) -> Result<(), LedgerError> {
        let delete = self.store.client.delete_item().table_name(&self.store.table).set_key(Some(key));
        delete.send().await.map_err(|error| store_error("DeleteItem", error))?;
        Ok(())
    }
}
