//! What a request that goes on to a server costs its limits: taken before it is sent, settled once its answer is known.

use std::{borrow::Cow, cell::RefCell, rc::Rc};

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use toolgate_metering::{Call, Denied, IdempotencyKey, LedgerLost, NotGranted, Permit, Price};
use toolgate_model::{Amount, Called, MicroUsd, ServerId, ToolRules};
use toolgate_ports::{Body, Platform};
use toolgate_upstream::{Reply, UpstreamErrorKind};
use toolgate_wire::{code as rpc, splice};

use crate::{
    answer, code,
    context::Context,
    core::Core,
    edge,
    forward::Target,
    identity::Identity,
    line::{Line, Outcome},
    translate::{About, member_at},
};

/// The header, and the member of `_meta`, under which a client names a call and its repetitions.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_META: &str = "io.toolgate/idempotency-key";
/// The member of an error's `_meta` that says which limit refused.
const LIMIT: &str = "io.toolgate/limit";

/// What was taken for one request. Dropped, the request has cost what was reserved for it.
pub(crate) struct Charge<P: Platform> {
    permit: RefCell<Option<Permit<P>>>,
    rules: Rc<ToolRules>,
    arguments: usize,
}

impl<P: Platform> Charge<P> {
    /// The request was answered.
    pub(crate) fn answered(&self, reply: &Reply, line: &Line<P>) {
        let Some(permit) = self.permit.take() else { return };
        // An error of the protocol's is a call, and delivers nothing else that was priced.
        let Some(span) = &reply.result else { return permit.settle(&Price::default()) };
        let result = std::str::from_utf8(&reply.message[span.clone()]).unwrap_or_default();
        let called = Called { arguments: self.arguments, result: result.len(), meta: splice::value(result, "_meta") };
        permit.settle(&actual(&self.rules, called, line));
    }

    /// Nothing was sent, or nothing was executed.
    pub(crate) fn failed(&self, kind: &UpstreamErrorKind) {
        let nothing = matches!(
            kind,
            UpstreamErrorKind::Unreachable | UpstreamErrorKind::Forbidden | UpstreamErrorKind::Resting { .. }
        );
        match self.permit.take() {
            Some(permit) if nothing => permit.void(),
            permit => drop(permit),
        }
    }
}

/// What a call cost.
fn actual<P: Platform>(rules: &ToolRules, called: Called<'_>, line: &Line<P>) -> Price {
    let amount = |price: Option<&toolgate_model::Price>| {
        let Some(charge) = price.map(|price| price.actual(called)) else { return Amount::ZERO };
        if let Some(doubt) = charge.doubt {
            tracing::warn!(target: "toolgate::price", request_id = line.id(), charged = charge.amount, "{doubt}: the maximum is charged");
        }
        Amount::at_most(charge.amount)
    };
    let (micro_usd, tokens) = (amount(rules.price.micro_usd.as_ref()), amount(rules.price.tokens.as_ref()));
    Price { micro_usd: MicroUsd(micro_usd), tokens }
}

impl<P: Platform> Core<P> {
    /// Takes from the limits what a request to `target` may cost. Nothing is asked and nothing allocated where no limit applies.
    pub(crate) async fn charged(
        &self,
        context: &Context<P>,
        id: &str,
        target: &Target,
    ) -> Result<Option<Rc<Charge<P>>>, Box<Response<Body>>> {
        let identity = &context.identity;
        if identity.snapshot.limits.is_empty() {
            return Ok(None);
        }
        let arguments = splice::value(&target.params, "arguments").map_or(0, str::len);
        let rules = Rc::clone(&target.rules);
        let tool = target.name.as_deref().filter(|_| target.about == About::Tool);
        let idempotency = idempotency(context, id, &target.params)?;
        let call = counted(identity, (&target.server.id, tool), &rules, arguments);
        let call = Call { idempotency: idempotency.as_ref(), ..call };
        match Box::pin(self.meters.take(&identity.snapshot.limits, &call, &context.scope)).await {
            Ok(permit) => Ok(Some(Rc::new(Charge { permit: RefCell::new(Some(permit)), rules, arguments }))),
            Err(NotGranted::Denied(denied)) => Err(Box::new(refused(context, id, &denied))),
            Err(NotGranted::Ledger(lost)) => Err(Box::new(lost_ledger(context, id, &lost))),
        }
    }
}

/// A call as limits count it, with so many bytes of arguments.
pub(crate) fn counted<'a>(
    identity: &'a Identity,
    (server, tool): (&'a ServerId, Option<&'a str>),
    rules: &ToolRules,
    arguments: usize,
) -> Call<'a> {
    let reserved =
        |price: Option<&toolgate_model::Price>| Amount::at_most(price.map_or(0, |price| price.estimate(arguments)));
    Call {
        tenant: &identity.snapshot.tenant,
        key: &identity.key.id,
        team: identity.key.team.as_ref(),
        user: identity.user.as_ref(),
        server,
        tool,
        estimate: Price {
            micro_usd: MicroUsd(reserved(rules.price.micro_usd.as_ref())),
            tokens: reserved(rules.price.tokens.as_ref()),
        },
        idempotency: None,
    }
}

/// What a client calls a call and its repetitions, if it does.
pub(crate) fn idempotency_key<'a>(headers: &'a HeaderMap, params: &'a str) -> Option<Cow<'a, str>> {
    let header = edge::header_text(headers, &IDEMPOTENCY_KEY).map(Cow::Borrowed);
    header.or_else(|| {
        let span = member_at(params, 0..params.len(), &["_meta", IDEMPOTENCY_META])?;
        Some(splice::string(&params[span]).unwrap_or_default())
    })
}

/// The same, if it can be used.
fn idempotency<P: Platform>(
    context: &Context<P>,
    id: &str,
    params: &str,
) -> Result<Option<IdempotencyKey>, Box<Response<Body>>> {
    let Some(text) = idempotency_key(&context.head.headers, params) else { return Ok(None) };
    IdempotencyKey::new(&text).map(Some).map_err(|error| {
        context.line.outcome(Outcome::BadRequest);
        let words = format!("Invalid params: {error}");
        Box::new(answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &words, None))
    })
}

/// A limit has not enough left: in words for an agent, and in numbers for a program.
fn refused<P: Platform>(context: &Context<P>, id: &str, denied: &Denied) -> Response<Body> {
    context.line.rule(format!("limit:{}", denied.limit));
    context.line.outcome(Outcome::Limited);
    let mut detail = serde_json::json!({
        "limit": denied.limit, "scope": denied.scope, "kind": denied.kind, "unit": denied.unit, "amount": denied.amount,
        "need": denied.need, "left": denied.left,
    });
    if let Some(window) = &denied.window {
        detail["window"] = serde_json::json!(window);
    }
    if let Some(then) = denied.resets_at {
        detail["resets_at"] = serde_json::json!(then);
    }
    if let Some(wait) = denied.retry_after {
        detail["retry_after_ms"] = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into();
    }
    let data = format!("{{\"_meta\":{{\"{LIMIT}\":{detail}}}}}");
    let mut response = answer::error(StatusCode::OK, Some(id), code::LIMITED, &format!("{denied}."), Some(&data));
    if let Some(wait) = denied.retry_after {
        retry_after(&mut response, wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    }
    response
}

fn lost_ledger<P: Platform>(context: &Context<P>, id: &str, lost: &LedgerLost) -> Response<Body> {
    context.line.rule("ledger-lost");
    context.line.outcome(Outcome::StoreFailed);
    context.line.detail(lost.to_string());
    let words = "The gateway's ledger does not answer, and calls that have limits are not made without it. Try again in a moment.";
    let mut response = answer::error(StatusCode::SERVICE_UNAVAILABLE, Some(id), code::STORE_UNAVAILABLE, words, None);
    retry_after(&mut response, 2);
    response
}

fn retry_after(response: &mut Response<Body>, seconds: u64) {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}
