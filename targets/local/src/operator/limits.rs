//! `toolgate limits`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::{body, pairs, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Limits {
    /// All limits of a tenant.
    List { tenant: String },
    /// One limit.
    Get { tenant: String, limit: String },
    /// Create a limit, or replace its settings.
    Put {
        tenant: String,
        limit: String,
        #[command(flatten)]
        settings: LimitSettings,
    },
    /// Change some settings of a limit.
    Update {
        tenant: String,
        limit: String,
        #[command(flatten)]
        settings: LimitSettings,
    },
    /// Delete a limit and all that it has counted.
    Delete { tenant: String, limit: String },
    /// What a limit has counted, account by account.
    Usage { tenant: String, limit: String },
    /// Forget what a limit has counted.
    Reset { tenant: String, limit: String },
}

#[derive(Debug, Args)]
pub(crate) struct LimitSettings {
    /// A member of what it sits on ("key=*", "team=backend"): key, team, user, server or tool; "*" counts each for itself. May be
    /// repeated; without it a new limit sits on the tenant.
    #[arg(long = "scope", value_name = "MEMBER=VALUE", value_parser = member)]
    scope: Vec<(String, String)>,
    /// So much in a window, so fast, or so many at the same time.
    #[arg(long)]
    kind: Option<Kind>,
    /// What is counted.
    #[arg(long)]
    unit: Option<Unit>,
    /// How much is allowed.
    #[arg(long)]
    amount: Option<u64>,
    /// A budget's window, or the length in which a rate refills: "day", "month", "24h", "15m".
    #[arg(long)]
    window: Option<String>,
    /// The time zone of a calendar window ("Europe/Berlin").
    #[arg(long, requires = "window")]
    zone: Option<String>,
    /// How much a rate's bucket holds.
    #[arg(long)]
    burst: Option<u64>,
    /// Whether each call asks, or instances spend from slices they take in advance.
    #[arg(long)]
    mode: Option<Mode>,
    /// Whether calls go through when nobody can be asked.
    #[arg(long, value_name = "BOOL")]
    fail_open: Option<bool>,
    /// Whether it limits anything.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Budget,
    Rate,
    Concurrency,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Unit {
    Calls,
    #[value(name = "micro_usd")]
    MicroUsd,
    Tokens,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Strict,
    Leased,
}

impl Asks for Limits {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List { tenant } => Ask::list(
                &["tenants", &tenant],
                "limits",
                &["id", "scope", "kind", "unit", "amount", "window", "mode", "enabled"],
            )?,
            Self::Get { tenant, limit } => Ask::get(&["tenants", &tenant, "limits", &limit])?,
            Self::Put { tenant, limit, settings } => {
                let mut body = limit_body(settings);
                body.entry("scope").or_insert_with(|| json!({}));
                Ask::put(&["tenants", &tenant, "limits", &limit], body)?
            }
            Self::Update { tenant, limit, settings } => {
                Ask::patch(&["tenants", &tenant, "limits", &limit], limit_body(settings))?
            }
            Self::Delete { tenant, limit } => Ask::delete(&["tenants", &tenant, "limits", &limit])?,
            Self::Usage { tenant, limit } => {
                let columns = &["holder", "settled", "reserved", "leased", "left", "resets_at"];
                Ask::list(&["tenants", &tenant, "limits", &limit], "usage", columns)?
            }
            Self::Reset { tenant, limit } => Ask::post(&["tenants", &tenant, "limits", &limit, "reset"], Map::new())?,
        })
    }
}

fn limit_body(settings: LimitSettings) -> Map<String, Value> {
    let window = settings.window.map(|window| match settings.zone {
        Some(zone) => json!({"calendar": window, "zone": zone}),
        None => Value::from(window),
    });
    body([
        ("scope", pairs(settings.scope)),
        ("kind", word(settings.kind.and_then(|kind| kind.to_possible_value()))),
        ("unit", word(settings.unit.and_then(|unit| unit.to_possible_value()))),
        ("amount", settings.amount.map(Value::from)),
        ("window", window),
        ("burst", settings.burst.map(Value::from)),
        ("mode", word(settings.mode.and_then(|mode| mode.to_possible_value()))),
        ("fail_open", settings.fail_open.map(Value::from)),
        ("enabled", settings.enabled.map(Value::from)),
    ])
}

fn member(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write \"member=value\"")?;
    Ok((name.to_owned(), value.to_owned()))
}
