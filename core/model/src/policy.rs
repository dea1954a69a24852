//! Policies: attribute rules that narrow what grants and views allow. Here is the document as it is stored and as the API takes
//! it; what its rules say is checked and decided in `core/rules`.

use serde::{Deserialize, Serialize};

use crate::{Revision, RuleName, Timestamp};

/// What a rule does when its condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Allows, unless a rule denies.
    Allow,
    /// Denies, whatever other rules say.
    Deny,
    /// Has a person approve what is allowed. Never allows by itself.
    Approve,
}

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, the only one of its kind in the policy.
    pub name: RuleName,
    /// What it does when it holds.
    pub effect: Effect,
    /// The condition: an expression in CEL that is true or false.
    pub when: String,
    /// What people should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A policy: rules whose order says nothing. Any `deny` that holds denies; else an `allow` must hold, or it is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// The IANA time zone that `time` is told in, `Europe/Berlin`; UTC if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The rules. None: nothing is allowed.
    pub rules: Vec<Rule>,
}

/// A policy as it is stored: the one in force, one that was, or a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// What it says.
    pub document: PolicyDocument,
    /// What people call the operator who saved it.
    pub saved_by: String,
    /// When there was first one, or a draft.
    pub created_at: Timestamp,
    /// When it was saved.
    pub updated_at: Timestamp,
}

/// An earlier policy, in a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The tenant's revision that put it in force.
    pub revision: Revision,
    /// When.
    pub saved_at: Timestamp,
    /// By whom.
    pub saved_by: String,
    /// How many rules it has.
    pub rules: usize,
}

impl PolicyVersion {
    /// Of `record`, put in force by `revision`.
    #[must_use]
    pub fn of(record: &PolicyRecord, revision: Revision) -> Self {
        let (saved_at, saved_by) = (record.updated_at, record.saved_by.clone());
        Self { revision, saved_at, saved_by, rules: record.document.rules.len() }
    }
}

/// The policies that were in force before, the earliest first. Each is stored as a record of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyHistory(pub Vec<PolicyVersion>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_the_form_of_the_api() {
        let text = r#"{"zone":"Europe/Berlin","rules":[{"name":"readers","effect":"allow","when":"true"}]}"#;
        let document: PolicyDocument = serde_json::from_str(text).unwrap();
        assert_eq!(document.rules[0].effect, Effect::Allow);
        assert_eq!(serde_json::to_string(&document).unwrap(), text);
    }

    #[test]
    fn what_a_document_does_not_know_is_refused() {
        for bad in [
            r#"{"rules":[],"order":1}"#,
            r#"{"rules":[{"name":"a","effect":"allow","when":"true","if":"x"}]}"#,
            r#"{"rules":[{"name":"a","effect":"permit","when":"true"}]}"#,
            r#"{"rules":[{"name":"A b","effect":"allow","when":"true"}]}"#,
            r#"{"rules":[{"name":"","effect":"allow","when":"true"}]}"#,
            "{}",
        ] {
            assert!(serde_json::from_str::<PolicyDocument>(bad).is_err(), "{bad}");
        }
    }
}
