//! Every path of the API and the methods it takes. The router and the OpenAPI document's test read the same table.

use crate::access::Permission;

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    OpenApi,
    Whoami,
    Operators,
    Operator,
    Tenants,
    Tenant,
    Servers,
    Server,
    ServerTools,
    ServerHealth,
    Views,
    View,
    Keys,
    Key,
    KeyRotation,
    Policy,
    PolicyDraft,
    PolicyPromotion,
    PolicyVersions,
    PolicyVersion,
    Explain,
    Teams,
    Team,
    Limits,
    Limit,
    LimitUsage,
    LimitReset,
    Usage,
    Approvals,
    Approval,
    ApprovalApprove,
    ApprovalDeny,
}

impl Resource {
    /// All of them.
    pub(crate) const ALL: [Self; 32] = [
        Self::OpenApi,
        Self::Whoami,
        Self::Operators,
        Self::Operator,
        Self::Tenants,
        Self::Tenant,
        Self::Servers,
        Self::Server,
        Self::ServerTools,
        Self::ServerHealth,
        Self::Views,
        Self::View,
        Self::Keys,
        Self::Key,
        Self::KeyRotation,
        Self::Policy,
        Self::PolicyDraft,
        Self::PolicyPromotion,
        Self::PolicyVersions,
        Self::PolicyVersion,
        Self::Explain,
        Self::Teams,
        Self::Team,
        Self::Limits,
        Self::Limit,
        Self::LimitUsage,
        Self::LimitReset,
        Self::Usage,
        Self::Approvals,
        Self::Approval,
        Self::ApprovalApprove,
        Self::ApprovalDeny,
    ];

    /// Its path below `/admin/v1`, with names for what varies. It is also what the log calls it.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Self::OpenApi => "/openapi.json",
            Self::Whoami => "/whoami",
            Self::Operators => "/operators",
            Self::Operator => "/operators/{operator}",
            Self::Tenants => "/tenants",
            Self::Tenant => "/tenants/{tenant}",
            Self::Servers => "/tenants/{tenant}/servers",
            Self::Server => "/tenants/{tenant}/servers/{server}",
            Self::ServerTools => "/tenants/{tenant}/servers/{server}/tools",
            Self::ServerHealth => "/tenants/{tenant}/servers/{server}/health",
            Self::Views => "/tenants/{tenant}/views",
            Self::View => "/tenants/{tenant}/views/{view}",
            Self::Keys => "/tenants/{tenant}/keys",
            Self::Key => "/tenants/{tenant}/keys/{key}",
            Self::KeyRotation => "/tenants/{tenant}/keys/{key}/rotate",
            Self::Policy => "/tenants/{tenant}/policy",
            Self::PolicyDraft => "/tenants/{tenant}/policy/draft",
            Self::PolicyPromotion => "/tenants/{tenant}/policy/draft/promote",
            Self::PolicyVersions => "/tenants/{tenant}/policy/versions",
            Self::PolicyVersion => "/tenants/{tenant}/policy/versions/{revision}",
            Self::Explain => "/tenants/{tenant}/explain",
            Self::Teams => "/tenants/{tenant}/teams",
            Self::Team => "/tenants/{tenant}/teams/{team}",
            Self::Limits => "/tenants/{tenant}/limits",
            Self::Limit => "/tenants/{tenant}/limits/{name}",
            Self::LimitUsage => "/tenants/{tenant}/limits/{name}/usage",
            Self::LimitReset => "/tenants/{tenant}/limits/{name}/reset",
            Self::Usage => "/tenants/{tenant}/usage",
            Self::Approvals => "/tenants/{tenant}/approvals",
            Self::Approval => "/tenants/{tenant}/approvals/{approval}",
            Self::ApprovalApprove => "/tenants/{tenant}/approvals/{approval}/approve",
            Self::ApprovalDeny => "/tenants/{tenant}/approvals/{approval}/deny",
        }
    }

    /// The methods it takes, and what each of them needs.
    pub(crate) const fn methods(self) -> &'static [(&'static str, Permission)] {
        use Permission::{
            Any, ChangeTenant, Explain, ManageOperators, ManageTenants, Public, ReadGateway, ReadOperators, ReadTenant,
        };
        match self {
            Self::OpenApi => &[("GET", Public)],
            Self::Whoami => &[("GET", Any)],
            Self::Operators => &[("GET", ReadOperators), ("POST", ManageOperators)],
            Self::Operator => &[("GET", ReadOperators), ("PATCH", ManageOperators), ("DELETE", ManageOperators)],
            Self::Tenants => &[("GET", ReadGateway)],
            // A patch that enables or disables needs more: that is asked when the body is read.
            Self::Tenant => {
                &[("GET", ReadTenant), ("PUT", ManageTenants), ("PATCH", ChangeTenant), ("DELETE", ManageTenants)]
            }
            Self::Servers
            | Self::ServerTools
            | Self::Views
            | Self::PolicyVersions
            | Self::PolicyVersion
            | Self::Teams
            | Self::Limits
            | Self::LimitUsage
            | Self::Usage
            | Self::Approvals => &[("GET", ReadTenant)],
            Self::Server | Self::View | Self::Team | Self::Limit => {
                &[("GET", ReadTenant), ("PUT", ChangeTenant), ("PATCH", ChangeTenant), ("DELETE", ChangeTenant)]
            }
            Self::Keys | Self::ServerHealth => &[("GET", ReadTenant), ("POST", ChangeTenant)],
            Self::Key => &[("GET", ReadTenant), ("PATCH", ChangeTenant), ("DELETE", ChangeTenant)],
            Self::Explain => &[("POST", Explain)],
            Self::Approval => &[("GET", ReadTenant), ("DELETE", ChangeTenant)],
            Self::KeyRotation
            | Self::PolicyPromotion
            | Self::LimitReset
            | Self::ApprovalApprove
            | Self::ApprovalDeny => &[("POST", ChangeTenant)],
            Self::Policy | Self::PolicyDraft => &[("GET", ReadTenant), ("PUT", ChangeTenant), ("DELETE", ChangeTenant)],
        }
    }

    /// The methods it takes, as in an `Allow` header.
    pub(crate) fn allow(self) -> String {
        self.methods().iter().map(|(method, _)| *method).collect::<Vec<_>>().join(", ")
    }

    /// What `method` needs; `None` if it does not take it.
    pub(crate) fn permission(self, method: &str) -> Option<Permission> {
        self.methods().iter().find(|(taken, _)| *taken == method).map(|(_, permission)| *permission)
    }

    /// Whether `method` may be tried without being done: it makes or changes a record that it describes.
    pub(crate) fn can_be_tried(self, method: &str) -> bool {
        match method {
            "PUT" | "PATCH" => true,
            "POST" => matches!(self, Self::Keys | Self::Operators),
            _ => false,
        }
    }

    /// Whether its path names a tenant, first of what varies in it.
    pub(crate) fn of_tenant(self) -> bool {
        self.template().starts_with("/tenants/")
    }
}

/// What `path` (whole, from `/admin/v1` on) stands for, and what stands in its varying places.
pub(crate) fn find(path: &str) -> Option<(Resource, Vec<&str>)> {
    let path = path.strip_prefix("/admin/v1")?;
    Resource::ALL.into_iter().find_map(|resource| Some((resource, captures(resource.template(), path)?)))
}

fn captures<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    if template.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut captured = Vec::new();
    for (expected, found) in template.split('/').zip(path.split('/')) {
        match expected.starts_with('{') {
            true if !found.is_empty() => captured.push(found),
            false if expected == found => {}
            _ => return None,
        }
    }
    Some(captured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_is_found_by_its_path_and_by_no_other() {
        for resource in Resource::ALL {
            let path = format!("/admin/v1{}", resource.template());
            let (found, captured) = find(&path).unwrap();
            assert_eq!(found, resource);
            assert!(captured.iter().all(|text| text.starts_with('{')), "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        for path in
            ["", "/", "/tenants/", "//tenants", "/tenants/a/", "/tenants//servers", "/tenants/a/x", "/Tenants", "x"]
        {
            assert_eq!(find(&format!("/admin/v1{path}")), None, "{path}");
        }
        assert_eq!(find("/admin/v2/tenants"), None);
    }
}
