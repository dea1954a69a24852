//! The operator's commands: each is one request to the admin API of a gateway on any target, and its answer on the screen.

mod ask;
mod client;
mod show;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use self::{
    ask::Ask,
    client::{Client, ClientArgs, ClientError},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Operate {
    /// Tenants: customers, each with servers and keys of its own.
    Tenants(Command<Tenants>),
    /// The upstream MCP servers of a tenant.
    Servers(Command<Servers>),
    /// The views of a tenant: named bundles of what its servers offer.
    Views(Command<Views>),
    /// The virtual keys of a tenant.
    Keys(Command<Keys>),
}

/// What all commands take.
#[derive(Debug, Args)]
pub(crate) struct Command<C: Subcommand> {
    #[command(flatten)]
    client: ClientArgs,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: C,
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum Views {
    /// All views of a tenant.
    List { tenant: String },
    /// One view.
    Get { tenant: String, view: String },
    /// Create a view, or replace its settings.
    Put {
        tenant: String,
        view: String,
        #[command(flatten)]
        settings: ViewSettings,
    },
    /// Change some settings of a view.
    Update {
        tenant: String,
        view: String,
        #[command(flatten)]
        settings: ViewSettings,
    },
    /// Delete a view.
    Delete { tenant: String, view: String },
}

#[derive(Debug, Args)]
pub(crate) struct ViewSettings {
    /// What people call it.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// When the names of tools and prompts begin with their server's.
    #[arg(long)]
    prefix: Option<PrefixName>,
    /// A server it shows: all of it ("github"), or some of its tools ("github=list_issues,get_issue"). May be repeated.
    #[arg(long = "server", value_name = "SERVER[=TOOL,…]", value_parser = shown_server)]
    servers: Vec<(String, Value)>,
    /// What it shows of its servers, as the admin API takes it: JSON, for prompts, resources, renaming and arguments.
    #[arg(long, value_name = "JSON", value_parser = json_object, conflicts_with = "servers")]
    servers_json: Option<Value>,
    /// Whether clients may use it.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrefixName {
    Always,
    Collision,
    Never,
}

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
    /// Delete a key.
    Delete { tenant: String, key: String },
}

#[derive(Debug, Args)]
pub(crate) struct KeySettings {
    /// What it may use: "*", "server__*", "server__tool", "prompt:server__name" or "resource:server__uri". May be repeated; without
    /// it a new key may use nothing.
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<String>,
    /// From when it is refused ("2027-01-31T12:00:00Z").
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Whether it is admitted.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperateError {
    #[error("{0:?} can't be an id")]
    Id(String),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("can't start: {0}")]
    System(#[from] std::io::Error),
}

/// Runs a command.
pub(crate) fn run(command: Operate) -> Result<(), OperateError> {
    match command {
        Operate::Tenants(Command { client, json, command }) => perform(client, json, &tenants(command)?),
        Operate::Servers(Command { client, json, command }) => perform(client, json, &servers(command)?),
        Operate::Views(Command { client, json, command }) => perform(client, json, &views(command)?),
        Operate::Keys(Command { client, json, command }) => perform(client, json, &keys(command)?),
    }
}

fn perform(arguments: ClientArgs, as_json: bool, ask: &Ask) -> Result<(), OperateError> {
    let client = Client::new(arguments)?;
    let answer = crate::server::runtime()?.block_on(client.send(ask))?;
    if as_json {
        show::json(&answer);
    } else {
        show::text(ask, &answer);
    }
    Ok(())
}

fn tenants(command: Tenants) -> Result<Ask, OperateError> {
    Ok(match command {
        Tenants::List => Ask::list(&[], "tenants", &["id", "display_name", "enabled"])?,
        Tenants::Get { tenant } => Ask::get(&["tenants", &tenant])?,
        Tenants::Put { tenant, settings } => Ask::put(&["tenants", &tenant], tenant_body(settings))?,
        Tenants::Update { tenant, settings } => Ask::patch(&["tenants", &tenant], tenant_body(settings))?,
        Tenants::Delete { tenant } => Ask::delete(&["tenants", &tenant])?,
    })
}

fn servers(command: Servers) -> Result<Ask, OperateError> {
    Ok(match command {
        Servers::List { tenant } => {
            Ask::list(&["tenants", &tenant], "servers", &["id", "url", "era", "network", "enabled"])?
        }
        Servers::Get { tenant, server } => Ask::get(&["tenants", &tenant, "servers", &server])?,
        Servers::Put { tenant, server, url, settings } => {
            Ask::put(&["tenants", &tenant, "servers", &server], server_body(Some(url), settings))?
        }
        Servers::Update { tenant, server, url, settings } => {
            Ask::patch(&["tenants", &tenant, "servers", &server], server_body(url, settings))?
        }
        Servers::Delete { tenant, server } => Ask::delete(&["tenants", &tenant, "servers", &server])?,
        Servers::Health { tenant, server } => Ask::get(&["tenants", &tenant, "servers", &server, "health"])?,
        Servers::Check { tenant, server } => {
            Ask::post(&["tenants", &tenant, "servers", &server, "health"], Map::new())?
        }
        Servers::Tools { tenant, server } => Ask::get(&["tenants", &tenant, "servers", &server, "tools"])?,
    })
}

fn views(command: Views) -> Result<Ask, OperateError> {
    Ok(match command {
        Views::List { tenant } => {
            Ask::list(&["tenants", &tenant], "views", &["id", "display_name", "prefix", "servers", "enabled"])?
        }
        Views::Get { tenant, view } => Ask::get(&["tenants", &tenant, "views", &view])?,
        Views::Put { tenant, view, settings } => {
            let mut body = view_body(settings);
            body.entry("servers").or_insert_with(|| json!({}));
            Ask::put(&["tenants", &tenant, "views", &view], body)?
        }
        Views::Update { tenant, view, settings } => {
            Ask::patch(&["tenants", &tenant, "views", &view], view_body(settings))?
        }
        Views::Delete { tenant, view } => Ask::delete(&["tenants", &tenant, "views", &view])?,
    })
}

fn keys(command: Keys) -> Result<Ask, OperateError> {
    Ok(match command {
        Keys::List { tenant } => {
            Ask::list(&["tenants", &tenant], "keys", &["id", "name", "grants", "expires_at", "enabled"])?
        }
        Keys::Get { tenant, key } => Ask::get(&["tenants", &tenant, "keys", &key])?,
        Keys::Create { tenant, name, settings } => {
            let mut body = key_body(Some(name), settings);
            body.entry("grants").or_insert_with(|| json!([]));
            Ask::post(&["tenants", &tenant, "keys"], body)?
        }
        Keys::Update { tenant, key, name, settings } => {
            Ask::patch(&["tenants", &tenant, "keys", &key], key_body(name, settings))?
        }
        Keys::Delete { tenant, key } => Ask::delete(&["tenants", &tenant, "keys", &key])?,
    })
}

// Only what was given is sent: the API decides what the rest is.
fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn tenant_body(settings: TenantSettings) -> Map<String, Value> {
    body([("display_name", settings.display_name.map(Value::from)), ("enabled", settings.enabled.map(Value::from))])
}

fn word(value: Option<clap::builder::PossibleValue>) -> Option<Value> {
    value.map(|value| Value::from(value.get_name()))
}

fn server_body(url: Option<String>, settings: ServerSettings) -> Map<String, Value> {
    body([
        ("url", url.map(Value::from)),
        ("era", word(settings.era.and_then(|era| era.to_possible_value()))),
        ("network", word(settings.network.and_then(|network| network.to_possible_value()))),
        ("headers", pairs(settings.headers)),
        ("aliases", pairs(settings.aliases)),
        ("enabled", settings.enabled.map(Value::from)),
    ])
}

fn view_body(settings: ViewSettings) -> Map<String, Value> {
    let servers = (!settings.servers.is_empty()).then(|| Value::Object(settings.servers.into_iter().collect()));
    body([
        ("display_name", settings.display_name.map(Value::from)),
        ("prefix", word(settings.prefix.and_then(|prefix| prefix.to_possible_value()))),
        ("servers", servers.or(settings.servers_json)),
        ("enabled", settings.enabled.map(Value::from)),
    ])
}

fn key_body(name: Option<String>, settings: KeySettings) -> Map<String, Value> {
    body([
        ("name", name.map(Value::from)),
        ("grants", (!settings.grants.is_empty()).then(|| settings.grants.into())),
        ("expires_at", settings.expires_at.map(Value::from)),
        ("enabled", settings.enabled.map(Value::from)),
    ])
}

fn pairs(pairs: Vec<(String, String)>) -> Option<Value> {
    let members: Map<_, _> = pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
    (!members.is_empty()).then_some(members.into())
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

// One that is named with tools shows these tools and nothing else.
fn shown_server(text: &str) -> Result<(String, Value), String> {
    Ok(match text.split_once('=') {
        None => (text.to_owned(), json!({})),
        Some((server, tools)) => {
            let tools: Vec<&str> = tools.split(',').filter(|tool| !tool.is_empty()).collect();
            (server.to_owned(), json!({"tools": tools, "prompts": [], "resources": []}))
        }
    })
}

fn json_object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("write an object".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command as Top};

    fn ask(line: &str) -> Ask {
        let cli = Cli::try_parse_from(line.split('|')).unwrap();
        match cli.command {
            Some(Top::Operate(Operate::Tenants(command))) => tenants(command.command).unwrap(),
            Some(Top::Operate(Operate::Servers(command))) => servers(command.command).unwrap(),
            Some(Top::Operate(Operate::Views(command))) => views(command.command).unwrap(),
            Some(Top::Operate(Operate::Keys(command))) => keys(command.command).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_command_sends_what_was_given_and_no_more() {
        let put =
            ask("toolgate|servers|put|acme|github|--url|https://x/mcp|--header|authorization: Bearer y|--alias|a=b");
        assert_eq!(put.path(), "/admin/v1/tenants/acme/servers/github");
        let body = json!({"url": "https://x/mcp", "headers": {"authorization": "Bearer y"}, "aliases": {"a": "b"}});
        assert_eq!(put.body(), Some(&body));
        let view = ask("toolgate|views|put|acme|v|--prefix|never|--server|a|--server|b=x,y");
        assert_eq!(view.path(), "/admin/v1/tenants/acme/views/v");
        let servers = json!({"a": {}, "b": {"tools": ["x", "y"], "prompts": [], "resources": []}});
        assert_eq!(view.body(), Some(&json!({"prefix": "never", "servers": servers})));
        let update = ask("toolgate|keys|update|acme|0123|--enabled|false|--gateway|http://g");
        assert_eq!(update.body(), Some(&json!({"enabled": false})));
        let create = ask("toolgate|keys|create|acme|--name|ci|--grant|a__*|--grant|b__c");
        assert_eq!(create.body(), Some(&json!({"name": "ci", "grants": ["a__*", "b__c"]})));
        assert_eq!(ask("toolgate|keys|create|acme|--name|ci").body(), Some(&json!({"name": "ci", "grants": []})));
    }

    #[test]
    fn an_id_can_not_lead_to_another_path() {
        for id in ["", "..", "a/b", "a?b", "a b", "a%2fb", "ä"] {
            assert!(Ask::get(&["tenants", id]).is_err(), "{id}");
        }
    }
}
