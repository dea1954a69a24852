//! Where two requests meet on one machine: letters in memory, shared by the threads. A restart loses them, as it ends the
//! exchanges that they are for.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use toolgate_model::TenantId;
use toolgate_ports::{LETTER_LIFE, MAX_LETTER, MAX_LETTERS, Mailbox, StoreError};

/// The most names with letters, or with somebody waiting.
const MAX_NAMES: usize = 10_000;
/// The most bytes of letters.
const MAX_BYTES: usize = 64 << 20;

type Name = (TenantId, String);

#[derive(Debug)]
struct Slot {
    letters: VecDeque<Bytes>,
    reader: Option<Waker>,
    used: Instant,
}

#[derive(Debug, Default)]
struct Slots {
    all: BTreeMap<Name, Slot>,
    bytes: usize,
}

/// The mailbox of one process.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedMailbox(Arc<Mutex<Slots>>);

impl SharedMailbox {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        // Nothing is left half done under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn slot(&mut self, name: &Name) -> Result<&mut Slot, StoreError> {
        if self.all.len() >= MAX_NAMES && !self.all.contains_key(name) {
            self.forget_old();
        }
        if self.all.len() >= MAX_NAMES && !self.all.contains_key(name) {
            return Err(StoreError::Unavailable("too many exchanges wait for an answer".into()));
        }
        let slot = || Slot { letters: VecDeque::new(), reader: None, used: Instant::now() };
        Ok(self.all.entry(name.clone()).or_insert_with(slot))
    }

    fn forget_old(&mut self) {
        self.all.retain(|_, slot| slot.used.elapsed() < LETTER_LIFE);
        self.bytes = self.all.values().flat_map(|slot| &slot.letters).map(Bytes::len).sum();
    }

    fn take(&mut self, name: &Name) -> Option<Bytes> {
        let slot = self.all.get_mut(name)?;
        let letter = slot.letters.pop_front()?;
        if slot.letters.is_empty() {
            self.all.remove(name);
        }
        self.bytes -= letter.len();
        Some(letter)
    }
}

impl Mailbox for SharedMailbox {
    async fn put(&self, tenant: &TenantId, name: &str, letter: Bytes) -> Result<(), StoreError> {
        if letter.len() > MAX_LETTER {
            return Err(StoreError::Refused(format!("a letter has at most {MAX_LETTER} bytes")));
        }
        let mut slots = self.slots();
        if slots.bytes + letter.len() > MAX_BYTES {
            slots.forget_old();
        }
        if slots.bytes + letter.len() > MAX_BYTES {
            return Err(StoreError::Unavailable("too many letters wait to be taken".into()));
        }
        let length = letter.len();
        let slot = slots.slot(&(tenant.clone(), name.to_owned()))?;
        if slot.letters.len() >= MAX_LETTERS {
            return Err(StoreError::Refused(format!("there are {MAX_LETTERS} letters under this name already")));
        }
        slot.letters.push_back(letter);
        slot.used = Instant::now();
        let reader = slot.reader.take();
        slots.bytes += length;
        drop(slots);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    async fn take(&self, tenant: &TenantId, name: &str, patience: Duration) -> Result<Option<Bytes>, StoreError> {
        let name = (tenant.clone(), name.to_owned());
        let letter = poll_fn(|context| {
            let mut slots = self.slots();
            if let Some(letter) = slots.take(&name) {
                return Poll::Ready(Ok(letter));
            }
            match slots.slot(&name) {
                Ok(slot) => {
                    slot.reader = Some(context.waker().clone());
                    slot.used = Instant::now();
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        });
        let Ok(taken) = tokio::time::timeout(patience, letter).await else {
            let mut slots = self.slots();
            if slots.all.get(&name).is_some_and(|slot| slot.letters.is_empty()) {
                slots.all.remove(&name);
            }
            return Ok(None);
        };
        taken.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_the_mailboxes_contract() {
        let mailbox = SharedMailbox::default();
        toolgate_testkit::mailbox_contract(&mailbox, "m").await.unwrap();
    }

    #[tokio::test]
    async fn a_letter_crosses_threads() {
        let (mailbox, tenant) = (SharedMailbox::default(), TenantId::new("t").unwrap());
        let (other, to) = (mailbox.clone(), tenant.clone());
        let putting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(other.put(&to, "n", "letter".into()))
        });
        let taken = mailbox.take(&tenant, "n", Duration::from_secs(60)).await.unwrap();
        assert_eq!(taken.as_deref(), Some(&b"letter"[..]));
        putting.join().unwrap().unwrap();
    }
}
