//! `toolgate servers`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::{body, json_object, pairs, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Servers {
    /// All servers of a tenant.
    List { tenant: String },
    /// One server.
    Get { tenant: String, server: String },
    /// Create a server, or replace its settings.
    Put {
        tenant: String,
        server: String,
        /// Its MCP endpoint.
        #[arg(long)]
        url: String,
        #[command(flatten)]
        settings: ServerSettings,
    },
    /// Change some settings of a server.
    Update {
        tenant: String,
        server: String,
        /// Its MCP endpoint.
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        settings: ServerSettings,
    },
    /// Delete a server.
    Delete { tenant: String, server: String },
    /// What a server offers, and what went wrong when it was last asked.
    Tools { tenant: String, server: String },
    /// How well a server does, as its use has shown.
    Health { tenant: String, server: String },
    /// Ask a server for its tools now, and show how well it does.
    Check { tenant: String, server: String },
}

#[derive(Debug, Args)]
pub(crate) struct ServerSettings {
    /// The protocol era it is spoken to in.
    #[arg(long)]
    era: Option<Era>,
    /// Where it may be: at public addresses only, in private ranges too, on loopback too.
    #[arg(long)]
    network: Option<NetworkName>,
    /// A header sent with every request to it ("authorization: Bearer …"). May be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Another name for one of its tools ("old=new"). May be repeated.
    #[arg(long = "alias", value_name = "TOOL=NAME", value_parser = alias)]
    aliases: Vec<(String, String)>,
    /// What calls cost, as the admin API takes it: JSON, like '{"micro_usd": 100}'.
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    price: Option<Value>,
    /// What calls must keep to: JSON, like '{"timeout_ms": 5000, "access": "read-only"}'.
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    constraints: Option<Value>,
    /// The price and constraints of some tools alone: JSON, like '{"search": {"price": {"micro_usd": 0}}}'.
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    tools: Option<Value>,
    /// Whether it is listed and called.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Era {
    Auto,
    Modern,
    Legacy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NetworkName {
    Public,
    Private,
    Loopback,
}

impl Asks for Servers {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List { tenant } => {
                Ask::list(&["tenants", &tenant], "servers", &["id", "url", "era", "network", "enabled"])?
            }
            Self::Get { tenant, server } => Ask::get(&["tenants", &tenant, "servers", &server])?,
            Self::Put { tenant, server, url, settings } => {
                Ask::put(&["tenants", &tenant, "servers", &server], server_body(Some(url), settings))?
            }
            Self::Update { tenant, server, url, settings } => {
                Ask::patch(&["tenants", &tenant, "servers", &server], server_body(url, settings))?
            }
            Self::Delete { tenant, server } => Ask::delete(&["tenants", &tenant, "servers", &server])?,
            Self::Health { tenant, server } => Ask::get(&["tenants", &tenant, "servers", &server, "health"])?,
            Self::Check { tenant, server } => {
                Ask::post(&["tenants", &tenant, "servers", &server, "health"], Map::new())?
            }
            Self::Tools { tenant, server } => Ask::get(&["tenants", &tenant, "servers", &server, "tools"])?,
        })
    }
}

fn server_body(url: Option<String>, settings: ServerSettings) -> Map<String, Value> {
    body([
        ("url", url.map(Value::from)),
        ("era", word(settings.era.and_then(|era| era.to_possible_value()))),
        ("network", word(settings.network.and_then(|network| network.to_possible_value()))),
        ("headers", pairs(settings.headers)),
        ("aliases", pairs(settings.aliases)),
        ("price", settings.price),
        ("constraints", settings.constraints),
        ("tools", settings.tools),
        ("enabled", settings.enabled.map(Value::from)),
    ])
}

// An error says nothing of the value: it may be a secret.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write \"name: value\"")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn alias(text: &str) -> Result<(String, String), String> {
    let (tool, name) = text.split_once('=').ok_or("write \"tool=name\"")?;
    Ok((tool.to_owned(), name.to_owned()))
}
