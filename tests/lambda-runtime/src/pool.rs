//! The instances there are: who is free, who waits for one.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    path::PathBuf,
    rc::Rc,
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::{
    answer::Answer,
    instance::{Instance, Invocation, Ticket},
};

/// The most instances at the same time. Streams that only listen keep one busy each, whether or not their client is still there.
const MOST: usize = 256;

/// The function gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the function gave no answer")]
pub(crate) struct NoAnswer;

/// All instances of a function.
pub(crate) struct Pool {
    bootstrap: PathBuf,
    alive: Cell<usize>,
    free: RefCell<Vec<Ticket>>,
    waiting: RefCell<VecDeque<oneshot::Sender<Ticket>>>,
}

impl Pool {
    pub(crate) fn new(bootstrap: PathBuf) -> Rc<Self> {
        Rc::new(Self { bootstrap, alive: Cell::new(0), free: RefCell::default(), waiting: RefCell::default() })
    }

    /// Has an instance answer `event`: one that is free, or a new one, or, if there are too many, the next to be free.
    pub(crate) async fn invoke(self: &Rc<Self>, id: String, event: Bytes) -> Result<Answer, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        let mut invocation = Invocation { id, event, answer };
        loop {
            match self.ticket().await?.send(invocation) {
                Ok(()) => return answered.await.map_err(|_| NoAnswer),
                // It ended while it was free.
                Err(unsent) => invocation = unsent,
            }
        }
    }

    async fn ticket(self: &Rc<Self>) -> Result<Ticket, NoAnswer> {
        // The one that was busy last, as Lambda does.
        if let Some(ticket) = self.free.borrow_mut().pop() {
            return Ok(ticket);
        }
        let (waiting, ticket) = oneshot::channel();
        self.waiting.borrow_mut().push_back(waiting);
        self.start_another();
        ticket.await.map_err(|_| NoAnswer)
    }

    fn start_another(self: &Rc<Self>) {
        if self.alive.get() < MOST {
            self.alive.set(self.alive.get() + 1);
            tokio::task::spawn_local(self.clone().keep());
        }
    }

    /// Runs one instance to its end.
    async fn keep(self: Rc<Self>) {
        let (tickets, mut given) = mpsc::unbounded_channel();
        let mut served = false;
        let ended = match Instance::start(&self.bootstrap, &[]).await {
            Err(error) => error.to_string(),
            Ok(mut instance) => {
                let mut serving = std::pin::pin!(instance.serve(tickets));
                loop {
                    tokio::select! {
                        biased;
                        Some(ticket) = given.recv() => {
                            served = true;
                            self.give(ticket);
                        }
                        ended = &mut serving => break ended,
                    }
                }
            }
        };
        eprintln!("an instance ended: {ended}");
        self.alive.set(self.alive.get() - 1);
        if !served {
            // Whoever it was started for gets no answer; starting one after the other would help nobody.
            self.waiting.borrow_mut().pop_front();
        } else if !self.waiting.borrow().is_empty() {
            self.start_another();
        }
    }

    fn give(&self, mut ticket: Ticket) {
        loop {
            let Some(waiting) = self.waiting.borrow_mut().pop_front() else { break };
            match waiting.send(ticket) {
                Ok(()) => return,
                Err(unsent) => ticket = unsent,
            }
        }
        self.free.borrow_mut().push(ticket);
    }
}
