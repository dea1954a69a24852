//! Which limits apply to a call, and to whose account.

use sha2::{Digest, Sha256};
use toolgate_model::{Amount, Limit, LimitKind, LimitScope, Mode, Selector};
use toolgate_ports::{AccountId, Ask, Holder, Terms};

use crate::Call;

/// The longest holder that stands in an account's id as it is.
const MAX_PLAIN: usize = 200;

/// A limit that applies to a call.
#[derive(Debug)]
pub(crate) struct Applied<'a> {
    pub(crate) limit: &'a Limit,
    pub(crate) account: AccountId,
    pub(crate) holder: Holder,
    /// What the call takes of it.
    pub(crate) need: Amount,
}

impl Applied<'_> {
    /// Whether the call may be charged to a slice. One with an idempotency key asks the ledger about its budgets, which knows whether it is a
    /// repetition.
    pub(crate) fn may_lease(&self, call: &Call<'_>) -> bool {
        let spec = &self.limit.record.spec;
        spec.mode == Mode::Leased && (call.idempotency.is_none() || spec.kind != LimitKind::Budget)
    }

    pub(crate) fn ask(&self, want: Amount) -> Ask {
        Ask {
            account: self.account.clone(),
            holder: self.holder.clone(),
            terms: Terms::of(&self.limit.record.spec),
            need: self.need,
            want,
        }
    }
}

/// The limits that apply to `call` and that it takes something of. Nothing is allocated if there are none.
pub(crate) fn applied<'a>(limits: &'a [Limit], call: &Call<'_>) -> Vec<Applied<'a>> {
    let applying = limits.iter().filter(|limit| limit.record.enabled && applies(&limit.record.spec.scope, call));
    let taking = applying.map(|limit| (limit, call.estimate.counted(&limit.record.spec)));
    let taking = taking.filter(|(_, need)| !need.is_zero());
    taking.map(|(limit, need)| entry(limit, need, call)).collect()
}

fn entry<'a>(limit: &'a Limit, need: Amount, call: &Call<'_>) -> Applied<'a> {
    let holder = holder(&limit.record.spec.scope, call);
    let account = AccountId::new(&limit.id, &limit.record.spec, &spelled(&holder));
    Applied { limit, account, holder, need }
}

fn applies(scope: &LimitScope, call: &Call<'_>) -> bool {
    let LimitScope { key, team, user, server, .. } = scope;
    names(key.as_ref(), Some(call.key))
        && names(team.as_ref(), call.team)
        // Who names no user is one user among all.
        && (matches!(user, Some(Selector::Every)) || names(user.as_ref(), call.user))
        && names(server.as_ref(), Some(call.server))
        && names_tool(scope, call)
}

fn names<T: PartialEq>(selector: Option<&Selector<T>>, value: Option<&T>) -> bool {
    match selector {
        None => true,
        Some(Selector::Every) => value.is_some(),
        Some(Selector::One(one)) => value == Some(one),
    }
}

fn names_tool(scope: &LimitScope, call: &Call<'_>) -> bool {
    match (&scope.tool, call.tool) {
        (None, _) | (Some(Selector::Every), Some(_)) => true,
        (Some(_), None) => false,
        (Some(Selector::One(name)), Some(tool)) if scope.server.is_some() => name.as_str() == tool,
        (Some(Selector::One(name)), Some(tool)) => name.as_str().split_once("__") == Some((call.server.as_str(), tool)),
    }
}

/// The values that have an account of their own.
fn holder(scope: &LimitScope, call: &Call<'_>) -> Holder {
    let mut values = Vec::new();
    let mut own = |member: &str, value: String| values.push((member.to_owned(), value));
    if let Some(Selector::Every) = scope.key {
        own("key", call.key.to_string());
    }
    if let (Some(Selector::Every), Some(team)) = (&scope.team, call.team) {
        own("team", team.to_string());
    }
    if let Some(Selector::Every) = scope.user {
        own("user", call.user.map(ToString::to_string).unwrap_or_default());
    }
    if let Some(Selector::Every) = scope.server {
        own("server", call.server.to_string());
    }
    if let (Some(Selector::Every), Some(tool)) = (&scope.tool, call.tool) {
        own("tool", if scope.server.is_some() { tool.to_owned() } else { format!("{}__{tool}", call.server) });
    }
    Holder(values)
}

/// A holder as it stands in an account's id: two holders never look alike.
fn spelled(holder: &Holder) -> String {
    let mut text = String::new();
    for (member, value) in &holder.0 {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(member);
        text.push('=');
        value.bytes().for_each(|byte| push(&mut text, byte));
    }
    if text.len() <= MAX_PLAIN { text } else { format!("~{}", hex::encode(&Sha256::digest(&text)[..20])) }
}

fn push(text: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
        text.push(char::from(byte));
    } else {
        text.push('%');
        text.push_str(&hex::encode([byte]));
    }
}

/// What a limit sits on, in words, for whoever is refused.
pub(crate) fn in_words(scope: &LimitScope, holder: &Holder) -> String {
    let one = |member: &str, selector: Option<String>| {
        let own = holder.0.iter().find(|(name, _)| name == member).map(|(_, value)| value.as_str());
        match (own, selector) {
            (Some(""), _) => Some(format!("no {member}")),
            (Some(value), _) => Some(format!("{member} {value}")),
            (None, Some(value)) => Some(format!("{member} {value}")),
            (None, None) => None,
        }
    };
    let parts = [
        one("key", scope.key.as_ref().map(ToString::to_string)),
        one("team", scope.team.as_ref().map(ToString::to_string)),
        one("user", scope.user.as_ref().map(ToString::to_string)),
        one("server", scope.server.as_ref().map(ToString::to_string)),
        one("tool", scope.tool.as_ref().map(ToString::to_string)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "the whole tenant".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
#[path = "applied_tests.rs"]
mod tests;
