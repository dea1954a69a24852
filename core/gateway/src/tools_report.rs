//! What the admin API says of a server's tools.

use std::rc::Rc;

use toolgate_admin::{ReportedProblem, ReportedTool, ServerTools, ToolsReport};
use toolgate_catalogue::Aggregate;
use toolgate_model::{ItemKind, ServerId, TenantId};
use toolgate_ports::{LocalFuture, Platform, Scope};
use toolgate_state::States;
use toolgate_wire::Era;

/// Looks into the catalogues.
pub(crate) struct Tools<P: Platform> {
    pub(crate) states: Rc<States<P>>,
    pub(crate) aggregate: Rc<Aggregate<P>>,
}

impl<P: Platform> ServerTools for Tools<P> {
    fn tools(&self, tenant: TenantId, server: ServerId, scope: Scope) -> LocalFuture<Result<ToolsReport, String>> {
        let (states, aggregate) = (Rc::clone(&self.states), Rc::clone(&self.aggregate));
        Box::pin(async move {
            let snapshot = states.tenant(&tenant, &scope).await.map_err(|e| e.to_string())?;
            let server = snapshot.as_ref().and_then(|snapshot| snapshot.servers.get(&server));
            let server = server.ok_or("this instance does not know the server yet: ask again in a few seconds")?;
            let endpoint = server.endpoint.as_ref().map_err(Clone::clone)?;
            let offer = aggregate.catalogues().offer(server, endpoint, ItemKind::Tool, &scope).await;
            let problem = offer.failure.map(|failure| ReportedProblem {
                step: failure.error.step.to_string(),
                message: failure.error.to_string(),
                at: failure.at,
            });
            let Some(catalogue) = offer.catalogue else {
                return Err(problem.map_or_else(|| "the server gave no tools".to_owned(), |problem| problem.message));
            };
            let tools = catalogue.items.iter();
            let tools =
                tools.map(|tool| ReportedTool { name: tool.name.clone(), exposed: tool.exposed.clone() }).collect();
            Ok(ToolsReport {
                fetched_at: catalogue.fetched_at,
                era: if catalogue.verdict.era == Era::Modern { "modern" } else { "legacy" }.to_owned(),
                version: catalogue.verdict.version.as_str().to_owned(),
                tools,
                problem,
            })
        })
    }
}
