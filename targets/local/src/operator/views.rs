//! `toolgate views`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::{ToolsMode, body, json_object, word},
};

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
    /// How its clients are shown tools, whatever their keys say.
    #[arg(long, value_name = "MODE")]
    tools_mode: Option<ToolsMode>,
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

impl Asks for Views {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::List { tenant } => {
                Ask::list(&["tenants", &tenant], "views", &["id", "display_name", "prefix", "servers", "enabled"])?
            }
            Self::Get { tenant, view } => Ask::get(&["tenants", &tenant, "views", &view])?,
            Self::Put { tenant, view, settings } => {
                let mut body = view_body(settings);
                body.entry("servers").or_insert_with(|| json!({}));
                Ask::put(&["tenants", &tenant, "views", &view], body)?
            }
            Self::Update { tenant, view, settings } => {
                Ask::patch(&["tenants", &tenant, "views", &view], view_body(settings))?
            }
            Self::Delete { tenant, view } => Ask::delete(&["tenants", &tenant, "views", &view])?,
        })
    }
}

fn view_body(settings: ViewSettings) -> Map<String, Value> {
    let servers = (!settings.servers.is_empty()).then(|| Value::Object(settings.servers.into_iter().collect()));
    body([
        ("display_name", settings.display_name.map(Value::from)),
        ("prefix", word(settings.prefix.and_then(|prefix| prefix.to_possible_value()))),
        ("servers", servers.or(settings.servers_json)),
        ("tools_mode", settings.tools_mode.and_then(ToolsMode::spelled)),
        ("enabled", settings.enabled.map(Value::from)),
    ])
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
