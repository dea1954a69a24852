//! The programs that every host runs, in wasmtime.
fn main() {}
