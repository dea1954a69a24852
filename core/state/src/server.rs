//! A tenant's servers, ready to be spoken to, and its views.

use std::{collections::BTreeMap, rc::Rc};

use http::{HeaderMap, HeaderName, HeaderValue};
use toolgate_model::{
    KeyRecord, Limit, Network, Revision, ServerId, ServerRecord, TeamId, TeamRecord, TenantId, TenantRecord, Timestamp,
    ToolAccess, ToolRules, ViewId, ViewRecord,
};
use toolgate_policy::{Access, Rules};
use toolgate_seal::{Purpose, Sealer};
use toolgate_upstream::{Endpoint, check_url};

/// An upstream server as the tenant's records say.
#[derive(Debug)]
pub struct Server {
    /// Its id within the tenant.
    pub id: ServerId,
    /// Its record's revision.
    pub revision: Revision,
    /// A disabled server is neither listed nor called.
    pub enabled: bool,
    /// Where it may be.
    pub network: Network,
    /// New names for its tools: upstream name to the name clients see after `server__`.
    pub aliases: BTreeMap<String, String>,
    /// What its tools cost and must keep to.
    rules: Rc<ToolRules>,
    /// The same of those of which something else is said, by their upstream names.
    rules_of: BTreeMap<String, Rc<ToolRules>>,
    /// Where it is; or, in words for the operator, why its record can't be used.
    pub endpoint: Result<Endpoint, String>,
}

impl Server {
    /// Reads a record, opening its sealed header values.
    pub(crate) fn new(
        tenant: &TenantId,
        id: ServerId,
        revision: Revision,
        record: ServerRecord,
        sealer: &Sealer,
    ) -> Self {
        let endpoint = endpoint(tenant, &id, revision, &record, sealer);
        let rules = Rc::new(ToolRules { price: record.price.clone(), constraints: record.constraints.clone() });
        let own = record.tools.keys().map(|tool| (tool.clone(), Rc::new(record.rules_of(tool))));
        let rules_of = own.collect();
        let ServerRecord { enabled, network, aliases, .. } = record;
        Self { id, revision, enabled, network, aliases, rules, rules_of, endpoint }
    }

    /// The gateway itself, as the server of the tools of its own. There is nothing to connect to.
    pub(crate) fn own(tenant: &TenantRecord) -> Self {
        Self {
            id: ServerId::own(),
            revision: Revision::default(),
            enabled: true,
            network: Network::Loopback,
            aliases: BTreeMap::new(),
            rules: Rc::new(ToolRules { price: tenant.code.price.clone(), ..ToolRules::default() }),
            rules_of: BTreeMap::new(),
            endpoint: Err("it is the gateway itself".to_owned()),
        }
    }

    /// What calls of one of its tools cost and must keep to.
    #[must_use]
    pub fn rules(&self, tool: &str) -> &Rc<ToolRules> {
        self.rules_of.get(tool).unwrap_or(&self.rules)
    }

    /// Whether one of its tools may be used if it does not say that it only reads.
    #[must_use]
    pub fn access(&self, tool: &str) -> Access {
        match self.rules(tool).constraints.access {
            Some(ToolAccess::ReadOnly) => Access::ReadOnly,
            Some(ToolAccess::All) | None => Access::All,
        }
    }
}

fn endpoint(
    tenant: &TenantId,
    server: &ServerId,
    revision: Revision,
    record: &ServerRecord,
    sealer: &Sealer,
) -> Result<Endpoint, String> {
    let uri = check_url(&record.url, record.network).map_err(|e| e.to_string())?;
    let mut headers = HeaderMap::with_capacity(record.headers.len());
    for (name, sealed) in &record.headers {
        let value =
            sealer.open(Purpose::UpstreamHeader, &format!("{tenant}/{server}/{name}"), &sealed.0).map_err(|_| {
                format!("its header {name:?} was sealed with another TOOLGATE_MASTER_KEY: set the header again")
            })?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))?;
        let mut value = HeaderValue::from_bytes(&value).map_err(|_| format!("its header {name} can't be sent"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let (tenant, server) = (tenant.clone(), server.clone());
    Ok(Endpoint { tenant, server, revision, uri, network: record.network, era: record.era, headers })
}

/// A tenant at one revision: its record and its servers.
#[derive(Debug)]
pub struct Snapshot {
    /// Which.
    pub tenant: TenantId,
    /// At which revision it was read.
    pub revision: Revision,
    /// Its record.
    pub record: TenantRecord,
    /// Its servers, disabled ones too.
    pub servers: BTreeMap<ServerId, Rc<Server>>,
    /// The gateway itself, as a server of it.
    pub own: Rc<Server>,
    /// Its teams, disabled ones too.
    pub teams: BTreeMap<TeamId, TeamRecord>,
    /// Its limits, disabled ones too.
    pub limits: Vec<Limit>,
    /// Its policy, if it has one.
    pub policy: Option<Rc<Rules>>,
    /// The policy that is being tried: it decides nothing.
    pub draft: Option<Rc<Rules>>,
}

impl Snapshot {
    /// Whether a key is let in at `now`.
    #[must_use]
    pub fn admits(&self, key: &KeyRecord, now: Timestamp) -> bool {
        let team = key.team.as_ref().map(|team| self.teams.get(team));
        toolgate_policy::admit(&self.tenant, &self.record, key, team, now).is_ok()
    }
}

/// A view as the tenant's records say.
#[derive(Debug)]
pub struct View {
    /// Its id within the tenant.
    pub id: ViewId,
    /// Its record's revision.
    pub revision: Revision,
    /// Its record.
    pub record: ViewRecord,
}
