//! Who asks, and what each role may do. The table of routes names a permission for every path and method; [`authorize`] is the one
//! place that says who holds it.

use http::{HeaderMap, header};
use serde::Serialize;
use toolgate_model::{OperatorId, OperatorRecord, Role, TenantId, Timestamp};
use toolgate_ports::{Clock, Consistency, Platform, RecordKey, RecordKind, Store, StoreError};
use toolgate_seal::{OperatorToken, PresentedToken};

use crate::problem::{Kind, Problem};

/// What the owner's token is called where an operator is named.
const OWNER: &str = "owner";

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Caller {
    /// Absent: it is the token of `TOOLGATE_OPERATOR_TOKEN`.
    #[serde(skip)]
    pub(crate) id: Option<OperatorId>,
    pub(crate) name: String,
    pub(crate) role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantId>,
}

impl Caller {
    fn owner() -> Self {
        Self { id: None, name: OWNER.to_owned(), role: Role::Owner, tenant: None }
    }

    /// How the log names it.
    pub(crate) fn logged_id(&self) -> &str {
        self.id.as_ref().map_or(OWNER, OperatorId::as_str)
    }
}

impl From<OperatorRecord> for Caller {
    fn from(record: OperatorRecord) -> Self {
        Self { id: Some(record.id), name: record.name, role: record.role, tenant: record.tenant }
    }
}

/// What a path and method ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Nothing: not even a token.
    Public,
    /// A token that is good.
    Any,
    /// To see what concerns all tenants.
    ReadGateway,
    /// To see what a tenant has.
    ReadTenant,
    /// To ask how a tenant's rules would decide.
    Explain,
    /// To change what a tenant has.
    ChangeTenant,
    /// To create, enable, disable and delete tenants.
    ManageTenants,
    /// To see who the operators are.
    ReadOperators,
    /// To create, change and delete operators.
    ManageOperators,
}

impl Permission {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Public,
        Self::Any,
        Self::ReadGateway,
        Self::ReadTenant,
        Self::Explain,
        Self::ChangeTenant,
        Self::ManageTenants,
        Self::ReadOperators,
        Self::ManageOperators,
    ];

    /// Whether `role` holds it; a tenant's admin for that tenant alone.
    const fn held_by(self, role: Role) -> bool {
        match self {
            Self::Public | Self::Any | Self::ReadTenant | Self::Explain => true,
            Self::ReadGateway => !matches!(role, Role::TenantAdmin),
            Self::ChangeTenant => !matches!(role, Role::Auditor),
            Self::ManageTenants => matches!(role, Role::Owner | Role::Operator),
            Self::ReadOperators => matches!(role, Role::Owner | Role::Auditor),
            Self::ManageOperators => matches!(role, Role::Owner),
        }
    }
}

/// Lets `caller` do what needs `permission` in `tenant`. Asks nobody whether there is such a tenant, so that an answer does not
/// tell either.
pub(crate) fn authorize(caller: &Caller, permission: Permission, tenant: Option<&TenantId>) -> Result<(), Problem> {
    let at_home = caller.role != Role::TenantAdmin || tenant.is_none() || caller.tenant.as_ref() == tenant;
    if at_home && permission.held_by(caller.role) {
        return Ok(());
    }
    let needed = Role::ALL.into_iter().filter(|role| permission.held_by(*role)).map(|role| match role {
        Role::TenantAdmin => "tenant-admin of that tenant",
        other => other.as_str(),
    });
    let needed = needed.collect::<Vec<_>>().join(" or ");
    let is = match &caller.tenant {
        Some(tenant) => format!("{} of {tenant}", caller.role),
        None => caller.role.to_string(),
    };
    Err(Problem::new(Kind::Forbidden, format!("this needs the role {needed}; the token's operator is {is}")))
}

/// Finds out who sent a request. Looks at nothing but its one `Authorization` header, and asks the store only about a token that can
/// be an operator's.
pub(crate) async fn authenticate<P: Platform>(
    platform: &P,
    owner: Option<&OperatorToken>,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let Some(owner) = owner else {
        let detail = "no operator token is set: set TOOLGATE_OPERATOR_TOKEN (at least 24 characters, for example from \
                      `openssl rand -hex 32`) and start Toolgate again";
        return Err(Problem::new(Kind::NotConfigured, detail));
    };
    let presented = bearer(headers).ok_or_else(unauthorized)?;
    if owner.matches(presented) {
        return Ok(Caller::owner());
    }
    let token = PresentedToken::parse(presented).ok_or_else(unauthorized)?;
    let record = stored(platform, &token).await?.ok_or_else(unauthorized)?;
    if token.matches(&record.hash) && is_good(&record, platform.clock().now()) {
        return Ok(record.into());
    }
    Err(unauthorized())
}

fn is_good(record: &OperatorRecord, now: Timestamp) -> bool {
    record.enabled && record.expires_at.is_none_or(|end| now < end)
}

/// The record of the operator that `token` names: the truth, so that one who was deleted or disabled is out at once.
async fn stored<P: Platform>(platform: &P, token: &PresentedToken<'_>) -> Result<Option<OperatorRecord>, Problem> {
    let Some(id) = token.id() else { return Ok(None) };
    let key = RecordKey::new(RecordKind::Operator, id.as_str());
    let record = platform.store().get(&TenantId::reserved(), &key, Consistency::Strong).await?;
    let read = |value: &[u8]| serde_json::from_slice(value).map_err(|e| StoreError::Corrupt(format!("{key}: {e}")));
    Ok(record.map(|record| read(&record.value)).transpose()?)
}

fn unauthorized() -> Problem {
    let detail = "send \"Authorization: Bearer <token>\" with the value of TOOLGATE_OPERATOR_TOKEN, or an operator's token that is \
                  enabled and has not expired";
    Problem::new(Kind::Unauthorized, detail)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_holds_what_it_is_there_for() {
        let held = |role| Permission::ALL.into_iter().filter(|permission| permission.held_by(role)).collect::<Vec<_>>();
        assert_eq!(held(Role::Owner), Permission::ALL);
        let no_operators = |p: &Permission| !matches!(p, Permission::ReadOperators | Permission::ManageOperators);
        assert_eq!(held(Role::Operator), Permission::ALL.into_iter().filter(no_operators).collect::<Vec<_>>());
        let reading = [
            Permission::Public,
            Permission::Any,
            Permission::ReadGateway,
            Permission::ReadTenant,
            Permission::Explain,
            Permission::ReadOperators,
        ];
        assert_eq!(held(Role::Auditor), reading);
        let at_home = [
            Permission::Public,
            Permission::Any,
            Permission::ReadTenant,
            Permission::Explain,
            Permission::ChangeTenant,
        ];
        assert_eq!(held(Role::TenantAdmin), at_home);
    }

    #[test]
    fn a_tenants_admin_holds_it_at_home_alone_and_is_told_who_does_elsewhere() {
        let (home, other) = (TenantId::new("acme").unwrap(), TenantId::new("other").unwrap());
        let caller = Caller { role: Role::TenantAdmin, tenant: Some(home.clone()), ..Caller::owner() };
        assert!(authorize(&caller, Permission::ChangeTenant, Some(&home)).is_ok());
        let refused = authorize(&caller, Permission::ChangeTenant, Some(&other)).unwrap_err();
        assert_eq!(
            refused.detail,
            "this needs the role owner or operator or tenant-admin of that tenant; the token's operator is tenant-admin of acme"
        );
        assert!(authorize(&caller, Permission::ManageTenants, Some(&home)).is_err());
        assert!(authorize(&caller, Permission::ReadGateway, None).is_err());
    }
}
