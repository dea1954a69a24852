//! The admin API under `/admin/v1`: operators create, read, change and delete what a tenant has.
//!
//! [`Admin::handle`] answers one request; the OpenAPI document it serves at `/admin/v1/openapi.json` says the rest. This
//! crate must never know a protocol message, a catalogue or a platform; what a server's tools are it asks [`ServerTools`].

mod answer;
mod auth;
mod body;
mod condition;
mod fields;
mod json;
mod keys;
mod log;
mod openapi;
mod paging;
mod problem;
mod records;
mod routes;
mod servers;
mod tenants;
#[cfg(test)]
mod tests;
mod views;

use std::rc::Rc;

use http::{HeaderValue, Method, Request, Response, header, request::Parts};
use serde::Serialize;
use toolgate_model::{
    KeyId, KeyRecord, Limits, ServerId, ServerRecord, TenantId, TenantRecord, Timestamp, ViewId, ViewRecord,
};
use toolgate_ports::{Body, Clock, LocalFuture, Platform, RecordKey, RecordKind, Scope};
use toolgate_seal::{OperatorToken, Sealer};

use crate::{
    answer::Answer,
    condition::Conditions,
    log::Line,
    problem::Problem,
    records::{Place, Records, path_id},
    routes::Resource,
    servers::Vault,
};

/// The id of a request, as the caller of [`Admin::handle`] may put it into the request's extensions, so that its log and
/// this API's speak of the same request.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// How the API looks into a server's catalogue.
pub trait ServerTools {
    /// The tools of `server`, as they are known, or fetched if they aren't. `Err` says in words why there are none.
    fn tools(&self, tenant: TenantId, server: ServerId, scope: Scope) -> LocalFuture<Result<ToolsReport, String>>;

    /// How well `server` does: what is known, or what asking it now shows. `Err` says in words why that can't be said.
    fn health(
        &self,
        tenant: TenantId,
        server: ServerId,
        ask: AskHealth,
        scope: Scope,
    ) -> LocalFuture<Result<serde_json::Value, String>>;
}

/// Where what is said of a server's health comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskHealth {
    /// From what its use has shown.
    Known,
    /// From asking it now.
    Now,
}

/// A server's tools, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolsReport {
    /// When the server gave them.
    pub fetched_at: Timestamp,
    /// The era it speaks: `modern` or `legacy`.
    pub era: String,
    /// The protocol version it speaks.
    pub version: String,
    /// The tools, in the order clients see.
    pub tools: Vec<ReportedTool>,
    /// What went wrong when they were last asked for, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ReportedProblem>,
}

/// One tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedTool {
    /// As the upstream names it; grants name it so too.
    pub name: String,
    /// As clients see it in the aggregate.
    pub exposed: String,
}

/// Why the last fetch of a server's tools failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedProblem {
    /// In which step.
    pub step: String,
    /// In words.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// The admin API.
pub struct Admin<P: Platform> {
    platform: Rc<P>,
    sealer: Rc<Sealer>,
    token: Option<OperatorToken>,
    limits: Limits,
    extra: Rc<dyn ServerTools>,
}

impl<P: Platform> std::fmt::Debug for Admin<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin")
    }
}

impl<P: Platform> Admin<P> {
    /// The API over `platform`'s store. Without a `token` it answers 503.
    #[must_use]
    pub fn new(
        platform: Rc<P>,
        sealer: Rc<Sealer>,
        token: Option<OperatorToken>,
        limits: Limits,
        extra: Rc<dyn ServerTools>,
    ) -> Self {
        Self { platform, sealer, token, limits, extra }
    }

    /// Answers one request whose path begins with `/admin/v1`. Host and Origin were checked by the caller.
    pub async fn handle(&self, request: Request<Body>, scope: &Scope) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let mut line = Line::begin(&*self.platform, &parts.method, &parts.extensions);
        let mut changed = None;
        let (mut response, problem) = if is_openapi(&parts) {
            line.resource = Some(Resource::OpenApi);
            (openapi::response(), None)
        } else {
            match self.answer(&parts, body, scope, &mut line).await {
                Ok(mut answer) => {
                    changed = answer.changed.take();
                    (answer.response(), None)
                }
                Err(problem) => (problem.response(&line.request_id), Some(problem)),
            }
        };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        line.end(&response, changed.as_ref(), problem.as_ref());
        response
    }

    async fn answer(&self, parts: &Parts, body: Body, scope: &Scope, line: &mut Line) -> Result<Answer, Problem> {
        auth::authorize(self.token.as_ref(), &parts.headers)?;
        let Some((resource, ids)) = routes::find(parts.uri.path()) else {
            let detail = "there is nothing at this path: GET /admin/v1/openapi.json lists what there is";
            return Err(Problem::new(problem::Kind::UnknownPath, detail));
        };
        line.resource = Some(resource);
        if !resource.takes(parts.method.as_str()) {
            return Err(Problem::wrong_method(resource.allow()));
        }
        let tenant = ids.first().map(|text| path_id::<TenantId>(text)).transpose()?;
        line.tenant = tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
        let call = Call { admin: self, resource, parts, records: self.records() };
        match tenant {
            None => call.tenants().await,
            Some(tenant) => match ids.get(1) {
                None => call.of_tenant(tenant, body).await,
                Some(id) if resource == Resource::Key => call.key(tenant, path_id(id)?, body).await,
                Some(id) if resource == Resource::View => call.view(tenant, path_id(id)?, body).await,
                Some(id) => call.server(tenant, path_id(id)?, body, scope).await,
            },
        }
    }

    fn records(&self) -> Records<'_, P> {
        Records { platform: &self.platform, fan_out: self.limits.fan_out }
    }
}

/// The description of the API is for everybody.
fn is_openapi(parts: &Parts) -> bool {
    parts.method == Method::GET && matches!(routes::find(parts.uri.path()), Some((Resource::OpenApi, _)))
}

/// A request of the operator's to a path that is there, with a method that it takes.
struct Call<'a, P: Platform> {
    admin: &'a Admin<P>,
    resource: Resource,
    parts: &'a Parts,
    records: Records<'a, P>,
}

impl<P: Platform> Call<'_, P> {
    async fn tenants(&self) -> Result<Answer, Problem> {
        let query = paging::page("tenants", self.parts.uri.query())?;
        self.records.tenants::<TenantRecord>("tenants", &query).await
    }

    async fn list<K: records::Kept>(&self, tenant: &TenantId, kind: RecordKind) -> Result<Answer, Problem> {
        let list = format!("{tenant}/{}", kind.as_str());
        let query = paging::page(&list, self.parts.uri.query())?;
        self.records.list::<K>(tenant, kind, &list, &query).await
    }

    async fn of_tenant(&self, tenant: TenantId, body: Body) -> Result<Answer, Problem> {
        match (self.resource, self.parts.method.as_str()) {
            (Resource::Servers, _) => self.list::<ServerRecord>(&tenant, RecordKind::Server).await,
            (Resource::Views, _) => self.list::<ViewRecord>(&tenant, RecordKind::View).await,
            (Resource::Keys, "GET") => self.list::<KeyRecord>(&tenant, RecordKind::Key).await,
            (Resource::Keys, _) => {
                paging::no_query(self.parts.uri.query())?;
                keys::post(&self.records, &tenant, self.body(body).await?, self.now()).await
            }
            _ => self.tenant(&Place { tenant, key: RecordKey::tenant() }, body).await,
        }
    }

    async fn tenant(&self, place: &Place, body: Body) -> Result<Answer, Problem> {
        paging::no_query(self.parts.uri.query())?;
        let conditions = Conditions::of(&self.parts.headers);
        let (records, now) = (&self.records, self.now());
        match self.parts.method.as_str() {
            "PUT" => tenants::put(records, place, &conditions, &self.body(body).await?, now).await,
            "PATCH" => tenants::patch(records, place, &conditions, &self.body(body).await?, now).await,
            "DELETE" => tenants::delete(records, place, &conditions).await,
            _ => records.get::<TenantRecord>(place).await,
        }
    }

    async fn server(&self, tenant: TenantId, id: ServerId, body: Body, scope: &Scope) -> Result<Answer, Problem> {
        paging::no_query(self.parts.uri.query())?;
        let place = &Place { tenant: tenant.clone(), key: RecordKey::new(RecordKind::Server, id.as_str()) };
        let conditions = Conditions::of(&self.parts.headers);
        let (records, now) = (&self.records, self.now());
        let vault = Vault { place, sealer: &self.admin.sealer, random: self.admin.platform.random() };
        match self.parts.method.as_str() {
            "POST" => servers::health(records, place, (tenant, id), AskHealth::Now, &*self.admin.extra, scope).await,
            _ if self.resource == Resource::ServerHealth => {
                servers::health(records, place, (tenant, id), AskHealth::Known, &*self.admin.extra, scope).await
            }
            _ if self.resource == Resource::ServerTools => {
                servers::tools(records, place, (tenant, id), &*self.admin.extra, scope).await
            }
            "PUT" => servers::put(records, &vault, &conditions, self.body(body).await?, now).await,
            "PATCH" => servers::patch(records, &vault, &conditions, self.body(body).await?, now).await,
            "DELETE" => servers::delete(records, place, &conditions).await,
            _ => records.get::<ServerRecord>(place).await,
        }
    }

    async fn view(&self, tenant: TenantId, id: ViewId, body: Body) -> Result<Answer, Problem> {
        paging::no_query(self.parts.uri.query())?;
        let place = &Place { tenant, key: RecordKey::new(RecordKind::View, id.as_str()) };
        let conditions = Conditions::of(&self.parts.headers);
        let (records, now) = (&self.records, self.now());
        match self.parts.method.as_str() {
            "PUT" => views::put(records, place, &conditions, &self.body(body).await?, now).await,
            "PATCH" => views::patch(records, place, &conditions, &self.body(body).await?, now).await,
            "DELETE" => records.delete::<ViewRecord>(place, &conditions).await,
            _ => records.get::<ViewRecord>(place).await,
        }
    }

    async fn key(&self, tenant: TenantId, id: KeyId, body: Body) -> Result<Answer, Problem> {
        paging::no_query(self.parts.uri.query())?;
        let place = &Place { tenant, key: RecordKey::new(RecordKind::Key, id.as_str()) };
        let conditions = Conditions::of(&self.parts.headers);
        let records = &self.records;
        match self.parts.method.as_str() {
            "PATCH" => keys::patch(records, place, &conditions, &self.body(body).await?).await,
            "DELETE" => records.delete::<KeyRecord>(place, &conditions).await,
            _ => records.get::<KeyRecord>(place).await,
        }
    }

    async fn body(&self, body: Body) -> Result<json::Members, Problem> {
        body::read(&self.parts.method, &self.parts.headers, body, self.admin.limits.admin_body).await
    }

    fn now(&self) -> Timestamp {
        self.admin.platform.clock().now()
    }
}
