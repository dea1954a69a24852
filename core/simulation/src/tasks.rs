//! Tasks, and which of them runs next: whichever the dice say.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

use toolgate_ports::LocalFuture;

use crate::random::Dice;

/// Whose task it is: an instance's, by its number, or the network's.
pub(crate) type Owner = Option<usize>;

struct Task {
    owner: Owner,
    future: LocalFuture<()>,
    ready: Arc<Ready>,
    waker: Waker,
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// All tasks.
#[derive(Default)]
pub(crate) struct Tasks {
    running: RefCell<Vec<Task>>,
    new: RefCell<Vec<Task>>,
}

impl Tasks {
    pub(crate) fn spawn(self: &Rc<Self>, owner: Owner, future: LocalFuture<()>) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&ready));
        self.new.borrow_mut().push(Task { owner, future, ready, waker });
    }

    /// Runs one task that can, of an owner that is not `frozen`; says whether there was one.
    pub(crate) fn step(&self, dice: &Dice, frozen: impl Fn(usize) -> bool) -> bool {
        self.running.borrow_mut().append(&mut self.new.borrow_mut());
        let can = |task: &Task| task.ready.0.load(Ordering::Relaxed) && !task.owner.is_some_and(&frozen);
        let ready: Vec<usize> =
            self.running.borrow().iter().enumerate().filter(|(_, task)| can(task)).map(|(at, _)| at).collect();
        if ready.is_empty() {
            return false;
        }
        let mut task = self.running.borrow_mut().swap_remove(dice.one_of(&ready));
        task.ready.0.store(false, Ordering::Relaxed);
        let done = task.future.as_mut().poll(&mut Context::from_waker(&task.waker)).is_ready();
        if !done {
            self.running.borrow_mut().push(task);
        }
        true
    }

    /// Ends all tasks of an instance where they are.
    pub(crate) fn kill(&self, instance: usize) {
        self.running.borrow_mut().append(&mut self.new.borrow_mut());
        let (dead, alive) = self.running.take().into_iter().partition(|task| task.owner == Some(instance));
        self.running.replace(alive);
        // What they do on their way out, they do to an instance that is not there any more.
        drop::<Vec<Task>>(dead);
        self.new.borrow_mut().retain(|task| task.owner != Some(instance));
    }
}
