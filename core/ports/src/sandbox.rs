//! Where programs run that agents wrote: instances of one WebAssembly module (`sandbox/`), each for one program.
//!
//! A host moves bytes, counts gas and notices traps. What the bytes say is the driver's to know (`core/sandbox`), so that every host
//! has the same outcome.

use thiserror::Error;

/// The most a step may answer, in bytes. A guest keeps to less; more means that it is no longer to be believed.
pub const MAX_REPLY: usize = 8 << 20;
/// The most that logs may be, in bytes.
pub const MAX_LOGS: usize = 1 << 20;
/// The most that is told of a panic, in bytes.
pub const MAX_PANIC: usize = 500;

/// A place where instances are made.
pub trait Sandbox {
    /// One instance.
    type Instance: SandboxInstance;

    /// A fresh instance, which shares nothing with any other.
    ///
    /// # Errors
    /// If too many are open, or none can be made.
    fn open(&self) -> Result<Self::Instance, SandboxError>;
}

/// One instance, for one program. Dropping it gives back what it holds.
pub trait SandboxInstance {
    /// Runs one step: up to the program's next calls, or to its end. `gas` is what it may use; what is left is in the answer.
    /// After a trap the instance runs no more.
    async fn step(&mut self, entry: Entry, input: Vec<u8>, gas: u64) -> Stepped;
}

/// The two ways into an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A program begins.
    Start,
    /// Results of its calls are handed over.
    Resume,
}

impl Entry {
    /// The exported function's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Resume => "resume",
        }
    }
}

/// What a step left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    /// What the guest answered, as JSON, or why it answered nothing.
    pub reply: Result<Vec<u8>, Trap>,
    /// The program's logs so far: strings of JSON, separated by commas. There after a trap, too.
    pub logs: Vec<u8>,
    /// The gas that is left.
    pub gas: u64,
    /// The memory in use, in bytes.
    pub memory: u32,
}

/// Why a step ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trap {
    /// The gas ran out.
    Gas,
    /// Memory ran out.
    Memory,
    /// Something is nested too deeply: brackets, calls, data.
    Stack,
    /// The interpreter found itself in a state that it takes for impossible, or the host could not run it.
    Broken(String),
}

/// What a host found when a call into an instance came back, however it did.
#[derive(Debug, Clone, Copy)]
pub struct Returned {
    /// It did not return but trapped.
    pub trapped: bool,
    /// The global `gas`.
    pub gas: i64,
    /// The block at the exported global `REPORT`.
    pub report: [u8; Self::REPORT],
}

impl Returned {
    /// The length of the report, in bytes.
    pub const REPORT: usize = 32;

    /// Reads what the report points to with `bytes(at, length)`, which gives nothing for what lies outside the memory.
    pub fn read(&self, bytes: impl Fn(usize, usize) -> Vec<u8>) -> Stepped {
        let part = |word: usize, most: usize| bytes(self.word(word) as usize, (self.word(word + 1) as usize).min(most));
        let reply = if self.trapped { Err(self.trap(|| part(4, MAX_PANIC))) } else { Ok(part(0, MAX_REPLY)) };
        let gas = u64::try_from(self.gas).unwrap_or_default();
        Stepped { reply, logs: part(2, MAX_LOGS), gas, memory: self.word(7) }
    }

    fn trap(&self, panic: impl FnOnce() -> Vec<u8>) -> Trap {
        if self.gas < 0 {
            return Trap::Gas;
        }
        match self.word(6) {
            0 => Trap::Stack,
            1 => Trap::Memory,
            _ => Trap::Broken(String::from_utf8_lossy(&panic()).into_owned()),
        }
    }

    fn word(&self, index: usize) -> u32 {
        let mut word = [0; 4];
        word.copy_from_slice(&self.report[4 * index..4 * index + 4]);
        u32::from_le_bytes(word)
    }
}

/// Why there is no instance.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SandboxError {
    /// As many are open as may be. A later try may find room.
    #[error("too many programs are running at the same time")]
    Busy,
    /// None can be made here.
    #[error("programs can't be run here: {0}")]
    Unavailable(String),
}
