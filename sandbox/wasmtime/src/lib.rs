//! The sandbox in wasmtime, from a module that was compiled ahead of time; there is no compiler in here.
//!
//! Steps run on threads of their own, because a step may compute for a tenth of a second, and needs more stack than a thread commonly has.
//! An instance's memory is mapped from the module and copied page by page as it is written to, so that making one takes
//! microseconds; nothing of it outlives it.

mod configuration;
mod instance;
mod module;
mod threads;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_channel::oneshot;
use instance::Instance;
use module::{LoadError, Module};
use threads::Threads;
use toolgate_ports::{Entry, Sandbox, SandboxError, SandboxInstance, Stepped, Trap};

/// The sandbox of one process. Clones share its threads and its bounds.
#[derive(Clone)]
pub struct WasmtimeSandbox(Arc<Shared>);

struct Shared {
    module: Module,
    threads: Threads,
    open: AtomicUsize,
    /// The most instances at a time.
    most: usize,
}

impl WasmtimeSandbox {
    /// A sandbox that has at most `most` instances open and runs their steps on `threads` threads. The module is loaded when the first
    /// instance is opened.
    #[must_use]
    pub fn new(threads: usize, most: usize) -> Self {
        Self(Arc::new(Shared {
            module: Module::new(most),
            threads: Threads::new(threads),
            open: AtomicUsize::new(0),
            most,
        }))
    }
}

impl fmt::Debug for WasmtimeSandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmtimeSandbox").field("open", &self.0.open).field("most", &self.0.most).finish()
    }
}

impl Sandbox for WasmtimeSandbox {
    type Instance = WasmtimeInstance;

    fn open(&self) -> Result<WasmtimeInstance, SandboxError> {
        let place = Arc::new(Place::take(&self.0).ok_or(SandboxError::Busy)?);
        self.0.module.get().map_err(|error| SandboxError::Unavailable(error.to_string()))?;
        Ok(WasmtimeInstance { place, instance: None })
    }
}

/// One of the instances that may be open at a time.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let below = |open: usize| (open < shared.most).then_some(open + 1);
        shared.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).ok()?;
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One instance. It is where its step runs, or here between steps.
pub struct WasmtimeInstance {
    place: Arc<Place>,
    instance: Option<Instance>,
}

impl fmt::Debug for WasmtimeInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmtimeInstance").finish_non_exhaustive()
    }
}

impl SandboxInstance for WasmtimeInstance {
    async fn step(&mut self, entry: Entry, input: Vec<u8>, gas: u64) -> Stepped {
        let (sender, receiver) = oneshot::channel();
        let (instance, place) = (self.instance.take(), Arc::clone(&self.place));
        // The instance comes back with the answer, unless nobody waits any more: then it is dropped there, and its place is free.
        self.place.0.threads.run(Box::new(move || {
            let ran = stepped(instance, &place.0, entry, &input, gas);
            drop(place);
            let _ = sender.send(ran);
        }));
        match receiver.await {
            Ok((instance, stepped)) => {
                self.instance = instance;
                stepped
            }
            Err(_) => broken("the thread that ran it is gone"),
        }
    }
}

fn stepped(
    instance: Option<Instance>,
    shared: &Shared,
    entry: Entry,
    input: &[u8],
    gas: u64,
) -> (Option<Instance>, Stepped) {
    let made = match (instance, entry) {
        (Some(instance), _) => Ok(instance),
        (None, Entry::Start) => shared.module.get().and_then(Instance::new).map_err(|error| error.to_string()),
        (None, Entry::Resume) => Err("the instance has ended".to_owned()),
    };
    match made {
        Ok(mut instance) => {
            let stepped = instance.step(entry, input, gas);
            (stepped.reply.is_ok().then_some(instance), stepped)
        }
        Err(error) => (None, broken(&error)),
    }
}

fn broken(message: &str) -> Stepped {
    Stepped { reply: Err(Trap::Broken(message.to_owned())), logs: Vec::new(), gas: 0, memory: 0 }
}
