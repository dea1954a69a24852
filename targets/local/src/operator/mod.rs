//! The operator's commands.
use clap::Subcommand;
#[derive(Debug, Subcommand)]
pub(crate) enum Operate {
    /// Tenants.
    Tenants,
}
pub(crate) fn run(_command: Operate) -> Result<(), std::io::Error> {
    Ok(())
}
