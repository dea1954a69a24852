//! Whether a call's arguments are what the tool's JSON Schema (2020-12, or the draft it names) says they are.
//!
//! The schema comes from an upstream and is not trusted: it is bounded in size, depth and in what checking by it can cost
//! ([`Cost`](cost)), and nothing is ever fetched for it. A schema that can't be used is an error, so that whoever asked for
//! checked arguments refuses the call. This crate must never know a protocol, a tool or who calls.

mod cost;
mod graph;

use std::{error::Error, fmt};

use boon::{CompileError, Compiler, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

/// The longest schema, in bytes.
pub const MAX_SCHEMA: usize = 256 << 10;
/// The most work for patterns, as the crate `regex` beside this one counts it: for all of a schema when it is made ready, and for a
/// check. About a second at the very worst, for patterns made to be slow; a pattern of usual length finds its way through a megabyte.
const MAX_PATTERN_WORK: u64 = 4 << 30;
/// The most mismatches that are told of one check.
const MAX_MISMATCHES: usize = 8;
/// The longest text of a mismatch, in characters.
const MAX_MESSAGE: usize = 200;
/// Where a schema is said to be. Nothing is there.
const PLACE: &str = "schema:///arguments";

/// Why a schema can't be used. Its source is the upstream; asking again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is longer than [`MAX_SCHEMA`].
    #[error("the schema has {0} bytes: at most {MAX_SCHEMA} are taken")]
    TooLong(usize),
    /// It is not JSON.
    #[error("the schema is not JSON")]
    NotJson,
    /// It is made so that checking by it may cost more than it should.
    #[error("the schema is too intricate: {0}")]
    TooIntricate(&'static str),
    /// It breaks the rules of JSON Schema, or refers to something that is not in it.
    #[error("the schema can't be used: {0}")]
    Unusable(String),
}

/// Something about the arguments that is not as the schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the arguments: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong. It repeats no value.
    pub message: String,
}

/// Why arguments were not accepted. Its source is the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// They are not JSON.
    #[error("the arguments are not JSON")]
    NotJson,
    /// They are so large or so deep that checking them would cost more than it should.
    #[error("the arguments are too large to be checked by this schema")]
    TooLarge,
    /// They are not as the schema says.
    #[error("the arguments are not as the tool's schema says: {}", spelled(.0))]
    Mismatches(Vec<Mismatch>),
}

fn spelled(mismatches: &[Mismatch]) -> String {
    let one = |mismatch: &Mismatch| {
        let place = if mismatch.pointer.is_empty() { "/" } else { &mismatch.pointer };
        format!("at {place}: {}", mismatch.message)
    };
    mismatches.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A schema that is ready.
pub struct ArgumentSchema {
    schemas: Schemas,
    index: SchemaIndex,
    cost: cost::Cost,
}

impl fmt::Debug for ArgumentSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArgumentSchema").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl ArgumentSchema {
    /// Makes a schema (raw JSON) ready.
    ///
    /// # Errors
    /// Says why it can't be used.
    pub fn compile(schema: &str) -> Result<Self, SchemaError> {
        if schema.len() > MAX_SCHEMA {
            return Err(SchemaError::TooLong(schema.len()));
        }
        let schema: Value = serde_json::from_str(schema).map_err(|_| SchemaError::NotJson)?;
        let cost = cost::Cost::of(&graph::Graph::of(&schema)?)?;
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(Nothing));
        let mut schemas = Schemas::new();
        compiler.add_resource(PLACE, schema).map_err(|error| unusable(&error))?;
        let compile = || compiler.compile(PLACE, &mut schemas).map_err(|error| unusable(&error));
        let compiled = regex::within(MAX_PATTERN_WORK, compile);
        let index = compiled.ok_or(SchemaError::TooIntricate("its patterns are too large together"))??;
        Ok(Self { schemas, index, cost })
    }

    /// Checks `arguments` (raw JSON).
    ///
    /// # Errors
    /// Says what is not as the schema says.
    pub fn check(&self, arguments: &str) -> Result<(), ArgumentsError> {
        let arguments: Value = serde_json::from_str(arguments).map_err(|_| ArgumentsError::NotJson)?;
        if !self.cost.allows(&arguments) {
            return Err(ArgumentsError::TooLarge);
        }
        let check = || self.schemas.validate(&arguments, self.index).map_err(|error| mismatches(&error));
        let checked = regex::within(MAX_PATTERN_WORK, check).ok_or(ArgumentsError::TooLarge)?;
        checked.map_err(ArgumentsError::Mismatches)
    }
}

fn mismatches(error: &ValidationError<'_, '_>) -> Vec<Mismatch> {
    let mut found = Vec::new();
    collect(error, &mut found);
    found
}

/// The errors that stand for themselves: the leaves.
fn collect(error: &ValidationError<'_, '_>, into: &mut Vec<Mismatch>) {
    if into.len() >= MAX_MISMATCHES {
        return;
    }
    if error.causes.is_empty() {
        let pointer = shortened(&error.instance_location.to_string());
        let message = shortened(&error.kind.to_string());
        into.push(Mismatch { pointer, message });
    }
    error.causes.iter().for_each(|cause| collect(cause, into));
}

fn unusable(error: &CompileError) -> SchemaError {
    let said = match error {
        // Of a pattern that its parser takes and its engine does not.
        CompileError::Bug(inner) => format!("a pattern can't be compiled: {inner}"),
        other => other.to_string(),
    };
    SchemaError::Unusable(shortened(&said))
}

fn shortened(text: &str) -> String {
    let mut kept: String = text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
    if text.chars().nth(MAX_MESSAGE).is_some() {
        kept.push('…');
    }
    kept
}

/// Fetches nothing: what a schema needs must be in it.
struct Nothing;

impl UrlLoader for Nothing {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("it refers to something outside of itself, and nothing is fetched".into())
    }
}

#[cfg(test)]
mod tests;
