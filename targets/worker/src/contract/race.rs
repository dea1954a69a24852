//! One call at a time of one client in a race; each client is an instance of its own, which lives as long as the isolate.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use toolgate_metering::Meters;
use toolgate_model::Mode;
use toolgate_ports::{Background, Scope};
use toolgate_simulation::race::{Race, Went};
use worker::Env;

use crate::{ledger::WorkerLedger, platform::WorkerPlatform};

thread_local! {
    static CLIENTS: RefCell<BTreeMap<String, Rc<Meters<WorkerPlatform>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// One call of the client that `who` names: `<tenant>,<mode>,<client>`.
pub(crate) async fn call(env: &Env, who: &str, background: Rc<dyn Background>) -> Result<&'static str, String> {
    let meters = CLIENTS.with_borrow(|clients| clients.get(who).cloned());
    let meters = match meters {
        Some(meters) => meters,
        None => {
            let platform = WorkerPlatform::new(env).map_err(|error| error.to_string())?;
            let meters = Race::meters(Rc::new(platform));
            CLIENTS.with_borrow_mut(|clients| clients.insert(who.to_owned(), Rc::clone(&meters)));
            meters
        }
    };
    match race(who)?.call(&meters, &Scope { background }).await? {
        Went::Through => Ok("through"),
        Went::Nowhere => Ok("nowhere"),
    }
}

/// What the race has been charged altogether.
pub(crate) async fn charged(env: &Env, who: &str) -> Result<usize, String> {
    let ledger = WorkerLedger::new(env).map_err(|error| error.to_string())?;
    let usage = race(who)?.usage(&ledger).await?;
    let charged = usage.settled.get() + usage.reserved.get() + usage.leased.get();
    usize::try_from(charged).map_err(|error| error.to_string())
}

fn race(who: &str) -> Result<Race, String> {
    let (tenant, rest) = who.split_once(',').unwrap_or((who, "strict"));
    Race::new(tenant, if rest.starts_with("leased") { Mode::Leased } else { Mode::Strict })
}
