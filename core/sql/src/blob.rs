//! Derived data, kept in parts that fit a bounded row.

use bytes::{Bytes, BytesMut};
use toolgate_model::TenantId;
use toolgate_ports::StoreError;

use crate::{Param, Sql};

/// The longest blob, in bytes.
pub const MAX_BLOB: usize = 24 << 20;
const PART: usize = 1 << 20;

const READ: &str = "SELECT value FROM blobs WHERE tenant = ?1 AND name = ?2 ORDER BY part";
const DELETE: &str = "DELETE FROM blobs WHERE tenant = ?1 AND name = ?2";
const INSERT: &str = "INSERT INTO blobs (tenant, name, part, value) VALUES (?1, ?2, ?3, ?4)";

/// [`toolgate_ports::Store::get_blob`].
///
/// # Errors
/// As the database says.
pub fn get_blob(sql: &impl Sql, tenant: &TenantId, name: &str) -> Result<Option<Bytes>, StoreError> {
    let mut parts = sql.query(READ, &[Param::Text(tenant.as_str()), Param::Text(name)])?;
    if let [only] = &mut parts[..] {
        return only.take_blob(0).map(|bytes| Some(bytes.into()));
    }
    let mut whole = BytesMut::with_capacity(parts.len() * PART);
    let none = parts.is_empty();
    for mut part in parts {
        whole.extend_from_slice(&part.take_blob(0)?);
    }
    Ok((!none).then(|| whole.freeze()))
}

/// [`toolgate_ports::Store::put_blob`].
///
/// # Errors
/// [`StoreError::Refused`] beyond [`MAX_BLOB`].
pub fn put_blob(sql: &impl Sql, tenant: &TenantId, name: &str, value: &[u8]) -> Result<(), StoreError> {
    if value.len() > MAX_BLOB {
        return Err(StoreError::Refused(format!("the blob {name:?} is longer than {MAX_BLOB} bytes")));
    }
    let (tenant, name) = (Param::Text(tenant.as_str()), Param::Text(name));
    sql.transaction(|| {
        sql.query(DELETE, &[tenant, name])?;
        // An empty blob is one empty part: it is there.
        let parts = value.chunks(PART).chain(value.is_empty().then_some(value));
        for (number, part) in (0_i64..).zip(parts) {
            sql.query(INSERT, &[tenant, name, Param::Integer(number), Param::Blob(part)])?;
        }
        Ok(())
    })
}
