//! The function's binary (`bootstrap` in the package that Lambda gets).

use std::process::ExitCode;

fn main() -> ExitCode {
    // One JSON object per line: what CloudWatch Logs can search by field.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    match toolgate_lambda::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function ends");
            ExitCode::FAILURE
        }
    }
}
