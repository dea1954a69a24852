//! What the admin API says of a server's tools and of its health.

use std::rc::Rc;

use serde_json::Value;
use toolgate_admin::{AskHealth, ReportedProblem, ReportedTool, ServerTools, ToolsReport};
use toolgate_catalogue::Aggregate;
use toolgate_model::{ItemKind, ServerId, TenantId, Timestamp, health_blob};
use toolgate_ports::{LocalFuture, Platform, Scope, Store};
use toolgate_state::States;
use toolgate_upstream::{Client, Health};
use toolgate_wire::Era;

/// Looks into the catalogues.
pub(crate) struct Tools<P: Platform> {
    pub(crate) platform: Rc<P>,
    pub(crate) states: Rc<States<P>>,
    pub(crate) client: Rc<Client<P>>,
    pub(crate) aggregate: Rc<Aggregate<P>>,
}

impl<P: Platform> ServerTools for Tools<P> {
    fn health(
        &self,
        tenant: TenantId,
        server: ServerId,
        ask: AskHealth,
        scope: Scope,
    ) -> LocalFuture<Result<Value, String>> {
        let (platform, states, client) = (Rc::clone(&self.platform), Rc::clone(&self.states), Rc::clone(&self.client));
        Box::pin(async move {
            let snapshot = states.tenant(&tenant, &scope).await.map_err(|e| e.to_string())?;
            let known = snapshot.as_ref().and_then(|snapshot| snapshot.servers.get(&server));
            let known = known.ok_or("this instance does not know the server yet: ask again in a few seconds")?;
            let endpoint = known.endpoint.as_ref().map_err(Clone::clone)?;
            if ask == AskHealth::Now {
                // Its outcome is in what follows.
                let _ = client.list(endpoint, None, ItemKind::Tool).await;
            }
            let here = client.health(endpoint);
            let stored = platform.store().get_blob(&tenant, &health_blob(&server)).await.ok().flatten();
            let stored = stored.and_then(|stored| serde_json::from_slice::<Health>(&stored).ok());
            let newest = [Some(here), stored].into_iter().flatten().max_by_key(last_seen).unwrap_or_default();
            serde_json::to_value(newest).map_err(|e| e.to_string())
        })
    }

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

/// When something was last learned of a server.
fn last_seen(health: &Health) -> Timestamp {
    let failed = health.last_failure.as_ref().map(|failure| failure.at);
    failed.max(health.last_success_at).unwrap_or_default()
}
