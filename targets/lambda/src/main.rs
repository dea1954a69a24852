//! The function's binary (`bootstrap` in the package that Lambda gets).

use std::{
    io::{self, Write},
    process::ExitCode,
};

use toolgate_log::JsonLog;
use tracing::{level_filters::LevelFilter, subscriber::set_global_default};

fn main() -> ExitCode {
    // One JSON object per line: what CloudWatch Logs can search by field.
    let log = JsonLog::new(LevelFilter::INFO, Some(toolgate_native::now), |_, line| {
        // Where stderr is closed there is nobody to be told.
        let _ = io::stderr().lock().write_all(line);
    });
    // Only fails where a subscriber is set already.
    let _ = set_global_default(log);
    match toolgate_lambda::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function ends");
            ExitCode::FAILURE
        }
    }
}
