//! How things are spelled in the table: keys, attributes, and items read back. Asks nobody anything.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use bytes::Bytes;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Record, RecordKey, RecordKind, StoreError};

/// An item, or a key of one.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Partition key.
pub(super) const PK: &str = "pk";
/// Sort key.
pub(super) const SK: &str = "sk";
/// The revision that wrote a record, or that a tenant is at.
pub(super) const REVISION: &str = "rev";
/// A record's, a blob's or a chunk's bytes.
pub(super) const VALUE: &str = "val";
/// The record keys that a commit wrote.
pub(super) const CHANGED: &str = "changed";
/// The revision that deleted a tenant whose items are not all gone yet.
pub(super) const PURGING: &str = "purging";
/// Which chunks are a blob's.
pub(super) const GENERATION: &str = "generation";
/// How many they are.
pub(super) const CHUNKS: &str = "chunks";
/// Which write an account's item comes from.
pub(super) const VERSION: &str = "ver";
/// When DynamoDB may remove the item (its time-to-live attribute).
pub(super) const EXPIRES: &str = "expires";

/// The partition that lists the tenants.
pub(super) const DIRECTORY: &str = "DIR";
/// A tenant's state.
pub(super) const META: &str = "M#";
/// The beginning of every record's sort key.
pub(super) const RECORDS: &str = "R#";
/// The beginning of every blob's and chunk's sort key.
pub(super) const BLOBS: &str = "B#";

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// The key of an item in `tenant`'s partition.
pub(super) fn key(tenant: &TenantId, sort: impl Into<String>) -> Item {
    Item::from([(PK.to_owned(), text(partition(tenant))), (SK.to_owned(), text(sort))])
}

/// The key of `tenant`'s entry in the directory.
pub(super) fn directory_key(tenant: &TenantId) -> Item {
    Item::from([(PK.to_owned(), text(DIRECTORY)), (SK.to_owned(), text(tenant.as_str()))])
}

pub(super) fn partition(tenant: &TenantId) -> String {
    format!("T#{tenant}")
}

pub(super) fn record_sort(key: &RecordKey) -> String {
    format!("{RECORDS}{key}")
}

/// The sort keys, from and to (both included), of the records of `kind` after `after`.
pub(super) fn record_range(kind: RecordKind, after: Option<&str>) -> (String, String) {
    let kind = kind.as_str();
    let from = match after {
        // The smallest key that is greater.
        Some(after) => format!("{RECORDS}{kind}/{after}\0"),
        None => format!("{RECORDS}{kind}/"),
    };
    // '0' follows '/', so this is greater than every key of the kind, and is none itself.
    (from, format!("{RECORDS}{kind}0"))
}

/// Between which sort keys all records stand that say how a tenant is set up: from limits to the tenant itself, in the order of bytes.
pub(super) fn setup_range() -> (String, String) {
    (format!("{RECORDS}limit/"), format!("{RECORDS}tenant0"))
}

/// A change's sort key. Padded, so that the order of texts is the order of revisions.
pub(super) fn change_sort(revision: Revision) -> String {
    format!("C#{:020}", revision.0)
}

pub(super) fn blob_sort(name: &str) -> String {
    format!("{BLOBS}{name}")
}

/// A letter's sort key: `L#`, which no record, blob or change begins with.
pub(super) fn letter_sort(name: &str, place: &str) -> String {
    format!("L#{name}#{place}")
}

/// The beginning of the sort key of every document of the ledger.
const LEDGER: &str = "A#";

/// The sort key of a document of the ledger.
pub(super) fn ledger_sort(name: &str) -> String {
    format!("{LEDGER}{name}")
}

/// What a document of the ledger is called.
pub(super) fn read_ledger_name(item: &Item) -> Result<&str, StoreError> {
    read_text(item, SK)?.strip_prefix(LEDGER).ok_or_else(|| corrupt(item, SK))
}

pub(super) fn chunk_sort(name: &str, generation: &str, n: usize) -> String {
    format!("{BLOBS}{name}#{generation}#{n:03}")
}

/// Reads a number.
pub(super) fn read_number<N: std::str::FromStr>(item: &Item, name: &str) -> Result<Option<N>, StoreError> {
    let Some(value) = item.get(name) else { return Ok(None) };
    let number = value.as_n().ok().and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(|| corrupt(item, name))
}

/// Reads a text that must be there.
pub(super) fn read_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or_else(|| corrupt(item, name))
}

/// Takes bytes that must be there.
pub(super) fn take_bytes(item: &mut Item, name: &str) -> Result<Bytes, StoreError> {
    match item.remove(name) {
        Some(AttributeValue::B(blob)) => Ok(blob.into_inner().into()),
        _ => Err(corrupt(item, name)),
    }
}

/// Reads an item as a record.
pub(super) fn into_record(mut item: Item) -> Result<Record, StoreError> {
    let sort = read_text(&item, SK)?;
    let key = sort.strip_prefix(RECORDS).ok_or_else(|| corrupt(&item, SK))?.parse()?;
    let revision = Revision(read_number(&item, REVISION)?.ok_or_else(|| corrupt(&item, REVISION))?);
    Ok(Record { key, revision, value: take_bytes(&mut item, VALUE)? })
}

/// Says which item has what wrong, but not its value.
pub(super) fn corrupt(item: &Item, name: &str) -> StoreError {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
    StoreError::Corrupt(format!("{name:?} of the item {} {}", part(PK), part(SK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_the_records_of_one_kind_after_one_id() {
        let sorts = |kind, ids: &[&str]| -> Vec<String> {
            ids.iter().map(|id| record_sort(&RecordKey::new(kind, id))).collect()
        };
        let inside = |kind, after, sort: &str| {
            let (from, to) = record_range(kind, after);
            from.as_str() <= sort && sort <= to.as_str()
        };
        let servers = sorts(RecordKind::Server, &["a", "a-b", "a_b", "b"]);
        assert!(servers.iter().all(|sort| inside(RecordKind::Server, None, sort)));
        let after: Vec<bool> = servers.iter().map(|sort| inside(RecordKind::Server, Some("a"), sort)).collect();
        assert_eq!(after, [false, true, true, true]);
        for other in [&sorts(RecordKind::Key, &["0123456789abcdef"])[0], &record_sort(&RecordKey::tenant())] {
            assert!(!inside(RecordKind::Server, None, other));
        }
        assert!(inside(RecordKind::Tenant, None, &record_sort(&RecordKey::tenant())));
    }

    #[test]
    fn what_says_how_a_tenant_is_set_up_stands_together() {
        let (from, to) = setup_range();
        for kind in RecordKind::ALL {
            let sort = record_sort(&RecordKey::new(kind, "x"));
            let inside = from <= sort && sort <= to;
            // Operators stand in a tenant of their own.
            assert!(inside == kind.is_setup() || kind == RecordKind::Operator, "{kind:?}");
        }
    }

    #[test]
    fn changes_sort_by_revision() {
        assert!(change_sort(Revision(9)) < change_sort(Revision(10)));
        assert!(change_sort(Revision(u64::MAX)) > change_sort(Revision(1)));
    }

    #[test]
    fn an_item_that_is_no_record_is_named_without_its_value() {
        let mut item = key(&TenantId::new("acme").unwrap(), "R#server/github");
        item.insert(REVISION.to_owned(), number(7));
        item.insert(VALUE.to_owned(), text("a secret"));
        let error = into_record(item).unwrap_err().to_string();
        assert!(error.contains("T#acme R#server/github") && !error.contains("a secret"), "{error}");
    }
}
