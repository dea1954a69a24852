//! `toolgate tenants`

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{Asks, OperateError, ask::Ask, fields::body};

#[derive(Debug, Subcommand)]
pub(crate) enum Tenants {
    /// All tenants.
    List,
    /// One tenant.
    Get { tenant: String },
    /// Create a tenant, or replace its settings.
    Put {
        tenant: String,
        #[command(flatten)]
        settings: TenantSettings,
    },
    /// Change some settings of a tenant.
    Update {
        tenant: String,
        #[command(flatten)]
        settings: TenantSettings,
    },
    /// Delete a tenant with all its servers and keys.
    Delete { tenant: String },
}

#[derive(Debug, Args)]
pub(crate) struct TenantSettings {
    /// What people call it.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Whether its keys are admitted.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

impl Asks for Tenants {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List => Ask::list(&[], "tenants", &["id", "display_name", "enabled"])?,
            Self::Get { tenant } => Ask::get(&["tenants", &tenant])?,
            Self::Put { tenant, settings } => Ask::put(&["tenants", &tenant], tenant_body(settings))?,
            Self::Update { tenant, settings } => Ask::patch(&["tenants", &tenant], tenant_body(settings))?,
            Self::Delete { tenant } => Ask::delete(&["tenants", &tenant])?,
        })
    }
}

fn tenant_body(settings: TenantSettings) -> Map<String, Value> {
    body([("display_name", settings.display_name.map(Value::from)), ("enabled", settings.enabled.map(Value::from))])
}
