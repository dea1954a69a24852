//! Letters for exchanges that wait for them, in the tenant's partition of the table: in the order in which they were left, each taken by
//! the one whose delete finds it. Whoever waits asks again and again, less and less often.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use bytes::Bytes;
use tokio::time::{Instant, sleep};
use toolgate_model::TenantId;
use toolgate_ports::{LETTER_LIFE, MAX_LETTER, MAX_LETTERS, Mailbox, StoreError};

use super::{
    DynamoStore,
    error::store_error,
    expiry,
    item::{self, Item},
};

/// The longest letter that stands in its own item; a longer one is kept as a blob.
const IN_ITEM: usize = 300_000;
/// How long to wait between two looks, at first and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

impl Mailbox for DynamoStore {
    async fn put(&self, tenant: &TenantId, name: &str, letter: Bytes) -> Result<(), StoreError> {
        if letter.len() > MAX_LETTER {
            return Err(StoreError::Refused(format!("a letter has at most {MAX_LETTER} bytes")));
        }
        let waiting = i32::try_from(MAX_LETTERS).unwrap_or(i32::MAX);
        if self.letters(tenant, name, waiting).await?.len() >= MAX_LETTERS {
            return Err(StoreError::Refused(format!("there are {MAX_LETTERS} letters under this name already")));
        }
        let sort = item::letter_sort(name, &place()?);
        let mut item = item::key(tenant, sort.clone());
        if letter.len() <= IN_ITEM {
            item.insert(item::VALUE.to_owned(), item::bytes(&letter));
        } else {
            self.keep_blob(tenant, &sort, letter).await?;
        }
        item.insert(item::EXPIRES.to_owned(), expiry(LETTER_LIFE));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(|error| store_error("PutItem", error))?;
        Ok(())
    }

    async fn take(&self, tenant: &TenantId, name: &str, patience: Duration) -> Result<Option<Bytes>, StoreError> {
        let until = Instant::now() + patience;
        let mut pause = LOOK_AGAIN.0;
        loop {
            for letter in self.letters(tenant, name, 1).await? {
                if let Some(letter) = self.taken(tenant, letter).await? {
                    return Ok(Some(letter));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LOOK_AGAIN.1);
        }
    }
}

impl DynamoStore {
    /// The oldest letters under `name`.
    async fn letters(&self, tenant: &TenantId, name: &str, limit: i32) -> Result<Vec<Item>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", item::text(item::partition(tenant)))
            .expression_attribute_values(":sk", item::text(item::letter_sort(name, "")))
            .consistent_read(true)
            .limit(limit);
        Ok(query.send().await.map_err(|error| store_error("Query", error))?.items.unwrap_or_default())
    }

    /// The letter, if it is ours: another may have taken it.
    async fn taken(&self, tenant: &TenantId, mut letter: Item) -> Result<Option<Bytes>, StoreError> {
        let sort = item::read_text(&letter, item::SK)?.to_owned();
        let value = match letter.contains_key(item::VALUE) {
            true => Some(item::take_bytes(&mut letter, item::VALUE)?),
            false => self.blob(tenant, &sort).await?,
        };
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(item::key(tenant, sort)))
            .condition_expression("attribute_exists(pk)");
        match delete.send().await {
            Ok(_) => Ok(value),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
            Err(error) => Err(store_error("DeleteItem", error)),
        }
    }
}

/// A place behind all letters left before, and of its own.
fn place() -> Result<String, StoreError> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable(format!("no randomness: {error}")))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{:020}-{}", now.as_micros(), hex::encode(random)))
}
