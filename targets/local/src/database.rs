//! One SQLite database of this process, as `core/sql` wants it.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, Transaction, TransactionBehavior, types::ValueRef};
use toolgate_ports::StoreError;
use toolgate_sql::{Param, Row, Sql, Value};

/// How many prepared statements are kept: all there are.
const STATEMENTS: usize = 32;

/// A database, by its only connection.
#[derive(Debug)]
pub(crate) struct Database(Connection);

impl Database {
    /// The database at the other end of `connection`, with `settings`.
    pub(crate) fn new(connection: Connection, settings: &str) -> Result<Self, StoreError> {
        connection.execute_batch(settings).map_err(|e| store_error(&e))?;
        Ok(Self(connection))
    }
}

/// Opens the database at `path`, making it if there is none.
pub(crate) fn connect(path: &Path) -> Result<Connection, StoreError> {
    // One connection behind one lock: SQLite's own locks would be taken for nothing.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| store_error(&e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// An empty database in memory.
pub(crate) fn in_memory() -> Result<Connection, StoreError> {
    Connection::open_in_memory().map_err(|e| store_error(&e))
}

impl Sql for Database {
    fn query(&self, statement: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.run(statement, params).map_err(|e| store_error(&e))
    }

    fn transaction<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let transaction =
            Transaction::new_unchecked(&self.0, TransactionBehavior::Immediate).map_err(|e| store_error(&e))?;
        let result = work()?;
        transaction.commit().map_err(|e| store_error(&e))?;
        Ok(result)
    }
}

impl Database {
    fn run(&self, statement: &str, params: &[Param<'_>]) -> rusqlite::Result<Vec<Row>> {
        let mut prepared = self.0.prepare_cached(statement)?;
        let columns = prepared.column_count();
        let mut found = prepared.query(rusqlite::params_from_iter(params.iter().map(Bound)))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let values = (0..columns).map(|column| row.get_ref(column).map(value)).collect::<rusqlite::Result<_>>()?;
            rows.push(Row::new(values));
        }
        Ok(rows)
    }
}

struct Bound<'a>(&'a Param<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        let value = match self.0 {
            Param::Integer(number) => ValueRef::Integer(*number),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Blob(bytes) => ValueRef::Blob(bytes),
        };
        Ok(rusqlite::types::ToSqlOutput::Borrowed(value))
    }
}

// No statement makes a fraction. A text that isn't UTF-8 is handed on as bytes, which the core reports as corrupt.
fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => {
            String::from_utf8(text.to_vec()).map_or_else(|e| Value::Blob(e.into_bytes()), Value::Text)
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

// SQLite's messages name tables and files, never values.
fn store_error(error: &rusqlite::Error) -> StoreError {
    let message = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::SystemIoFailure,
        ) => StoreError::Unavailable(message),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(message),
        _ => StoreError::Refused(message),
    }
}
