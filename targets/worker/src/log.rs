//! The log: one line of JSON per event to the console, where Workers Logs finds its fields. The time is the platform's.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Begins logging. Once per isolate; later calls change nothing.
pub(crate) fn init() {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .without_time()
        .with_max_level(LevelFilter::INFO)
        .with_writer(Console)
        .finish();
    // Only fails where a subscriber is set already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes whole lines: the formatter gives each event in one piece.
struct Console;

impl MakeWriter<'_> for Console {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl io::Write for Console {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        web_sys::console::log_1(&String::from_utf8_lossy(line).trim_end().into());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
