//! Who asks.

use toolgate_model::{
    Approvals, Grant, KeyId, KeyRecord, TeamId, TeamRecord, TenantId, TenantRecord, Timestamp, UserId, ViewId,
    ViewRecord,
};
use toolgate_rules::{KeyFacts, Need, NetworkFacts, PrincipalFacts};

use crate::Rules;

/// Who asks: a key of a tenant that [`admit`] let in, the view it asks through, when and from where; and the policy that it is under.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) key: &'a KeyRecord,
    pub(crate) user: Option<&'a UserId>,
    pub(crate) view: Option<(&'a ViewId, &'a ViewRecord)>,
    pub(crate) rules: Option<&'a Rules>,
    pub(crate) now: Timestamp,
    pub(crate) approvals: Approvals,
    pub(crate) origin: Origin<'a>,
}

/// Where a request came from, and for whom.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The client's address.
    pub ip: Option<&'a str>,
    /// The host that the request names.
    pub host: Option<&'a str>,
}

/// Why a key is not let in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The tenant is disabled.
    TenantDisabled,
    /// The key is disabled.
    KeyDisabled,
    /// The key's time is over.
    KeyExpired,
    /// The key's team is disabled, or is no more.
    TeamDisabled,
}

impl Refusal {
    /// The rule's name in the log.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::TenantDisabled => "tenant-disabled",
            Self::KeyDisabled => "key-disabled",
            Self::KeyExpired => "key-expired",
            Self::TeamDisabled => "team-disabled",
        }
    }
}

/// Lets a key in, or says why not. The caller has checked that the secret is the key's. `team` is what is known of the key's team, if it has
/// one.
///
/// # Errors
/// The first rule that refuses.
pub fn admit<'a>(
    tenant: &'a TenantId,
    record: &TenantRecord,
    key: &'a KeyRecord,
    team: Option<Option<&TeamRecord>>,
    now: Timestamp,
) -> Result<Principal<'a>, Refusal> {
    if !record.enabled {
        return Err(Refusal::TenantDisabled);
    }
    if !key.enabled {
        return Err(Refusal::KeyDisabled);
    }
    if key.expires_at.is_some_and(|end| now >= end) {
        return Err(Refusal::KeyExpired);
    }
    if team.is_some_and(|team| team.is_none_or(|team| !team.enabled)) {
        return Err(Refusal::TeamDisabled);
    }
    let (approvals, origin) = (record.approvals, Origin::default());
    Ok(Principal { tenant, key, user: None, view: None, rules: None, now, approvals, origin })
}

impl<'a> Principal<'a> {
    /// The same principal, asking through `view`: it may use what both the key and the view allow.
    #[must_use]
    pub const fn through(self, view: Option<(&'a ViewId, &'a ViewRecord)>) -> Self {
        Self { view, ..self }
    }

    /// The same principal, acting for an end user.
    #[must_use]
    pub const fn acting_for(self, user: Option<&'a UserId>) -> Self {
        Self { user, ..self }
    }

    /// The same principal, under `rules`: it may use what they allow of what it may use without them.
    #[must_use]
    pub const fn under(self, rules: Option<&'a Rules>) -> Self {
        Self { rules, ..self }
    }

    /// The same principal, coming from `origin`.
    #[must_use]
    pub const fn from(self, origin: Origin<'a>) -> Self {
        Self { origin, ..self }
    }

    /// The policy it is under.
    #[must_use]
    pub const fn rules(&self) -> Option<&'a Rules> {
        self.rules
    }

    /// The view it asks through.
    #[must_use]
    pub fn view(&self) -> Option<&'a ViewRecord> {
        self.view.map(|(_, record)| record)
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &'a KeyId {
        &self.key.id
    }

    /// What it was granted: part of the stamp of whatever is cached for it.
    #[must_use]
    pub fn grants(&self) -> &'a [Grant] {
        &self.key.grants
    }

    /// What decisions about it depend on beside records: part of the stamp of whatever is cached for it. Nothing, if they depend on the
    /// time: then nothing may be cached.
    #[must_use]
    pub fn facet(&self) -> Option<String> {
        let Some(needs) = self.rules.map(Rules::needs) else { return Some(String::new()) };
        if needs.has(Need::Time) {
            return None;
        }
        let (ip, host) = match needs.has(Need::Network) {
            true => (self.origin.ip.unwrap_or_default(), self.origin.host.unwrap_or_default()),
            false => ("", ""),
        };
        let user = self.user.filter(|_| needs.has(Need::User)).map_or("", UserId::as_str);
        // What else the rules may look at in the key was last changed then.
        Some(format!("{}\n{ip}\n{host}\n{user}", self.key.updated_at.as_millis()))
    }

    pub(crate) fn facts(&self) -> PrincipalFacts<'a> {
        let key = KeyFacts { id: self.key.id.as_str(), name: &self.key.name, labels: &self.key.labels };
        let view = self.view.map(|(id, _)| id.as_str());
        let (team, user) = (self.key.team.as_ref().map(TeamId::as_str), self.user.map(UserId::as_str));
        PrincipalFacts { tenant: self.tenant.as_str(), key, team, user, view }
    }

    pub(crate) const fn network(&self) -> NetworkFacts<'a> {
        NetworkFacts { ip: self.origin.ip, host: self.origin.host }
    }
}
