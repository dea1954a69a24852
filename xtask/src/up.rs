//! `cargo xtask up`: one target in its real runtime, ready to be used, until this process is ended.

mod admin;
mod dynamo;
mod launcher;

use std::fmt;

pub(crate) use dynamo::Dynamo;
pub(crate) use launcher::{Announced, Logs};
use launcher::{Launcher, Running};
use serde_json::{Value, json};

use crate::{
    live::{self, Event},
    places,
    problem::{Problem, Result},
    target::Target,
};

const TENANT: &str = "demo";

/// The secrets of a gateway that lives as long as this process.
pub(crate) struct Secrets {
    pub(crate) master_key: String,
    pub(crate) operator_token: String,
}

impl Secrets {
    fn new() -> Result<Self> {
        Ok(Self { master_key: places::random_hex(32)?, operator_token: format!("tgo-{}", places::random_hex(16)?) })
    }
}

/// A target that serves.
pub(crate) struct Up {
    target: Target,
    launcher: Launcher,
    running: Running,
    secrets: Secrets,
    key: String,
}

impl Up {
    /// Builds `target`, starts it and makes its first tenant and key. `port` 0 is any free one.
    pub(crate) fn start(target: Target, port: u16, logs: Logs) -> Result<Self> {
        let secrets = Secrets::new()?;
        let launcher = Launcher::prepare(target, &secrets, logs)?;
        let running = launcher.start(port)?;
        let base = running.base_url();
        let key = admin::provision(&base, &secrets.operator_token, TENANT)?;
        Ok(Self { target, launcher, running, secrets, key })
    }

    /// The runtime starts again, on the same store and port.
    fn restart(&mut self) -> Result<()> {
        let port = self.running.port();
        self.running.end();
        self.running = self.launcher.start(port)?;
        Ok(())
    }

    /// The process that serves: the target itself, or what runs it.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Makes a tenant with one upstream on this machine, spoken to in `era`; gives the tenant's MCP endpoint and a key.
    pub(crate) fn tenant_with(&self, tenant: &str, server: &str, url: &str, era: &str) -> Result<(String, String)> {
        let base = self.running.base_url();
        let key = admin::provision(&base, &self.secrets.operator_token, tenant)?;
        admin::register(&base, &self.secrets.operator_token, tenant, server, url, era)?;
        Ok((format!("{base}/t/{tenant}/mcp"), key))
    }

    /// Gives `tenant` a limit.
    pub(crate) fn limit(&self, tenant: &str, limit: &Value) -> Result<()> {
        admin::limit(&self.running.base_url(), &self.secrets.operator_token, tenant, limit)
    }
}

/// The line of JSON that says how to reach it.
impl fmt::Display for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.running.base_url();
        let line = json!({
            "target": self.target.to_string(),
            "base_url": base,
            "mcp_url": format!("{base}/t/{TENANT}/mcp"),
            "admin_url": format!("{base}/admin/v1"),
            "operator_token": self.secrets.operator_token,
            "tenant": TENANT,
            "key": self.key,
        });
        line.fmt(f)
    }
}

/// Serves `target` until this process is ended.
pub(crate) fn run(target: Target, port: u16) -> Result<()> {
    let mut up = Up::start(target, port, Logs::Shown)?;
    println!("{up}");
    loop {
        match live::next_event()? {
            Event::Restart => {
                up.restart()?;
                println!("{up}");
            }
            Event::Child => {
                if let Some(status) = up.running.ended()? {
                    return Err(Problem::new(format!("the {target} target ended by itself: {status}")));
                }
            }
        }
    }
}
