//! The log: one line of JSON per event to the console, where Workers Logs finds its fields. The time is the platform's.
//!
//! What it takes is little, and every kilobyte is loaded at each start: so it is written here instead of taking a crate
//! that can do more.

use std::fmt;

use serde::Serialize;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Begins logging. Once per isolate; later calls change nothing.
pub(crate) fn init() {
    // Only fails where a subscriber is set already.
    let _ = tracing::subscriber::set_global_default(Console);
}

struct Console;

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line::begin(metadata.level().as_str());
        event.record(&mut line);
        line.add("target", metadata.target());
        let line = line.end().into();
        match *metadata.level() {
            Level::ERROR => web_sys::console::error_1(&line),
            Level::WARN => web_sys::console::warn_1(&line),
            _ => web_sys::console::log_1(&line),
        }
    }

    // Spans are not told apart: what an event has to say, it says itself.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// A JSON object as it grows.
struct Line(String);

impl Line {
    fn begin(level: &str) -> Self {
        Self(format!("{{\"level\":\"{level}\""))
    }

    fn add(&mut self, name: &str, value: impl Serialize) {
        let (Ok(name), Ok(value)) = (serde_json::to_string(name), serde_json::to_string(&value)) else { return };
        for part in [",", &name, ":", &value] {
            self.0.push_str(part);
        }
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_whatever_is_in_it() {
        let mut line = Line::begin("INFO");
        line.add("tool", "a\"b\n");
        line.add("status", 200);
        let line: serde_json::Value = serde_json::from_str(&line.end()).unwrap();
        assert_eq!(line, serde_json::json!({"level": "INFO", "tool": "a\"b\n", "status": 200}));
    }
}
