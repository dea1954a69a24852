//! Values that go into a statement and come out of it.

use toolgate_model::Revision;
use toolgate_ports::StoreError;

/// A value bound to a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Param<'a> {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// A value in a row. Whole numbers are [`Value::Integer`], however the platform spells them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// One row, its columns in the statement's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row of these columns.
    #[must_use]
    pub const fn new(columns: Vec<Value>) -> Self {
        Self(columns)
    }

    pub(crate) fn integer(&self, column: usize) -> Result<i64, StoreError> {
        match self.0.get(column) {
            Some(Value::Integer(number)) => Ok(*number),
            other => Err(unexpected(column, "a whole number", other)),
        }
    }

    pub(crate) fn revision(&self, column: usize) -> Result<Revision, StoreError> {
        let number = self.integer(column)?;
        u64::try_from(number)
            .map(Revision)
            .map_err(|_| StoreError::Corrupt(format!("the revision {number} is negative")))
    }

    pub(crate) fn take_text(&mut self, column: usize) -> Result<String, StoreError> {
        match self.take(column) {
            Some(Value::Text(text)) => Ok(text),
            other => Err(unexpected(column, "a text", other.as_ref())),
        }
    }

    pub(crate) fn take_blob(&mut self, column: usize) -> Result<Vec<u8>, StoreError> {
        match self.take(column) {
            Some(Value::Blob(bytes)) => Ok(bytes),
            other => Err(unexpected(column, "bytes", other.as_ref())),
        }
    }

    fn take(&mut self, column: usize) -> Option<Value> {
        self.0.get_mut(column).map(|value| std::mem::replace(value, Value::Null))
    }
}

/// Revisions count commits from zero, so that none is ever beyond SQLite's numbers.
pub(crate) fn revision_param(revision: Revision) -> Param<'static> {
    Param::Integer(i64::try_from(revision.0).unwrap_or(i64::MAX))
}

// Says the type only: what is stored is none of a log's business.
fn unexpected(column: usize, wanted: &str, found: Option<&Value>) -> StoreError {
    let found = match found {
        None => "no column",
        Some(Value::Null) => "nothing",
        Some(Value::Integer(_)) => "a whole number",
        Some(Value::Text(_)) => "a text",
        Some(Value::Blob(_)) => "bytes",
    };
    StoreError::Corrupt(format!("column {column} holds {found} instead of {wanted}"))
}
