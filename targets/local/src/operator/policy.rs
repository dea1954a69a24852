//! `toolgate policy`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Map;

use super::{Asks, OperateError, ask::Ask, file::read_object};

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// The policy in force, the draft, or one that was in force.
    Get {
        tenant: String,
        /// The draft.
        #[arg(long, conflicts_with = "revision")]
        draft: bool,
        /// The policy that this revision put in force.
        #[arg(long)]
        revision: Option<u64>,
    },
    /// Put a policy in force, or in the draft's place.
    Put {
        tenant: String,
        /// The policy: YAML or JSON.
        file: PathBuf,
        /// As a draft: it decides nothing, and the log says where it would have decided otherwise.
        #[arg(long)]
        draft: bool,
    },
    /// Put the draft in force.
    Promote { tenant: String },
    /// End the policy in force, or delete the draft.
    Delete {
        tenant: String,
        /// The draft.
        #[arg(long)]
        draft: bool,
    },
    /// The policies that are or were in force.
    Versions { tenant: String },
}

impl Asks for Policy {
    fn ask(self) -> Result<Ask, OperateError> {
        Ok(match self {
            Self::Get { tenant, draft: _, revision: Some(revision) } => {
                Ask::get(&["tenants", &tenant, "policy", "versions", &revision.to_string()])?
            }
            Self::Get { tenant, draft, revision: None } => Ask::get(&of(&tenant, draft))?,
            Self::Put { tenant, file, draft } => Ask::put(&of(&tenant, draft), read_object(&file)?)?,
            Self::Promote { tenant } => Ask::post(&["tenants", &tenant, "policy", "draft", "promote"], Map::new())?,
            Self::Delete { tenant, draft } => Ask::delete(&of(&tenant, draft))?,
            Self::Versions { tenant } => Ask::list(
                &["tenants", &tenant, "policy"],
                "versions",
                &["revision", "saved_at", "saved_by", "rules", "current"],
            )?,
        })
    }
}

fn of(tenant: &str, draft: bool) -> Vec<&str> {
    let mut path = vec!["tenants", tenant, "policy"];
    path.extend(draft.then_some("draft"));
    path
}
