//! The tool or prompt that a name stands for, if this principal may use it.

use std::rc::Rc;

use futures_util::{StreamExt, stream};
use toolgate_model::{ItemKind, ServerId};
use toolgate_policy::{Principal, Subject, decide, permits, touches};
use toolgate_ports::{Platform, Scope};
use toolgate_state::{Server, Snapshot, View};
use toolgate_upstream::Verdict;

use crate::{
    Aggregate, ArgumentEdits, Place,
    catalogue::Catalogue,
    catalogues::Failure,
    names::SEPARATOR,
    param_header::ParamHeader,
    view_names::{Named, ViewNames},
};

/// Where a request goes.
#[derive(Debug, Clone)]
pub struct Routed {
    /// The server.
    pub server: Rc<Server>,
    /// What it speaks.
    pub verdict: Rc<Verdict>,
    /// The upstream's name of what is asked for.
    pub name: String,
    /// What it was found in.
    pub catalogue: Rc<Catalogue>,
    /// What the view does to its arguments.
    pub arguments: ArgumentEdits,
    /// Which arguments travel in headers, too.
    pub headers: Rc<[ParamHeader]>,
}

impl Routed {
    /// What is decided about before it is called. Its arguments are the caller's to name.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        self.catalogue.subject(&self.server, &self.name)
    }
}

/// What became of a name.
#[derive(Debug, Clone)]
pub enum Route {
    /// It may be used.
    To(Routed),
    /// The principal gets the same answer for both: there is no such thing, or it may not use it. `rule` is for the log.
    Unknown {
        /// The server the name points to, if there is one.
        server: Option<ServerId>,
        /// The rule that decided.
        rule: String,
    },
    /// Several servers have it.
    Ambiguous {
        /// Those that the principal may see something of.
        servers: Vec<ServerId>,
    },
    /// The principal might use it, but the server can't be asked whether there is such a thing.
    Unavailable(Rc<Failure>),
}

impl<P: Platform> Aggregate<P> {
    /// Finds the tool or the prompt that `principal` names at `place`.
    pub async fn route(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        place: Place<'_>,
        kind: ItemKind,
        name: &str,
        scope: &Scope,
    ) -> Route {
        match place {
            Place::Server(of) => {
                let Some(server) = snapshot.servers.get(of) else { return no_server() };
                let find = |catalogue: &Catalogue| catalogue.named(name).map(|item| item.name.clone());
                self.route_to(principal, server, kind, name, find, scope).await
            }
            Place::All => {
                let Some((server, bare)) = name.split_once(SEPARATOR) else { return no_server() };
                let Some(server) = snapshot.servers.get(server) else { return no_server() };
                let find = |catalogue: &Catalogue| catalogue.exposed(name).map(|item| item.name.clone());
                self.route_to(principal, server, kind, bare, find, scope).await
            }
            Place::View(view) => self.route_in_view(principal, snapshot, view, kind, name, scope).await,
        }
    }

    /// `guess` is what the upstream may call it, as long as its catalogue is not at hand.
    async fn route_to(
        &self,
        principal: Principal<'_>,
        server: &Rc<Server>,
        kind: ItemKind,
        guess: &str,
        find: impl Fn(&Catalogue) -> Option<String>,
        scope: &Scope,
    ) -> Route {
        let unknown = |rule: &str| Route::Unknown { server: Some(server.id.clone()), rule: rule.to_owned() };
        if !touches(principal, &server.id) {
            return unknown("no-grant");
        }
        if !server.enabled {
            return unknown("server-disabled");
        }
        let endpoint = match &server.endpoint {
            Ok(endpoint) => endpoint,
            Err(problem) => return Route::Unavailable(self.catalogues().unusable(server, problem)),
        };
        let may = |name: &str| {
            permits(principal, &server.id, kind.item(name)).map(|_| ()).map_err(|denied| denied.to_string())
        };
        let mut catalogue = match self.catalogues().any(server, endpoint, kind, scope).await {
            Ok(catalogue) => catalogue,
            // Whoever may not use it isn't told that the server is down either.
            Err(failure) => match may(guess) {
                Err(rule) => return unknown(&rule),
                Ok(()) => return Route::Unavailable(failure),
            },
        };
        let mut found = find(&catalogue);
        if found.is_none()
            && may(guess).is_ok()
            && let Some(newer) = self.catalogues().newer(server, &catalogue, scope).await
        {
            found = find(&newer);
            catalogue = newer;
        }
        match found {
            Some(name) => allowed(principal, server, &catalogue, name),
            None => unknown(may(guess).err().as_deref().unwrap_or("no-such-item")),
        }
    }

    async fn route_in_view(
        &self,
        principal: Principal<'_>,
        snapshot: &Snapshot,
        view: &View,
        kind: ItemKind,
        name: &str,
        scope: &Scope,
    ) -> Route {
        let (found, failure) = self.view_catalogues(snapshot, view, kind, scope).await;
        let names = self.view_names(snapshot, view, kind, &found);
        match names.find(name) {
            Named::One((server, item)) => {
                let Some((server, catalogue)) = found.iter().find(|(known, _)| known.id == *server) else {
                    return no_server();
                };
                allowed(principal, server, catalogue, item.to_owned())
            }
            Named::Several(servers) => {
                let servers = servers.iter().filter(|server| touches(principal, server)).cloned().collect();
                Route::Ambiguous { servers }
            }
            Named::Nothing => {
                // A newer list may have it.
                for (server, catalogue) in found.iter().filter(|(server, _)| touches(principal, &server.id)) {
                    let Some(newer) = self.catalogues().newer(server, catalogue, scope).await else { continue };
                    let one = [(Rc::clone(server), newer)];
                    let names = ViewNames::new(&view.record, kind, &one);
                    if let Named::One((_, item)) = names.find(name) {
                        return allowed(principal, server, &one[0].1, item.to_owned());
                    }
                }
                match failure.filter(|failure| touches(principal, &failure.error.server)) {
                    Some(failure) => Route::Unavailable(failure),
                    None => Route::Unknown { server: None, rule: "no-such-item".to_owned() },
                }
            }
        }
    }

    /// What the servers of a view list, those that can be asked; and why one of them can't.
    pub(crate) async fn view_catalogues(
        &self,
        snapshot: &Snapshot,
        view: &View,
        kind: ItemKind,
        scope: &Scope,
    ) -> (Vec<(Rc<Server>, Rc<Catalogue>)>, Option<Rc<Failure>>) {
        let servers = view.record.servers.keys().filter_map(|id| snapshot.servers.get(id));
        let servers: Vec<&Rc<Server>> = servers.filter(|server| server.enabled).collect();
        let mut found: Vec<Option<Rc<Catalogue>>> = servers
            .iter()
            .map(|server| self.catalogues().remembered_catalogue(server.endpoint.as_ref().ok()?, kind))
            .collect();
        let mut failure = None;
        let missing: Vec<usize> = (0..found.len()).filter(|index| found[*index].is_none()).collect();
        let ask = |index: usize| {
            let server = Rc::clone(servers[index]);
            async move {
                let asked = match &server.endpoint {
                    Ok(endpoint) => self.catalogues().any(&server, endpoint, kind, scope).await,
                    Err(problem) => Err(self.catalogues().unusable(&server, problem)),
                };
                (index, asked)
            }
        };
        let mut asked = stream::iter(missing.into_iter().map(ask)).buffer_unordered(self.limits().fan_out);
        while let Some((index, answer)) = asked.next().await {
            match answer {
                Ok(catalogue) => found[index] = Some(catalogue),
                Err(why) => failure = Some(why),
            }
        }
        drop(asked);
        let found = servers.into_iter().zip(found).filter_map(|(server, found)| Some((Rc::clone(server), found?)));
        (found.collect(), failure)
    }
}

fn no_server() -> Route {
    Route::Unknown { server: None, rule: "no-such-server".to_owned() }
}

fn allowed(principal: Principal<'_>, server: &Rc<Server>, catalogue: &Rc<Catalogue>, name: String) -> Route {
    if let Err(denied) = decide(principal, &catalogue.subject(server, &name)).into_allowed() {
        return Route::Unknown { server: Some(server.id.clone()), rule: denied.to_string() };
    }
    let shown = principal.view().and_then(|view| view.servers.get(&server.id));
    let arguments = shown.filter(|_| catalogue.kind == ItemKind::Tool).map(|shown| shown.arguments.get(&name));
    Route::To(Routed {
        server: Rc::clone(server),
        verdict: Rc::clone(&catalogue.verdict),
        catalogue: Rc::clone(catalogue),
        arguments: arguments.map(ArgumentEdits::of).unwrap_or_default(),
        headers: catalogue
            .named(&name)
            .map_or_else(|| Rc::new([]) as Rc<[ParamHeader]>, |item| Rc::clone(&item.headers)),
        name,
    })
}
