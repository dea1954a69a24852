//! `toolgate keys`

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::{ToolsMode, body, json_object, pairs},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// All keys of a tenant.
    List { tenant: String },
    /// One key, without its secret.
    Get { tenant: String, key: String },
    /// Create a key and show its secret, this once.
    Create {
        tenant: String,
        /// What people call it.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        settings: KeySettings,
    },
    /// Change some settings of a key.
    Update {
        tenant: String,
        key: String,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: KeySettings,
    },
    /// Give a key a new secret and show it, this once.
    Rotate {
        tenant: String,
        key: String,
        /// How long the secret that it has goes on: "90s", "15m", "24h" or "30d". Unless given, it ends at once.
        #[arg(long, value_name = "DURATION")]
        overlap: Option<String>,
    },
    /// Delete a key: clients are refused from then on, everywhere within the gateway's staleness bound.
    Delete { tenant: String, key: String },
}

#[derive(Debug, Args)]
pub(crate) struct KeySettings {
    /// What it may use: "*", "server__*", "server__tool", "prompt:server__name" or "resource:server__uri". May be repeated; without
    /// it a new key may use nothing.
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<String>,
    /// The team it belongs to.
    #[arg(long)]
    team: Option<String>,
    /// The end user it acts for; "*": the one that each request names (Toolgate-User).
    #[arg(long)]
    user: Option<String>,
    /// A label for policy rules to look at ("env=prod"). May be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// How its clients are shown tools.
    #[arg(long, value_name = "MODE")]
    tools_mode: Option<ToolsMode>,
    /// What one of its programs may use: JSON, like '{"calls": 20, "time_ms": 30000}'.
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    code: Option<Value>,
    /// From when it is refused ("2027-01-31T12:00:00Z").
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Whether it is admitted.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

impl Asks for Keys {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List { tenant } => Ask::list(
                &["tenants", &tenant],
                "keys",
                &["id", "name", "team", "user", "grants", "expires_at", "enabled"],
            )?,
            Self::Get { tenant, key } => Ask::get(&["tenants", &tenant, "keys", &key])?,
            Self::Create { tenant, name, settings } => {
                let mut body = key_body(Some(name), settings);
                body.entry("grants").or_insert_with(|| json!([]));
                Ask::post(&["tenants", &tenant, "keys"], body)?
            }
            Self::Update { tenant, key, name, settings } => {
                Ask::patch(&["tenants", &tenant, "keys", &key], key_body(name, settings))?
            }
            Self::Rotate { tenant, key, overlap } => {
                Ask::post(&["tenants", &tenant, "keys", &key, "rotate"], body([("overlap", overlap.map(Value::from))]))?
            }
            Self::Delete { tenant, key } => Ask::delete(&["tenants", &tenant, "keys", &key])?,
        })
    }
}

fn key_body(name: Option<String>, settings: KeySettings) -> Map<String, Value> {
    body([
        ("name", name.map(Value::from)),
        ("grants", (!settings.grants.is_empty()).then(|| settings.grants.into())),
        ("team", settings.team.map(Value::from)),
        ("user", settings.user.map(Value::from)),
        ("labels", pairs(settings.labels)),
        ("tools_mode", settings.tools_mode.and_then(ToolsMode::spelled)),
        ("code", settings.code),
        ("expires_at", settings.expires_at.map(Value::from)),
        ("enabled", settings.enabled.map(Value::from)),
    ])
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write \"name=value\"")?;
    Ok((name.to_owned(), value.to_owned()))
}
