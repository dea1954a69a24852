//! Whose output is seen while parts run side by side: one part's as it comes, another's in one piece once it has ended. So each
//! part's lines stand together.

use std::{
    cell::RefCell,
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

static STAGE: Mutex<Stage> = Mutex::new(Stage { taken: Taken::No, waiting: Vec::new() });

thread_local! {
    static ACTOR: RefCell<Option<Actor>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    No,
    Yes,
}

struct Stage {
    taken: Taken,
    /// What parts said that ended while another was seen.
    waiting: Vec<u8>,
}

/// A part's place; without one, what is said is seen at once.
#[derive(Clone)]
pub(crate) struct Actor(Option<Arc<Mutex<Vec<u8>>>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// Where stderr is closed there is nobody to be told.
fn show(text: &[u8]) {
    let _ = std::io::stderr().lock().write_all(text);
}

/// Runs `part` with a place of its own for what this thread and its commands say.
pub(crate) fn act<T>(part: impl FnOnce() -> T) -> T {
    let actor = enter();
    ACTOR.replace(Some(actor.clone()));
    let made = part();
    ACTOR.replace(None);
    actor.leave();
    made
}

fn enter() -> Actor {
    let mut stage = locked(&STAGE);
    if stage.taken == Taken::Yes {
        return Actor(Some(Arc::default()));
    }
    stage.taken = Taken::Yes;
    Actor(None)
}

/// The place of this thread's part, for the threads it starts.
pub(crate) fn actor() -> Actor {
    ACTOR.with_borrow(Clone::clone).unwrap_or(Actor(None))
}

impl Actor {
    pub(crate) fn say(&self, text: &[u8]) {
        match &self.0 {
            None => show(text),
            Some(kept) => locked(kept).extend_from_slice(text),
        }
    }

    fn leave(self) {
        let mut stage = locked(&STAGE);
        match self.0 {
            None => {
                stage.taken = Taken::No;
                show(&std::mem::take(&mut stage.waiting));
            }
            Some(kept) if stage.taken == Taken::Yes => stage.waiting.append(&mut locked(&kept)),
            Some(kept) => show(&locked(&kept)),
        }
    }
}
