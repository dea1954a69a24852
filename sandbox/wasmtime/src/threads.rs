//! Threads that steps run on, made when they are first needed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use crate::configuration::STACK;

/// What is left of a thread's stack for the host's own frames, in bytes.
const HOST_STACK: usize = 1 << 20;

type Task = Box<dyn FnOnce() + Send>;

pub(crate) struct Threads {
    sender: mpsc::Sender<Task>,
    receiver: Arc<Mutex<mpsc::Receiver<Task>>>,
    started: AtomicUsize,
    most: usize,
}

impl Threads {
    pub(crate) fn new(most: usize) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { sender, receiver: Arc::new(Mutex::new(receiver)), started: AtomicUsize::new(0), most: most.max(1) }
    }

    /// Runs `task` on one of the threads, after those that came before.
    pub(crate) fn run(&self, task: Task) {
        let below = |started: usize| (started < self.most).then_some(started + 1);
        if self.started.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).is_ok() && self.start().is_err() {
            self.started.fetch_sub(1, Ordering::Relaxed);
        }
        // Whoever waits for a task that is dropped learns that.
        let _ = self.sender.send(task);
    }

    /// One more thread. It ends when this is dropped.
    fn start(&self) -> std::io::Result<()> {
        let receiver = Arc::clone(&self.receiver);
        let next = move || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let work = move || {
            while let Ok(task) = next() {
                task();
            }
        };
        thread::Builder::new().name("sandbox".to_owned()).stack_size(STACK + HOST_STACK).spawn(work).map(drop)
    }
}
