//! `cargo xtask sizes`.
use crate::problem::{Problem, Result};
pub(crate) fn run() -> Result<()> {
    Err(Problem::new("todo"))
}
