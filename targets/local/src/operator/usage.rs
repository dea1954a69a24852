//! `toolgate usage`

use clap::Args;

use super::{Asks, OperateError, ask::Ask};

#[derive(Debug, Args)]
pub(crate) struct Usage {
    tenant: String,
    /// Only what was counted for this key, of limits that tell keys apart.
    #[arg(long)]
    key: Option<String>,
    /// Only for this team.
    #[arg(long)]
    team: Option<String>,
    /// Only for this end user.
    #[arg(long)]
    user: Option<String>,
    /// Only for this server.
    #[arg(long)]
    server: Option<String>,
    /// Only for this tool, as the limits spell it.
    #[arg(long)]
    tool: Option<String>,
}

impl Asks for Usage {
    fn ask(self) -> Result<Ask, OperateError> {
        let columns = &["limit", "scope", "kind", "unit", "amount", "window", "accounts", "more"];
        let given =
            [("key", self.key), ("team", self.team), ("user", self.user), ("server", self.server), ("tool", self.tool)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(Ask::list(&["tenants", &self.tenant], "usage", columns)?.narrowed(given))
    }
}
