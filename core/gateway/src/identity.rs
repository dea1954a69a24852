//! Who asks: the tenant that the address names and the key that the request carries.

use std::rc::Rc;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use toolgate_model::{KeyRecord, Selector, TenantId, Timestamp, UserId};
use toolgate_policy::{Principal, admit};
use toolgate_ports::{Body, Clock, Platform, Scope};
use toolgate_seal::Presented;
use toolgate_state::{Snapshot, StateError};
use toolgate_wire::code as rpc;

use crate::{
    answer, code,
    core::Core,
    line::{Line, Outcome},
};

/// The end user that a request is made for, where its key may act for several.
const USER: HeaderName = HeaderName::from_static("toolgate-user");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A key that was let in, and the tenant it belongs to.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) snapshot: Rc<Snapshot>,
    pub(crate) key: Rc<KeyRecord>,
    /// The end user that the key acts for.
    pub(crate) user: Option<UserId>,
}

/// Why nobody was let in.
#[derive(Debug)]
pub(crate) enum NotAdmitted {
    /// The request carries no key.
    NoKey,
    /// It carries two different ones.
    TwoKeys,
    /// It names an end user in a way that is none.
    BadUser,
    /// There is no such key in this tenant. Whether there is such a tenant is not said.
    Unknown(&'static str),
    /// The key is the owner's, but not good any more; only its owner is told so.
    Over(toolgate_policy::Refusal),
    /// The store can't say.
    Store(StateError),
}

impl<P: Platform> Core<P> {
    pub(crate) async fn identify(
        &self,
        tenant: &str,
        headers: &HeaderMap,
        scope: &Scope,
        line: &Line<P>,
    ) -> Result<Identity, NotAdmitted> {
        let secret = presented(headers)?;
        let presented = Presented::parse(secret).ok_or(NotAdmitted::Unknown("malformed-key"))?;
        let id = presented.id().ok_or(NotAdmitted::Unknown("malformed-key"))?;
        let tenant = TenantId::new(tenant).map_err(|_| NotAdmitted::Unknown("no-such-tenant"))?;
        line.tenant(&tenant);
        let snapshot = self.states.tenant(&tenant, scope).await.map_err(NotAdmitted::Store)?;
        let snapshot = snapshot.ok_or(NotAdmitted::Unknown("no-such-tenant"))?;
        let key = self.states.key(&tenant, &id, scope).await.map_err(NotAdmitted::Store)?;
        let now = self.platform.clock().now();
        let key = key.filter(|key| opens(&presented, key, now)).ok_or(NotAdmitted::Unknown("no-such-key"))?;
        line.key(&id);
        let user = user(&key, headers)?;
        let identity = Identity { snapshot, key, user };
        identity.principal(self.platform.clock()).map_err(NotAdmitted::Over)?;
        Ok(identity)
    }
}

impl Identity {
    /// The principal, if it is admitted now.
    pub(crate) fn principal(&self, clock: &impl Clock) -> Result<Principal<'_>, toolgate_policy::Refusal> {
        self.principal_at(clock.now())
    }

    /// The principal, if it is admitted at `now`.
    pub(crate) fn principal_at(&self, now: Timestamp) -> Result<Principal<'_>, toolgate_policy::Refusal> {
        let snapshot = &self.snapshot;
        let team = self.key.team.as_ref().map(|team| snapshot.teams.get(team));
        let principal = admit(&snapshot.tenant, &snapshot.record, &self.key, team, now)?;
        Ok(principal.acting_for(self.user.as_ref()).under(self.snapshot.policy.as_deref()))
    }
}

/// Whether `presented` is the key's secret, or the one before it while that is still taken.
fn opens(presented: &Presented<'_>, key: &KeyRecord, now: Timestamp) -> bool {
    let previous = key.previous.as_ref().filter(|previous| now < previous.expires_at);
    presented.matches(&key.hash) || previous.is_some_and(|previous| presented.matches(&previous.hash))
}

/// The end user that the key acts for: always the same, or the one that the request names, if the key may act for several.
fn user(key: &KeyRecord, headers: &HeaderMap) -> Result<Option<UserId>, NotAdmitted> {
    acts_for(key, || {
        let Some(named) = headers.get(USER) else { return Ok(None) };
        let named = named.to_str().ok().and_then(|named| UserId::new(named).ok());
        named.map(Some).ok_or(NotAdmitted::BadUser)
    })
}

/// The same, of whoever is `named`.
pub(crate) fn acts_for<E>(
    key: &KeyRecord,
    named: impl FnOnce() -> Result<Option<UserId>, E>,
) -> Result<Option<UserId>, E> {
    match &key.user {
        None => Ok(None),
        Some(Selector::One(user)) => Ok(Some(user.clone())),
        Some(Selector::Every) => named(),
    }
}

/// The key that the request carries: `Authorization: Bearer` or `x-api-key`.
fn presented(headers: &HeaderMap) -> Result<&str, NotAdmitted> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(bearer);
    let api_key = headers.get(API_KEY).and_then(|value| value.to_str().ok()).map(str::trim);
    match (bearer, api_key) {
        (Some(bearer), Some(api_key)) if bearer != api_key => Err(NotAdmitted::TwoKeys),
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => Err(NotAdmitted::NoKey),
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case("Bearer ").then(|| token.trim_ascii())
}

impl NotAdmitted {
    /// The answer, and the rule for the log.
    pub(crate) fn answer<P: Platform>(&self, line: &Line<P>) -> Response<Body> {
        let (rule, error, words) = match self {
            Self::BadUser => return bad_user(line),
            Self::NoKey => (
                "no-key",
                None,
                "A virtual key is needed: send it as \"Authorization: Bearer <key>\" or \"x-api-key: <key>\".",
            ),
            Self::TwoKeys => (
                "two-keys",
                Some("invalid_request"),
                "Authorization and x-api-key carry different keys: send one of them.",
            ),
            Self::Unknown(rule) => (*rule, Some("invalid_token"), "The key is not one of this tenant's."),
            Self::Over(refusal) => (refusal.rule(), Some("invalid_token"), over(*refusal)),
            Self::Store(error) => return store_failed(error, line),
        };
        line.rule(rule);
        line.outcome(Outcome::Refused);
        let mut response = answer::error(StatusCode::UNAUTHORIZED, None, code::UNAUTHORIZED, words, None);
        let challenge = match error {
            None => "Bearer realm=\"toolgate\"".to_owned(),
            Some(error) => format!("Bearer realm=\"toolgate\", error=\"{error}\", error_description=\"{words}\""),
        };
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn bad_user<P: Platform>(line: &Line<P>) -> Response<Body> {
    line.rule("bad-user");
    line.outcome(Outcome::BadRequest);
    let words = "Toolgate-User must be 1 to 128 visible ASCII characters, and not \"*\".";
    answer::error(StatusCode::BAD_REQUEST, None, rpc::INVALID_REQUEST, words, None)
}

const fn over(refusal: toolgate_policy::Refusal) -> &'static str {
    match refusal {
        toolgate_policy::Refusal::TenantDisabled => "The tenant is disabled.",
        toolgate_policy::Refusal::KeyDisabled => "The key is disabled.",
        toolgate_policy::Refusal::KeyExpired => "The key has expired.",
        toolgate_policy::Refusal::TeamDisabled => "The key's team is disabled, or there is no such team.",
    }
}

fn store_failed<P: Platform>(error: &StateError, line: &Line<P>) -> Response<Body> {
    line.outcome(Outcome::StoreFailed);
    line.detail(error.to_string());
    let words = "The gateway's store does not answer, and nobody is let in without it. Try again in a moment.";
    let mut response = answer::error(StatusCode::SERVICE_UNAVAILABLE, None, code::STORE_UNAVAILABLE, words, None);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}
