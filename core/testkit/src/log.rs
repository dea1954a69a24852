//! The log of one piece of work in a test.

use std::{cell::RefCell, sync::Once};

use serde_json::Value;
use toolgate_log::JsonLog;
use tracing::{level_filters::LevelFilter, subscriber::set_global_default};

thread_local! {
    static LINES: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// The events that `work` leaves in the log, of all levels, each as the product writes it. One subscriber serves all threads, because
/// what one of them is interested in is remembered for all; each has the lines of its own.
///
/// # Panics
/// If the test has a subscriber of its own.
#[allow(clippy::expect_used, reason = "a test that cannot go on panics")]
pub fn logged(work: impl FnOnce()) -> Vec<Value> {
    static LOG: Once = Once::new();
    let sink = |_, line: &[u8]| {
        let line = serde_json::from_slice(line).expect("each line is JSON");
        LINES.with_borrow_mut(|lines| lines.push(line));
    };
    LOG.call_once(|| set_global_default(JsonLog::new(LevelFilter::TRACE, None, sink)).expect("no other subscriber"));
    LINES.take();
    work();
    LINES.take()
}
