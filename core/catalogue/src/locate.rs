//! The server that a resource URI belongs to, if this principal may read it.

use std::rc::Rc;

use futures_util::{StreamExt, stream};
use toolgate_model::{ItemKind, ServerId};
use toolgate_policy::{Principal, Subject, decide, touches};
use toolgate_ports::{Platform, Scope};
use toolgate_state::{Server, Snapshot};
use toolgate_upstream::Verdict;

use crate::{
    Aggregate, Place,
    catalogue::Catalogue,
    catalogues::Failure,
    template,
    uris::{scheme, taken_apart, told_apart},
};

/// The most servers that are asked for one URI.
const MAX_CANDIDATES: usize = 6;

/// A resource on a server.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The server.
    pub server: Rc<Server>,
    /// What it speaks.
    pub verdict: Rc<Verdict>,
    /// The upstream's URI.
    pub uri: String,
    /// What it was found in: the list that has it, or the templates that it comes of.
    pub catalogue: Rc<Catalogue>,
    /// Its URI, or the template's.
    pub listed: String,
}

impl Resource {
    /// What is decided about before it is read.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        self.catalogue.subject(&self.server, &self.listed)
    }
}

/// Where a resource is.
#[derive(Debug, Clone)]
pub enum Located {
    /// On the first of these that has it.
    At(Vec<Resource>),
    /// Nowhere, or not for this principal; `rule` is for the log.
    Unknown {
        /// The rule that decided.
        rule: &'static str,
    },
    /// Several servers list it; each of these forms names one.
    Ambiguous {
        /// The forms.
        forms: Vec<String>,
    },
    /// The server that may have it can't be asked.
    Unavailable(Rc<Failure>),
}

/// What a server lists of resources and templates.
struct Lists {
    server: Rc<Server>,
    resources: Rc<Catalogue>,
    templates: Option<Rc<Catalogue>>,
}

impl Lists {
    fn lists(&self, uri: &str) -> bool {
        let template = self.templates.as_ref().and_then(|templates| templates.named(uri));
        self.resources.named(uri).is_some() || template.is_some()
    }

    fn template(&self, uri: &str) -> Option<&str> {
        let mut templates = self.templates.iter().flat_map(|templates| &templates.items);
        templates.find(|template| template::matches(&template.name, uri)).map(|template| template.name.as_str())
    }

    fn has_scheme(&self, wanted: &str) -> bool {
        let templates = self.templates.iter().flat_map(|templates| &templates.items);
        self.resources.items.iter().chain(templates).any(|item| scheme(&item.name) == wanted)
    }

    /// The resource, if the principal may read it: by its URI, or by the template that it comes of.
    fn readable(&self, principal: Principal<'_>, uri: &str) -> Option<Resource> {
        let by = |catalogue: &Rc<Catalogue>, listed: &str| {
            let allowed = decide(principal, &catalogue.subject(&self.server, listed)).allowed();
            allowed.then(|| (Rc::clone(catalogue), listed.to_owned()))
        };
        let (catalogue, listed) =
            by(&self.resources, uri).or_else(|| by(self.templates.as_ref()?, self.template(uri)?))?;
        Some(Resource {
            server: Rc::clone(&self.server),
            verdict: Rc::clone(&self.resources.verdict),
            uri: uri.to_owned(),
            catalogue,
            listed,
        })
    }
}

impl<P: Platform> Aggregate<P> {
    /// Finds the server whose resource `principal` names at `place`.
    pub async fn locate(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        place: Place<'_>,
        uri: &str,
        scope: &Scope,
    ) -> Located {
        let servers: Vec<&Rc<Server>> = snapshot
            .servers
            .values()
            .filter(|server| server.enabled && touches(principal, &server.id) && place.holds(server))
            .collect();
        let (lists, failure) = self.resource_lists(&servers, scope).await;
        let nowhere = |failure: Option<Rc<Failure>>| match failure {
            Some(failure) => Located::Unavailable(failure),
            None => Located::Unknown { rule: "no-such-item" },
        };
        if let Place::Server(_) = place {
            let Some(only) = lists.first() else { return nowhere(failure) };
            return match only.readable(principal, uri) {
                Some(resource) => Located::At(vec![resource]),
                None => Located::Unknown { rule: "no-grant" },
            };
        }
        let listing: Vec<&Lists> = lists.iter().filter(|lists| lists.lists(uri)).collect();
        if listing.len() > 1 {
            let readable = listing.iter().filter(|lists| lists.readable(principal, uri).is_some());
            let forms: Vec<String> = readable.map(|lists| told_apart(&lists.server.id, uri)).collect();
            return match forms.as_slice() {
                [] => Located::Unknown { rule: "no-grant" },
                _ => Located::Ambiguous { forms },
            };
        }
        if let Some(only) = listing.first() {
            return match only.readable(principal, uri) {
                Some(resource) => Located::At(vec![resource]),
                None => Located::Unknown { rule: "no-grant" },
            };
        }
        if let Some((server, bare)) = taken_apart(uri)
            && let Some(named) = lists.iter().find(|lists| lists.server.id == server)
        {
            return match named.readable(principal, &bare) {
                Some(resource) => Located::At(vec![resource]),
                None => Located::Unknown { rule: "no-grant" },
            };
        }
        let by_template: Vec<&Lists> = lists.iter().filter(|lists| lists.template(uri).is_some()).collect();
        let candidates = match by_template.is_empty() {
            false => by_template,
            true => lists.iter().filter(|lists| lists.has_scheme(scheme(uri))).collect(),
        };
        let found: Vec<Resource> =
            candidates.iter().filter_map(|lists| lists.readable(principal, uri)).take(MAX_CANDIDATES).collect();
        if found.is_empty() { nowhere(failure) } else { Located::At(found) }
    }

    /// What `servers` list of resources and templates, those that can be asked; and why one of them can't.
    async fn resource_lists(&self, servers: &[&Rc<Server>], scope: &Scope) -> (Vec<Lists>, Option<Rc<Failure>>) {
        let ask = |server: &Rc<Server>| {
            let server = Rc::clone(server);
            async move {
                let endpoint = match &server.endpoint {
                    Ok(endpoint) => endpoint,
                    Err(problem) => return Err(self.catalogues().unusable(&server, problem)),
                };
                let resources = self.catalogues().any(&server, endpoint, ItemKind::Resource, scope).await?;
                let templates = self.catalogues().any(&server, endpoint, ItemKind::Template, scope).await.ok();
                Ok(Lists { server: Rc::clone(&server), resources, templates })
            }
        };
        let mut asked = stream::iter(servers.iter().map(|server| ask(server))).buffered(self.limits().fan_out);
        let (mut lists, mut failure) = (Vec::new(), None);
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(known) => lists.push(known),
                Err(why) => failure = Some(why),
            }
        }
        (lists, failure)
    }

    /// The server that a told-apart URI names.
    #[must_use]
    pub fn server_of(uri: &str) -> Option<ServerId> {
        taken_apart(uri).map(|(server, _)| server)
    }
}
