//! In place of the interpreter: a sandbox that opens no instance.

use std::convert::Infallible;

use toolgate_ports::{Entry, Sandbox, SandboxError, SandboxInstance, Stepped};

/// A sandbox that is never there.
#[derive(Debug, Clone, Default)]
pub struct InterpretedSandbox {}

impl Sandbox for InterpretedSandbox {
    type Instance = InterpretedInstance;

    fn open(&self) -> Result<InterpretedInstance, SandboxError> {
        Err(SandboxError::Unavailable("the testkit is built without its interpreter".into()))
    }
}

/// There is none.
#[derive(Debug)]
pub struct InterpretedInstance(Infallible);

impl SandboxInstance for InterpretedInstance {
    async fn step(&mut self, _: Entry, _: Vec<u8>, _: u64) -> Stepped {
        match self.0 {}
    }
}
