//! Where limits are counted: an object per tenant that keeps its accounts in SQLite, and decides one question after the other.

#![allow(missing_docs, missing_debug_implementations, reason = "what the durable_object macro adds has neither")]

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use toolgate_model::{LimitId, LimitSpec, TenantId, Timestamp};
use toolgate_ports::{
    AccountId, Ask, Forget, Ledger, LedgerError, Outlook, Settlement, StoreError, Take, Taken, UsagePage,
};
use toolgate_sql::{ledger, migrate_ledger};
use worker::{DurableObject, Env, ObjectNamespace, Request, Response, State, durable_object};

use crate::{platform::now, protocol::Operation, sql::DurableSql, store::ask, tenant::reply};

/// The binding's name in wrangler.toml.
pub(crate) const LEDGERS_BINDING: &str = "TOOLGATE_LEDGERS";

/// One tenant's accounts.
#[durable_object(fetch)]
pub struct LedgerObject {
    sql: DurableSql,
    /// Why the database can't be used, if so.
    broken: Option<StoreError>,
}

impl DurableObject for LedgerObject {
    fn new(state: State, _env: Env) -> Self {
        let sql = DurableSql::new(&state);
        let broken = migrate_ledger(&sql).err();
        Self { sql, broken }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let path = request.path();
        let body = request.text().await?;
        match path.as_str() {
            TakeQuestion::PATH => {
                self.reply(&body, |TakeQuestion { tenant, take }| ledger::take(&self.sql, &tenant, &take, now()))
            }
            SettleQuestion::PATH => self.reply(&body, |SettleQuestion { tenant, settlements }| {
                ledger::settle(&self.sql, &tenant, &settlements, now())
            }),
            UsageQuestion::PATH => self.reply(&body, |UsageQuestion { tenant, limit, spec, after, most }| {
                ledger::usage(&self.sql, &tenant, (&limit, &spec), after.as_ref(), most as usize, now())
            }),
            ForeseeQuestion::PATH => self.reply(&body, |ForeseeQuestion { tenant, asks, at }| {
                ledger::foresee(&self.sql, &tenant, &asks, now().max(at.unwrap_or_default()))
            }),
            ForgetQuestion::PATH => {
                self.reply(&body, |ForgetQuestion { tenant, what }| ledger::forget(&self.sql, &tenant, &what))
            }
            _ => Response::error("no such operation", 404),
        }
    }
}

impl LedgerObject {
    fn reply<T, O: Operation<Answer = Result<T, LedgerError>>>(
        &self,
        body: &str,
        answer: impl FnOnce(O) -> Result<T, LedgerError>,
    ) -> worker::Result<Response> {
        reply(body, |question| self.broken.clone().map_or_else(|| Ok(answer(question)), Err))
    }
}

#[derive(Serialize, Deserialize)]
struct TakeQuestion {
    tenant: TenantId,
    take: Take,
}

impl Operation for TakeQuestion {
    const PATH: &'static str = "/take";
    /// Whoever asks says whether a copy may be under way: it is asked again there.
    const REPEATABLE: bool = false;
    type Answer = Result<Taken, LedgerError>;
}

#[derive(Serialize, Deserialize)]
struct SettleQuestion {
    tenant: TenantId,
    settlements: Vec<Settlement>,
}

impl Operation for SettleQuestion {
    const PATH: &'static str = "/settle";
    type Answer = Result<(), LedgerError>;
}

#[derive(Serialize, Deserialize)]
struct UsageQuestion {
    tenant: TenantId,
    limit: LimitId,
    spec: LimitSpec,
    after: Option<AccountId>,
    most: u32,
}

impl Operation for UsageQuestion {
    const PATH: &'static str = "/usage";
    type Answer = Result<UsagePage, LedgerError>;
}

#[derive(Serialize, Deserialize)]
struct ForeseeQuestion {
    tenant: TenantId,
    asks: Vec<Ask>,
    at: Option<Timestamp>,
}

impl Operation for ForeseeQuestion {
    const PATH: &'static str = "/foresee";
    type Answer = Result<Vec<Outlook>, LedgerError>;
}

#[derive(Serialize, Deserialize)]
struct ForgetQuestion {
    tenant: TenantId,
    what: Forget,
}

impl Operation for ForgetQuestion {
    const PATH: &'static str = "/forget";
    type Answer = Result<(), LedgerError>;
}

/// The ledger of this isolate.
pub(crate) struct WorkerLedger {
    ledgers: ObjectNamespace,
    operations: Cell<u64>,
}

impl WorkerLedger {
    /// The ledger on the bindings in `env`.
    ///
    /// # Errors
    /// Names the binding that is missing.
    pub(crate) fn new(env: &Env) -> worker::Result<Self> {
        Ok(Self { ledgers: env.durable_object(LEDGERS_BINDING)?, operations: Cell::new(0) })
    }

    /// How often it was asked, so far.
    pub(crate) fn operations(&self) -> u64 {
        self.operations.get()
    }

    async fn ask<T, O: Operation<Answer = Result<T, LedgerError>>>(
        &self,
        tenant: &TenantId,
        question: &O,
    ) -> Result<T, LedgerError> {
        self.operations.set(self.operations.get() + 1);
        ask(&self.ledgers, tenant.as_str(), question).await?
    }
}

impl Ledger for WorkerLedger {
    async fn take(&self, tenant: &TenantId, take: &Take) -> Result<Taken, LedgerError> {
        self.ask(tenant, &TakeQuestion { tenant: tenant.clone(), take: take.clone() }).await
    }

    async fn settle(&self, tenant: &TenantId, settlements: &[Settlement]) -> Result<(), LedgerError> {
        self.ask(tenant, &SettleQuestion { tenant: tenant.clone(), settlements: settlements.to_vec() }).await
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        limit: &LimitId,
        spec: &LimitSpec,
        after: Option<&AccountId>,
        most: usize,
    ) -> Result<UsagePage, LedgerError> {
        let (limit, spec, after) = (limit.clone(), spec.clone(), after.cloned());
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        self.ask(tenant, &UsageQuestion { tenant: tenant.clone(), limit, spec, after, most }).await
    }

    async fn foresee(
        &self,
        tenant: &TenantId,
        asks: &[Ask],
        at: Option<Timestamp>,
    ) -> Result<Vec<Outlook>, LedgerError> {
        self.ask(tenant, &ForeseeQuestion { tenant: tenant.clone(), asks: asks.to_vec(), at }).await
    }

    async fn forget(&self, tenant: &TenantId, what: &Forget) -> Result<(), LedgerError> {
        self.ask(tenant, &ForgetQuestion { tenant: tenant.clone(), what: what.clone() }).await
    }
}
