//! How each target is started for development. All keep one contract: they take a port (0 is any), say
//! `{"listening":"127.0.0.1:PORT"}` on stdout when they serve, and end with all their children on SIGTERM.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    thread,
};

use serde_json::Value;

use super::{Secrets, dynamo::Dynamo};
use crate::{
    build,
    command::{command, echo},
    install,
    live::Group,
    places,
    problem::{Problem, Result},
    stage,
    target::Target,
};

/// What a gateway for development is set to, beside its secrets.
const SETTINGS: [(&str, &str); 6] = [
    ("TOOLGATE_ALLOWED_HOSTS", "localhost,127.0.0.1"),
    // Tenants have hosts of their own below it, for whoever sends that `Host`.
    ("TOOLGATE_DOMAIN", "toolgate.test"),
    // What a warm call asks the store is tried.
    ("TOOLGATE_COUNTERS", "1"),
    // Short, so that tests of upstreams that hang are.
    ("TOOLGATE_UPSTREAM_TIMEOUT_MS", "3000"),
    ("TOOLGATE_UPSTREAM_IDLE_MS", "3000"),
    ("TOOLGATE_CATALOGUE_TIMEOUT_MS", "5000"),
];

/// A target that was built, with a store of its own.
pub(crate) struct Launcher {
    logs: Logs,
    kind: Kind,
    vars: Vec<(&'static str, String)>,
}

/// Where the log of what is started goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logs {
    Shown,
    Dropped,
}

impl Logs {
    fn stdio(self) -> Stdio {
        match self {
            Self::Shown => Stdio::inherit(),
            Self::Dropped => Stdio::null(),
        }
    }
}

enum Kind {
    Local { binary: PathBuf, data: PathBuf },
    Worker { persist: PathBuf },
    Lambda { runtime: PathBuf, bootstrap: PathBuf, _dynamo: Dynamo },
}

impl Launcher {
    /// Builds `target` and makes it an empty store.
    pub(super) fn prepare(target: Target, secrets: &Secrets, logs: Logs) -> Result<Self> {
        let mut vars = vec![
            ("TOOLGATE_MASTER_KEY", secrets.master_key.clone()),
            ("TOOLGATE_OPERATOR_TOKEN", secrets.operator_token.clone()),
        ];
        vars.extend(SETTINGS.map(|(name, value)| (name, value.to_owned())));
        let kind = match target {
            Target::Local => Kind::Local { binary: build::local()?, data: places::scratch("local")? },
            Target::Worker => {
                build::worker()?;
                Kind::Worker { persist: places::scratch("worker")? }
            }
            Target::Lambda => {
                let (runtime, bootstrap) = (build::lambda_runtime()?, build::lambda()?);
                let dynamo = Dynamo::start()?;
                vars.extend(dynamo.vars());
                // Off by default, because each keeps an instance busy; here it is to be tried like anywhere else.
                vars.push(("TOOLGATE_SESSION_STREAM_MS", "10000".to_owned()));
                Kind::Lambda { runtime, bootstrap, _dynamo: dynamo }
            }
        };
        Ok(Self { logs, kind, vars })
    }

    /// Starts the runtime and waits until it serves.
    pub(super) fn start(&self, port: u16) -> Result<Running> {
        let mut command = self.command(port)?;
        command.envs(self.vars.iter().map(|(name, value)| (*name, value)));
        let Announced { group, port } = Announced::start(command.stderr(self.logs.stdio()))?;
        Ok(Running { group: Some(group), port })
    }

    fn command(&self, port: u16) -> Result<Command> {
        let port = port.to_string();
        Ok(match &self.kind {
            Kind::Local { binary, data } => {
                let mut command = command(binary);
                command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--no-demo", "--announce-json"]);
                command.arg("--data").arg(data);
                command
            }
            Kind::Worker { persist } => {
                let mut command = command(install::npm_bin()?.join("node"));
                command.args(["targets/worker/dev.mjs", "--port", &port, "--persist"]).arg(persist);
                command
            }
            Kind::Lambda { runtime, bootstrap, .. } => {
                let mut command = command(runtime);
                command.arg("--bootstrap").arg(bootstrap).args(["--port", &port]);
                command
            }
        })
    }
}

/// A program that said on its first line where it listens.
pub(crate) struct Announced {
    pub(crate) group: Group,
    pub(crate) port: u16,
}

impl Announced {
    /// Starts `command` and waits until it serves.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut group = Group::spawn(command.stdout(Stdio::piped()))?;
        let stdout = group.child().stdout.take().ok_or_else(|| Problem::new("stdout is not there"))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let port = port_of(&line)?;
        // What it says later is log.
        let actor = stage::actor();
        thread::spawn(move || echo(stdout, &actor));
        Ok(Self { group, port })
    }
}

fn port_of(line: &str) -> Result<u16> {
    let announced: Option<Value> = serde_json::from_str(line).ok();
    let address = announced.as_ref().and_then(|value| value["listening"].as_str());
    let port = address.and_then(|address| address.rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
    port.ok_or_else(|| Problem::new(format!("it did not say where it listens, but {line:?}; see its log above")))
}

/// A runtime that serves.
pub(crate) struct Running {
    group: Option<Group>,
    port: u16,
}

impl Running {
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it and everything it started.
    pub(super) fn end(&mut self) {
        self.group = None;
    }

    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.group.as_mut().map_or(Ok(None), Group::ended)
    }

    pub(super) fn pid(&self) -> u32 {
        self.group.as_ref().map_or(0, Group::id)
    }
}
