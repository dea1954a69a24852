//! `toolgate explain`

use clap::Args;
use serde_json::Value;

use super::{
    Asks, OperateError,
    ask::Ask,
    fields::{body, json_object},
};

#[derive(Debug, Args)]
pub(crate) struct Explain {
    tenant: String,
    /// The key that asks.
    #[arg(long)]
    key: String,
    /// The server that is asked.
    #[arg(long)]
    server: String,
    #[command(flatten)]
    item: Asked,
    /// The arguments of the call: JSON.
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    arguments: Option<Value>,
    /// The view it is asked through.
    #[arg(long)]
    view: Option<String>,
    /// The end user it is asked for.
    #[arg(long)]
    user: Option<String>,
    /// When it is asked ("2027-01-31T12:00:00Z"). Unless given: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The address it is asked from.
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// By the draft's rules and not by those in force.
    #[arg(long)]
    draft: bool,
}

/// What is asked for: one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Asked {
    /// A tool, by its server's name of it.
    #[arg(long)]
    tool: Option<String>,
    /// A prompt, by its server's name of it.
    #[arg(long)]
    prompt: Option<String>,
    /// A resource, by its URI.
    #[arg(long)]
    resource: Option<String>,
}

impl Asks for Explain {
    fn ask(self) -> Result<Ask, OperateError> {
        let body = body([
            ("key", Some(self.key.into())),
            ("server", Some(self.server.into())),
            ("tool", self.item.tool.map(Value::from)),
            ("prompt", self.item.prompt.map(Value::from)),
            ("resource", self.item.resource.map(Value::from)),
            ("arguments", self.arguments),
            ("view", self.view.map(Value::from)),
            ("user", self.user.map(Value::from)),
            ("at", self.at.map(Value::from)),
            ("ip", self.ip.map(Value::from)),
            ("policy", self.draft.then(|| "draft".into())),
        ]);
        Ok(Ask::post(&["tenants", &self.tenant, "explain"], body)?)
    }
}
