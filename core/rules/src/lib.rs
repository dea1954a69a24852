//! Attribute rules: conditions in CEL (Common Expression Language) over who asks, for which tool of which server, with which arguments,
//! when and from where.
//!
//! Begin with [`Policy::compile`], which checks a document (types, and what evaluating it can cost), [`Policy::decide`], which asks it, and
//! [`Facts`], what it is asked about. Everything that is slow or can be wrong is done when a policy is compiled; to decide takes
//! microseconds and a bounded number of steps.
//!
//! A policy only narrows: grants and views are looked at elsewhere. This crate must never know a protocol, a store, a revision, or what
//! is done with a ruling. The language is a part of CEL with a parser, type check and evaluator of its own, since a rule must be
//! bounded before it runs and must have an answer while the arguments are not known yet.

mod ast;
mod bounds;
mod check;
mod cidr;
mod cost;
mod datum;
mod eval;
mod facts;
mod failure;
mod guard;
mod lexer;
mod literal;
mod meter;
mod moment;
mod node;
mod operate;
mod parse;
mod pattern;
mod policy;
mod problem;
mod ruling;
mod schema;
mod size;
mod types;
mod value;

pub use bounds::Bounds;
pub use facts::{Annotations, Arguments, Facts, KeyFacts, NetworkFacts, PrincipalFacts, ServerFacts, ToolFacts};
pub use failure::{Cause, Failure};
pub use policy::Policy;
pub use problem::{PolicyError, Position, Problem, RuleRef};
pub use ruling::{Explanation, Outcome, RuleVerdict, Ruling, Verdict, Why};
pub use schema::{Need, Needs};
pub use types::Type;
