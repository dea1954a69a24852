//! What must not outlive this process: the process groups it started, and its temporary folders.
//!
//! Every child leads a group of its own, so that ending the group ends what the child started too.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpid};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::problem::{Problem, Result};

/// How long a group may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Live {
    groups: BTreeSet<i32>,
    dirs: BTreeSet<PathBuf>,
}

static LIVE: Mutex<Live> = Mutex::new(Live { groups: BTreeSet::new(), dirs: BTreeSet::new() });
static EVENTS: OnceLock<Mutex<Receiver<Event>>> = OnceLock::new();

/// What a command that serves waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// SIGHUP: start again.
    Restart,
    /// A child changed its state.
    Child,
}

fn live() -> MutexGuard<'static, Live> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on SIGINT and SIGTERM end this process and everything it started; other signals become [`Event`]s.
pub(crate) fn end_all_on_signals() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCHLD]) else { return };
    let (send, receive) = mpsc::channel();
    let _ = EVENTS.set(Mutex::new(receive));
    thread::spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGHUP => drop(send.send(Event::Restart)),
                SIGCHLD => drop(send.send(Event::Child)),
                _ => {
                    end_all();
                    // Being asked to end is how `up` ends: that is no failure.
                    std::process::exit(if signal == SIGTERM { 0 } else { 130 });
                }
            }
        }
    });
}

/// Waits for the next event.
pub(crate) fn next_event() -> Result<Event> {
    let events = EVENTS.get().ok_or_else(|| Problem::new("signals can't be received"))?;
    let events = events.lock().unwrap_or_else(PoisonError::into_inner);
    events.recv().map_err(|_| Problem::new("signals can't be received any more"))
}

/// Ends everything and removes the folders.
pub(crate) fn end_all() {
    let (groups, dirs) = {
        let live = live();
        (live.groups.clone(), live.dirs.clone())
    };
    for group in &groups {
        signal(*group, Signal::TERM);
    }
    let deadline = Instant::now() + PATIENCE;
    for group in groups {
        await_end(group, deadline);
    }
    for dir in dirs {
        let _ = fs::remove_dir_all(dir);
    }
}

/// Removes `dir` when this process ends.
pub(crate) fn remove_at_end(dir: &Path) {
    live().dirs.insert(dir.to_owned());
}

/// A child with everything it starts. Dropping it ends them.
pub(crate) struct Group {
    child: Child,
    id: i32,
}

impl Group {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        use std::os::unix::process::CommandExt;

        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .map_err(|error| Problem::new(format!("{program} can't be started: {error}")))?;
        let id = i32::try_from(child.id()).map_err(|_| Problem::new("a process id is out of range"))?;
        live().groups.insert(id);
        Ok(Self { child, id })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the child ends by itself.
    pub(crate) fn wait(mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// The child's status, if it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        signal(self.id, Signal::TERM);
        let _ = self.child.try_wait();
        await_end(self.id, Instant::now() + PATIENCE);
        live().groups.remove(&self.id);
    }
}

fn signal(group: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(group) {
        let _ = kill_process_group(pid, signal);
    }
}

/// Waits until nothing of `group` is left, and after `deadline` kills it. There is no event for the end of a group.
fn await_end(group: i32, deadline: Instant) {
    let Some(pid) = Pid::from_raw(group) else { return };
    loop {
        // The leader must be reaped, or its group never ends.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        if test_kill_process_group(pid).is_err() {
            return;
        }
        if Instant::now() > deadline {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
