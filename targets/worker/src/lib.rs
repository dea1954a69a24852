//! Toolgate on Cloudflare Workers: the ports on the Workers API; the Durable Objects that keep the records, and
//! those for calls that two requests have a part in.
//!
//! One gateway lives as long as its isolate and serves all its requests; a future belongs to the one request whose
//! handler made it. This crate must never decide anything about a request: it turns it into an [`http::Request`], hands
//! it to [`toolgate_gateway::Gateway::handle`], and turns the answer back.

mod call;
mod chunks;
#[cfg(feature = "contract")]
mod contract;
mod copies;
mod directory;
mod fetch;
mod gone;
mod instance;
mod ledger;
mod log;
mod mailbox;
mod message;
mod platform;
mod protocol;
mod sql;
mod store;
mod tenant;

use std::rc::Rc;

use platform::RequestBackground;
use web_sys::{Request, Response};
use worker::{Context, Env, event};

pub use call::CallObject;
pub use directory::DirectoryObject;
pub use ledger::LedgerObject;
pub use mailbox::MailboxObject;
pub use tenant::TenantObject;

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    #[cfg(feature = "contract")]
    if let Some(outcome) = contract::run(&request, &env).await {
        return outcome;
    }
    Ok(instance::answer(&request, &env, Rc::new(RequestBackground::new(context))).await?)
}
