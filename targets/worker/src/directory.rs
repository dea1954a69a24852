//! The one object that knows which tenants there are. The tenants' objects tell it; each is the truth of itself.

#![allow(missing_docs, missing_debug_implementations, reason = "what the durable_object macro adds has neither")]

use toolgate_model::TenantId;
use toolgate_ports::StoreError;
use toolgate_sql::{Param, Value};
use worker::{DurableObject, Env, Request, Response, State, durable_object};

use crate::{
    protocol::{EnterQuestion, Operation, TenantsQuestion},
    sql::DurableSql,
    tenant::reply,
};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS tenants (tenant TEXT PRIMARY KEY) WITHOUT ROWID";
const ADD: &str = "INSERT OR IGNORE INTO tenants (tenant) VALUES (?1)";
const REMOVE: &str = "DELETE FROM tenants WHERE tenant = ?1";
const LIST: &str = "SELECT tenant FROM tenants WHERE tenant > ?1 ORDER BY tenant LIMIT ?2";

/// The directory of tenants.
#[durable_object(fetch)]
pub struct DirectoryObject {
    state: State,
}

impl DurableObject for DirectoryObject {
    fn new(state: State, _env: Env) -> Self {
        Self { state }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.text().await?;
        match request.path().as_str() {
            EnterQuestion::PATH => reply(&body, |question| self.enter(&question)),
            TenantsQuestion::PATH => reply(&body, |question| self.tenants(&question)),
            _ => Response::error("no such operation", 404),
        }
    }
}

impl DirectoryObject {
    fn sql(&self) -> Result<DurableSql, StoreError> {
        let sql = DurableSql::new(&self.state);
        sql.rows(CREATE, &[])?;
        Ok(sql)
    }

    fn enter(&self, question: &EnterQuestion) -> Result<(), StoreError> {
        let statement = if question.present { ADD } else { REMOVE };
        self.sql()?.rows(statement, &[Param::Text(question.tenant.as_str())]).map(drop)
    }

    fn tenants(&self, question: &TenantsQuestion) -> Result<(Vec<TenantId>, bool), StoreError> {
        let limit = question.limit as usize;
        let params =
            [Param::Text(question.after.as_deref().unwrap_or_default()), Param::Integer(i64::from(question.limit) + 1)];
        let rows = self.sql()?.rows(LIST, &params)?;
        let more = rows.len() > limit;
        let tenants = rows.iter().take(limit).map(|row| tenant(row)).collect::<Result<_, _>>()?;
        Ok((tenants, more))
    }
}

fn tenant(row: &[Value]) -> Result<TenantId, StoreError> {
    match row {
        [Value::Text(text)] => TenantId::new(text).map_err(|error| StoreError::Corrupt(error.to_string())),
        _ => Err(StoreError::Corrupt("the directory holds something else than tenants".into())),
    }
}
