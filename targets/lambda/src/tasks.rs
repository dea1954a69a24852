//! Work that goes on after an answer. Lambda freezes an instance as soon as it asks for the next event, so the loop waits
//! for these tasks before it does.

use std::{cell::RefCell, future::poll_fn, time::Duration};

use tokio::{task::JoinSet, time::timeout};
use toolgate_ports::{Background, LocalFuture};

/// The tasks of this instance that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    short: RefCell<JoinSet<()>>,
    /// Exchanges that wait for somebody's answer. They end by themselves, within minutes.
    held: RefCell<JoinSet<()>>,
}

impl Background for Tasks {
    fn spawn(&self, task: LocalFuture<()>) {
        self.short.borrow_mut().spawn_local(task);
    }

    fn hold(&self, task: LocalFuture<()>) {
        self.held.borrow_mut().spawn_local(task);
    }

    fn lasts(&self) -> bool {
        true
    }
}

impl Tasks {
    /// Waits until no task is left: `bound` at the longest for work that is short, `held` for exchanges that are held. A task that
    /// takes longer is not ended: it goes on when the instance next runs.
    pub(crate) async fn settle(&self, bound: Duration, held: Duration) {
        if timeout(held, ended(&self.held)).await.is_err() {
            tracing::warn!(bound_ms = held.as_millis(), "a held exchange goes on with the next request");
        }
        if timeout(bound, ended(&self.short)).await.is_err() {
            tracing::warn!(bound_ms = bound.as_millis(), "background tasks go on with the next request");
        }
    }
}

async fn ended(tasks: &RefCell<JoinSet<()>>) {
    while let Some(ended) = poll_fn(|cx| tasks.borrow_mut().poll_join_next(cx)).await {
        if let Err(error) = ended {
            tracing::error!(%error, "a background task broke");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use tokio::{sync::oneshot, task::LocalSet};

    use super::*;

    #[tokio::test]
    async fn settling_waits_for_tasks_and_for_what_they_start() {
        LocalSet::new()
            .run_until(async {
                let tasks = Rc::new(Tasks::default());
                let done = Rc::new(Cell::new(0));
                let (inner_tasks, inner_done) = (tasks.clone(), done.clone());
                tasks.spawn(Box::pin(async move {
                    tokio::task::yield_now().await;
                    let done = inner_done.clone();
                    inner_tasks.spawn(Box::pin(async move { done.set(done.get() + 1) }));
                    inner_done.set(inner_done.get() + 1);
                }));
                tasks.settle(Duration::from_secs(60), Duration::from_secs(60)).await;
                assert_eq!(done.get(), 2);
            })
            .await;
    }

    #[tokio::test]
    async fn a_task_that_takes_longer_goes_on_later() {
        LocalSet::new()
            .run_until(async {
                let tasks = Tasks::default();
                let (go, wait) = oneshot::channel();
                let done = Rc::new(Cell::new(false));
                let seen = done.clone();
                tasks.spawn(Box::pin(async move {
                    wait.await.unwrap();
                    seen.set(true);
                }));
                tasks.settle(Duration::ZERO, Duration::ZERO).await;
                assert!(!done.get());
                go.send(()).unwrap();
                tasks.settle(Duration::from_secs(60), Duration::from_secs(60)).await;
                assert!(done.get());
            })
            .await;
    }

    #[tokio::test]
    async fn a_task_that_panics_is_not_the_instances_end() {
        LocalSet::new()
            .run_until(async {
                let tasks = Tasks::default();
                tasks.spawn(Box::pin(async { panic!("a task broke, as it should in this test") }));
                tasks.settle(Duration::from_secs(60), Duration::from_secs(60)).await;
            })
            .await;
    }
}
