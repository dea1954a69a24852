//! The log: one line of JSON per event to the console, where Workers Logs finds its fields. The time is the platform's.

use toolgate_log::JsonLog;
use tracing::{Level, level_filters::LevelFilter};

/// Begins logging. Once per isolate; later calls change nothing.
pub(crate) fn init() {
    // Only fails where a subscriber is set already.
    let _ = tracing::subscriber::set_global_default(JsonLog::new(LevelFilter::INFO, None, to_console));
}

fn to_console(level: Level, line: &[u8]) {
    let line = String::from_utf8_lossy(line.trim_ascii_end()).as_ref().into();
    match level {
        Level::ERROR => web_sys::console::error_1(&line),
        Level::WARN => web_sys::console::warn_1(&line),
        _ => web_sys::console::log_1(&line),
    }
}
