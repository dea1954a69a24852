//! Views: what they show of which servers, under which names. Whether a name is free is asked once, when a view is made: a server and a
//! view of the same id would share a path.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use toolgate_model::{Prefix, ServerId, Timestamp, ToolsMode, ViewArgument, ViewRecord, ViewServer};

use crate::{
    code,
    fields::{Fields, name, refuse_unknown_at},
    json::Members,
    problem::{Kind, Problem},
    records::{Kept, Written},
};

const MAX_SERVERS: usize = 100;
const MAX_ITEMS: usize = 1_000;
const MAX_TOOLS_WITH_ARGUMENTS: usize = 1_000;
const MAX_ARGUMENTS: usize = 100;
/// The longest name of a tool or a prompt, as its upstream gives it.
const MAX_UPSTREAM_NAME: usize = 256;
const MAX_URI: usize = 2_048;
/// The longest name that clients take.
const MAX_EXPOSED_NAME: usize = 64;
const SERVER_FIELDS: [&str; 5] = ["tools", "prompts", "resources", "rename", "arguments"];

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    prefix: Prefix,
    servers: &'a BTreeMap<ServerId, ViewServer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools_mode: Option<ToolsMode>,
    enabled: bool,
}

impl Kept for ViewRecord {
    const FIELDS: &'static [&'static str] = &["display_name", "prefix", "servers", "tools_mode", "enabled"];
    const MISSING: Kind = Kind::ViewNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        Shown {
            display_name: self.display_name.as_deref(),
            prefix: self.prefix,
            servers: &self.servers,
            tools_mode: self.tools_mode,
            enabled: self.enabled,
        }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }
}

impl Written for ViewRecord {
    fn read(members: Members, before: Option<&Self>, now: Timestamp) -> Result<Self, Problem> {
        let mut fields = Fields::new(members);
        fields.need("servers");
        let display_name = fields.text("display_name", name);
        let prefix = fields.text("prefix", prefix).unwrap_or_default();
        let servers = servers(&mut fields)?;
        let tools_mode = code::tools_mode(&mut fields);
        let enabled = fields.flag("enabled").unwrap_or(true);
        fields.done()?;
        let (created_at, updated_at) = before.map_or((now, now), Kept::times);
        Ok(Self { display_name, prefix, servers, tools_mode, enabled, created_at, updated_at })
    }
}

fn prefix(text: &str) -> Result<Prefix, String> {
    match text {
        "always" => Ok(Prefix::Always),
        "collision" => Ok(Prefix::Collision),
        "never" => Ok(Prefix::Never),
        _ => Err("write \"always\", \"collision\" or \"never\"".to_owned()),
    }
}

fn servers(fields: &mut Fields) -> Result<BTreeMap<ServerId, ViewServer>, Problem> {
    let mut servers = BTreeMap::new();
    for (id, members) in fields.objects("servers", MAX_SERVERS) {
        refuse_unknown_at(&["servers", &id], &members, &SERVER_FIELDS)?;
        match ServerId::new(&id) {
            Ok(server) => {
                let shown = fields.within(&["servers", &id], members, |fields| server_shown(fields, &server));
                servers.insert(server, shown);
            }
            Err(error) => fields.wrong(&["servers", &id], error.to_string()),
        }
    }
    Ok(servers)
}

fn server_shown(fields: &mut Fields, server: &ServerId) -> ViewServer {
    ViewServer {
        tools: items(fields, "tools", MAX_UPSTREAM_NAME),
        prompts: items(fields, "prompts", MAX_UPSTREAM_NAME),
        resources: items(fields, "resources", MAX_URI),
        rename: rename(fields, server),
        arguments: arguments(fields),
    }
}

/// What is shown of one kind: everything, where nothing is said.
fn items(fields: &mut Fields, kind: &str, max: usize) -> Vec<String> {
    if !fields.has(kind) {
        return vec!["*".to_owned()];
    }
    fields.texts(kind, MAX_ITEMS, |text| match text.len() {
        len if (1..=max).contains(&len) => Ok(text.to_owned()),
        _ => Err(format!("write 1 to {max} bytes, or \"*\" for all")),
    })
}

fn rename(fields: &mut Fields, server: &ServerId) -> BTreeMap<String, String> {
    let max = MAX_EXPOSED_NAME.saturating_sub(server.as_str().len() + "__".len());
    let spells = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    let (mut names, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (upstream, name) in fields.map("rename", MAX_ITEMS) {
        let path = ["rename", upstream.as_str()];
        if !(1..=MAX_UPSTREAM_NAME).contains(&upstream.len()) {
            fields.wrong(&path, format!("the server's own name has 1 to {MAX_UPSTREAM_NAME} bytes"));
        } else if !(1..=max).contains(&name.len()) || !spells(&name) {
            fields.wrong(&path, format!("write 1 to {max} of ASCII letters, digits, '_', '.' and '-'"));
        } else if !taken.insert(name.clone()) {
            fields.wrong(&path, "another one is renamed so: write a name that is its own");
        } else {
            names.insert(upstream, name);
        }
    }
    names
}

fn arguments(fields: &mut Fields) -> BTreeMap<String, BTreeMap<String, ViewArgument>> {
    let mut tools = BTreeMap::new();
    for (tool, arguments) in fields.objects("arguments", MAX_TOOLS_WITH_ARGUMENTS) {
        if arguments.len() > MAX_ARGUMENTS {
            fields.wrong(&["arguments", &tool], format!("at most {MAX_ARGUMENTS} arguments are taken"));
            continue;
        }
        let mut taken = BTreeMap::new();
        for (argument, value) in arguments {
            match what_becomes(value) {
                Some(what) => {
                    taken.insert(argument, what);
                }
                None => fields.wrong(&["arguments", &tool, &argument], "write \"hidden\" or {\"pinned\": value}"),
            }
        }
        tools.insert(tool, taken);
    }
    tools
}

fn what_becomes(value: Value) -> Option<ViewArgument> {
    match value {
        Value::String(word) if word == "hidden" => Some(ViewArgument::Hidden),
        Value::Object(mut members) if members.len() == 1 => members.remove("pinned").map(ViewArgument::Pinned),
        _ => None,
    }
}
