//! The mailbox in memory.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use toolgate_model::TenantId;
use toolgate_ports::{Clock, MAX_LETTER, MAX_LETTERS, Mailbox, StoreError};

use crate::VirtualClock;

#[derive(Debug, Default)]
struct Letters {
    letters: VecDeque<Bytes>,
    reader: Option<Waker>,
}

/// Letters in memory. They are kept for ever: a test that ends forgets them.
#[derive(Debug, Default)]
pub struct MemoryMailbox {
    boxes: RefCell<BTreeMap<(TenantId, String), Letters>>,
    clock: VirtualClock,
}

impl MemoryMailbox {
    /// Empty, on this clock.
    #[must_use]
    pub fn new(clock: VirtualClock) -> Self {
        Self { boxes: RefCell::default(), clock }
    }
}

impl Mailbox for MemoryMailbox {
    async fn put(&self, tenant: &TenantId, name: &str, letter: Bytes) -> Result<(), StoreError> {
        let mut boxes = self.boxes.borrow_mut();
        let found = boxes.entry((tenant.clone(), name.to_owned())).or_default();
        if letter.len() > MAX_LETTER || found.letters.len() >= MAX_LETTERS {
            return Err(StoreError::Refused("the letter is too long, or there are too many".into()));
        }
        found.letters.push_back(letter);
        if let Some(reader) = found.reader.take() {
            reader.wake();
        }
        Ok(())
    }

    async fn take(&self, tenant: &TenantId, name: &str, patience: Duration) -> Result<Option<Bytes>, StoreError> {
        let key = (tenant.clone(), name.to_owned());
        let letter = poll_fn(|context| {
            let mut boxes = self.boxes.borrow_mut();
            let found = boxes.entry(key.clone()).or_default();
            if let Some(letter) = found.letters.pop_front() {
                return Poll::Ready(letter);
            }
            found.reader = Some(context.waker().clone());
            Poll::Pending
        });
        match select(letter, self.clock.sleep(patience)).await {
            Either::Left((letter, _)) => Ok(Some(letter)),
            Either::Right(_) => Ok(None),
        }
    }
}
