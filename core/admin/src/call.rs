//! From a request that is let in to what does it: which path and method is whose.

use http::{StatusCode, request::Parts};
use toolgate_model::{
    ApprovalId, ApprovalRecord, KeyId, KeyRecord, LimitId, LimitRecord, OperatorId, OperatorRecord, PolicyRecord,
    ServerId, ServerRecord, TeamId, TeamRecord, TenantId, TenantRecord, Timestamp, ViewId, ViewRecord,
};
use toolgate_ports::{Body, Clock, Platform, RecordKey, RecordKind, Scope};

use crate::{
    Admin, AskHealth, access,
    access::{Caller, Permission},
    answer::Answer,
    approvals,
    approvals::Verdict,
    body,
    condition::Conditions,
    explain,
    json::Members,
    keys, limits, operators, paging, policies,
    problem::{Kind, Problem},
    records::{Kept, Place, Records, Written, path_id},
    routes::Resource,
    servers,
    servers::Vault,
    teams, tenants, usage,
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
            (Resource::Teams, _) => self.list::<TeamRecord>(&tenant, RecordKind::Team).await,
            (Resource::Limits, _) => self.list::<LimitRecord>(&tenant, RecordKind::Limit).await,
            (Resource::Usage, _) => self.usage(tenant).await,
            (Resource::Approvals, _) => self.approvals(&tenant).await,
            (Resource::Approval | Resource::ApprovalApprove | Resource::ApprovalDeny, Some(id)) => {
                self.approval(tenant, path_id(id)?, body).await
            }
            (Resource::Team, Some(id)) => self.team(tenant, path_id(id)?, body).await,
            (Resource::Limit, Some(id)) => self.limit(tenant, path_id(id)?, body).await,
            (Resource::LimitUsage, Some(id)) => self.limit_usage(tenant, path_id(id)?).await,
            (Resource::LimitReset, Some(id)) => {
                self.no_query()?;
                limits::reset(&self.records, tenant, path_id(id)?).await
            }
            (Resource::Views, _) => self.list::<ViewRecord>(&tenant, RecordKind::View).await,
            (Resource::Keys, _) => self.keys(&tenant, body).await,
            (Resource::Policy | Resource::PolicyDraft | Resource::PolicyPromotion, _) => {
                self.policy(tenant, body).await
            }
            (Resource::Explain, _) => {
                self.no_query()?;
                let engine = (self.admin.explain.as_deref(), scope);
                explain::post(&self.records, tenant, self.body(body).await?, self.now(), engine).await
            }
            (Resource::PolicyVersions, _) => self.policy_versions(tenant).await,
            (Resource::PolicyVersion, Some(revision)) => {
                self.no_query()?;
                policies::version(&self.records, tenant, revision).await
            }
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
        let records = &self.records;
        match self.method() {
            "PATCH" => {
                let body = self.body(body).await?;
                if body.contains_key("enabled") {
                    access::authorize(self.caller, Permission::ManageTenants, Some(&place.tenant))?;
                }
                records.rewrite::<TenantRecord>(place, &conditions, &body, self.now()).await
            }
            "DELETE" => tenants::delete(records, place, &conditions).await,
            _ => self.written::<TenantRecord>(place, body).await,
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
            "PUT" if id.is_own() => {
                let detail = "what the gateway does itself is counted under this id: take another one";
                Err(Problem::new(Kind::NameTaken, detail))
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
        self.written::<ViewRecord>(place, body).await
    }

    async fn team(&self, tenant: TenantId, id: TeamId, body: Body) -> Result<Answer, Problem> {
        self.no_query()?;
        self.written::<TeamRecord>(&teams::place(tenant, &id), body).await
    }

    async fn limit(&self, tenant: TenantId, id: LimitId, body: Body) -> Result<Answer, Problem> {
        self.no_query()?;
        match self.method() {
            "DELETE" => limits::delete(&self.records, tenant, id, &Conditions::of(&self.parts.headers)).await,
            _ => self.written::<LimitRecord>(&limits::place(tenant, &id), body).await,
        }
    }

    /// What is asked of a record that requests say whole, or change in part.
    async fn written<K: Written>(&self, place: &Place, body: Body) -> Result<Answer, Problem> {
        let (records, conditions) = (&self.records, Conditions::of(&self.parts.headers));
        match self.method() {
            "PUT" => records.write::<K>(place, &conditions, &self.body(body).await?, self.now()).await,
            "PATCH" => records.rewrite::<K>(place, &conditions, &self.body(body).await?, self.now()).await,
            "DELETE" => records.delete::<K>(place, &conditions).await,
            _ => records.get::<K>(place).await,
        }
    }

    async fn limit_usage(&self, tenant: TenantId, id: LimitId) -> Result<Answer, Problem> {
        let list = format!("{tenant}/limit/{id}");
        let (query, wanted) = paging::report(&list, self.parts.uri.query())?;
        usage::of_limit(&self.records, (tenant, id), &list, (&query, &wanted)).await
    }

    async fn usage(&self, tenant: TenantId) -> Result<Answer, Problem> {
        let list = format!("{tenant}/usage");
        let (query, wanted) = paging::report(&list, self.parts.uri.query())?;
        usage::of_tenant(&self.records, tenant, &list, (&query, &wanted)).await
    }

    async fn approvals(&self, tenant: &TenantId) -> Result<Answer, Problem> {
        let list = format!("{tenant}/approval");
        let query = paging::page(&list, self.parts.uri.query())?;
        approvals::list(&self.records, tenant, &list, &query, self.now()).await
    }

    async fn approval(&self, tenant: TenantId, id: ApprovalId, body: Body) -> Result<Answer, Problem> {
        self.no_query()?;
        let place = &approvals::place(tenant, &id);
        let (records, conditions) = (&self.records, &Conditions::of(&self.parts.headers));
        match self.method() {
            "POST" => {
                let verdict = Verdict { approved: self.resource == Resource::ApprovalApprove, by: &self.caller.name };
                let body = self.body_if_any(body).await?;
                approvals::decide(records, place, conditions, body, verdict, self.now()).await
            }
            "DELETE" => records.delete::<ApprovalRecord>(place, conditions).await,
            _ => approvals::get(records, place, self.now()).await,
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

    async fn policy(&self, tenant: TenantId, body: Body) -> Result<Answer, Problem> {
        self.no_query()?;
        let (records, conditions, by) = (&self.records, &Conditions::of(&self.parts.headers), &self.caller.name);
        match (self.resource, self.method()) {
            (Resource::PolicyPromotion, _) => policies::promote(records, tenant, conditions, by).await,
            (Resource::PolicyDraft, "PUT") => {
                policies::put_draft(records, tenant, conditions, &self.body(body).await?, by).await
            }
            (Resource::PolicyDraft, "DELETE") => {
                records.delete::<PolicyRecord>(&policies::draft(tenant), conditions).await
            }
            (Resource::PolicyDraft, _) => records.get::<PolicyRecord>(&policies::draft(tenant)).await,
            (_, "PUT") => policies::put(records, tenant, conditions, &self.body(body).await?, by).await,
            (_, "DELETE") => policies::delete(records, tenant, conditions).await,
            _ => records.get::<PolicyRecord>(&policies::current(tenant)).await,
        }
    }

    async fn policy_versions(&self, tenant: TenantId) -> Result<Answer, Problem> {
        let list = format!("{tenant}/policy-versions");
        let query = paging::page(&list, self.parts.uri.query())?;
        policies::versions(&self.records, tenant, &list, &query).await
    }

    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    /// Refuses parameters; the one of a dry run was read before.
    fn no_query(&self) -> Result<(), Problem> {
        match self.resource.can_be_tried(self.method()) {
            true => Ok(()),
            false => paging::no_query(self.parts.uri.query()),
        }
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
