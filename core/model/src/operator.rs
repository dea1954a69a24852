//! Operators: who may use the admin API, and in which role. What a role allows is decided in `core/admin`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{OperatorId, TenantId, Timestamp};

/// What an operator is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the gateway: everything, operators included.
    Owner,
    /// Runs all tenants: everything but operators.
    Operator,
    /// Reads everything, changes nothing.
    Auditor,
    /// Runs one tenant.
    TenantAdmin,
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write \"owner\", \"operator\", \"auditor\" or \"tenant-admin\"")]
pub struct RoleError;

impl Role {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Operator, Self::Auditor, Self::TenantAdmin];

    /// As the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::TenantAdmin => "tenant-admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}

/// An operator, without the token's secret. Stored under [`TenantId::reserved`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRecord {
    /// The token's public part.
    pub id: OperatorId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the whole token, in hexadecimal.
    pub hash: String,
    /// What it is there for.
    pub role: Role,
    /// The tenant that a [`Role::TenantAdmin`] runs; nobody else has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// From when it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// A disabled operator is refused.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_stored_as_the_api_spells_it() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("admin".parse::<Role>(), Err(RoleError));
    }
}
