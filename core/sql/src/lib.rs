//! The contracts of the store and the ledger in SQLite's SQL: the statements, and the algorithm around them, shared by every platform that
//! has an SQLite near by (a file on one machine, a Durable Object).
//!
//! A platform implements [`Sql`], two methods without a wait in them, and calls the functions here, one for each method
//! of [`toolgate_ports::Store`]; those in [`ledger`] for each method of [`toolgate_ports::Ledger`]. This crate must never know where the database is, nor open, lock or configure it.
//!
//! All tenants may share one database or have one each; the statements work for both.

mod blob;
pub mod ledger;
mod record;
mod schema;
mod value;

pub use blob::{MAX_BLOB, get_blob, put_blob};
pub use record::{CHANGES_KEPT, commit, delete_tenant, get, list, setup, sync, tenants};
pub use schema::{migrate, migrate_ledger};
use toolgate_ports::StoreError;
pub use value::{Param, Row, Value};

/// A database that answers at once.
pub trait Sql {
    /// Runs one statement with `params` bound to `?1`, `?2`, … and gives all rows, columns in the statement's order.
    /// The statements are few and fixed: prepare each once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if trying again may help, [`StoreError::Refused`] if not.
    fn query(&self, statement: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError>;

    /// Runs `work`, whose queries are made together: all of them if it gives `Ok`, none if it gives an error. Nothing
    /// else is written in between.
    ///
    /// # Errors
    /// What `work` gives, or that the transaction itself failed.
    fn transaction<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError>;
}
