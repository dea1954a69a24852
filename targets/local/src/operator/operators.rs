//! `toolgate operators`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::{body, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Operators {
    /// All operators but the owner of TOOLGATE_OPERATOR_TOKEN.
    List,
    /// One operator, without the token.
    Get { operator: String },
    /// Create an operator and show the token, this once.
    Create {
        /// What people call it.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long)]
        role: RoleName,
        #[command(flatten)]
        settings: OperatorSettings,
    },
    /// Change some settings of an operator.
    Update {
        operator: String,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        /// What it may do.
        #[arg(long)]
        role: Option<RoleName>,
        #[command(flatten)]
        settings: OperatorSettings,
    },
    /// Delete an operator: the token is refused at once.
    Delete { operator: String },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    /// Everything.
    Owner,
    /// Everything but operators.
    Operator,
    /// Reads everything, changes nothing.
    Auditor,
    /// Everything within one tenant.
    TenantAdmin,
}

#[derive(Debug, Args)]
pub(crate) struct OperatorSettings {
    /// The tenant that a tenant-admin administers.
    #[arg(long)]
    tenant: Option<String>,
    /// From when the token is refused ("2027-01-31T12:00:00Z").
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Whether the token is accepted.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

impl Asks for Operators {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List => Ask::list(&[], "operators", &["id", "name", "role", "tenant", "expires_at", "enabled"])?,
            Self::Get { operator } => Ask::get(&["operators", &operator])?,
            Self::Create { name, role, settings } => {
                Ask::post(&["operators"], operator_body(Some(name), Some(role), settings))?
            }
            Self::Update { operator, name, role, settings } => {
                Ask::patch(&["operators", &operator], operator_body(name, role, settings))?
            }
            Self::Delete { operator } => Ask::delete(&["operators", &operator])?,
        })
    }
}

fn operator_body(name: Option<String>, role: Option<RoleName>, settings: OperatorSettings) -> Map<String, Value> {
    body([
        ("name", name.map(Value::from)),
        ("role", word(role.and_then(|role| role.to_possible_value()))),
        ("tenant", settings.tenant.map(Value::from)),
        ("expires_at", settings.expires_at.map(Value::from)),
        ("enabled", settings.enabled.map(Value::from)),
    ])
}
