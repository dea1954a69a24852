//! Toolgate on AWS Lambda: a function URL with response streaming in front of one gateway per instance, and DynamoDB as
//! the store.
//!
//! [`run`] is the whole function: it reads the settings, puts the platform together and serves events until the Runtime
//! API goes away. Nothing here decides anything about MCP, tenants or keys.

mod event;
mod platform;
mod responder;
mod serve;
pub mod store;
mod tasks;

use std::rc::Rc;

use tokio::task::LocalSet;
use toolgate_gateway::{Config, ConfigError, Gateway};

use crate::{platform::LambdaPlatform, store::DynamoStore};

/// Function URLs are `<id>.lambda-url.<region>.on.aws`.
const DEFAULT_HOSTS: &str = "*.on.aws";

/// Why the function can't start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// A setting of the gateway can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting of the store can't be used.
    #[error(transparent)]
    Store(#[from] store::SettingsError),
    /// It was not started by Lambda.
    #[error(
        "AWS_LAMBDA_RUNTIME_API is not set: this binary is started by AWS Lambda; to try Toolgate here, run `cargo run --release`"
    )]
    NotInLambda,
    /// The operating system gave no event loop.
    #[error("no event loop: {0}")]
    Io(#[from] std::io::Error),
    /// The Runtime API is gone.
    #[error("the Lambda Runtime API is gone: {0}")]
    Runtime(String),
}

/// Reads the settings and serves events, one at a time, until the Runtime API is gone.
///
/// # Errors
/// Names the setting that can't be used, or says what ended the loop.
pub fn run() -> Result<(), FunctionError> {
    let var = |name: &str| std::env::var(name).ok();
    if var("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(FunctionError::NotInLambda);
    }
    let config = Config::from_vars(|name| var(name).or_else(|| default_of(name)), DEFAULT_HOSTS)?;
    let store = DynamoStore::from_vars(var)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let gateway = Rc::new(Gateway::new(Rc::new(LambdaPlatform::new(store)), config));
        serve::serve(gateway).await.map_err(|error| FunctionError::Runtime(error.to_string()))
    })
}

/// Lambda does not say when a client is gone, and an instance serves one request at a time: a stream that only listens keeps one busy
/// until its time is over. So sessions have no stream by default, and subscriptions are short; their clients open the next. Work after
/// an answer keeps it busy, too: so what is left of a slice is given back with the next call, and by itself when the slice ends.
fn default_of(name: &str) -> Option<String> {
    match name {
        "TOOLGATE_SESSION_STREAM_MS" | "TOOLGATE_LEASE_LINGER_MS" => Some("0".to_owned()),
        "TOOLGATE_SUBSCRIPTION_MS" => Some("60000".to_owned()),
        _ => None,
    }
}
