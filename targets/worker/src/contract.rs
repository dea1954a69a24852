//! `/__contract`: the store contract, and this target's own promises, run inside workerd against the real bindings.
//! Built by contract.test.mjs only.

mod race;

use std::rc::Rc;

use http::StatusCode;
use toolgate_model::TenantId;
use toolgate_ports::{
    Background, Commit, Consistency, Record, RecordKey, RecordKind, Sandbox, Store, StoreError, Write,
};
use toolgate_testkit::programs::{HOSTILE, LANGUAGE, as_expected, cases, line_of, run_fixture, told};
use wasm_bindgen::JsValue;
use web_sys::{Request, Response, ResponseInit};
use worker::{Env, Method};

use crate::{
    copies::{blob_name, record_name, setup_name, write_record, write_setup},
    ledger::WorkerLedger,
    platform::WorkerClock,
    sandbox::WorkerSandbox,
    store::{KV_BINDING, Operations, TENANTS_BINDING, WorkerStore},
};

/// Runs what the request's path names; `None` if it names nothing of this.
pub(crate) async fn run(
    request: &Request,
    env: &Env,
    background: Rc<dyn Background>,
) -> Option<worker::Result<Response>> {
    let url = request.url();
    let (_, query) = url.split_once("/__contract?")?;
    let (what, run) = query.split_once('=')?;
    let outcome = match what {
        "store" => store_contract(env, run).await,
        "copies" => copies(env, run).await,
        "mailbox" => mailbox(env, run).await,
        "ledger" => ledger_contract(env, run).await,
        "program" => return Some(program(run).await.map_err(Into::into)),
        "programs" => programs(run).await,
        "side-by-side" => side_by_side().await,
        "leak" => leak().await,
        "race" => return Some(answer(race::call(env, run, background).await).map_err(Into::into)),
        "charged" => race::charged(env, run).await,
        "panic" => panic!("asked to"),
        _ => return None,
    };
    Some(answer(outcome).map_err(Into::into))
}

fn answer(outcome: Result<impl ToString, String>) -> Result<Response, JsValue> {
    match outcome {
        Ok(text) => answer_text(StatusCode::OK, &text.to_string()),
        Err(problem) => answer_text(StatusCode::INTERNAL_SERVER_ERROR, &problem),
    }
}

fn answer_text(status: StatusCode, text: &str) -> Result<Response, JsValue> {
    let init = ResponseInit::new();
    init.set_status(status.as_u16());
    Response::new_with_opt_str_and_init(Some(text), &init)
}

/// Runs one of the programs that every host runs; answers one line on how it ended. 404 if there are no more.
async fn program(index: &str) -> Result<Response, JsValue> {
    let case = index.parse().ok().and_then(|index: usize| [LANGUAGE, HOSTILE].into_iter().flat_map(cases).nth(index));
    let Some(case) = case else { return answer_text(StatusCode::NOT_FOUND, "") };
    let (sandbox, clock) = (SANDBOX.with(Rc::clone), WorkerClock::new());
    let report = run_fixture(&*sandbox, &clock, &case.code).await;
    let expected = if as_expected(&case, &report) { "" } else { "NOT AS EXPECTED: " };
    answer_text(StatusCode::OK, &format!("{expected}{} | {}", case.name, line_of(&report)))
}

/// Runs `count` programs, of which every tenth is stopped and every hundredth needs all the memory it may have; answers how many ended so.
async fn programs(count: &str) -> Result<usize, String> {
    let (sandbox, clock) = (SANDBOX.with(Rc::clone), WorkerClock::new());
    let mut stopped = 0;
    for index in 0..count.parse().unwrap_or(0) {
        let code = match index {
            index if index % 100 == 0 => "let s = 'x'; for (;;) s += s",
            index if index % 10 == 0 => "null.x",
            _ => "(await github.list_issues({ a: 1 })).n",
        };
        let report = run_fixture(&*sandbox, &clock, code).await;
        stopped += usize::from(report.is_error());
    }
    Ok(stopped)
}

/// Programs that wait for one another's turn, on fewer memories than there are programs: each finds its own state again.
async fn side_by_side() -> Result<usize, String> {
    let (sandbox, clock) = (SANDBOX.with(Rc::clone), WorkerClock::new());
    let run = |index: usize| {
        let (sandbox, clock) = (&sandbox, &clock);
        async move {
            let code = format!(
                "const mine = 'of program {index}'; const all = []; for (let i = 0; i < 5; i++) {{ all.push(mine + i); await github.list_issues({{ i }}) }}
                 if ({index} === 3) for (;;); return all.join()"
            );
            told(&run_fixture(&**sandbox, clock, &code).await)
        }
    };
    let told = futures_util::future::join_all((0..8).map(run)).await;
    for (index, told) in told.iter().enumerate() {
        let whole: Vec<String> = (0..5).map(|i| format!("of program {index}{i}")).collect();
        let as_alone = if index == 3 { told.contains("\"gas\"") } else { told.contains(&whole.join(",")) };
        if !as_alone {
            return Err(format!("program {index} ended with {told}"));
        }
    }
    Ok(told.len())
}

/// After a program that filled its memory with a secret, no memory holds it any more, nor after one that was dropped while it waited.
async fn leak() -> Result<usize, String> {
    const SECRET: &str = "secret-5fc1";
    let (sandbox, clock) = (SANDBOX.with(Rc::clone), WorkerClock::new());
    let leave = format!(
        "const all = []; for (let i = 0; i < 2000; i++) all.push('{SECRET}-' + i); await github.list_issues({{}}); all.length"
    );
    let mut searched = 0;
    for code in [leave.clone(), format!("{leave}; for (;;);"), format!("{leave}; null.x")] {
        run_fixture(&*sandbox, &clock, &code).await;
        // All memories there are, at once.
        let fresh = [sandbox.open(), sandbox.open()].map(|opened| opened.map_err(|error| error.to_string()));
        for instance in fresh {
            if instance?.holds(SECRET) {
                return Err(format!("a memory holds what this left: {code}"));
            }
            searched += 1;
        }
    }
    Ok(searched)
}

thread_local! {
    /// One for all requests, as a gateway has.
    static SANDBOX: Rc<WorkerSandbox> = Rc::default();
}

async fn store_contract(env: &Env, run: &str) -> Result<usize, String> {
    let store = WorkerStore::new(env).map_err(|error| error.to_string())?;
    toolgate_testkit::store_contract(&store, run).await
}

async fn mailbox(env: &Env, run: &str) -> Result<usize, String> {
    let store = WorkerStore::new(env).map_err(|error| error.to_string())?;
    toolgate_testkit::mailbox_contract(&store, run).await.map(|()| 1)
}

async fn ledger_contract(env: &Env, run: &str) -> Result<usize, String> {
    let ledger = WorkerLedger::new(env).map_err(|error| error.to_string())?;
    toolgate_testkit::ledger_contract(&ledger, run).await
}

/// One tenant, and a hand in KV behind its object's back.
struct Bench<'a> {
    env: &'a Env,
    store: WorkerStore,
    tenant: TenantId,
    checks: usize,
}

async fn copies(env: &Env, run: &str) -> Result<usize, String> {
    let store = WorkerStore::new(env).map_err(|error| error.to_string())?;
    let tenant = TenantId::new(&format!("{run}-copies")).map_err(|error| error.to_string())?;
    let mut bench = Bench { env, store, tenant, checks: 0 };
    bench.recent_copies_are_not_read().await?;
    bench.old_copies_are().await?;
    bench.a_lost_copy_loses_nothing().await?;
    bench.a_deletion_leaves_its_word().await?;
    bench.blobs_ask_no_object().await?;
    Ok(bench.checks)
}

impl Bench<'_> {
    async fn recent_copies_are_not_read(&mut self) -> Result<(), String> {
        let (a, key) = (server(), key());
        let writes = vec![put(&a, "new"), put(&key, "new"), put(&RecordKey::tenant(), "new")];
        self.store.commit(&self.tenant, Commit { expect: vec![], writes }).await.map_err(said)?;
        self.that(self.kv(&record_name(&self.tenant, &key)).await?.is_some(), "a commit has written KV's copy")?;
        self.that(self.kv(&setup_name(&self.tenant)).await?.is_some(), "and that of the setup")?;
        self.set_kv(&record_name(&self.tenant, &key), &stale_record(&key)?).await?;
        self.set_kv(&setup_name(&self.tenant), &write_setup(vec![stale(&a)]).map_err(said)?).await?;
        self.store.sync(&self.tenant, None).await.map_err(said)?;
        let (value, cost) = self.get(&key).await?;
        self.that(value.as_deref() == Some("new"), "a stale copy of a record changed just now is not believed")?;
        self.that(cost == Operations { kv: 0, objects: 1 }, "its object is asked once")?;
        let (value, cost) = self.servers().await?;
        self.that(value == ["new"] && cost == Operations { kv: 0, objects: 1 }, "nor is a stale setup")
    }

    async fn old_copies_are(&mut self) -> Result<(), String> {
        self.age().await?;
        self.store.sync(&self.tenant, None).await.map_err(said)?;
        // It is the stale copy that shows where the answer came from.
        let (value, cost) = self.get(&key()).await?;
        self.that(value.as_deref() == Some("stale"), "a copy older than KV's lag is read")?;
        self.that(cost == Operations { kv: 1, objects: 0 }, "and no object asked")?;
        let (value, cost) = self.servers().await?;
        self.that(value == ["stale"] && cost == Operations { kv: 1, objects: 0 }, "so is the setup, in one read")?;
        let strong = self.store.get(&self.tenant, &key(), Consistency::Strong).await.map_err(said)?;
        self.that(strong.is_some_and(|record| record.value == "new"), "a strong read is of the truth")
    }

    async fn a_lost_copy_loses_nothing(&mut self) -> Result<(), String> {
        for name in [record_name(&self.tenant, &key()), setup_name(&self.tenant)] {
            let kv = self.env.kv(KV_BINDING).map_err(|error| error.to_string())?;
            kv.delete(&name).await.map_err(|error| error.to_string())?;
        }
        let (value, cost) = self.get(&key()).await?;
        self.that(value.as_deref() == Some("new"), "where KV has no copy, the object is asked")?;
        self.that(cost == Operations { kv: 1, objects: 1 }, "once")?;
        self.that(self.servers().await?.0 == ["new"], "for the setup too")?;
        self.set_kv(&record_name(&self.tenant, &key()), "{").await?;
        self.that(self.get(&key()).await?.0.as_deref() == Some("new"), "and where the copy can't be read")
    }

    async fn a_deletion_leaves_its_word(&mut self) -> Result<(), String> {
        self.store.delete_tenant(&self.tenant).await.map_err(said)?;
        self.age().await?;
        self.store.sync(&self.tenant, None).await.map_err(said)?;
        let (value, cost) = self.get(&key()).await?;
        self.that(value.is_none(), "a key of a deleted tenant is gone from KV too")?;
        self.that(cost == Operations { kv: 1, objects: 0 }, "and KV says so itself")?;
        self.that(self.servers().await?.0.is_empty(), "so are its servers")
    }

    async fn blobs_ask_no_object(&mut self) -> Result<(), String> {
        let before = self.store.operations();
        self.store.put_blob(&self.tenant, "catalogue/a", "x".into()).await.map_err(said)?;
        self.store.get_blob(&self.tenant, "catalogue/a").await.map_err(said)?;
        let cost = self.store.operations().since(before);
        self.that(cost == Operations { kv: 2, objects: 0 }, "derived data is KV's alone")?;
        self.that(self.kv(&blob_name(&self.tenant, "catalogue/a")).await?.is_some(), "under its name")
    }

    fn that(&mut self, holds: bool, what: &str) -> Result<(), String> {
        self.checks += 1;
        if holds { Ok(()) } else { Err(format!("does not hold: {what}")) }
    }

    async fn get(&self, key: &RecordKey) -> Result<(Option<String>, Operations), String> {
        let before = self.store.operations();
        let record = self.store.get(&self.tenant, key, Consistency::AsOfSync).await.map_err(said)?;
        Ok((record.map(|record| value_of(&record)), self.store.operations().since(before)))
    }

    /// Those of the setup.
    async fn servers(&self) -> Result<(Vec<String>, Operations), String> {
        let before = self.store.operations();
        let setup = self.store.setup(&self.tenant, Consistency::AsOfSync).await.map_err(said)?;
        let servers = setup.iter().filter(|record| record.key.kind == RecordKind::Server);
        Ok((servers.map(value_of).collect(), self.store.operations().since(before)))
    }

    async fn kv(&self, name: &str) -> Result<Option<String>, String> {
        let kv = self.env.kv(KV_BINDING).map_err(|error| error.to_string())?;
        kv.get(name).text().await.map_err(|error| error.to_string())
    }

    async fn set_kv(&self, name: &str, text: &str) -> Result<(), String> {
        let kv = self.env.kv(KV_BINDING).map_err(|error| error.to_string())?;
        kv.put(name, text).map_err(|error| error.to_string())?.execute().await.map_err(|error| error.to_string())
    }

    /// Lets KV's lag pass.
    async fn age(&self) -> Result<(), String> {
        let asked = async {
            let stub = self.env.durable_object(TENANTS_BINDING)?.get_by_name(self.tenant.as_str())?;
            stub.fetch_with_request(worker::Request::new("https://object/age", Method::Post)?).await
        };
        asked.await.map(drop).map_err(|error: worker::Error| error.to_string())
    }
}

fn server() -> RecordKey {
    RecordKey::new(RecordKind::Server, "a")
}

fn key() -> RecordKey {
    RecordKey::new(RecordKind::Key, "0123456789abcdef")
}

fn put(key: &RecordKey, value: &str) -> Write {
    Write::Put(key.clone(), value.to_owned().into())
}

fn stale(key: &RecordKey) -> Record {
    Record { key: key.clone(), revision: toolgate_model::Revision(0), value: "stale".into() }
}

fn stale_record(key: &RecordKey) -> Result<String, String> {
    write_record(Some(stale(key))).map_err(said)
}

fn value_of(record: &Record) -> String {
    String::from_utf8_lossy(&record.value).into_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn said(error: StoreError) -> String {
    error.to_string()
}
