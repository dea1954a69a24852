//! Blobs: derived data, in items of at most 350 KB.
//!
//! A short blob is one item. A longer one is a manifest and chunks of a generation of its own, written before the manifest
//! that names it, so that a reader never mixes the chunks of two writers. All expire after a while: that removes old
//! generations without the cost of deleting them, and a blob can be made again.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use toolgate_model::TenantId;
use toolgate_ports::StoreError;

use super::{
    DynamoStore,
    error::store_error,
    expiry,
    item::{self, Item},
};

/// The longest value of one item. DynamoDB takes items of 400 KB, names and numbers included.
const CHUNK: usize = 350_000;
/// How many chunks are on their way at the same time.
const AT_ONCE: usize = 4;
/// How long a blob is kept after it was last put.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

impl DynamoStore {
    pub(super) async fn keep_blob(&self, tenant: &TenantId, name: &str, value: Bytes) -> Result<(), StoreError> {
        let mut manifest = item::key(tenant, item::blob_sort(name));
        if value.len() <= CHUNK {
            manifest.insert(item::VALUE.to_owned(), item::bytes(&value));
            return self.put_item(manifest).await;
        }
        let generation = generation()?;
        let chunks = value.chunks(CHUNK).enumerate().map(|(n, chunk)| {
            let mut item = item::key(tenant, item::chunk_sort(name, &generation, n));
            item.insert(item::VALUE.to_owned(), item::bytes(chunk));
            item
        });
        let writes = chunks.map(|item| self.put_item(item));
        stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        manifest.insert(item::CHUNKS.to_owned(), item::number(chunks_of(value.len())));
        manifest.insert(item::GENERATION.to_owned(), item::text(generation));
        self.put_item(manifest).await
    }

    async fn put_item(&self, mut item: Item) -> Result<(), StoreError> {
        item.insert(item::EXPIRES.to_owned(), expiry(KEPT));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(|error| store_error("PutItem", error))?;
        Ok(())
    }

    pub(super) async fn blob(&self, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
        let Some(mut manifest) = self.blob_item(tenant, item::blob_sort(name)).await? else { return Ok(None) };
        let Some(chunks) = item::read_number::<usize>(&manifest, item::CHUNKS)? else {
            return item::take_bytes(&mut manifest, item::VALUE).map(Some);
        };
        let generation = item::read_text(&manifest, item::GENERATION)?;
        let reads = (0..chunks).map(|n| self.blob_item(tenant, item::chunk_sort(name, generation, n)));
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        let mut value = BytesMut::new();
        while let Some(chunk) = reads.next().await {
            // Expired before its manifest was, or its replica is behind the manifest's: as if there were no blob.
            let Some(mut chunk) = chunk? else { return Ok(None) };
            value.extend_from_slice(&item::take_bytes(&mut chunk, item::VALUE)?);
        }
        Ok(Some(value.freeze()))
    }

    /// Eventually consistent, at half the price: a blob may be an earlier one, or none.
    async fn blob_item(&self, tenant: &TenantId, sort: String) -> Result<Option<Item>, StoreError> {
        let read = self.client.get_item().table_name(&self.table).set_key(Some(item::key(tenant, sort)));
        Ok(read.send().await.map_err(|error| store_error("GetItem", error))?.item)
    }
}

fn chunks_of(len: usize) -> u64 {
    u64::try_from(len.div_ceil(CHUNK)).unwrap_or(u64::MAX)
}

/// A name that no other has.
pub(super) fn generation() -> Result<String, StoreError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable(format!("no randomness: {error}")))?;
    Ok(hex::encode(random))
}
