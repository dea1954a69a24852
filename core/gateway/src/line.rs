//! The line that every request leaves in the log: who, what, how it ended, which rule decided, how long it took.
//!
//! It holds no secret and no argument. The line is written when the last holder lets go of it: after the answer, or after
//! the last event of a streamed one, or when the client goes away before either.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use http::StatusCode;
use toolgate_model::{KeyId, ServerId, TenantId};
use toolgate_ports::{Clock, Platform, Random};

use crate::session::hex;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With the answer asked for.
    Ok,
    /// With an error of the tool's or the upstream's own, passed on.
    ToolError,
    /// The request could not be understood.
    BadRequest,
    /// The client was not let in.
    Refused,
    /// What was asked for does not exist, or not for this client.
    Unknown,
    /// A limit has not enough left.
    Limited,
    /// An upstream failed.
    UpstreamFailed,
    /// The gateway's own store failed.
    StoreFailed,
    /// The client went away before the end.
    ClientGone,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool-error",
            Self::BadRequest => "bad-request",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Limited => "limited",
            Self::UpstreamFailed => "upstream-failed",
            Self::StoreFailed => "store-failed",
            Self::ClientGone => "client-gone",
        }
    }
}

/// Names for requests: drawn once per instance and counted from there, so that a request costs no randomness. They tell
/// requests apart and protect nothing.
#[derive(Debug, Default)]
pub(crate) struct RequestIds(Cell<Option<u64>>);

impl RequestIds {
    fn next(&self, random: &impl Random) -> String {
        let id = self.0.get().unwrap_or_else(|| {
            let mut first = [0; 8];
            random.fill(&mut first);
            u64::from_be_bytes(first)
        });
        self.0.set(Some(id.wrapping_add(1)));
        hex(&id.to_be_bytes())
    }
}

#[derive(Default)]
struct Fields {
    tenant: Option<TenantId>,
    key: Option<KeyId>,
    era: Option<&'static str>,
    method: Option<String>,
    server: Option<ServerId>,
    tool: Option<String>,
    rule: Option<String>,
    detail: Option<String>,
    outcome: Option<Outcome>,
    status: u16,
    upstream_us: u64,
    quiet: bool,
}

/// The line of one request, as it fills.
pub(crate) struct Line<P: Platform> {
    platform: Rc<P>,
    id: String,
    /// The request whose program made this call.
    parent: Option<String>,
    began: u64,
    fields: RefCell<Fields>,
}

impl<P: Platform> Line<P> {
    pub(crate) fn begin(platform: &Rc<P>, ids: &RequestIds) -> Rc<Self> {
        let id = ids.next(platform.random());
        let began = platform.clock().ticks();
        Rc::new(Self { platform: Rc::clone(platform), id, parent: None, began, fields: RefCell::default() })
    }

    /// The line of a call that a program makes on behalf of this request.
    pub(crate) fn child(&self, ids: &RequestIds) -> Rc<Self> {
        let id = ids.next(self.platform.random());
        let (tenant, key) = (self.fields.borrow().tenant.clone(), self.fields.borrow().key.clone());
        let fields = RefCell::new(Fields { tenant, key, ..Fields::default() });
        let platform = Rc::clone(&self.platform);
        Rc::new(Self { platform, id, parent: Some(self.id.clone()), began: self.ticks(), fields })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The request leaves a line elsewhere, or is not worth one.
    pub(crate) fn quiet(&self) {
        self.fields.borrow_mut().quiet = true;
    }

    pub(crate) fn tenant(&self, tenant: &TenantId) {
        self.fields.borrow_mut().tenant = Some(tenant.clone());
    }

    pub(crate) fn key(&self, key: &KeyId) {
        self.fields.borrow_mut().key = Some(key.clone());
    }

    pub(crate) fn method(&self, era: &'static str, method: &str) {
        let mut fields = self.fields.borrow_mut();
        fields.era = Some(era);
        fields.method = Some(first(method, 64).to_owned());
    }

    pub(crate) fn server(&self, server: &ServerId) {
        self.fields.borrow_mut().server = Some(server.clone());
    }

    pub(crate) fn tool(&self, tool: &str) {
        self.fields.borrow_mut().tool = Some(first(tool, 128).to_owned());
    }

    pub(crate) fn rule(&self, rule: impl Into<String>) {
        self.fields.borrow_mut().rule = Some(rule.into());
    }

    /// What an operator should know beyond the outcome.
    pub(crate) fn detail(&self, detail: impl Into<String>) {
        self.fields.borrow_mut().detail = Some(detail.into());
    }

    pub(crate) fn outcome(&self, outcome: Outcome) {
        self.fields.borrow_mut().outcome = Some(outcome);
    }

    /// The outcome, unless something more exact was said already.
    pub(crate) fn outcome_unless_set(&self, outcome: Outcome) {
        self.fields.borrow_mut().outcome.get_or_insert(outcome);
    }

    pub(crate) fn ticks(&self) -> u64 {
        self.platform.clock().ticks()
    }

    /// Time spent waiting for an upstream since `began`.
    pub(crate) fn upstream_since(&self, began: u64) {
        self.upstream(self.ticks().saturating_sub(began));
    }

    /// Time spent waiting for upstreams, in microseconds.
    pub(crate) fn upstream(&self, waited_us: u64) {
        self.fields.borrow_mut().upstream_us += waited_us;
    }

    pub(crate) fn answered(&self, status: StatusCode) {
        self.fields.borrow_mut().status = status.as_u16();
    }
}

/// The first `most` characters of `text`.
fn first(text: &str, most: usize) -> &str {
    // As many bytes are no more characters.
    let end = if text.len() <= most { None } else { text.char_indices().nth(most) };
    end.map_or(text, |(end, _)| &text[..end])
}

impl<P: Platform> Drop for Line<P> {
    fn drop(&mut self) {
        let fields = self.fields.borrow();
        if fields.quiet {
            return;
        }
        let total = self.platform.clock().ticks().saturating_sub(self.began);
        let outcome = fields.outcome.unwrap_or(match fields.status {
            // No status: the future was dropped before there was an answer.
            0 => Outcome::ClientGone,
            401 | 403 => Outcome::Refused,
            400..=499 => Outcome::BadRequest,
            _ => Outcome::Ok,
        });
        tracing::info!(
            target: "toolgate::request",
            request_id = self.id.as_str(),
            parent = self.parent.as_deref(),
            tenant = fields.tenant.as_ref().map(TenantId::as_str),
            key_id = fields.key.as_ref().map(KeyId::as_str),
            era = fields.era,
            method = fields.method.as_deref(),
            server = fields.server.as_ref().map(ServerId::as_str),
            tool = fields.tool.as_deref(),
            status = fields.status,
            outcome = outcome.as_str(),
            rule = fields.rule.as_deref(),
            detail = fields.detail.as_deref(),
            gateway_us = total.saturating_sub(fields.upstream_us),
            upstream_us = fields.upstream_us,
        );
    }
}
