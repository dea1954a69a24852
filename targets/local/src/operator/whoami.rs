//! `toolgate whoami`

use clap::Args;

use super::{Asks, OperateError, ask::Ask};

#[derive(Debug, Args)]
pub(crate) struct Whoami {}

impl Asks for Whoami {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(Ask::get(&["whoami"])?)
    }
}
