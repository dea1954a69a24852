//! What is asked for, looked up as a request would look it up.

use std::{borrow::Cow, rc::Rc};

use toolgate_admin::{ExplainError, Question};
use toolgate_catalogue::{ArgumentEdits, Catalogue, Listed, Located, Place, Resource, Route, Routed};
use toolgate_model::{ItemKind, ToolRules};
use toolgate_policy::{Principal, Subject};
use toolgate_ports::{Platform, Scope};
use toolgate_state::Server;

use super::{
    asked::Asked,
    report::{Report, Stop},
};
use crate::core::Core;

/// What a request would find.
pub(super) struct Found {
    server: Rc<Server>,
    catalogue: Rc<Catalogue>,
    /// Under which name it stands in the catalogue: a resource may come of a template.
    name: String,
    rules: Rc<ToolRules>,
    edits: ArgumentEdits,
    reach: Reach,
}

/// Whether a request would get to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Found,
    /// It would be told that there is no such thing.
    Unknown,
}

impl From<Routed> for Found {
    fn from(routed: Routed) -> Self {
        let Routed { server, name, catalogue, arguments: edits, .. } = routed;
        let rules = Rc::clone(server.rules(if catalogue.kind == ItemKind::Tool { &name } else { "" }));
        Self { server, catalogue, name, rules, edits, reach: Reach::Found }
    }
}

impl From<Resource> for Found {
    fn from(resource: Resource) -> Self {
        let Resource { server, catalogue, listed: name, .. } = resource;
        let rules = Rc::clone(server.rules(""));
        Self { server, catalogue, name, rules, edits: ArgumentEdits::default(), reach: Reach::Found }
    }
}

impl<P: Platform> Core<P> {
    /// Finds what `question` names. What is denied to `principal` is found too, so that it can be said why.
    pub(super) async fn found(
        &self,
        asked: &Asked,
        principal: Principal<'_>,
        question: &Question,
        report: &mut Report,
        scope: &Scope,
    ) -> Result<Found, Stop> {
        let Question { server, kind, name, .. } = question;
        let (place, snapshot) = (Place::Server(server), &asked.identity.snapshot);
        let found = match kind {
            ItemKind::Tool | ItemKind::Prompt => {
                match self.aggregate.route(principal, snapshot, place, *kind, name, scope).await {
                    Route::To(routed) => Some(routed.into()),
                    Route::Unavailable(failure) => return Err(cannot(&failure.error)),
                    Route::Unknown { .. } | Route::Ambiguous { .. } => None,
                }
            }
            ItemKind::Resource | ItemKind::Template => {
                match self.aggregate.locate(principal, snapshot, place, name, scope).await {
                    Located::At(resources) => resources.into_iter().next().map(Found::from),
                    Located::Unavailable(failure) => return Err(cannot(&failure.error)),
                    Located::Unknown { .. } | Located::Ambiguous { .. } => None,
                }
            }
        };
        let found = match found {
            Some(found) => found,
            None => self.hidden(asked, question, scope).await?,
        };
        report.found(&found.catalogue, question, &found.name)?;
        Ok(found)
    }

    /// What a request does not get to, out of the catalogue that has just been looked at.
    async fn hidden(&self, asked: &Asked, question: &Question, scope: &Scope) -> Result<Found, Stop> {
        let (server, kind, name) = (Rc::clone(&asked.server), question.kind, question.name.clone());
        let endpoint = server.endpoint.as_ref().map_err(cannot)?;
        let catalogue = self.aggregate.catalogues().any(&server, endpoint, kind, scope).await;
        let catalogue = catalogue.map_err(|failure| cannot(&failure.error))?;
        let rules = Rc::clone(server.rules(if kind == ItemKind::Tool { &name } else { "" }));
        Ok(Found { server, catalogue, name, rules, edits: ArgumentEdits::default(), reach: Reach::Unknown })
    }
}

fn cannot(error: &impl ToString) -> Stop {
    Stop::Cannot(ExplainError::Unavailable(error.to_string()))
}

impl Found {
    /// The arguments as the server would get them; nothing, if they are not known.
    pub(super) fn arguments<'a>(
        &self,
        given: Option<&'a str>,
        report: &mut Report,
    ) -> Result<Option<Cow<'a, str>>, Stop> {
        let Some(given) = given else { return Ok(None) };
        if self.edits.is_empty() {
            return Ok(Some(Cow::Borrowed(given)));
        }
        let edited = self.edits.apply(given);
        let edited = edited.map_err(|hidden| report.denies("view", hidden.to_string(), "hidden-argument"))?;
        Ok(Some(Cow::Owned(edited)))
    }

    /// What is decided about. A resource is read without arguments; of all else they may not be known.
    pub(super) fn subject<'a>(&'a self, kind: ItemKind, arguments: Option<&'a str>) -> Subject<'a> {
        let subject = self.catalogue.subject(&self.server, &self.name);
        match (kind, arguments) {
            (ItemKind::Resource | ItemKind::Template, _) => subject.called_with(None),
            (_, None) => subject,
            (_, known) => subject.called_with(known),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn rules(&self) -> &ToolRules {
        &self.rules
    }

    /// A tool as its server lists it, and arguments that are known: what is held against its schema.
    pub(super) fn called_with<'a>(&'a self, arguments: Option<&'a str>) -> Option<(&'a Listed, Option<&'a str>)> {
        let tool = self.catalogue.named(&self.name).filter(|_| self.catalogue.kind == ItemKind::Tool)?;
        arguments.map(|arguments| (tool, Some(arguments)))
    }

    /// Whether a request gets to it: what decides says so before.
    pub(super) fn is_reached(&self, report: &mut Report) -> Result<(), Stop> {
        match self.reach {
            Reach::Found => Ok(()),
            Reach::Unknown => Err(report.denies("item", "the server has no such thing", "no-such-item")),
        }
    }
}
