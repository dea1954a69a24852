//! From a request that is let in to what does it: which path and method is whose.

use http::{StatusCode, request::Parts};
use toolgate_model::{
    KeyId, KeyRecord, OperatorId, OperatorRecord, ServerId, ServerRecord, TenantId, TenantRecord, Timestamp, ViewId,
    ViewRecord,
};
use toolgate_ports::{Body, Clock, Platform, RecordKey, RecordKind, Scope};

use crate::{
    Admin, AskHealth, access,
    access::{Caller, Permission},
    answer::Answer,
    body,
    condition::Conditions,
    json::Members,
    keys, operators, paging,
    problem::Problem,
    records::{Kept, Place, Records, path_id},
    routes::Resource,
    servers,
    servers::Vault,
    tenants, views,
};

/// A request to a path that is there, with a method that it takes, from somebody who may.
pub(crate) struct Call<'a, P: Platform> {
    pub(crate) admin: &'a Admin<P>,
    pub(crate) resource: Resource,
    pub(crate) parts: &'a Parts,
    pub(crate) records: Records<'a, P>,
    pub(crate) caller: &'a Caller,
}

impl<P: Platform> Call<'_, P> {
    /// Does what concerns no tenant; `id` is what varies in the path.
    pub(crate) async fn of_gateway(&self, id: Option<&str>, body: Body) -> Result<Answer, Problem> {
        match (self.resource, id) {
            (Resource::Whoami, _) => {
                self.no_query()?;
                Answer::show(StatusCode::OK, self.caller)
            }
            (Resource::Operator, Some(id)) => self.operator(path_id(id)?, body).await,
            (Resource::Operators, _) => self.operators(body).await,
            _ => {
                let query = paging::page("tenants", self.parts.uri.query())?;
                self.records.tenants::<TenantRecord>("tenants", &query).await
            }
        }
    }

    /// Does what concerns `tenant`; `id` is what varies in the path after it.
    pub(crate) async fn of_tenant(
        &self,
        tenant: TenantId,
        id: Option<&str>,
        body: Body,
        scope: &Scope,
    ) -> Result<Answer, Problem> {
        match (self.resource, id) {
            (Resource::Servers, _) => self.list::<ServerRecord>(&tenant, RecordKind::Server).await,
            (Resource::Views, _) => self.list::<ViewRecord>(&tenant, RecordKind::View).await,
            (Resource::Keys, _) => self.keys(&tenant, body).await,
            (Resource::Key | Resource::KeyRotation, Some(id)) => self.key(tenant, path_id(id)?, body).await,
            (Resource::View, Some(id)) => self.view(tenant, path_id(id)?, body).await,
            (_, Some(id)) => self.server(tenant, path_id(id)?, body, scope).await,
            (_, None) => self.tenant(&Place { tenant, key: RecordKey::tenant() }, body).await,
        }
    }

    async fn list<K: Kept>(&self, tenant: &TenantId, kind: RecordKind) -> Result<Answer, Problem> {
        let list = format!("{tenant}/{}", kind.as_str());
        let query = paging::page(&list, self.parts.uri.query())?;
        self.records.list::<K>(tenant, kind, &list, &query).await
    }

    async fn operators(&self, body: Body) -> Result<Answer, Problem> {
        if self.method() == "GET" {
            return self.list::<OperatorRecord>(&TenantId::reserved(), RecordKind::Operator).await;
        }
        self.no_query()?;
        operators::post(&self.records, self.body(body).await?, self.now()).await
    }

    async fn operator(&self, id: OperatorId, body: Body) -> Result<Answer, Problem> {
        self.no_query()?;
        let place = &operators::place(&id);
        let (records, conditions) = (&self.records, Conditions::of(&self.parts.headers));
        match self.method() {
            "PATCH" => operators::patch(records, place, &conditions, &self.body(body).await?).await,
            "DELETE" => records.delete::<OperatorRecord>(place, &conditions).await,
            _ => records.get::<OperatorRecord>(place).await,
        }
    }

    async fn tenant(&self, place: &Place, body: Body) -> Result<Answer, Problem> {
        self.no_query()?;
        let conditions = Conditions::of(&self.parts.headers);
        let (records, now) = (&self.records, self.now());
        match self.method() {
            "PUT" => tenants::put(records, place, &conditions, &self.body(body).await?, now).await,
            "PATCH" => {
                let body = self.body(body).await?;
                if body.contains_key("enabled") {
                    access::authorize(self.caller, Permission::ManageTenants, Some(&place.tenant))?;
                }
                tenants::patch(records, place, &conditions, &body, now).await
            }
            "DELETE" => tenants::delete(records, place, &conditions).await,
            _ => records.get::<TenantRecord>(place).await,
        }
    }

    async fn server(&self, tenant: TenantId, id: ServerId, body: Body, scope: &Scope) -> Result<Answer, Problem> {
        self.no_query()?;
        let place = &Place { tenant: tenant.clone(), key: RecordKey::new(RecordKind::Server, id.as_str()) };
        let conditions = Conditions::of(&self.parts.headers);
        let (records, now) = (&self.records, self.now());
        let vault = Vault { place, sealer: &self.admin.sealer, random: self.admin.platform.random() };
        match self.method() {
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
        self.no_query()?;
        let place = &Place { tenant, key: RecordKey::new(RecordKind::View, id.as_str()) };
        let conditions = Conditions::of(&self.parts.headers);
        let (records, now) = (&self.records, self.now());
        match self.method() {
            "PUT" => views::put(records, place, &conditions, &self.body(body).await?, now).await,
            "PATCH" => views::patch(records, place, &conditions, &self.body(body).await?, now).await,
            "DELETE" => records.delete::<ViewRecord>(place, &conditions).await,
            _ => records.get::<ViewRecord>(place).await,
        }
    }

    async fn keys(&self, tenant: &TenantId, body: Body) -> Result<Answer, Problem> {
        if self.method() == "GET" {
            return self.list::<KeyRecord>(tenant, RecordKind::Key).await;
        }
        self.no_query()?;
        keys::post(&self.records, tenant, self.body(body).await?, self.now()).await
    }

    async fn key(&self, tenant: TenantId, id: KeyId, body: Body) -> Result<Answer, Problem> {
        self.no_query()?;
        let place = &Place { tenant, key: RecordKey::new(RecordKind::Key, id.as_str()) };
        let conditions = Conditions::of(&self.parts.headers);
        let records = &self.records;
        match self.method() {
            "POST" => keys::rotate(records, (place, id), &conditions, self.body_if_any(body).await?, self.now()).await,
            "PATCH" => keys::patch(records, place, &conditions, &self.body(body).await?).await,
            "DELETE" => records.delete::<KeyRecord>(place, &conditions).await,
            _ => records.get::<KeyRecord>(place).await,
        }
    }

    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn no_query(&self) -> Result<(), Problem> {
        paging::no_query(self.parts.uri.query())
    }

    async fn body(&self, body: Body) -> Result<Members, Problem> {
        body::read(&self.parts.method, &self.parts.headers, body, self.admin.limits.admin_body).await
    }

    async fn body_if_any(&self, body: Body) -> Result<Members, Problem> {
        body::read_if_any(&self.parts.method, &self.parts.headers, body, self.admin.limits.admin_body).await
    }

    fn now(&self) -> Timestamp {
        self.admin.platform.clock().now()
    }
}
