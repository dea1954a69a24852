//! `toolgate teams`

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{Asks, OperateError, ask::Ask, fields::body};

#[derive(Debug, Subcommand)]
pub(crate) enum Teams {
    /// All teams of a tenant.
    List { tenant: String },
    /// One team.
    Get { tenant: String, team: String },
    /// Create a team, or replace its settings.
    Put {
        tenant: String,
        team: String,
        #[command(flatten)]
        settings: TeamSettings,
    },
    /// Change some settings of a team.
    Update {
        tenant: String,
        team: String,
        #[command(flatten)]
        settings: TeamSettings,
    },
    /// Delete a team. Its keys keep naming it.
    Delete { tenant: String, team: String },
}

#[derive(Debug, Args)]
pub(crate) struct TeamSettings {
    /// What people call it.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Whether its keys are admitted.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

impl Asks for Teams {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List { tenant } => Ask::list(&["tenants", &tenant], "teams", &["id", "display_name", "enabled"])?,
            Self::Get { tenant, team } => Ask::get(&["tenants", &tenant, "teams", &team])?,
            Self::Put { tenant, team, settings } => {
                Ask::put(&["tenants", &tenant, "teams", &team], team_body(settings))?
            }
            Self::Update { tenant, team, settings } => {
                Ask::patch(&["tenants", &tenant, "teams", &team], team_body(settings))?
            }
            Self::Delete { tenant, team } => Ask::delete(&["tenants", &tenant, "teams", &team])?,
        })
    }
}

fn team_body(settings: TeamSettings) -> Map<String, Value> {
    body([("display_name", settings.display_name.map(Value::from)), ("enabled", settings.enabled.map(Value::from))])
}
