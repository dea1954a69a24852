//! The operator's commands. Most are one request to the admin API of a gateway on any target, and its answer on the screen;
//! [`file`] makes many of a file.

mod approvals;
mod ask;
mod client;
mod explain;
mod fields;
mod file;
mod keys;
mod limits;
mod operators;
mod policy;
mod servers;
mod show;
mod teams;
mod tenants;
mod usage;
mod views;
mod whoami;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::{
    ask::{Ask, AskError},
    client::{Client, ClientArgs, ClientError},
    file::FileError,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Operate {
    /// Operators of the gateway, and their roles.
    Operators(Command<operators::Operators>),
    /// Whose token this is.
    Whoami(Single<whoami::Whoami>),
    /// Tenants: customers, each with servers and keys of its own.
    Tenants(Command<tenants::Tenants>),
    /// The upstream MCP servers of a tenant.
    Servers(Command<servers::Servers>),
    /// The views of a tenant: named bundles of what its servers offer.
    Views(Command<views::Views>),
    /// The virtual keys of a tenant.
    Keys(Command<keys::Keys>),
    /// The teams of a tenant: keys that belong together.
    Teams(Command<teams::Teams>),
    /// The limits of a tenant: budgets, rates, and how many calls at the same time.
    Limits(Command<limits::Limits>),
    /// What a tenant's limits have counted.
    Usage(Single<usage::Usage>),
    /// The policy of a tenant: rules that narrow what its keys may use.
    Policy(Command<policy::Policy>),
    /// What waits for a person's approval in a tenant, and the decision.
    Approvals(Command<approvals::Approvals>),
    /// Why a key may use a tool, or may not.
    Explain(Single<explain::Explain>),
    /// Compare a tenant's file with the gateway: 0 if nothing differs, 2 if something does.
    Plan(file::PlanArgs),
    /// Make the gateway as a tenant's file says.
    Apply(file::ApplyArgs),
}

/// What a command with commands of its own takes.
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

/// What a command without any takes.
#[derive(Debug, Args)]
pub(crate) struct Single<A: Args> {
    #[command(flatten)]
    client: ClientArgs,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    arguments: A,
}

/// A command that is one request.
trait Asks {
    fn ask(self) -> Result<Ask, OperateError>;
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperateError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("can't start: {0}")]
    System(#[from] std::io::Error),
}

/// Runs a command.
pub(crate) fn run(command: Operate) -> Result<ExitCode, OperateError> {
    match command {
        Operate::Operators(command) => several(command),
        Operate::Tenants(command) => several(command),
        Operate::Servers(command) => several(command),
        Operate::Views(command) => several(command),
        Operate::Keys(command) => several(command),
        Operate::Teams(command) => several(command),
        Operate::Limits(command) => several(command),
        Operate::Policy(command) => several(command),
        Operate::Approvals(command) => several(command),
        Operate::Usage(command) => single(command),
        Operate::Whoami(command) => single(command),
        Operate::Explain(command) => single(command),
        Operate::Plan(arguments) => file::plan(arguments),
        Operate::Apply(arguments) => file::apply(arguments),
    }
}

fn several<C: Subcommand + Asks>(Command { client, json, command }: Command<C>) -> Result<ExitCode, OperateError> {
    perform(client, json, &command.ask()?)
}

fn single<A: Args + Asks>(Single { client, json, arguments }: Single<A>) -> Result<ExitCode, OperateError> {
    perform(client, json, &arguments.ask()?)
}

fn perform(arguments: ClientArgs, as_json: bool, ask: &Ask) -> Result<ExitCode, OperateError> {
    let client = Client::new(arguments)?;
    let answer = crate::server::runtime()?.block_on(client.send(ask))?;
    if as_json {
        show::json(&answer);
    } else {
        show::text(ask, &answer);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::{Cli, Command as Top};

    fn ask(line: &str) -> Ask {
        let cli = Cli::try_parse_from(line.split('|')).unwrap();
        let Some(Top::Operate(command)) = cli.command else { panic!("{line}") };
        let asked = match *command {
            Operate::Operators(command) => command.command.ask(),
            Operate::Tenants(command) => command.command.ask(),
            Operate::Servers(command) => command.command.ask(),
            Operate::Views(command) => command.command.ask(),
            Operate::Keys(command) => command.command.ask(),
            Operate::Teams(command) => command.command.ask(),
            Operate::Limits(command) => command.command.ask(),
            Operate::Usage(command) => command.arguments.ask(),
            Operate::Policy(command) => command.command.ask(),
            Operate::Approvals(command) => command.command.ask(),
            Operate::Whoami(command) => command.arguments.ask(),
            Operate::Explain(command) => command.arguments.ask(),
            Operate::Plan(_) | Operate::Apply(_) => panic!("{line} is no single request"),
        };
        asked.unwrap()
    }

    fn is(line: &str, method: &str, path: &str, body: Option<Value>) {
        let ask = ask(line);
        let asked = (ask.method.as_str(), ask.path().to_owned(), ask.body().cloned());
        assert_eq!(asked, (method, format!("/admin/v1{path}"), body), "{line}");
    }

    #[test]
    fn a_command_sends_what_was_given_and_no_more() {
        let body = json!({"url": "https://x/mcp", "headers": {"authorization": "Bearer y"}, "aliases": {"a": "b"}});
        is(
            "toolgate|servers|put|acme|github|--url|https://x/mcp|--header|authorization: Bearer y|--alias|a=b",
            "PUT",
            "/tenants/acme/servers/github",
            Some(body),
        );
        let servers = json!({"a": {}, "b": {"tools": ["x", "y"], "prompts": [], "resources": []}});
        is(
            "toolgate|views|put|acme|v|--prefix|never|--server|a|--server|b=x,y",
            "PUT",
            "/tenants/acme/views/v",
            Some(json!({"prefix": "never", "servers": servers})),
        );
        let key = "/tenants/acme/keys/0123";
        is(
            "toolgate|keys|update|acme|0123|--enabled|false|--gateway|http://g",
            "PATCH",
            key,
            Some(json!({"enabled": false})),
        );
        is(
            "toolgate|keys|create|acme|--name|ci|--grant|a__*|--grant|b__c",
            "POST",
            "/tenants/acme/keys",
            Some(json!({"name": "ci", "grants": ["a__*", "b__c"]})),
        );
        is(
            "toolgate|keys|create|acme|--name|ci",
            "POST",
            "/tenants/acme/keys",
            Some(json!({"name": "ci", "grants": []})),
        );
        let rotate = format!("{key}/rotate");
        is("toolgate|keys|rotate|acme|0123|--overlap|24h", "POST", &rotate, Some(json!({"overlap": "24h"})));
        is("toolgate|keys|rotate|acme|0123", "POST", &rotate, Some(json!({})));
    }

    #[test]
    fn programs_and_approvals_are_set_on_tenants_keys_and_views() {
        is(
            "toolgate|tenants|update|acme|--code|{\"limits\": {\"calls\": 3}}|--approve-destructive|marked|--approved-by|operator",
            "PATCH",
            "/tenants/acme",
            Some(json!({"code": {"limits": {"calls": 3}}, "approvals": {"destructive": "marked", "by": "operator"}})),
        );
        is(
            "toolgate|tenants|update|acme|--approved-by|anyone",
            "PATCH",
            "/tenants/acme",
            Some(json!({"approvals": {"by": "anyone"}})),
        );
        is(
            "toolgate|keys|update|acme|0123|--tools-mode|code|--code|{\"parallel\": 1}",
            "PATCH",
            "/tenants/acme/keys/0123",
            Some(json!({"tools_mode": "code", "code": {"parallel": 1}})),
        );
        is(
            "toolgate|views|update|acme|v|--tools-mode|direct",
            "PATCH",
            "/tenants/acme/views/v",
            Some(json!({"tools_mode": "direct"})),
        );
    }

    #[test]
    fn operators_are_created_with_their_role_and_tenant() {
        is(
            "toolgate|operators|create|--name|eve|--role|tenant-admin|--tenant|acme",
            "POST",
            "/operators",
            Some(json!({"name": "eve", "role": "tenant-admin", "tenant": "acme"})),
        );
        is(
            "toolgate|operators|update|0123|--enabled|false",
            "PATCH",
            "/operators/0123",
            Some(json!({"enabled": false})),
        );
        is("toolgate|operators|delete|0123", "DELETE", "/operators/0123", None);
        is("toolgate|whoami", "GET", "/whoami", None);
    }

    #[test]
    fn limits_are_made_of_what_is_given() {
        let path = "/tenants/acme/limits/daily";
        let body = json!({"scope": {"key": "*", "server": "github"}, "kind": "budget", "unit": "micro_usd", "amount": 5,
            "window": {"calendar": "month", "zone": "Europe/Berlin"}});
        is(
            "toolgate|limits|put|acme|daily|--scope|key=*|--scope|server=github|--kind|budget|--unit|micro_usd|--amount|5|\
             --window|month|--zone|Europe/Berlin",
            "PUT",
            path,
            Some(body),
        );
        let body = json!({"scope": {}, "kind": "concurrency", "unit": "calls", "amount": 3});
        is("toolgate|limits|put|acme|daily|--kind|concurrency|--unit|calls|--amount|3", "PUT", path, Some(body));
        is("toolgate|limits|update|acme|daily|--amount|7", "PATCH", path, Some(json!({"amount": 7})));
        is("toolgate|limits|reset|acme|daily", "POST", &format!("{path}/reset"), Some(json!({})));
        is(
            "toolgate|teams|put|acme|t|--display-name|T",
            "PUT",
            "/tenants/acme/teams/t",
            Some(json!({"display_name": "T"})),
        );
        let usage = ask("toolgate|usage|acme|--team|t|--user|a@b");
        assert_eq!(
            (usage.path(), usage.page(None).as_str()),
            ("/admin/v1/tenants/acme/usage", "?limit=200&team=t&user=a%40b")
        );
        assert!(ask("toolgate|limits|usage|acme|daily").is_list());
    }

    #[test]
    fn a_question_names_a_key_or_one_that_there_is_not() {
        let path = "/tenants/acme/explain";
        let body = json!({"key": "0123", "server": "github", "tool": "x", "arguments": {"a": 1}, "policy": "draft"});
        is(
            "toolgate|explain|acme|--key|0123|--server|github|--tool|x|--arguments|{\"a\":1}|--draft",
            "POST",
            path,
            Some(body),
        );
        let body = json!({"principal": {"grants": ["*"]}, "server": "github", "resource": "repo://x"});
        is(
            "toolgate|explain|acme|--principal|{\"grants\":[\"*\"]}|--server|github|--resource|repo://x",
            "POST",
            path,
            Some(body),
        );
        for bad in [
            "toolgate|explain|acme|--server|s|--tool|t",
            "toolgate|explain|acme|--key|k|--principal|{}|--server|s|--tool|t",
            "toolgate|explain|acme|--key|k|--server|s",
            "toolgate|explain|acme|--key|k|--server|s|--tool|t|--prompt|p",
        ] {
            assert!(Cli::try_parse_from(bad.split('|')).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_approval_is_looked_at_and_decided() {
        let path = "/tenants/acme/approvals/00ff";
        assert!(ask("toolgate|approvals|list|acme").is_list());
        is("toolgate|approvals|show|acme|00ff", "GET", path, None);
        is("toolgate|approvals|approve|acme|00ff", "POST", &format!("{path}/approve"), Some(json!({})));
        let note = Some(json!({"note": "Not now."}));
        is("toolgate|approvals|deny|acme|00ff|--note|Not now.", "POST", &format!("{path}/deny"), note);
        is("toolgate|approvals|delete|acme|00ff", "DELETE", path, None);
    }

    #[test]
    fn a_policy_is_shown_tried_and_put_in_force() {
        let path = "/tenants/acme/policy";
        is("toolgate|policy|get|acme", "GET", path, None);
        is("toolgate|policy|get|acme|--draft", "GET", &format!("{path}/draft"), None);
        is("toolgate|policy|get|acme|--revision|7", "GET", &format!("{path}/versions/7"), None);
        is("toolgate|policy|promote|acme", "POST", &format!("{path}/draft/promote"), Some(json!({})));
        is("toolgate|policy|delete|acme", "DELETE", path, None);
        assert!(ask("toolgate|policy|versions|acme").is_list());
    }
}
