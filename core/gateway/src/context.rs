//! Everything about a request that its method needs, apart from the message. It outlives the request where its answer streams.

use std::{borrow::Cow, rc::Rc};

use bytes::Bytes;
use http::request::Parts;
use toolgate_catalogue::Place;
use toolgate_model::{KeyRecord, ServerId, TenantId, ToolsMode};
use toolgate_policy::{Origin, Principal, Refusal};
use toolgate_ports::{ClientAddr, Clock, Platform, Scope};
use toolgate_state::View;
use toolgate_wire::{Era, splice};

use crate::{codemode::Nested, edge, identity::Identity, line::Line, session::Session};

/// Which endpoint was asked.
#[derive(Clone)]
pub(crate) enum Where {
    /// Everything the key may use.
    All,
    /// One server, under its own names.
    Server(ServerId),
    /// A view.
    View(Rc<View>),
}

/// How an answer may be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Events, as they arise.
    Events,
    /// One JSON object.
    Json,
}

/// The address that a request came from, and the host it names: known only where a policy may look at them.
#[derive(Clone, Default)]
pub(crate) struct ClientOrigin {
    ip: Option<String>,
    host: Option<String>,
}

impl ClientOrigin {
    pub(crate) fn of(identity: &Identity, head: &Parts) -> Self {
        if identity.snapshot.policy.is_none() && identity.snapshot.draft.is_none() {
            return Self::default();
        }
        let ip = head.extensions.get().map(|ClientAddr(address)| address.to_string());
        Self { ip, host: edge::host(head).map(str::to_ascii_lowercase) }
    }
}

/// See the module.
pub(crate) struct Context<P: Platform> {
    pub(crate) identity: Identity,
    pub(crate) place: Where,
    pub(crate) era: Era,
    pub(crate) accepts: Accepts,
    /// The session of a legacy client that has one.
    pub(crate) session: Option<Rc<Session>>,
    /// The client's capabilities, raw JSON.
    pub(crate) capabilities: Option<String>,
    /// The least severe log level that a modern client wants, raw JSON.
    pub(crate) log_level: Option<String>,
    /// Where it came from.
    pub(crate) origin: ClientOrigin,
    /// The request as it came.
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    pub(crate) scope: Scope,
    pub(crate) line: Rc<Line<P>>,
    /// What is known of it if a program makes the call, and no client.
    pub(crate) nested: Option<Rc<Nested>>,
}

impl<P: Platform> Context<P> {
    /// Who asks, and through which view, if admitted now.
    pub(crate) fn principal(&self, clock: &impl Clock) -> Result<Principal<'_>, Refusal> {
        let view = match &self.place {
            Where::View(view) => Some((&view.id, &view.record)),
            Where::All | Where::Server(_) => None,
        };
        let origin = Origin { ip: self.origin.ip.as_deref(), host: self.origin.host.as_deref() };
        self.identity.principal(clock).map(|principal| principal.through(view).from(origin))
    }

    /// How the client is shown its tools: as the view says, or else as the key does.
    pub(crate) fn tools_mode(&self) -> ToolsMode {
        let of_view = match &self.place {
            Where::View(view) => view.record.tools_mode,
            Where::All | Where::Server(_) => None,
        };
        // A program calls tools by their own names, and never the gateway's.
        if self.nested.is_some() { ToolsMode::Direct } else { of_view.unwrap_or(self.identity.key.tools_mode) }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        match &self.place {
            Where::All => Place::All,
            Where::Server(server) => Place::Server(server),
            Where::View(view) => Place::View(view),
        }
    }

    /// The principal, its user and the endpoint, as text: whose something is that depends on all three.
    pub(crate) fn seat(&self) -> String {
        let user = self.identity.user.as_ref().map_or("", |user| user.as_str());
        let place = match &self.place {
            Where::All => String::new(),
            Where::Server(server) => format!("server/{server}"),
            Where::View(view) => format!("view/{}", view.id),
        };
        format!("{}\n{user}\n{place}", self.owner())
    }

    /// Binds what is sealed for this principal.
    pub(crate) fn owner(&self) -> String {
        owner(&self.identity.snapshot.tenant, &self.identity.key)
    }

    /// Binds what is sealed for this principal's session.
    pub(crate) fn session_owner(&self) -> String {
        match &self.session {
            Some(session) => format!("{}/{}", self.owner(), session.id),
            None => self.owner(),
        }
    }

    /// Names the principal and its client session towards the sessions with legacy servers. Those of modern clients are shared by
    /// what declares the same capabilities.
    pub(crate) fn partition(&self) -> Cow<'_, str> {
        let key = &self.identity.key.id;
        match (&self.session, self.input_capabilities()) {
            (Some(session), _) => Cow::Owned(format!("{key}:{}", session.id)),
            (None, Some(declared)) => Cow::Owned(format!("{key}#{declared}")),
            (None, None) => Cow::Borrowed(key.as_str()),
        }
    }

    /// What a server may ask of this client while it runs: a raw object; nothing if the client can't be asked anything.
    pub(crate) fn input_capabilities(&self) -> Option<String> {
        const INPUT: [&str; 3] = ["elicitation", "sampling", "roots"];
        let declared = self.capabilities.as_deref()?;
        let members = splice::members(declared).filter(|member| INPUT.contains(&&*member.name));
        let kept: Vec<&str> = members.map(|member| &declared[member.name_span.start..member.value_span.end]).collect();
        (!kept.is_empty()).then(|| format!("{{{}}}", kept.join(",")))
    }

    /// Whether this client said that it can be asked for `method` with these raw params.
    pub(crate) fn can_be_asked(&self, method: &str, params: &str) -> bool {
        let capability = match method {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            "roots/list" => "roots",
            _ => return false,
        };
        let declared = self.capabilities.as_deref().and_then(|declared| splice::value(declared, capability));
        let Some(declared) = declared else { return false };
        let (forms, urls) = (splice::member(declared, "form"), splice::member(declared, "url"));
        match splice::value(params, "mode") {
            _ if capability != "elicitation" => true,
            Some("\"url\"") => urls.is_some(),
            // Who declares neither means forms.
            _ => forms.is_some() || urls.is_none(),
        }
    }

    /// Whether this client can be sent to a URL.
    pub(crate) fn can_be_sent_to_urls(&self) -> bool {
        self.can_be_asked("elicitation/create", "{\"mode\":\"url\"}")
    }
}

/// The principal as text, to bind sealed things to.
pub(crate) fn owner(tenant: &TenantId, key: &KeyRecord) -> String {
    format!("{tenant}/{}", key.id)
}
