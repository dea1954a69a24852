//! Log events as lines of JSON, the same on every platform: fields in the order they were given, then the target.
//!
//! It is written here, and not taken from a crate that can do more, because every request pays for its line: a general
//! formatter took an eighth of a whole call. This crate must never know where lines go, nor read a clock: both are handed in.

use std::fmt;

use serde::Serialize;
use toolgate_model::Timestamp;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

/// Most lines fit; a longer one grows.
const USUAL_LINE: usize = 512;

/// A subscriber that hands each event, as one line of JSON ending in a line feed, to a sink.
#[derive(Clone, Copy)]
pub struct JsonLog<S> {
    level: LevelFilter,
    now: Option<fn() -> Timestamp>,
    sink: S,
}

impl<S: Fn(Level, &[u8])> JsonLog<S> {
    /// Events of `level` and above. Without `now`, lines bear no time: the platform adds its own.
    pub const fn new(level: LevelFilter, now: Option<fn() -> Timestamp>, sink: S) -> Self {
        Self { level, now, sink }
    }
}

impl<S> fmt::Debug for JsonLog<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonLog({})", self.level)
    }
}

impl<S: Fn(Level, &[u8]) + 'static> Subscriber for JsonLog<S> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line::begin(*metadata.level());
        if let Some(now) = self.now {
            line.time(now());
        }
        event.record(&mut line);
        line.text("target", metadata.target());
        (self.sink)(*metadata.level(), &line.end());
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
struct Line(Vec<u8>);

impl Line {
    fn begin(level: Level) -> Self {
        let mut line = Self(Vec::with_capacity(USUAL_LINE));
        line.0.extend_from_slice(b"{\"level\":\"");
        line.0.extend_from_slice(level.as_str().as_bytes());
        line.0.push(b'"');
        line
    }

    // Names of fields are Rust identifiers: nothing in them needs an escape.
    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.0, value);
    }

    // In how a time is spelled nothing needs an escape.
    fn time(&mut self, time: Timestamp) {
        use std::io::Write;
        self.name("timestamp");
        // Writing to memory does not fail.
        let _ = write!(self.0, "\"{time}\"");
    }

    fn plain(&mut self, name: &str, value: impl Serialize) {
        self.name(name);
        // What is no number in JSON (infinity) becomes null.
        let _ = serde_json::to_writer(&mut self.0, &value);
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.plain(field.name(), value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use serde_json::{Value, json};
    use tracing::{Dispatch, dispatcher};

    use super::*;

    thread_local! {
        static LINES: RefCell<Vec<(Level, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
    }

    fn lines_of(work: impl FnOnce()) -> Rc<Vec<(Level, Value)>> {
        let sink = |level, line: &[u8]| LINES.with(|lines| lines.borrow_mut().push((level, line.to_vec())));
        let log = JsonLog::new(LevelFilter::INFO, Some(|| Timestamp::from_millis(1_795_305_600_000)), sink);
        dispatcher::with_default(&Dispatch::new(log), work);
        let lines = LINES.with(RefCell::take);
        Rc::new(lines.into_iter().map(|(level, line)| (level, serde_json::from_slice(&line).unwrap())).collect())
    }

    #[test]
    fn a_line_is_json_whatever_is_in_it() {
        let lines = lines_of(|| {
            let missing: Option<&str> = None;
            tracing::warn!(target: "t", tool = "a\"b\n\u{1}é", n = 3_u64, i = -1, yes = true, f = f64::INFINITY, missing, shown = %"x\"", "said {}", 1);
        });
        let expected = json!({"level": "WARN", "timestamp": "2026-11-22T00:00:00Z", "tool": "a\"b\n\u{1}é", "n": 3, "i": -1,
            "yes": true, "f": null, "shown": "x\"", "message": "said 1", "target": "t"});
        assert_eq!(*lines, [(Level::WARN, expected)]);
    }

    #[test]
    fn what_is_below_the_level_is_left_out() {
        assert!(lines_of(|| tracing::debug!("not this")).is_empty());
        assert_eq!(lines_of(|| tracing::info!("this")).len(), 1);
    }
}
