//! What operators read: one line per event on stderr, for people on a terminal, as JSON elsewhere.
//!
//! Lines are gathered and written by a thread of their own, ten times a second: a request pays for no system call. What
//! can't be written as fast as it arises is dropped, and the number of lost lines is written instead.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use clap::ValueEnum;
use toolgate_log::JsonLog;
use toolgate_native::now;
use tracing::{level_filters::LevelFilter, subscriber::set_global_default};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered.
const GATHER: Duration = Duration::from_millis(100);
/// How much is gathered at most, in bytes.
const MOST: usize = 4 << 20;
/// The stack of the writing thread.
const STACK: usize = 64 << 10;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Begins to log events of `level` and above. To be called once.
pub(crate) fn start(format: LogFormat, level: LevelFilter) -> io::Result<()> {
    std::thread::Builder::new().name("log".into()).stack_size(STACK).spawn(write_forever)?;
    let terminal = io::stderr().is_terminal();
    let begun = if format == LogFormat::Text || (format == LogFormat::Auto && terminal) {
        let text = tracing_subscriber::fmt().with_max_level(level).with_writer(Gathering).with_ansi(terminal);
        set_global_default(text.finish())
    } else {
        set_global_default(JsonLog::new(level, Some(now), |_, line| gather(line)))
    };
    begun.map_err(io::Error::other)
}

/// Writes what was gathered. To be called before the process ends.
pub(crate) fn flush() {
    write(&mut gathered().take());
}

#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    lost: u64,
}

impl Lines {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.lost == 0
    }

    fn add(&mut self, line: &[u8]) {
        if self.bytes.len() + line.len() > MOST {
            self.lost += 1;
        } else {
            self.bytes.extend_from_slice(line);
        }
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

#[derive(Default)]
struct Log {
    lines: Mutex<Lines>,
    some: Condvar,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(Log::default)
}

// A panic can't leave the lines half-changed.
fn gathered() -> MutexGuard<'static, Lines> {
    log().lines.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_forever() {
    let mut taken = Lines::default();
    loop {
        let mut lines = gathered();
        while lines.is_empty() {
            lines = log().some.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        drop(lines);
        std::thread::sleep(GATHER);
        // The two buffers change places, so that neither is made anew each time.
        std::mem::swap(&mut *gathered(), &mut taken);
        write(&mut taken);
    }
}

fn gather(line: &[u8]) {
    let mut lines = gathered();
    let first = lines.is_empty();
    lines.add(line);
    drop(lines);
    if first {
        log().some.notify_one();
    }
}

// Where stderr is closed there is nobody to be told.
fn write(lines: &mut Lines) {
    let _ = io::stderr().lock().write_all(&lines.bytes);
    lines.bytes.clear();
    lines.bytes.shrink_to(64 << 10);
    if std::mem::take(&mut lines.lost) > 0 {
        tracing::warn!("log lines were lost: stderr takes them too slowly (TOOLGATE_LOG decides how many there are)");
    }
}

struct Gathering;

impl MakeWriter<'_> for Gathering {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line
    }
}

/// Takes one line in one piece, as `tracing-subscriber` writes it.
struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        gather(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted_instead_of_kept() {
        let mut lines = Lines::default();
        lines.add(&vec![b'x'; MOST]);
        lines.add(b"one more\n");
        lines.add(b"and another\n");
        assert_eq!((lines.bytes.len(), lines.lost), (MOST, 2));
    }
}
