//! A Durable Object's SQLite.

use toolgate_ports::StoreError;
use toolgate_sql::{Param, Row, Sql, Value};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use worker::{SqlStorage, SqlStorageValue, State};

#[wasm_bindgen]
extern "C" {
    /// `ctx.storage`, for the method that the `worker` crate has no name for.
    type Transactional;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &Transactional,
        work: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;
}

/// The database of one object.
pub(crate) struct DurableSql {
    sql: SqlStorage,
    storage: Transactional,
}

impl DurableSql {
    /// The database of the object that `state` belongs to.
    pub(crate) fn new(state: &State) -> Self {
        let storage = state.storage();
        let raw: &JsValue = storage.as_raw().as_ref();
        Self { sql: storage.sql(), storage: raw.clone().unchecked_into() }
    }

    /// All rows of one statement.
    ///
    /// # Errors
    /// As the database says.
    pub(crate) fn rows(&self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Vec<Value>>, StoreError> {
        let params: Vec<SqlStorageValue> = params.iter().map(bound).collect();
        let cursor = self.sql.exec(statement, params).map_err(|error| failure(&error))?;
        cursor.raw().map(|row| row.map_err(|error| failure(&error))?.into_iter().map(read).collect()).collect()
    }
}

impl Sql for DurableSql {
    fn query(&self, statement: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        Ok(self.rows(statement, params)?.into_iter().map(Row::new).collect())
    }

    fn transaction<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut work = Some(work);
        let mut outcome = None;
        let made = self.storage.transaction_sync(&mut || {
            outcome = work.take().map(|work| work());
            // What is thrown rolls back.
            if matches!(outcome, Some(Ok(_))) { Ok(JsValue::UNDEFINED) } else { Err("rolled back".into()) }
        });
        match (outcome, made) {
            (Some(Ok(value)), Ok(_)) => Ok(value),
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(StoreError::Unavailable(crate::message::said(&error))),
            (None, Ok(_)) => Err(StoreError::Unavailable("the transaction was not run".into())),
        }
    }
}

fn bound(param: &Param<'_>) -> SqlStorageValue {
    match *param {
        Param::Integer(number) => SqlStorageValue::Integer(number),
        Param::Text(text) => SqlStorageValue::String(text.to_owned()),
        Param::Blob(bytes) => SqlStorageValue::Blob(bytes.to_vec()),
    }
}

fn read(value: SqlStorageValue) -> Result<Value, StoreError> {
    match value {
        SqlStorageValue::Null => Ok(Value::Null),
        SqlStorageValue::Integer(number) => Ok(Value::Integer(number)),
        SqlStorageValue::Boolean(truth) => Ok(Value::Integer(truth.into())),
        SqlStorageValue::String(text) => Ok(Value::Text(text)),
        SqlStorageValue::Blob(bytes) => Ok(Value::Blob(bytes)),
        SqlStorageValue::Float(_) => Err(StoreError::Corrupt("a number is not whole".into())),
    }
}

fn failure(error: &worker::Error) -> StoreError {
    let message = error.to_string();
    if message.contains("TOOBIG") || message.contains("too big") {
        return StoreError::Refused(message);
    }
    StoreError::Unavailable(message)
}
