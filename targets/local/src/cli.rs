//! The command line.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::{log::LogFormat, operator::Operate};

/// A gateway for MCP servers: one URL in front of many, with tenants, virtual keys and grants.
///
/// Without a command it serves, and sets up a demo to try.
#[derive(Debug, Parser)]
#[command(name = "toolgate", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve (what `toolgate` alone does).
    Serve(ServeArgs),
    #[command(flatten)]
    Operate(Box<Operate>),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen. Unless given: 127.0.0.1:8080, or another port if that one is taken.
    #[arg(long, value_name = "HOST:PORT", env = "TOOLGATE_LISTEN")]
    pub(crate) listen: Option<String>,
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", env = "TOOLGATE_DATA", default_value = ".toolgate")]
    pub(crate) data: PathBuf,
    /// Set up no demo: no built-in server, no tenant, no key.
    #[arg(long)]
    pub(crate) no_demo: bool,
    /// Say only where it listens, as one line of JSON, when it is ready.
    #[arg(long)]
    pub(crate) announce_json: bool,
    /// How many threads serve. Unless given: one for each core.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// How many connections may be open at the same time.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) max_connections: usize,
    /// How log lines on stderr look.
    #[arg(long, value_enum, default_value_t, env = "TOOLGATE_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Which events are logged: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "TOOLGATE_LOG")]
    pub(crate) log: LevelFilter,
}

impl ServeArgs {
    pub(crate) const fn announce(&self) -> Announce {
        if self.announce_json { Announce::Json } else { Announce::Text }
    }
}

/// How readiness is announced on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announce {
    Text,
    Json,
}

impl Announce {
    /// Says that requests are answered at `address`.
    pub(crate) fn ready(self, address: SocketAddr) {
        match self {
            Self::Json => say(&format!("{{\"listening\":\"{address}\"}}")),
            Self::Text => say(&format!("Toolgate listens on http://{address} (Ctrl-C ends it; nothing is lost).")),
        }
    }
}

/// Prints a line. Where stdout is closed nobody wants to know.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
