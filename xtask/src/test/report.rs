//! Which parts ran, how long they took, and what their runners counted.

use std::{
    process::ExitCode,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::Job;
use crate::{problem::Result, stage};

/// What a part counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// A part that prepares, and checks nothing.
    pub(super) const fn none() -> Self {
        Self { passed: 0, failed: 0 }
    }

    /// One check that passed.
    pub(super) const fn one() -> Self {
        Self { passed: 1, failed: 0 }
    }

    /// What the closing lines of a runner say: nextest's `12 passed, 1 failed`, node's `pass 12` and `fail 1`.
    /// `succeeded` is what its status said: a runner that failed without a count counts as one failure.
    pub(super) fn read(output: &str, succeeded: bool) -> Self {
        let mut tally = Self::none();
        for line in output.lines() {
            tally.passed +=
                number_before(line, "passed").unwrap_or_default() + node_count(line, "pass").unwrap_or_default();
            tally.failed +=
                number_before(line, "failed").unwrap_or_default() + node_count(line, "fail").unwrap_or_default();
        }
        if !succeeded {
            tally.failed = tally.failed.max(1);
        }
        tally
    }
}

/// In `…: 12 tests run: 11 passed, 1 failed`, only on nextest's line of summary.
fn number_before(line: &str, word: &str) -> Option<usize> {
    let (_, counts) = line.split_once("run: ").filter(|_| line.trim_start().starts_with("Summary"))?;
    let (before, _) = counts.split_once(&format!(" {word}"))?;
    before.rsplit([' ', ',']).next()?.parse().ok()
}

/// In `ℹ pass 12` or `# pass 12`.
fn node_count(line: &str, word: &str) -> Option<usize> {
    let rest = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))?;
    rest.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok()
}

struct Row {
    name: String,
    tally: Tally,
    took: Duration,
}

/// The parts that ran.
#[derive(Default)]
pub(super) struct Report {
    rows: Mutex<Vec<Row>>,
}

impl Report {
    /// Runs one part, and shows its name and time.
    pub(super) fn part(&self, name: &str, part: impl FnOnce() -> Result<Tally>) {
        let row = stage::act(|| {
            let shown = stage::actor();
            shown.say(format!("\n== {name}\n").as_bytes());
            let start = Instant::now();
            let tally = part().unwrap_or_else(|problem| {
                shown.say(format!("xtask: {problem}\n").as_bytes());
                Tally { passed: 0, failed: 1 }
            });
            let took = start.elapsed();
            shown.say(format!("== {name}: {:.1} s\n", took.as_secs_f64()).as_bytes());
            Row { name: name.to_owned(), tally, took }
        });
        self.rows().push(row);
    }

    /// Runs the wanted jobs of lanes side by side, in each lane one after the other. Once one has failed none begins: the rest
    /// would only hide what failed.
    pub(super) fn side_by_side(&self, lanes: Vec<Vec<Job>>, wanted: impl Fn(&Job) -> bool + Sync) {
        thread::scope(|scope| {
            for lane in lanes {
                let wanted = &wanted;
                scope.spawn(move || {
                    for job in lane.into_iter().filter(wanted) {
                        if self.failed() {
                            return;
                        }
                        self.part(&job.name(), job.run);
                    }
                });
            }
        });
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> bool {
        self.rows().iter().any(|row| row.tally.failed > 0)
    }

    /// Prints the table and the last line.
    pub(super) fn close(&self) -> ExitCode {
        let rows = self.rows();
        let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        println!("\n{:width$}  passed  failed   seconds", "part");
        for Row { name, tally, took } in rows.iter() {
            println!("{name:width$}  {:>6}  {:>6}  {:>8.1}", tally.passed, tally.failed, took.as_secs_f64());
        }
        let sum = |count: fn(&Tally) -> usize| rows.iter().map(|row| count(&row.tally)).sum::<usize>();
        println!("\n{} passed, {} failed", sum(|tally| tally.passed), sum(|tally| tally.failed));
        if sum(|tally| tally.failed) > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_the_runners_are_read() {
        let nextest = "     Summary [   0.5s] 120 tests run: 118 passed (1 slow), 2 failed, 3 skipped\n";
        assert_eq!(Tally::read(nextest, false), Tally { passed: 118, failed: 2 });
        let node = "✔ passed 9 things\nℹ tests 12\nℹ pass 11\nℹ fail 1\n";
        assert_eq!(Tally::read(node, false), Tally { passed: 11, failed: 1 });
        assert_eq!(Tally::read("# pass 7\n# fail 0\n", true), Tally { passed: 7, failed: 0 });
    }

    #[test]
    fn a_runner_that_failed_without_counting_is_a_failure() {
        assert_eq!(Tally::read("boom", false), Tally { passed: 0, failed: 1 });
    }
}
