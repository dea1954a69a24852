//! `toolgate tenants`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::{body, json_object, word},
};

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
    /// What programs that clients' models write may use, and what they cost: JSON, like
    /// '{"limits": {"calls": 20, "time_ms": 30000}, "price": {"micro_usd": 10}}'.
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    code: Option<Value>,
    /// Which tools need a person's approval because they may destroy something: none, those marked so, or those not marked otherwise.
    #[arg(long)]
    approve_destructive: Option<Destructive>,
    /// Who may approve: an operator or the person at the client, or an operator alone.
    #[arg(long)]
    approved_by: Option<Approver>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Destructive {
    Allowed,
    Marked,
    Assumed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Approver {
    Anyone,
    Operator,
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
    let approvals = body([
        ("destructive", word(settings.approve_destructive.and_then(|which| which.to_possible_value()))),
        ("by", word(settings.approved_by.and_then(|who| who.to_possible_value()))),
    ]);
    body([
        ("display_name", settings.display_name.map(Value::from)),
        ("enabled", settings.enabled.map(Value::from)),
        ("code", settings.code),
        ("approvals", (!approvals.is_empty()).then_some(approvals.into())),
    ])
}
