//! `cargo xtask bench`: the figures, each table with the machine's name.

use crate::{
    machine,
    problem::{Problem, Result},
};
pub(crate) fn run(_names: &[String]) -> Result<()> {
    println!("{}", machine::name());
    Err(Problem::new("todo"))
}
