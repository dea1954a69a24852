//! Upstream servers. Header values are sealed before they are stored and never shown.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use toolgate_model::{
    Constraints, EraPolicy, Network, Prices, SealedText, ServerId, ServerRecord, TenantId, Timestamp, ToolRules,
    blobs_of,
};
use toolgate_ports::{Platform, Random, Scope, Store};
use toolgate_seal::{Purpose, Sealer};
use toolgate_upstream::{check_header, check_url};

use crate::{
    AskHealth, ServerTools,
    answer::Answer,
    condition::Conditions,
    fields::{Fields, refuse_unknown},
    json::Members,
    problem::{FieldError, Kind, Problem},
    records::{Kept, Place, Records, patched},
    tool_rules,
};

/// Stands for a stored header value, which is never shown.
const HIDDEN: &str = "***";
const MAX_HEADERS: usize = 32;
const MAX_HEADER_VALUE: usize = 4_096;
const MAX_ALIASES: usize = 1_000;
/// The longest name of a tool, as clients take it and as an upstream gives it.
const MAX_EXPOSED_NAME: usize = 64;
const MAX_UPSTREAM_NAME: usize = 256;
const NONCE_BYTES: usize = 24;

/// The settable fields.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    url: &'a str,
    era: EraPolicy,
    network: Network,
    headers: BTreeMap<&'a str, &'static str>,
    aliases: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Prices::is_empty")]
    price: &'a Prices,
    #[serde(skip_serializing_if = "Constraints::is_empty")]
    constraints: &'a Constraints,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tools: &'a BTreeMap<String, ToolRules>,
    enabled: bool,
}

impl Kept for ServerRecord {
    const FIELDS: &'static [&'static str] =
        &["url", "era", "network", "headers", "aliases", "price", "constraints", "tools", "enabled"];
    const MISSING: Kind = Kind::ServerNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        Shown {
            url: &self.url,
            era: self.era,
            network: self.network,
            headers: self.headers.keys().map(|name| (name.as_str(), HIDDEN)).collect(),
            aliases: &self.aliases,
            price: &self.price,
            constraints: &self.constraints,
            tools: &self.tools,
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

/// Seals header values of one server, and knows those it has already.
pub(crate) struct Vault<'a, R> {
    pub(crate) place: &'a Place,
    pub(crate) sealer: &'a Sealer,
    pub(crate) random: &'a R,
}

impl<R: Random> Vault<'_, R> {
    fn owner(&self, header: &str) -> String {
        format!("{}/{}/{header}", self.place.tenant, self.place.key.id)
    }

    /// `value` sealed; the seal that `stored` has, where it is the same value, so that nothing seems to have changed.
    fn seal(&self, header: &str, value: &str, stored: Option<&SealedText>) -> SealedText {
        let owner = self.owner(header);
        let same = |stored: &&SealedText| {
            self.sealer.open(Purpose::UpstreamHeader, &owner, &stored.0).is_ok_and(|open| open == value.as_bytes())
        };
        if let Some(stored) = stored.filter(same) {
            return stored.clone();
        }
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce);
        SealedText(self.sealer.seal(Purpose::UpstreamHeader, &owner, value.as_bytes(), nonce))
    }

    fn headers(&self, fields: &mut Fields, before: Option<&ServerRecord>) -> BTreeMap<String, SealedText> {
        let mut headers = BTreeMap::new();
        for (name, value) in fields.map("headers", MAX_HEADERS) {
            let stored = before.and_then(|before| before.headers.get(&name));
            let sealed = match (value.as_str(), stored) {
                (HIDDEN, Some(stored)) => stored.clone(),
                (HIDDEN, None) => {
                    fields.wrong(&["headers", &name], "no value is stored that could be kept: write the value");
                    continue;
                }
                (value, stored) => match check(&name, value) {
                    Ok(()) => self.seal(&name, value, stored),
                    Err(detail) => {
                        fields.wrong(&["headers", &name], detail);
                        continue;
                    }
                },
            };
            headers.insert(name, sealed);
        }
        headers
    }

    fn read(&self, members: Members, before: Option<&ServerRecord>, now: Timestamp) -> Result<ServerRecord, Problem> {
        let mut fields = Fields::new(members);
        fields.need("url");
        let network = fields.text("network", network).unwrap_or_default();
        let url = fields.text("url", |text| url(text, network)).unwrap_or_default();
        let era = fields.text("era", era).unwrap_or_default();
        let headers = self.headers(&mut fields, before);
        let aliases = aliases(&mut fields, &self.place.key.id);
        let price = tool_rules::prices(&mut fields)?;
        let constraints = tool_rules::constraints(&mut fields)?;
        let tools = tool_rules::tools(&mut fields)?;
        let enabled = fields.flag("enabled").unwrap_or(true);
        fields.done()?;
        let (created_at, updated_at) = before.map_or((now, now), Kept::times);
        Ok(ServerRecord {
            url,
            era,
            network,
            headers,
            aliases,
            price,
            constraints,
            tools,
            enabled,
            created_at,
            updated_at,
        })
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    if value.len() > MAX_HEADER_VALUE {
        return Err(format!("the value has {} bytes: at most {MAX_HEADER_VALUE} are taken", value.len()));
    }
    check_header(name, value).map_err(|e| e.to_string())
}

fn url(text: &str, network: Network) -> Result<String, String> {
    check_url(text, network).map(|_| text.to_owned()).map_err(|e| e.to_string())
}

fn era(text: &str) -> Result<EraPolicy, String> {
    match text {
        "auto" => Ok(EraPolicy::Auto),
        "modern" => Ok(EraPolicy::Modern),
        "legacy" => Ok(EraPolicy::Legacy),
        _ => Err("write \"auto\", \"modern\" or \"legacy\"".to_owned()),
    }
}

fn network(text: &str) -> Result<Network, String> {
    match text {
        "public" => Ok(Network::Public),
        "private" => Ok(Network::Private),
        "loopback" => Ok(Network::Loopback),
        _ => Err("write \"public\", \"private\" or \"loopback\"".to_owned()),
    }
}

fn aliases(fields: &mut Fields, server: &str) -> BTreeMap<String, String> {
    let max = MAX_EXPOSED_NAME.saturating_sub(server.len() + "__".len());
    let spells = |alias: &str| alias.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    let (mut aliases, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (tool, alias) in fields.map("aliases", MAX_ALIASES) {
        let path = ["aliases", tool.as_str()];
        if !(1..=MAX_UPSTREAM_NAME).contains(&tool.len()) {
            fields.wrong(&path, format!("a tool's name has 1 to {MAX_UPSTREAM_NAME} bytes"));
        } else if !(1..=max).contains(&alias.len()) || !spells(&alias) {
            let spelling = "ASCII letters, digits, '_', '.' and '-'";
            let detail = format!(
                "write 1 to {max} of {spelling}, so that \"{server}__\" and it have at most {MAX_EXPOSED_NAME}"
            );
            fields.wrong(&path, detail);
        } else if !taken.insert(alias.clone()) {
            fields.wrong(&path, "another tool has this alias: write one that is its own");
        } else {
            aliases.insert(tool, alias);
        }
    }
    aliases
}

/// Header names in lower case, as they are stored and shown, so that a patch names what it means.
fn lower_header_names(mut body: Members) -> Result<Members, Problem> {
    let Some(Value::Object(headers)) = body.get_mut("headers") else { return Ok(body) };
    let given = std::mem::take(headers);
    for (name, value) in given {
        if headers.insert(name.to_ascii_lowercase(), value).is_some() {
            let error = FieldError::at(&["headers", &name], "the header is there twice");
            return Err(Problem::fields(Kind::InvalidField, vec![error]));
        }
    }
    Ok(body)
}

/// Creates or replaces a server.
pub(crate) async fn put<P: Platform>(
    records: &Records<'_, P>,
    vault: &Vault<'_, P::Random>,
    conditions: &Conditions,
    body: Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(&body, ServerRecord::FIELDS)?;
    let body = lower_header_names(body)?;
    records.change(vault.place, conditions, |before| vault.read(body.clone(), before, now)).await
}

/// Changes a server.
pub(crate) async fn patch<P: Platform>(
    records: &Records<'_, P>,
    vault: &Vault<'_, P::Random>,
    conditions: &Conditions,
    body: Members,
    now: Timestamp,
) -> Result<Answer, Problem> {
    refuse_unknown(&body, ServerRecord::FIELDS)?;
    let body = lower_header_names(body)?;
    let edit = |before: &ServerRecord| vault.read(patched(before, &body)?, Some(before), now);
    records.patch(vault.place, conditions, edit).await
}

/// Deletes a server, and what was derived from it.
pub(crate) async fn delete<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    conditions: &Conditions,
) -> Result<Answer, Problem> {
    let answer = records.delete::<ServerRecord>(place, conditions).await?;
    let Ok(server) = ServerId::new(&place.key.id) else { return Ok(answer) };
    for blob in blobs_of(&server) {
        // The record is gone, and with it every use of what was derived: that it could not be emptied changes nothing.
        if let Err(error) = records.platform.store().put_blob(&place.tenant, &blob, bytes::Bytes::new()).await {
            tracing::warn!(target: "toolgate::admin", tenant = %place.tenant, blob, %error, "a deleted server's data stays");
        }
    }
    Ok(answer)
}

/// Shows how well a server does.
pub(crate) async fn health<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    ids: (TenantId, ServerId),
    ask: AskHealth,
    source: &dyn ServerTools,
    scope: &Scope,
) -> Result<Answer, Problem> {
    records.must_find::<ServerRecord>(place).await?;
    match source.health(ids.0, ids.1, ask, scope.clone()).await {
        Ok(health) => Answer::show(StatusCode::OK, &health),
        Err(detail) => Err(Problem::new(Kind::HealthUnavailable, detail)),
    }
}

/// Shows a server's tools.
pub(crate) async fn tools<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    ids: (TenantId, ServerId),
    source: &dyn ServerTools,
    scope: &Scope,
) -> Result<Answer, Problem> {
    records.must_find::<ServerRecord>(place).await?;
    match source.tools(ids.0, ids.1, scope.clone()).await {
        Ok(report) => Answer::show(StatusCode::OK, &report),
        Err(detail) => Err(Problem::new(Kind::ToolsUnavailable, detail)),
    }
}
