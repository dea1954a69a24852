//! What a policy says: read field by field, and compiled.

use toolgate_model::{Effect, PolicyDocument, PolicyRecord, Rule, RuleName, Timestamp};
use toolgate_rules::{Bounds, Policy, PolicyError, Problem as RuleProblem};

use crate::{
    fields::Fields,
    json::Members,
    problem::{FieldError, Kind, Problem},
};

/// The longest list of rules that is looked at. The rules' own bound is lower, and says what to do.
const MAX_RULES: usize = 1_000;

/// Reads a policy and compiles it. One that says what `before` says is `before`.
pub(super) fn read(
    members: Members,
    before: Option<&PolicyRecord>,
    saved_by: &str,
    now: Timestamp,
) -> Result<PolicyRecord, Problem> {
    let mut fields = Fields::new(members);
    fields.need("rules");
    let zone = fields.text("zone", |text| Ok(text.to_owned()));
    let rules = rules(&mut fields)?;
    fields.done()?;
    let document = PolicyDocument { zone, rules };
    compile(&document)?;
    Ok(record(document, before, saved_by, now))
}

/// What is stored of `document`.
pub(super) fn record(
    document: PolicyDocument,
    before: Option<&PolicyRecord>,
    saved_by: &str,
    now: Timestamp,
) -> PolicyRecord {
    match before {
        Some(before) if before.document == document => before.clone(),
        _ => {
            let created_at = before.map_or(now, |before| before.created_at);
            PolicyRecord { document, saved_by: saved_by.to_owned(), created_at, updated_at: now }
        }
    }
}

fn rules(fields: &mut Fields) -> Result<Vec<Rule>, Problem> {
    let mut rules = Vec::new();
    for (at, members) in fields.list("rules", MAX_RULES).unwrap_or_default() {
        let path = ["rules", at.as_str()];
        fields.refuse_unknown(&path, &members, &["name", "effect", "when", "description"])?;
        rules.extend(fields.within(&path, members, rule));
    }
    Ok(rules)
}

fn rule(fields: &mut Fields) -> Option<Rule> {
    for needed in ["name", "effect", "when"] {
        fields.need(needed);
    }
    let name = fields.text("name", |text| RuleName::new(text).map_err(|e| e.to_string()));
    let effect = fields.text("effect", effect);
    let when = fields.text("when", |text| Ok(text.to_owned()));
    let description = fields.text("description", |text| Ok(text.to_owned()));
    Some(Rule { name: name?, effect: effect?, when: when?, description })
}

fn effect(text: &str) -> Result<Effect, String> {
    match text {
        "allow" => Ok(Effect::Allow),
        "deny" => Ok(Effect::Deny),
        "approve" => Ok(Effect::Approve),
        _ => Err("write \"allow\", \"deny\" or \"approve\"".to_owned()),
    }
}

/// Whether it can be decided with.
pub(super) fn compile(document: &PolicyDocument) -> Result<(), Problem> {
    match Policy::compile(document, Bounds::default()) {
        Ok(_) => Ok(()),
        Err(errors) => Err(Problem::fields(Kind::InvalidField, errors.iter().map(refused).collect())),
    }
}

/// Where in the body a policy is wrong, and how.
fn refused(error: &PolicyError) -> FieldError {
    let detail = error.problem.to_string();
    let Some(rule) = &error.rule else {
        let place = if matches!(error.problem, RuleProblem::Zone(_)) { "zone" } else { "rules" };
        return FieldError::at(&[place], detail);
    };
    let member = match error.problem {
        RuleProblem::SameName => "name",
        RuleProblem::Description { .. } => "description",
        _ => "when",
    };
    let path = ["rules", &rule.index.to_string(), member];
    match error.position {
        Some(position) => FieldError::within(&path, position.line, position.column, detail),
        None => FieldError::at(&path, detail),
    }
}
