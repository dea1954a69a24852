//! Whose the memory is: the host's, or the instance's own.

use std::convert::Infallible;

use wasm_encoder::{
    EntityType, ImportSection, MemorySection, MemoryType, Module, SectionId,
    reencode::{Error, Reencode},
};
use wasmparser::{ImportSectionReader, MemorySectionReader, Parser, Payload, TypeRef};

use crate::PassError;

const MODULE: &str = "env";
const NAME: &str = "memory";

/// `module` with its memory imported as `env.memory`. Nothing else may be imported.
///
/// # Errors
/// If it has no memory of its own.
pub fn import_memory(module: &[u8]) -> Result<Vec<u8>, PassError> {
    let memory = own(module)?.ok_or(PassError::Form("it has no memory of its own"))?;
    write(module, Owner::Host(memory))
}

/// `module` with the memory that it imported as its own.
///
/// # Errors
/// If it imports no memory.
pub fn own_memory(module: &[u8]) -> Result<Vec<u8>, PassError> {
    let memory = imported(module)?.ok_or(PassError::Form("it imports no memory"))?;
    write(module, Owner::Instance(memory))
}

enum Owner {
    Host(wasmparser::MemoryType),
    Instance(wasmparser::MemoryType),
}

fn own(module: &[u8]) -> Result<Option<wasmparser::MemoryType>, PassError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::MemorySection(section) = payload? {
            return Ok(section.into_iter().next().transpose()?);
        }
    }
    Ok(None)
}

fn imported(module: &[u8]) -> Result<Option<wasmparser::MemoryType>, PassError> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(section) = payload? else { continue };
        for import in section.into_imports() {
            if let TypeRef::Memory(memory) = import?.ty {
                return Ok(Some(memory));
            }
        }
    }
    Ok(None)
}

fn write(bytes: &[u8], owner: Owner) -> Result<Vec<u8>, PassError> {
    let mut module = Module::new();
    Memory { owner }.parse_core_module(&mut module, Parser::new(0), bytes)?;
    Ok(module.finish())
}

struct Memory {
    owner: Owner,
}

impl Reencode for Memory {
    type Error = Infallible;

    /// Puts the section that the module had none of where it belongs.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error<Infallible>> {
        let between = |section: SectionId| {
            after.is_none_or(|after| after < section) && before.is_none_or(|before| before > section)
        };
        match self.owner {
            Owner::Host(memory) if between(SectionId::Import) => {
                let memory = self.memory_type(memory)?;
                module.section(ImportSection::new().import(MODULE, NAME, EntityType::Memory(memory)));
            }
            Owner::Instance(memory) if between(SectionId::Memory) => {
                let memory: MemoryType = self.memory_type(memory)?;
                module.section(MemorySection::new().memory(memory));
            }
            _ => {}
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        _: &mut ImportSection,
        _: ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        // The memory was the only import, and is no import any more.
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        _: MemorySectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        // The other way round it is empty, and stays in its place.
        if let Owner::Instance(memory) = self.owner {
            memories.memory(self.memory_type(memory)?);
        }
        Ok(())
    }
}
